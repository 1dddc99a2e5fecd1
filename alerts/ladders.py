"""Who is asked in which order, in which areas and at which hours of the day: data, checked when it is loaded.

A ladder with a hole is refused with the hour at which nobody would be asked; an area that promises no cover at some hours
says so in so many words (``cover = false``), and then every page says it too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

RUNG_NAMES = ("owner", "backup", "lead", "duty")
"""Who may stand on a ladder: the people of the shift, the lead of the area, and its duty telephones."""
DAY_MIN = 24 * 60
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the local day, in minutes from midnight; it may pass midnight.  Equal ends: the whole day."""

    start: int = 0
    end: int = DAY_MIN

    def holds(self, minute: int) -> bool:
        """Whether a minute of the day (0 to 1439) lies in it; its end does not."""
        start, end = self.start % DAY_MIN, self.end % DAY_MIN
        if start == end:
            return True
        return start <= minute < end if start < end else minute >= start or minute < end

    @classmethod
    def read(cls, text: str) -> "Hours":
        """Return the hours of a text such as ``20:00-08:00``.

        Raises
        ------
        ValueError
            It is none.
        """
        found = _HOURS.fullmatch(text)
        if found is None or (found[3] == "24" and found[4] != "00"):
            raise ValueError(f"want hours such as 08:00-20:00, got {text!r}")
        hour, minute, until_hour, until_minute = (int(part) for part in found.groups())
        return cls(hour * 60 + minute, until_hour * 60 + until_minute)

    def __str__(self) -> str:
        """Return the text it was read from."""
        return f"{clock(self.start)}-{clock(self.end)}"


def clock(minute: int) -> str:
    """Return a minute of the day as people write it."""
    return f"{minute // 60:02}:{minute % 60:02}"


@dataclass(frozen=True, slots=True)
class Ladder:
    """Who is asked, one after the other, for the homes of some areas at some hours; durations in seconds."""

    areas: tuple[str, ...] = ()
    """Ids of areas, with all areas below them; empty: wherever no nearer ladder is."""
    hours: Hours = Hours()
    """By the clock of the home."""
    rungs: tuple[str, ...] = ("owner", "backup", "lead")
    rung_wait_s: tuple[float, ...] = (600.0, 600.0, 600.0)
    """Red: how long each rung has before the next is asked."""
    amber_rung_wait_s: tuple[float, ...] = (1800.0, 1800.0, 1800.0)
    family: Literal["parallel", "first"] = "parallel"
    """Red: the family hears of it together with the first rung, or has a head start, as where a platform telephones the
    relatives before it calls anybody out."""
    head_start_s: float = 600.0
    quiet: str | None = None
    amber_quiet: str | None = None
    """Hours at which nobody is disturbed for blue and for amber, such as ``22:00-07:00``; empty: there are none; None:
    those of the policy (`quiet_hours`, `amber_quiet_hours`)."""
    cover: bool = True
    """False: no worker is promised at these hours.  A red case goes to the operator at once, and every page says so."""


def read(tables: Sequence[Mapping[str, Any]]) -> tuple[tuple[Ladder, ...], list[str]]:
    """Return the ladders of a configuration, and everything that is wrong with them."""
    ladders, faults = [], []
    for n, table in enumerate(tables, 1):
        ladder, wrong = _ladder(table)
        faults += [f"ladders[{n}].{fault}" for fault in wrong]
        if ladder is not None:
            ladders.append(ladder)
    return tuple(ladders), faults or holes(ladders)


def _ladder(table: Mapping[str, Any]) -> tuple[Ladder | None, list[str]]:
    known, values, faults = {f.name for f in fields(Ladder)}, dict[str, Any](), []
    for name, value in table.items():
        if name not in known:
            faults.append(f"{name}: no such setting; want one of {', '.join(sorted(known))}")
            continue
        try:
            values[name] = _READ[name](value)
        except (ValueError, TypeError) as error:
            faults.append(f"{name}: {error}")
    if faults:
        return None, faults
    return _whole(values)


def _whole(values: dict[str, Any]) -> tuple[Ladder | None, list[str]]:
    """Return the ladder of checked values: as many patiences as rungs, none where nobody is promised."""
    plain = Ladder()
    if not values.get("cover", True):
        values |= {"rungs": (), "rung_wait_s": (), "amber_rung_wait_s": ()}
    rungs = values.get("rungs", plain.rungs)
    faults = []
    for name in ("rung_wait_s", "amber_rung_wait_s"):
        default = getattr(plain, name)
        waits = values.setdefault(name, (*default, *default[-1:] * len(rungs))[: len(rungs)])
        if len(waits) != len(rungs):
            faults.append(f"{name}: want {len(rungs)} durations, one for each of {', '.join(rungs)}; got {len(waits)}")
    if values.get("cover", True) and not rungs:
        faults.append("rungs: nobody stands on it; name somebody, or write cover = false")
    return (None, faults) if faults else (Ladder(**values), [])


def holes(ladders: Sequence[Ladder]) -> list[str]:
    """Return in words at which hours nobody would be asked; ladders that name the same area belong together."""
    faults = []
    for area in dict.fromkeys(area for ladder in ladders for area in ladder.areas or ("",)):
        mine = [ladder for ladder in ladders if area in (ladder.areas or ("",))]
        if free := _free([ladder.hours for ladder in mine]):
            where = f"ladders of {area}" if area else "ladders of all other areas"
            faults.append(
                f"{where}: nobody is asked at {', '.join(map(str, free))}; add a ladder for these hours, or one with "
                "cover = false to say plainly that nobody is promised"
            )
    return faults


def _free(hours: Sequence[Hours]) -> list[Hours]:
    """Return the parts of the day that none of `hours` holds."""
    return _parts([not any(one.holds(minute) for one in hours) for minute in range(DAY_MIN)])


def _parts(wanted: Sequence[bool]) -> list[Hours]:
    """Return the parts of a day of wanted minutes; a night that midnight cuts is one."""
    edges = [minute for minute in range(DAY_MIN) if wanted[minute] != wanted[minute - 1]]
    if not edges:
        return [Hours()] if wanted[0] else []
    if wanted[edges[-1]] and not wanted[edges[0]]:
        edges = [edges[-1], *edges[:-1]]
    starts, ends = edges[0::2], edges[1::2]
    return sorted((Hours(a, b) for a, b in zip(starts, ends, strict=True)), key=lambda one: one.start)


def nearest(ladders: Sequence[Ladder], areas: Sequence[str], minute: int) -> Ladder | None:
    """Return the ladder of the nearest of `areas` (a home's own first, then upwards) at a minute of the home's day.

    None: none is meant for it.
    """
    now = [ladder for ladder in ladders if ladder.hours.holds(minute)]
    for area in (*areas, ""):
        for ladder in now:
            if area in (ladder.areas or ("",)):
                return ladder
    return None


def uncovered(ladders: Sequence[Ladder], areas: Sequence[str]) -> list[Hours]:
    """Return the parts of the day at which no worker is promised to a home in these areas; empty: day and night."""
    now = [nearest(ladders, areas, minute) for minute in range(DAY_MIN)]
    return _parts([ladder is not None and not ladder.cover for ladder in now])


def _areas(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        raise ValueError(f"want a list of area ids, got {value!r}")
    return tuple(value)


def _rungs(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not set(value) <= set(RUNG_NAMES) or len(set(value)) != len(value):
        raise ValueError(f"want each of {', '.join(RUNG_NAMES)} at most once, got {value!r}")
    return tuple(value)


def _waits(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or not all(duration(one) for one in value):
        raise ValueError(f"want durations in seconds above 0, got {value!r}")
    return tuple(float(one) for one in value)


def _wait(value: Any) -> float:
    if not duration(value):
        raise ValueError(f"want a duration in seconds above 0, got {value!r}")
    return float(value)


def _family(value: Any) -> str:
    if value not in ("parallel", "first"):
        raise ValueError(f"want parallel or first, got {value!r}")
    return str(value)


def _cover(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"want true or false, got {value!r}")
    return value


def quiet_hours(value: Any) -> str:
    """Return the text of quiet hours as it is kept.

    Raises
    ------
    ValueError
        It is none, or nothing of the day is left.
    """
    if value == "":
        return ""
    hours = Hours.read(str(value))
    if hours.start % DAY_MIN == hours.end % DAY_MIN:
        raise ValueError(f"want quiet hours that leave some of the day, got {value!r}")
    return str(hours)


def _quiet(value: Any) -> str | None:
    return None if value is None else quiet_hours(value)


def duration(value: object) -> bool:
    """Whether it is a number of seconds above 0, and finite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


_READ = {
    "areas": _areas, "hours": Hours.read, "rungs": _rungs, "rung_wait_s": _waits, "amber_rung_wait_s": _waits,
    "family": _family, "head_start_s": _wait, "cover": _cover,
    "quiet": _quiet, "amber_quiet": _quiet,
}  # fmt: skip
