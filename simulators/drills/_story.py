"""When the faults of a script strike, and what its people do when they are told something: pure functions over times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from simulators.drills import Deed, Does, Drill, Role, Strikes


@dataclass(frozen=True, slots=True)
class Told:
    """A notice that reached somebody of the script; times in seconds from the beginning."""

    id: str
    who: Role
    part: str
    notice: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Deeds:
    """Something that somebody of the script does now, because of a notice (None: because of the beginning)."""

    who: Role
    what: Deed
    part: str
    at_s: float
    because: str | None
    code: str


def deeds(drill: Drill, told: Iterable[Told], done: Iterable[Deeds], now_s: float) -> list[Deeds]:
    """Return what the people of a script do by `now_s` and have not done yet, in order of time.

    The same notices give the same deeds: a runner that is killed and asks again does nothing twice.
    """
    before = {(one.who, one.what, one.because) for one in done}
    due = []
    for does in drill.does:
        for one in _reasons(does, told):
            at_s = (one.at_s if one else 0.0) + does.after_s
            because = one.id if one else None
            if at_s <= now_s and (does.who, does.what, because) not in before:
                due.append(Deeds(does.who, does.what, one.part if one else does.part, at_s, because, does.code))
    return sorted(due, key=lambda one: one.at_s)


def _reasons(does: Does, told: Iterable[Told]) -> Sequence[Told | None]:
    if does.told == "start":
        return [None]
    return [one for one in told if (one.who, one.notice) == (does.who, does.told) and does.part in ("", one.part)]


def begins(strikes: Strikes, start: datetime, zone: ZoneInfo, due_s: float = 0.0) -> float:
    """Return when a fault strikes, in seconds since 1970.

    Parameters
    ----------
    strikes : Strikes
        What strikes.
    start : datetime
        The beginning of the drill (aware).
    zone : ZoneInfo
        Of the home, for a time of its clock.
    due_s : float
        For `DUE`: seconds since 1970 at which it has to begin, as the detectors' own deadlines say.
    """
    if strikes.begins == "due":
        return due_s
    if isinstance(strikes.begins, str):
        hour, minute = map(int, strikes.begins.split(":"))
        local = start.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
        while local > start:
            local -= timedelta(days=1)
        return local.timestamp()
    return start.timestamp() + strikes.begins
