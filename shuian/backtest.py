"""What would have been raised on recorded data, and when: the detectors of the service, run over files.

The clock of a back-test is the arrival of rows: nothing is known before the row that proves it, and a silent meter is
noticed when the first row of any home arrives after its limit.  Every home advances by one interval a round, all homes
together; rows do not know each other, so the order between homes does not matter.
"""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alerts import texts
from detectors import silence
from detectors.bins import News
from detectors.errors import RuleError
from detectors.findings import Finding
from detectors.partition import Partition, Settings
from detectors.rules import parse
from shuian import calibration, calibration_page
from shuian.backtest_input import BacktestError, Record, load
from shuian.backtest_summary import Summary, summarise

__all__ = ["BacktestError", "Summary", "episodes", "run"]

ROUNDS_AT_A_TIME = 2000
SHARED_FROM = 500_000
"""So many intervals are worth another process."""
LANGUAGES = {"zh": "zh_CN", "zh-CN": "zh_CN", "zh_CN": "zh_CN", "en": "en"}
"""What a page's language may be called."""
Progress = Callable[[str], None]


def run(
    readings: Path,
    households: Path,
    absences: Path | None,
    coverage: Path | None,
    rules: Sequence[str],
    out: Path,
    report: Path | None = None,
    progress: Progress = lambda _: None,
    settings: Settings | None = None,
    lang: str = texts.DEFAULT,
) -> Summary:
    """Back-test recorded homes and write one JSON line for each episode.

    Parameters
    ----------
    readings, households, absences, coverage : Path
        CSV or .csv.gz, see `shuian.backtest_input`.
    rules : sequence of str
        Rules beside the personal model (`detectors.rules`).
    out : Path
        JSON lines: household_id, kind, severity, onset, raised_at, cleared_at, evidence, sentence.
    report : Path, optional
        Where to write the page of the calibration: what each budget of false alarms would buy here, and all figures.  In a
        folder that is there it is ``report.html``.
    progress : callable
        Called with a sentence now and then.
    settings : Settings, optional
        Those of the service.
    lang : str
        Language of the page: zh_CN or en.

    Raises
    ------
    BacktestError
        A file or a rule cannot be used.
    """
    try:
        names = tuple(parse(name).name for name in rules)
    except RuleError as wrong:
        raise BacktestError(str(wrong)) from None
    progress(f"reading {readings.name}")
    records, notes = load(readings, households, absences, coverage)
    for note in notes:
        progress(note)
    settings = replace(settings or Settings(), rules=names)
    many = sum(len(r.end) for r in records) >= SHARED_FROM
    found = episodes(records, settings, progress, (os.cpu_count() or 1) if many else 1)
    _write(out, "".join(lines(records, found)))
    summary = summarise(records, found, names, notes)
    if report is not None:
        measured = calibration.measure(records, settings, progress)
        page = calibration_page.Page(summary, measured, texts.load(), lang)
        _write(report / "report.html" if report.is_dir() else report, page.html())
    return summary


def episodes(
    records: Sequence[Record], settings: Settings, progress: Progress = lambda _: None, processes: int = 1
) -> list[Finding]:
    """Return every episode of every record (row = place in `records`), in order of time.

    Homes do not know each other, so they may be shared out among processes; what is found is the same.
    """
    processes = max(min(processes, len(records)), 1)
    shares = [range(n, len(records), processes) for n in range(processes)]
    mine, others = shares[0], shares[1:]
    with ProcessPoolExecutor(max(len(others), 1)) as pool:
        at_work = [pool.submit(_found, [records[row] for row in share], settings) for share in others]
        parts = [_found([records[row] for row in mine], settings, progress)]
        parts += [part.result() for part in at_work]
    found = [replace(f, row=share[f.row]) for share, part in zip(shares, parts, strict=True) for f in part]
    silent = _silences(records, settings)
    return sorted((*found, *silent), key=lambda f: (f.raised_at, f.row, f.kind, f.severity))


def _found(records: Sequence[Record], settings: Settings, progress: Progress = lambda _: None) -> list[Finding]:
    """Return the episodes of some records, but for silent meters."""
    partition = Partition(
        settings, np.array([r.period_s for r in records]), np.array([r.resolution_l for r in records])
    )
    for row, record in enumerate(records):
        for start, end in record.absences:
            partition.away(row, start, end)
    found: dict[tuple[int, str, str, float], Finding] = {}
    news, chunk = _news(records)
    chunks = int(chunk.max(initial=-1)) + 1
    for n in range(chunks):
        changes = partition.step(news.take(chunk == n))
        found |= {_episode(finding): finding for finding in (*changes.raised, *changes.cleared)}
        progress(f"{100 * (n + 1) // chunks} % of {len(news):,} intervals in {len(records)} homes")
    return list(found.values())


def _episode(finding: Finding) -> tuple[int, str, str, float]:
    return finding.row, finding.kind, finding.severity, finding.onset


def _news(records: Sequence[Record]) -> tuple[News, NDArray[np.intp]]:
    """Return all intervals, and in which step each is taken: what arrived together for a home is never parted."""
    row = np.repeat(np.arange(len(records)), [len(r.end) for r in records])
    chunks = [np.empty(0, np.intp)]
    for r in records:
        last = np.append(np.flatnonzero(np.diff(r.received)), len(r.end) - 1)
        together = np.searchsorted(last, np.arange(len(r.end)))
        chunks.append(last[together] // ROUNDS_AT_A_TIME if len(r.end) else chunks[0])
    start, end, litres, offset_s, received = (
        np.concatenate([np.empty(0), *(getattr(r, name) for r in records)])
        for name in ("start", "end", "litres", "offset_s", "received")
    )
    moved = np.concatenate([np.empty(0, np.bool_), *(r.moved for r in records)])
    return News(row, start, end, litres, offset_s, received, moved), np.concatenate(chunks)


def _silences(records: Sequence[Record], settings: Settings) -> list[Finding]:
    """Return the silences of meters, each noticed when the next row of any home arrives."""
    arrivals = np.unique(np.concatenate([np.empty(0), *(r.received for r in records)]))
    limits = silence.limit(settings.silence, np.array([r.period_s for r in records]))
    found = []
    for row, (record, limit_s) in enumerate(zip(records, limits.tolist(), strict=True)):
        heard = np.unique(record.received)
        due = silence.overdue_at(heard, np.full(len(heard), limit_s), -np.inf)
        back = np.append(heard[1:], np.inf)[: len(heard)]
        for n in np.flatnonzero(due < back):
            proof = int(np.searchsorted(arrivals, due[n]))
            if proof == len(arrivals):
                continue  # the record of all homes ends before the limit
            at = float(arrivals[proof])
            one = silence.finding(row, float(heard[n]), -np.inf, at, limit_s, record.period_s)
            found.append(replace(one, cleared_at=None if np.isinf(back[n]) else float(back[n])))
    return found


def lines(records: Sequence[Record], found: Sequence[Finding]) -> list[str]:
    """Return one JSON line for each episode."""
    said = texts.load()
    made = []
    for f in found:
        record = records[f.row]
        now = datetime.fromtimestamp(f.raised_at, UTC)
        sentence = {
            key: said.finding(lang, "sentence", f.reason, f.evidence, record.zone, now)
            for key, lang in (("zh", "zh_CN"), ("en", "en"))
        }
        made.append(
            json.dumps(
                {
                    "household_id": record.household, "kind": f.kind, "severity": f.severity, "onset": f.onset,
                    "raised_at": f.raised_at, "cleared_at": f.cleared_at, "evidence": f.evidence, "sentence": sentence,
                },
                ensure_ascii=False, allow_nan=False,
            ) + "\n"
        )  # fmt: skip
    return made


def _write(path: Path, text: str) -> None:
    """Write the whole file or none of it."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as trouble:
        raise BacktestError(f"cannot write {path}: {trouble.strerror}") from None
