"""`shuian golive`: what a community has proved before its homes are shown as covered, as its page shows it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from shuian.errors import BadInput
from shuian.people_commands import DEFAULT_CONFIG, ConfigFile, people

if TYPE_CHECKING:
    from alerts.go_live import Checklist, Lack
    from alerts.web.words import Words

MARKS = {"green": "ok  ", "not_yet": "…   ", "failed": "FAIL"}


def golive(
    area: Annotated[
        str | None, typer.Argument(metavar="AREA", help="Id of a community; without one: all, a line each.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language: zh or en.")] = "zh",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """What is proved before homes are shown as covered, and what is missing: ids only. Example: shuian golive c1 --lang en"""
    from alerts import database, go_live, texts
    from alerts.queries import go_live as rows
    from alerts.web.words import Words
    from shuian import config as configuration
    from shuian import sending
    from shuian.backtest import LANGUAGES

    spoken = LANGUAGES[sending.one_of(lang, LANGUAGES, "language")]
    now, settings = datetime.now(UTC), configuration.load(config)
    with people(config) as (engine, _), database.reading(engine).connect() as conn:
        facts = rows.facts(conn, settings.go_live, now, bool(settings.web.duty_phone))
    found = go_live.checklists(facts, settings.go_live, settings.policy.ladders, now)
    if area is not None and area not in found:
        raise BadInput(f"no home lives in a community {area}", f"want one of: {', '.join(found) or 'none yet'}")
    words = Words(texts.load(), spoken, now)
    if not settings.go_live.required:
        print(words.t("page.golive.not_required"))
    for name, one in found.items():
        if area in (None, name):
            print(_head(words, one))
        if area == name:
            print("\n".join(_lines(words, one)))


def _head(words: "Words", one: "Checklist") -> str:
    green = words.t("page.golive.green", n=one.green, m=len(one.items))
    return f"{one.area}: {green}; {words.t('page.golive.covered', n=one.covered, m=len(one.homes))}"


def _lines(words: "Words", one: "Checklist") -> list[str]:
    """Return an item a line, with what is missing below it; whom it is about by id."""
    said = []
    for item in one.items:
        count = words.t("page.golive.n_of_m", n=item.done, m=item.of)
        said.append(f"{MARKS[item.state]}  {words.t(f'page.golive.item.{item.key}')} ({count})")
        said += [f"        {_missing(words, lack)}" for lack in item.lacks]
        if item.lacks:
            said.append(f"      → {words.t(f'page.golive.do.{item.key}')}")
    return said


def _missing(words: "Words", lack: "Lack") -> str:
    at = "" if lack.at is None else f"{lack.at:%Y-%m-%d}"
    return words.t(f"page.golive.why.{lack.why}", whom=lack.whom, at=at, places=", ".join(sorted(lack.areas or ())))
