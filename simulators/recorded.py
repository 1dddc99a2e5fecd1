"""Recorded households: what a meter would have said, from rows of litres and the times at which anybody looked.

Reads the columns of the public data sets (``household_id, ts, volume_l[, cumulative_l][, fixture]``; coverage
``household_id, part, start_ts, end_ts``), plain or gzip-packed.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulators.meters import Register

GRID_S = 900
"""A record that has rows only for draws is read off as a meter would report: every quarter of an hour. [s]"""
GAP_L = 1.0
"""Nobody knows what was drawn while nobody looked; one litre more after a gap makes it *unknown* instead of *none*. [L]"""


class RecordError(Exception):
    """A record cannot be read: says the file, the line, what was wanted and what came."""


def _rows(name: str, raw: bytes, wanted: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(_text(name, raw)))
    try:
        missing = [column for column in wanted if column not in (reader.fieldnames or ())]
        if missing:
            raise RecordError(f"{name}: want the columns {', '.join(wanted)}; missing: {', '.join(missing)}")
        yield from enumerate(reader, 2)
    except csv.Error as trouble:
        raise RecordError(
            f"{name} line {reader.reader.line_num}: want CSV, got {trouble}: save it as UTF-8 CSV"
        ) from None


def _text(name: str, raw: bytes) -> str:
    try:
        plain = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (EOFError, OSError, zlib.error) as trouble:
        raise RecordError(f"{name}: want a whole gzip file, got {trouble}: pack or copy it again") from None
    try:
        return plain.decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        what = f"byte {trouble.object[trouble.start]:#04x} at place {trouble.start}"
        raise RecordError(f"{name}: want UTF-8, got {what}: save it as UTF-8 CSV") from None


def _number(name: str, line: int, row: dict[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        raise RecordError(f"{name} line {line}: {column}: want a number, got {row[column]!r}") from None
    if not np.isfinite(value) or value < 0:
        raise RecordError(f"{name} line {line}: {column}: want a number from 0 up, got {row[column]!r}")
    return value


def read(pulses: Path, coverage: Path | None = None) -> list[Register]:
    """Return one register a household of the file.

    Raises
    ------
    RecordError
        It is no CSV in UTF-8, a column is missing or a cell is no number.
    """
    return _registers(pulses.name, pulses.read_bytes(), coverage.read_bytes() if coverage else None)


def weusedto() -> Register:
    """Return the packaged home: one resident of Naples, 2019 (WEUSEDTO, CC BY 4.0; see data/ATTRIBUTION.md)."""
    folder = files("simulators") / "data"
    pulses = (folder / "weusedto-1.pulses.csv.gz").read_bytes()
    return _registers("weusedto-1", pulses, (folder / "weusedto-1.coverage.csv.gz").read_bytes())[0]


def _registers(name: str, pulses: bytes, coverage: bytes | None) -> list[Register]:
    watched: dict[str, list[tuple[float, float]]] = {}
    if coverage is not None:
        for line, row in _rows(name, coverage, ("household_id", "start_ts", "end_ts")):
            if row.get("part") in {None, "", "home"}:
                span = (_number(name, line, row, "start_ts"), _number(name, line, row, "end_ts"))
                watched.setdefault(row["household_id"], []).append(span)
    at: dict[str, list[float]] = {}
    litres: dict[str, list[float]] = {}
    total: dict[str, list[float]] = {}
    for line, row in _rows(name, pulses, ("household_id", "ts", "volume_l")):
        home = row["household_id"]
        at.setdefault(home, []).append(_number(name, line, row, "ts"))
        litres.setdefault(home, []).append(_number(name, line, row, "volume_l"))
        if row.get("cumulative_l"):
            total.setdefault(home, []).append(_number(name, line, row, "cumulative_l"))
    registers = []
    for home, times in at.items():
        counted = total.get(home, [])
        if home in watched and len(counted) < len(times):
            registers.append(_read_off(home, np.array(times), np.array(litres[home]), sorted(watched[home])))
        else:  # a register says itself when somebody looked
            count = np.array(counted) if len(counted) == len(times) else np.cumsum(litres[home])
            moments, last = np.unique(np.array(times)[::-1], return_index=True)  # the last row of a moment counts
            registers.append(Register(home, moments, count[::-1][last]))
    return registers


def _read_off(
    home: str, at: NDArray[np.float64], litres: NDArray[np.float64], watched: list[tuple[float, float]]
) -> Register:
    """Read a record of draws off on a grid, only while somebody looked."""
    order = np.argsort(at, kind="stable")
    at, drawn = at[order], np.concatenate([[0.0], np.cumsum(litres[order])])
    times, values = [], []
    for n, (start, end) in enumerate(watched):
        grid = np.arange(np.ceil(start / GRID_S), np.floor(end / GRID_S) + 1) * GRID_S
        times.append(grid)
        values.append(drawn[np.searchsorted(at, grid, side="right")] + n * GAP_L)
    moments, first = np.unique(np.concatenate(times), return_index=True)
    return Register(home, moments, np.maximum.accumulate(np.concatenate(values)[first]))
