"""`shuian report`: the numbers of a month, to read or as a workbook."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from shuian.errors import BadInput
from shuian.people_commands import DEFAULT_CONFIG, ConfigFile, people


def report(
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    area: Annotated[str | None, typer.Option(help="Only this area and all below it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write it as a workbook: FILE.xlsx.")] = None,
    lang: Annotated[str, typer.Option(help="Language: zh or en.")] = "zh",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """The report of a month, by grid, as far as it is known now: numbers only. Example: shuian report 2026-10 --out october.xlsx"""
    from alerts import texts
    from alerts.queries.monthly import area_name
    from alerts.report_rows import Month
    from alerts.web.report_book import workbook
    from alerts.web.report_lines import plain, sections
    from alerts.web.words import Words
    from shuian import config as configuration
    from shuian import reports as monthly
    from shuian import sending
    from shuian.backtest import LANGUAGES

    try:
        wanted = Month.read(month)
    except ValueError as wrong:
        raise BadInput(str(wrong), "such as: shuian report 2026-10") from None
    if out is not None and (out.suffix.casefold() != ".xlsx" or out.exists()):
        raise BadInput(f"want a new file that ends in .xlsx, got {out}", "such as: --out october.xlsx")
    spoken = LANGUAGES[sending.one_of(lang, LANGUAGES, "language")]
    now = datetime.now(UTC)
    with people(config) as (engine, _):
        with engine.connect() as conn:
            if area is not None and area_name(conn, area) is None:
                raise BadInput(f"there is no area {area}", "ids of areas stand in: shuian export registry.xlsx")
        reports = monthly.of(configuration.load(config), engine)
        if wanted.span(reports.zone)[0] > now:
            raise BadInput(f"{wanted} has not begun yet", "name this month, or one before it")
        found = reports.made(wanted, now, area)
    words = Words(texts.load(), spoken, now)
    if out is None:
        print(plain(found, sections(found, words), words, reports.zone))
        return
    out.write_bytes(workbook(found, sections(found, words), words, reports.zone))
    print(f"wrote {out}: {len(found.columns)} grids, numbers only")
