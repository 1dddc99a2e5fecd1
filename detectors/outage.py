"""What is wrong with many homes at once: a building without water, a gateway that died.

`Outages` stands beside a partition: it needs several homes, the partition's rows need nobody.  `look` compares, `open`
says what holds.  A riser is told only while its building is not: one notice, the largest that is true.  When the water is
back, `detectors.water_return` says who of the homes is missed.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import radio_cut, water_cut, water_return
from detectors.bins import Bools, News
from detectors.errors import SnapshotError
from detectors.groups import AreaFinding, AreaKind, Group, Members
from detectors.partition import Partition
from detectors.radio_cut import RadioCut, RadioSettings
from detectors.water_cut import Cut, CutSettings
from detectors.water_return import Missed, Return, ReturnSettings

__all__ = ["AreaChanges", "AreaFinding", "Group", "OutageSettings", "Outages"]

Key = tuple[str, AreaKind]
JUST_NOW_S = 60.0
"""A home heard within this, whose data are old, is in the middle of sending. [s]"""
REST_S = 1800.0
"""After waiting for a group, nobody waits for it again so soon: meters whose clock is behind send old data for ever. [s]"""


@dataclass(frozen=True, slots=True)
class OutageSettings:
    """What `Outages` runs with."""

    water: CutSettings = field(default_factory=CutSettings)
    radio: RadioSettings = field(default_factory=RadioSettings)
    back: ReturnSettings = field(default_factory=ReturnSettings)
    wait_s: float = 120.0
    """A quiet waits at most this long for neighbours who are sending what they stored."""


class AreaChanges(NamedTuple):
    """What one look changed."""

    raised: list[AreaFinding]
    cleared: list[AreaFinding]
    missed: list[Missed]
    """Homes that draw nothing though the water of their building is back, for `Partition.miss`; told again while it is so."""


class Outages:
    """The open area findings of some groups."""

    def __init__(self, settings: OutageSettings | None = None) -> None:
        self.settings = OutageSettings() if settings is None else settings
        self._open: dict[Key, AreaFinding] = {}
        self._returns: dict[str, Return] = {}  # group -> its homes, from the notice of a cut until hours after it
        self._known = np.empty(0)  # known_until of each row at the last look: only news can raise a water cut
        self._lay_out(())

    # --- groups --------------------------------------------------------------------------------------------------------

    def set_groups(self, groups: Sequence[Group]) -> None:
        """Take these groups in place of those known so far; the episode of a group that is gone ends at the next look."""
        if not self._all.same(groups):
            self._lay_out(groups)
            self._known = np.empty(0)

    def _lay_out(self, groups: Sequence[Group]) -> None:
        s = self.settings
        self._all = Members(groups)
        self._pipes = Members([one for one in groups if one.kind != "gateway" and len(one.rows) >= s.water.homes])
        self._parents = self._pipes.parents()
        self._radios = Members([one for one in _radios(groups) if len(one.rows) >= s.radio.meters])
        self._waited = np.full(len(self._all), -np.inf)

    # --- looking -------------------------------------------------------------------------------------------------------

    def look(self, partition: Partition, active: Bools, now: float, listening_since: float = -np.inf) -> AreaChanges:
        """Compare the homes of each group; return what began and what ended.

        Parameters
        ----------
        partition : Partition
        active : (H,) bool
            Homes that are watched by a water meter now.
        now, listening_since : float
            Our clock, and since when we could hear anything: time before that is not held against meters. [s since 1970]
        """
        changes, watched, s = AreaChanges([], [], []), np.asarray(active, np.bool_), self.settings
        dry = water_cut.cuts(partition, self._pipes, self._with_news(partition), watched, now, s.water)
        for water in sorted(dry, key=lambda cut: self._pipes.groups[cut.group].kind):  # a building before its risers
            if not self._told_above(water.group):
                told = _without_water(water, self._pipes, partition, watched, now)
                self._begin(told, changes)
                self._returns[told.group] = Return.begun(partition, told)
        unheard = radio_cut.cuts(partition, self._radios, watched, now, listening_since, s.radio)
        for radio in unheard:
            self._begin(_unheard(radio, self._radios, now), changes)
        for key in [key for key in self._open if self._is_over(key, partition, watched)]:
            changes.cleared.append(replace(self._open.pop(key), cleared_at=now))
        self._miss(partition, watched, now, changes)
        return changes

    def without_air(self, news: News) -> News:
        """Return intervals whose litres are not known where they may be the air that comes before the water after a cut."""
        for one in self._returns.values():
            blown = one.blown(news)
            if blown.any():
                moved = np.zeros(len(news), np.bool_) if news.moved is None else news.moved & ~blown
                news = replace(news, litres=np.where(blown, np.nan, news.litres), moved=moved)
        return news

    def _miss(self, partition: Partition, watched: Bools, now: float, changes: AreaChanges) -> None:
        """Follow the homes of cuts: who has drawn, since when water is back, and who is missed then."""
        s = self.settings
        for name, one in list(self._returns.items()):
            new = one.hear(partition, self._known)
            if (name, "water_outage") in self._open:
                continue
            if one.event.cleared_at is None:
                place = self._pipes.of_name.get(name)
                within_s = s.water.back_within_s + float(partition.period_s()[one.row].max(initial=0.0))
                if place is None or self._told_above(place) or not one.over(within_s, s.back):
                    del self._returns[name]
                    continue
            elif not new:
                if now - (one.event.cleared_at or now) > s.back.watched_s + s.water.longest_period_s:
                    del self._returns[name]
                continue
            changes.missed.extend(each for each in one.missed(partition, s.back) if watched[each.row])

    def _with_news(self, partition: Partition) -> Bools:
        """Return (G,) which pipes have a home with news since the last look, and are not told already."""
        known = partition.known_until()
        before = np.full(len(known), np.nan)
        before[: len(self._known)] = self._known[: len(known)]
        self._known = known
        asked: Bools = self._pipes.count((known != before)[self._pipes.row]) > 0
        for name, kind in self._open:
            if kind == "water_outage" and name in self._pipes.of_name:
                asked[self._pipes.of_name[name]] = False
        return asked

    def _told_above(self, place: int) -> bool:
        """Whether the building of this riser is told already."""
        above = self._parents.get(place)
        return above is not None and (self._pipes.groups[above].name, "water_outage") in self._open

    def _begin(self, finding: AreaFinding, changes: AreaChanges) -> None:
        if (finding.group, finding.kind) not in self._open:
            self._open[finding.group, finding.kind] = finding
            changes.raised.append(finding)

    def _is_over(self, key: Key, partition: Partition, active: Bools) -> bool:
        name, kind = key
        one, silent = self._open[key], np.array(self._open[key].silent, np.intp)
        if name not in self._all.of_name:
            return True  # nobody is in this group any more
        if kind == "radio_outage":
            return radio_cut.over(partition, one.onset, silent, active, self.settings.radio)
        place = self._pipes.of_name.get(name)
        if place is not None and self._told_above(place):
            return True
        return water_cut.over(partition, one.onset, silent, active, self.settings.water)

    def catching_up(self, partition: Partition, now: float) -> Bools:
        """Return (H,) whose quiet should wait: a neighbour is just sending old data that may show a water cut.

        Asked again and again; of a group nobody waits longer than `wait_s`, and then not again for half an hour.
        """
        heard, known, period = partition.heard(), partition.known_until(), partition.period_s()
        old = now - known > np.maximum(self.settings.water.young_s, 1.5 * period)
        sending = old & (now - heard <= JUST_NOW_S) & (period <= self.settings.water.longest_period_s)
        behind = self._all.count(sending[self._all.row]) > 0
        self._waited = np.where(behind & (now - self._waited > REST_S), now, self._waited)
        waits = behind & (now - self._waited <= self.settings.wait_s)
        rows: Bools = np.zeros(len(known), np.bool_)
        rows[self._all.row[waits[self._all.group]]] = True
        return rows

    # --- what is known -------------------------------------------------------------------------------------------------

    def open(self) -> list[AreaFinding]:
        """Return the findings that hold, in order of time."""
        return sorted(self._open.values(), key=lambda one: (one.raised_at, one.group, one.kind))

    # --- state that survives -------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return what holds as named arrays (no objects in them)."""
        returns = list(self._returns.values())
        arrays = {"open": _lines(self.open()), "return.event": _lines([one.event for one in returns])}
        return arrays | water_return.packed(returns)

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], settings: OutageSettings | None = None) -> "Outages":
        """Return the outages of a snapshot; `set_groups` has to be called again.

        Raises
        ------
        SnapshotError
            The arrays are no snapshot of outages.
        """
        if "open" not in arrays:
            raise SnapshotError("want a snapshot of outages, the array 'open' is missing: look again instead")
        made = cls(settings)
        made._open = {(one.group, one.kind): one for one in _findings(arrays["open"])}
        if "return.event" in arrays:  # who cut off before this was kept misses nobody
            events = _findings(arrays["return.event"])
            made._returns = {one.event.group: one for one in water_return.unpacked(arrays, events)}
        return made


def _lines(findings: Sequence[AreaFinding]) -> NDArray[np.str_]:
    return np.array([json.dumps(dataclasses.asdict(one)) for one in findings], np.str_)


def _findings(lines: NDArray[Any]) -> list[AreaFinding]:
    found = []
    for line in lines:
        one = json.loads(str(line))
        found.append(AreaFinding(**one | {"rows": tuple(one["rows"]), "silent": tuple(one["silent"])}))
    return found


def _radios(groups: Sequence[Group]) -> list[Group]:
    """Return the groups that share a way to us: gateways, and the homes of a building that have no known gateway."""
    gateways = [group for group in groups if group.kind == "gateway"]
    every = np.concatenate([np.zeros(1, np.intp), *(group.rows for group in groups)])
    behind = np.zeros(every.max() + 1, np.bool_)
    for group in gateways:
        behind[group.rows] = True
    return gateways + [
        replace(group, rows=group.rows[~behind[group.rows]]) for group in groups if group.kind == "building"
    ]


def _without_water(cut: Cut, pipes: Members, partition: Partition, active: Bools, now: float) -> AreaFinding:
    group = pipes.groups[cut.group]
    evidence = {
        "silent_homes": len(cut.silent),
        "of_homes": cut.of_homes,
        "since_at": cut.onset,
        "chance_log10": round(cut.chance_log10, 1),
        "heard_at": float(partition.heard()[cut.silent].max()),
        "period_s": float(partition.period_s()[cut.silent].max()),
    }
    rows, silent = tuple(group.rows[active[group.rows]].tolist()), tuple(cut.silent.tolist())
    return AreaFinding(group.name, "water_outage", cut.onset, now, rows, "water_outage", evidence, silent=silent)


def _unheard(cut: RadioCut, radios: Members, now: float) -> AreaFinding:
    evidence = {
        "silent_meters": len(cut.silent),
        "of_meters": cut.of_meters,
        "since_at": cut.onset,
        "period_s": cut.period_s,
    }
    rows, silent = tuple(cut.rows.tolist()), tuple(cut.silent.tolist())
    name = radios.groups[cut.group].name
    return AreaFinding(name, "radio_outage", cut.onset, now, rows, "radio_outage", evidence, silent=silent)
