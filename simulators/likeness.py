"""Homes like recorded ones: any number of them, who draw water when the recorded ones do.

How this works.  A recorded home becomes a *kind* of home: tables of how long a quiet lasts and how long water is drawn, by
the hour in which it begins and by weekend, and of the litres of an hour's intervals.  A simulated home takes after one kind
and a little after a second; its life is a chain of quiet and busy spells whose lengths are drawn from these tables
(a semi-Markov chain, `simulators.walks`).  So the quiets that begin in an hour are spread as the recorded ones by
construction, at the record's own interval.  Kinds lean on what all homes do, the more the less is known of them.

Quiets over 36 h are absences, kept apart: how often one begins at an hour, and how long they last.  `without_absences`
gives homes that nobody ever leaves for so long.

Not kept: seasons, and what a home did on a certain day; no household's name is stored.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.households import Drawn
from simulators.kinds import LEVELS, VOLUME_LEVELS, Kinds, kinds
from simulators.meters import Register
from simulators.spells import HOURS, LikenessError, observed, step_of
from simulators.walks import walk

VERSION = 1
LEAST_DAYS = 14
"""A home with fewer observed days says too little about its week."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """What recorded homes do, for homes that shall be like them."""

    kinds: Kinds
    home_days: float
    """Observed days of all recorded homes."""
    zone: str
    """Where they are."""
    sources: tuple[str, ...] = ()
    """Names of the files that it was made from."""

    def days(self, seeds: NDArray[np.uint64], start: datetime, zone: ZoneInfo) -> Iterator[Drawn]:
        """Yield the draws of the homes with these seeds (H,), 24 h after 24 h from `start`, for ever.

        The same seeds and the same start give the same bytes, whoever is simulated beside a home.  Each interval of the
        record in which water is drawn has one draw, at its end: read off at the record's own interval, at any phase,
        homes are quiet as long as the recorded ones.  What is finer than that interval is not known.

        Raises
        ------
        ValueError
            `start` is naive.
        """
        return walk(self.kinds, seeds, start, zone)

    def without_absences(self) -> "Likeness":
        """Return the same homes, never left for more than 36 h."""
        return replace(self, kinds=replace(self.kinds, absent=np.zeros_like(self.kinds.absent)))

    def save(self, path: Path) -> None:
        """Write it as JSON.  It is derived from the record: the record's licence says who may have it."""
        path.write_text(json.dumps(_document(self), ensure_ascii=False), "utf-8")

    @staticmethod
    def load(path: Path) -> "Likeness":
        """Read what `save` wrote.

        Raises
        ------
        LikenessError
            The file is no likeness, or one of another version.
        """
        try:
            document = json.loads(path.read_text("utf-8"))
            version = document["likeness"]
            if version == VERSION:
                return _likeness(document)
        except (OSError, ValueError, TypeError, KeyError, IndexError) as trouble:
            raise LikenessError(f"{path.name}: want a saved likeness (JSON), got {trouble!r}") from None
        raise LikenessError(f"{path.name}: want a likeness of version {VERSION}, got {version!r}: fit it again")


def fit(registers: Sequence[Register], zone: ZoneInfo, sources: Sequence[str] = ()) -> Likeness:
    """Return the likeness of recorded homes.

    Parameters
    ----------
    registers : sequence of Register
        One a home; those observed for less than two weeks are left out.
    zone : ZoneInfo
        Where the homes are.
    sources : sequence of str
        Names of the files, to be kept with it.

    Raises
    ------
    LikenessError
        No home was observed for two weeks, nothing or nothing but water was drawn, or readings are too rare.
    """
    step_s = step_of(registers)
    every = observed(registers, step_s, zone)
    if any(len(one.litres) for one in every) and not any(len(one.quiet.hour) for one in every):
        raise LikenessError(
            f"want readings of times without water too, got nothing but draws ({len(every)} homes): "
            "name the file that says when the homes were observed (coverage)"
        )
    homes = [one for one in every if one.days >= LEAST_DAYS]
    if not homes:
        most = max(one.days for one in every)
        raise LikenessError(
            f"want {LEAST_DAYS} observed days of at least one home, got {most:.1f} at most ({len(every)} homes)"
        )
    litres = np.concatenate([one.litres for one in homes])
    if not len(litres):
        raise LikenessError(f"want homes that draw water, got nothing but zeros ({len(homes)} homes)")
    days = float(sum(one.days for one in homes))
    return Likeness(kinds(homes, step_s, litres), round(days, 1), str(zone), tuple(sources))


def _document(likeness: Likeness) -> dict[str, Any]:
    k = likeness.kinds
    return {
        "likeness": VERSION,
        "made_from": list(likeness.sources),
        "homes": len(k),
        "home_days": likeness.home_days,
        "zone": likeness.zone,
        "step_s": k.step_s,
        "unit_l": k.unit_l,
        "mood": k.mood,
        "weight": k.weight.tolist(),
        "quiet_steps": _packed(k.quiet),
        "busy_steps": _packed(k.busy),
        "absent": k.absent.tolist(),
        "litres": k.litres.tolist(),
        "absences": k.absences.tolist(),
        "longer": k.longer.tolist(),
    }


def _likeness(document: dict[str, Any]) -> Likeness:
    weight = np.array(document["weight"], np.float64)
    shape = len(weight), 2, HOURS
    return Likeness(
        Kinds(
            step_s=float(document["step_s"]),
            unit_l=float(document["unit_l"]),
            weight=weight,
            quiet=_unpacked(document["quiet_steps"], shape),
            busy=_unpacked(document["busy_steps"], shape),
            absent=np.array(document["absent"], np.float64).reshape(shape),
            litres=np.array(document["litres"], np.float64).reshape(len(weight), HOURS, VOLUME_LEVELS),
            mood=float(document["mood"]),
            absences=np.array(document["absences"], np.int64).reshape(-1, 2),
            longer=np.array(document["longer"], np.float64),
        ),
        float(document["home_days"]),
        str(document["zone"]),
        tuple(document["made_from"]),
    )


def _packed(table: NDArray[np.int32]) -> list[list[int]]:
    """Return the rows of a table as value, count, value, count ..."""
    rows = []
    for row in table.reshape(-1, LEVELS):
        values, counted = np.unique(row, return_counts=True)
        rows.append(np.stack([values, counted], axis=1).ravel().tolist())
    return rows


def _unpacked(rows: list[list[int]], shape: tuple[int, int, int]) -> NDArray[np.int32]:
    flat = [np.repeat(np.array(row[::2], np.int32), row[1::2]) for row in rows]
    return np.array(flat, np.int32).reshape(*shape, LEVELS)
