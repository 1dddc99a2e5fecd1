"""Recorded households as intervals of water, with the moment at which each could have been known.

Three kinds of record, told apart by a home's first row, so that cutting a file short never changes how it is read:
a register (`cumulative_l` is filled): rows are readings; draws (no register, but `coverage` names the home): rows are
water, no row is no water, and the home is taken to report every quarter of an hour; anything else: each row holds the
water since the row before, and a hole between rows is not known.
"""

import csv
import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from detectors.bins import QUARTER_S, between

Floats = NDArray[np.float64]
UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
UNITS_L = {"ml": 0.001, "l": 1.0, "m3": 1000.0}


class BacktestError(Exception):
    """A file cannot be used: says the file, the line, the column, what was wanted and what came."""


@dataclass(frozen=True)
class Record:
    """One home.  Arrays are (N,), intervals in order of time; `litres` NaN: not known (`moved`: but the meter moved)."""

    household: str
    zone: ZoneInfo
    occupants: int | None
    period_s: float
    resolution_l: float
    start: Floats
    end: Floats
    litres: Floats
    moved: NDArray[np.bool_]
    received: Floats
    offset_s: Floats
    absences: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class _Table:
    """Columns of a file as text, and how to name a cell."""

    name: str
    columns: Mapping[str, list[str]]

    def numbers(self, column: str, least: float = 0.0) -> Floats:
        """Return a column as numbers from `least` up."""
        text = self.columns[column]
        try:
            values = np.array(text, dtype=np.float64)
        except ValueError:
            values = np.array([_number(cell) for cell in text], dtype=np.float64)
        wrong = np.flatnonzero(~(np.isfinite(values) & (values >= least)))
        if len(wrong):
            raise self.fault(int(wrong[0]), column, f"want a number from {least:g} up")
        return values

    def fault(self, row: int, column: str, wanted: str) -> BacktestError:
        """Return the error that names a cell; the header is line 1."""
        return BacktestError(
            f"{self.name} line {row + 2}, column {column}: {wanted}, got {self.columns[column][row]!r}"
        )


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    with (
        gzip.open(path, "rt", encoding="utf-8-sig", newline="")
        if packed
        else path.open(encoding="utf-8-sig", newline="") as text
    ):
        yield text


def _table(path: Path, wanted: Sequence[str], optional: Sequence[str] = ()) -> _Table:
    try:
        with _opened(path) as text:
            reader = csv.reader(text)
            header = [name.strip() for name in next(reader, [])]
            if missing := [name for name in wanted if name not in header]:
                raise BacktestError(
                    f"{path.name} line 1: want the columns {', '.join(wanted)}; missing: {', '.join(missing)}"
                )
            rows = [row for row in reader if row]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as trouble:
        raise BacktestError(f"{path.name}: cannot be read ({trouble}); want CSV in UTF-8, plain or gzip") from None
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise BacktestError(f"{path.name} line {line}: want {len(header)} cells, got {len(row)}")
    turned = list(zip(*rows, strict=True)) or [()] * len(header)
    kept = {name: list(cells) for name, cells in zip(header, turned, strict=True) if name in {*wanted, *optional}}
    return _Table(path.name, kept)


def load(
    readings: Path, households: Path, absences: Path | None, coverage: Path | None
) -> tuple[list[Record], list[str]]:
    """Read the files of a back-test.

    Returns
    -------
    records, notes
        One record for each household with readings; sentences about what could not be used.

    Raises
    ------
    BacktestError
        A file, line or cell is wrong.
    """
    homes = _table(households, ("household_id", "tz"), ("occupants", "resolution"))
    known = {name: row for row, name in enumerate(homes.columns["household_id"])}
    spans = _spans(coverage, known) if coverage else {}
    away = _spans(absences, known) if absences else {}
    rows = _table(readings, ("household_id", "ts", "volume_l"), ("cumulative_l",))
    ts, volume = rows.numbers("ts"), rows.numbers("volume_l")
    names = np.array(rows.columns["household_id"], dtype=np.str_)
    order = np.lexsort((np.arange(len(ts)), ts, names))
    edges = np.flatnonzero(np.append([True] * bool(len(ts)), names[order][1:] != names[order][:-1])).tolist()
    records, notes = [], []
    for begin, end in pairwise([*edges, len(ts)]):
        own = order[begin:end]
        name = str(names[own[0]])
        if name not in known:
            raise rows.fault(int(own.min()), "household_id", f"want a household of {households.name}")
        period_s, resolution_l = _resolution(homes, known[name])
        if registers := _registers(rows, own):
            parts = _of_registers(ts[own], np.array(registers), period_s)
        elif name in spans:
            period_s = QUARTER_S
            parts = _of_draws(ts[own], volume[own], spans[name])
        else:
            notes.append(f"{name}: no register and no coverage, so a pause between its rows is not taken for no use")
            parts = _of_volumes(ts[own], volume[own], period_s)
        zone = _zone(homes, known[name])
        records.append(
            Record(
                name, zone, _occupants(homes, known[name]), period_s, resolution_l, *parts, offsets(zone, parts[1]),
                tuple(away.get(name, ())),
            )
        )  # fmt: skip
    return records, notes


def _spans(path: Path, known: Mapping[str, int]) -> dict[str, list[tuple[float, float]]]:
    table = _table(path, ("household_id", "start_ts", "end_ts"), ("part",))
    start, end = table.numbers("start_ts"), table.numbers("end_ts")
    parts = table.columns.get("part") or ["home"] * len(start)
    spans: dict[str, list[tuple[float, float]]] = {}
    for row, name in enumerate(table.columns["household_id"]):
        if end[row] < start[row]:
            raise table.fault(row, "end_ts", f"want an end after the start {start[row]:.0f}")
        if name in known and parts[row] in {"", "home"}:
            spans.setdefault(name, []).append((float(start[row]), float(end[row])))
    return spans


def _registers(rows: _Table, own: NDArray[np.intp]) -> list[float]:
    text = rows.columns.get("cumulative_l")
    if text is None or not text[own[0]].strip():
        return []
    values = [_number(text[row]) for row in own]
    for row, value in zip(own, values, strict=True):
        if not (np.isfinite(value) and value >= 0):
            raise rows.fault(int(row), "cumulative_l", "want a number from 0 up in every row of this household")
    return values


def _resolution(homes: _Table, row: int) -> tuple[float, float]:
    """Return (report period in seconds, register step in litres) of e.g. ``1 h, 1 L``; else one hour, one litre."""
    text = homes.columns.get("resolution", [""] * (row + 1))[row]
    time = re.search(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)\b", text)
    step = re.search(r"(\d+(?:\.\d+)?)\s*(mL|L|m3)\b", text, re.IGNORECASE)
    period_s = float(time[1]) * UNITS_S[time[2]] if time else 3600.0
    resolution_l = float(step[1]) * UNITS_L[step[2].lower()] if step else 1.0
    if period_s <= 0 or resolution_l <= 0:
        raise homes.fault(row, "resolution", "want a period and a step above 0, such as '1 h, 1 L'")
    return period_s, resolution_l


def _zone(homes: _Table, row: int) -> ZoneInfo:
    try:
        return ZoneInfo(homes.columns["tz"][row])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise homes.fault(row, "tz", "want an IANA time zone such as Asia/Shanghai") from None


def _occupants(homes: _Table, row: int) -> int | None:
    text = homes.columns.get("occupants", [""] * (row + 1))[row].strip()
    if not text:
        return None
    if not text.isdigit():
        raise homes.fault(row, "occupants", "want a whole number, or nothing")
    return int(text)


Parts = tuple[Floats, Floats, Floats, NDArray[np.bool_], Floats]
"""start, end, litres, moved, received."""


def _of_registers(ts: Floats, register: Floats, period_s: float) -> Parts:
    at, first = np.unique(ts, return_index=True)  # of two readings with one time the first counts, as in the service
    return _of_steps(at, np.diff(register[first], prepend=np.nan), period_s)


def _of_volumes(ts: Floats, volume: Floats, period_s: float) -> Parts:
    at, where = np.unique(ts, return_inverse=True)
    summed = np.bincount(where, volume).astype(np.float64)
    summed[0] = np.nan  # since when it ran up is not known
    return _of_steps(at, summed, period_s)


def _of_steps(at: Floats, volume: Floats, period_s: float) -> Parts:
    start = np.append(at[0], at[:-1])
    litres = between(start, at, volume, np.full(len(at), period_s), volume < 0)
    return start, at, litres, np.isnan(litres) & (volume > 0), at


def _of_draws(ts: Floats, volume: Floats, spans: Sequence[tuple[float, float]]) -> Parts:
    """Cut covered time at each quarter of an hour; a draw outside coverage says only that somebody was there."""
    start, end = _covered(spans)
    place = np.searchsorted(end, ts, side="left")  # a draw stamped at an edge belongs to what ends there
    inside = place < len(end)
    inside[inside] = ts[inside] >= start[place[inside]]
    litres = np.bincount(place[inside], volume[inside], minlength=len(end)).astype(np.float64)
    seen = np.unique(ts[~inside & (volume > 0)])
    order = np.lexsort((np.append(start, seen), np.append(end, seen)))
    ends = np.append(end, seen)[order]
    litres = np.append(litres, np.full(len(seen), np.nan))[order]
    moved = np.append(np.zeros(len(end), np.bool_), np.ones(len(seen), np.bool_))[order]
    return np.append(start, seen)[order], ends, litres, moved, np.ceil(ends / QUARTER_S) * QUARTER_S


def _covered(spans: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """Return (start, end) of covered time, cut at each quarter of an hour."""
    starts, ends, covered = [np.empty(0)], [np.empty(0)], -np.inf
    for begin, end in sorted(spans):
        first = max(begin, covered)
        if end <= first:
            continue
        grid = np.arange(np.floor(first / QUARTER_S) + 1, np.ceil(end / QUARTER_S)) * QUARTER_S
        starts.append(np.append(first, grid))
        ends.append(np.append(grid, end))
        covered = end
    return np.concatenate(starts), np.concatenate(ends)


def offsets(zone: ZoneInfo, at: Floats) -> Floats:
    """Return (N,) local time minus UTC in seconds at each of `at`; asks the zone once a day, and more often on a change."""
    if not len(at):
        return np.empty(0)
    day = np.floor(at / 86_400.0)
    days = np.arange(day.min(), day.max() + 2)
    daily = np.array([_offset(zone, d * 86_400.0) for d in days])
    nth = (day - days[0]).astype(np.intp)
    found: Floats = daily[nth]
    for n in np.flatnonzero(daily[nth] != daily[nth + 1]):
        found[n] = _offset(zone, float(at[n]))
    return found


def _offset(zone: ZoneInfo, at: float) -> float:
    return (datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset() or timedelta(0)).total_seconds()
