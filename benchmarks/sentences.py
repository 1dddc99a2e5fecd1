"""What people read, from what really happened to simulated people: ``python -m benchmarks.sentences``.

Writes docs/sentences.md.  Every scene is a senior of the simulator whose register, sensors and declared absences go through
the detectors as in the service; what they raise is rendered by the service's own catalogues in both languages.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from alerts import texts
from alerts.texts import Place
from benchmarks import scenes
from benchmarks.realism_markdown import table
from benchmarks.scenes import ZONE
from detectors.findings import Finding
from detectors.groups import AreaFinding

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sentences.md"
ROWS = 40
READ_AFTER = timedelta(minutes=4)
"""When somebody reads it."""
HEAD = """# Forty sentences

Written by `python -m benchmarks.sentences`: simulated people, the service's detectors, the service's catalogues
(`alerts/locales`). A sentence says what happened, since when, what is usual for this person, and how fresh the meter is; the
family reads no litres and no clock. 中文在前，英文在后。

"""
PLACES = {"water_outage": Place("building", "1 栋", None), "radio_outage": Place("gateway", "GW-7", None)}


def said(all_texts: texts.Texts, part: str, one: Finding) -> tuple[str, str]:
    """Return a sentence in Chinese and in English."""
    now = datetime.fromtimestamp(one.raised_at, UTC) + READ_AFTER
    both = (all_texts.finding(lang, part, one.reason, one.evidence, ZONE, now) for lang in texts.LANGUAGES)
    zh, en = (line.replace("\N{NO-BREAK SPACE}", " ") for line in both)
    return zh, en


def of_area(all_texts: texts.Texts, part: str, one: AreaFinding) -> tuple[str, str]:
    """Return a sentence about many homes in Chinese and in English."""
    now, onset = (datetime.fromtimestamp(at, UTC) for at in (one.raised_at + READ_AFTER.total_seconds(), one.onset))
    place = PLACES[one.kind]
    both = (all_texts.area(lang, part, one.reason, place, onset, one.evidence, ZONE, now) for lang in texts.LANGUAGES)
    zh, en = (line.replace("\N{NO-BREAK SPACE}", " ") for line in both)
    return zh, en


def distinct(found: list[Finding]) -> list[Finding]:
    """Return one finding of each sentence: of a reason, and of what is not known in it."""
    first: dict[tuple[str, ...], Finding] = {}
    for one in found:
        unknown = (name for name in ("usual_l", "running_since_at", "usual_run_s") if one.evidence.get(name, 0) is None)
        first.setdefault((one.reason, *unknown), one)
    return sorted(first.values(), key=lambda one: (one.kind, one.reason))


def lines(all_texts: texts.Texts, found: list[Finding], areas: list[AreaFinding]) -> Iterator[list[str]]:
    """Yield the rows of the page: first what workers and operators read, then the family."""
    some = distinct(found)
    for one in some:
        who = "operator" if one.severity == "blue" else "worker"
        yield [f"{one.kind}, {one.severity}", who, *said(all_texts, "sentence", one)]
    kinds = {one.kind: one for one in areas}
    for event in kinds.values():
        yield [event.kind, "operator", *of_area(all_texts, "sentence", event)]
        yield [event.kind, "family", *of_area(all_texts, "family", event)]
    told = set()
    for one in some:
        zh, en = said(all_texts, "family", one)
        if zh not in told:
            told.add(zh)
            yield [f"{one.kind}, {one.severity}", "family", zh, en]


def page() -> str:
    """Return the page."""
    found, areas = scenes.people(), scenes.neighbours()
    rows = list(lines(texts.load(), found, areas))[:ROWS]
    counted = [[str(n + 1), *row] for n, row in enumerate(rows)]
    return HEAD + table(["", "kind", "read by", "zh", "en"], counted) + "\n"


def main() -> None:
    """Write the page."""
    np.seterr(all="raise", under="ignore")
    PAGE.write_text(page(), "utf-8")
    print(f"{PAGE.name}: {PAGE.read_text('utf-8').count(chr(10) + '| ')} lines")


if __name__ == "__main__":
    main()
