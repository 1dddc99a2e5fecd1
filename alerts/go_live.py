"""Going live: what a community proves before one of its homes is shown as covered.  Pure; rows in, a checklist out.

How this works
--------------
Ten items.  Three belong to each home (its consent, its meters, its relatives); the others to the people and the rehearsals of
its community.  An item lists what it lacks, and each lack says whose homes it is about: a worker who was never reached keeps
back the grids where that worker stands on the ladder, a new home only itself.  A home is covered while nothing that lacks is
about it.  A proof has an age: it lapses, and what is unknown is never green.

To be shown as covered is a promise to a family; it filters nothing.  An alarm of a home that is not covered goes out like any
other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal, NamedTuple

from alerts.go_live_facts import Entry, Facts, Home, Person, Played, Settings
from alerts.go_live_shifts import Holes
from alerts.ladders import Ladder, uncovered

Key = Literal[
    "consent", "meter", "contact", "shifts", "numbers", "workers", "channels", "drills", "rehearsal", "accepted"
]  # fmt: skip
HOME_KEYS: tuple[Key, ...] = ("consent", "meter", "contact")
"""Items of a single home; the others are the community's."""
KEYS: tuple[Key, ...] = (
    *HOME_KEYS, "shifts", "numbers", "workers", "channels", "drills", "rehearsal", "accepted",
)  # fmt: skip
"""Every item, in the order in which they are best seen to."""
State = Literal["green", "not_yet", "failed"]
DAY = timedelta(days=1)

# --- what is said --------------------------------------------------------------------------------------------------


class Lack(NamedTuple):
    """One thing that keeps an item from being green."""

    why: str
    """Code of the sentence that says what is missing and what to do."""
    whom: str = ""
    """Whom or what it is about: a home, a worker, an area, a script, a channel; empty: the community."""
    at: datetime | None = None
    """When the proof that has lapsed, or the failure, was; or when a hole begins."""
    areas: frozenset[str] | None = None
    """Areas whose homes it keeps back; None: all of the community, or (of a home's own item) that home."""
    failed: bool = False
    """It was tried and went wrong, or is over; not merely not done yet."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist."""

    key: Key
    done: int
    of: int
    """So many of so many are proved; 0 of 0 is not green unless nothing is wanted."""
    lacks: tuple[Lack, ...] = ()
    since: datetime | None = None
    """The oldest of its proofs."""
    until: datetime | None = None
    """When the first of them lapses."""
    notes: tuple[str, ...] = ()
    """What is said beside it: hours at which nobody is promised, or for whom a drill stands."""

    @property
    def state(self) -> State:
        """Whether it is proved, not yet, or failed."""
        if not self.lacks:
            return "green"
        return "failed" if any(lack.failed for lack in self.lacks) else "not_yet"


@dataclass(frozen=True, slots=True)
class Checklist:
    """A community's items, and what keeps back each of its homes."""

    area: str
    items: tuple[Item, ...]
    homes: Mapping[str, tuple[Key, ...]]
    """Home to the items that keep it back; empty: it is covered."""
    before: Mapping[str, datetime]
    """Homes that are only shown as covered as they were before there was a list, and until when."""

    def item(self, key: Key) -> Item:
        """Return one item."""
        return next(one for one in self.items if one.key == key)

    @property
    def green(self) -> int:
        """How many items are green."""
        return sum(one.state == "green" for one in self.items)

    @property
    def covered(self) -> int:
        """How many homes are covered."""
        return sum(not keys for keys in self.homes.values())

    @property
    def may_accept(self) -> bool:
        """Whether all that the community answers for, but its own word, is proved."""
        mine = [one for one in self.items if one.key not in (*HOME_KEYS, "accepted")]
        return all(one.state == "green" for one in mine)


_Answer = tuple[list[Lack], list[datetime]]
_AskHome = Callable[[Home], _Answer]
_AskPerson = Callable[[Person], tuple[Lack | None, datetime | None]]

# --- deciding ------------------------------------------------------------------------------------------------------


def checklists(facts: Facts, settings: Settings, ladders: Sequence[Ladder], now: datetime) -> dict[str, Checklist]:
    """Return the checklist of every community in which somebody lives, by its area.

    Parameters
    ----------
    facts : Facts
        What is known.
    settings : Settings
        How long a proof counts.
    ladders : sequence of Ladder
        Of the installation: they say at which hours nobody is promised.
    now : datetime
        Aware.
    """
    mine: dict[str, list[Home]] = {}
    for home in facts.homes:
        mine.setdefault(facts.community(home.area), []).append(home)
    ahead = _Ahead(facts, ladders, now, now + settings.ahead_days * DAY)
    return {area: _checklist(_Asked(facts, settings, ahead, now, area, homes)) for area, homes in sorted(mine.items())}


def _checklist(ask: "_Asked") -> Checklist:
    items, now, homes, area = ask.items(), ask.now, ask.homes, ask.area
    kept: dict[str, tuple[Key, ...]] = {}
    before: dict[str, datetime] = {}
    for home in homes:
        keys = tuple(one.key for one in items if any(_is_about(one.key, lack, home) for lack in one.lacks))
        if keys and home.before is not None and home.before > now and "monitor" in home.agreed_at and home.meters:
            before[home.id], keys = home.before, ()
        kept[home.id] = keys
    return Checklist(area, items, kept, before)


def _is_about(key: Key, lack: Lack, home: Home) -> bool:
    if key in HOME_KEYS:
        return lack.whom == home.id
    return lack.areas is None or home.area in lack.areas


class _Ahead:
    """The days ahead, sorted once for all communities."""

    def __init__(self, facts: Facts, ladders: Sequence[Ladder], now: datetime, until: datetime) -> None:
        self.until, self.ladders, self.holes = until, ladders, Holes(ladders)
        self.times: dict[str, list[tuple[datetime, datetime]]] = {}
        self.on: dict[str, set[str]] = {}
        for shift in facts.shifts:
            if shift.end > now and shift.start < until:
                self.times.setdefault(shift.area, []).append((shift.start, shift.end))
                for who in shift.people:
                    self.on.setdefault(who, set()).add(shift.area)


@dataclass(frozen=True)
class _Asked:
    """One community, looked at at one moment."""

    facts: Facts
    settings: Settings
    ahead: _Ahead
    now: datetime
    area: str
    homes: Sequence[Home]

    def items(self) -> tuple[Item, ...]:
        return (
            self._of_homes("consent", self._consent, None),
            self._of_homes("meter", self._meter, self.settings.meter_days),
            self._of_homes("contact", self._contact, self.settings.contact_days),
            self._shifts(),
            self._numbers(),
            self._of_people("workers", self._worker, self.ladder, self.settings.worker_days),
            self._channels(),
            self._drills(),
            self._of_people("rehearsal", self._rehearsal, self._going(), self.settings.rehearsal_days),
            self._accepted(),
        )

    # --- the homes' own ------------------------------------------------------------------------------------------

    def _of_homes(self, key: Key, ask: _AskHome, days: int | None) -> Item:
        lacks: list[Lack] = []
        proofs: list[datetime] = []
        for home in self.homes:
            found, at = ask(home)
            lacks += found
            proofs += at
        short = {lack.whom for lack in lacks}
        return self._item(key, len(self.homes) - len(short), len(self.homes), lacks, proofs, days)

    def _consent(self, home: Home) -> _Answer:
        wanted = ("monitor", "community")
        lacks = [
            Lack("ended" if purpose in home.ended else f"no_{purpose}", home.id, failed=purpose in home.ended)
            for purpose in wanted
            if purpose not in home.agreed_at
        ]
        return lacks[:1], [home.agreed_at[purpose] for purpose in wanted if purpose in home.agreed_at]

    def _meter(self, home: Home) -> _Answer:
        if not home.meters:
            return [Lack("no_meter", home.id)], []
        return self._each(home.id, [(one.proved_at, "no_tap") for one in home.meters], self.settings.meter_days)

    def _contact(self, home: Home) -> _Answer:
        if any(one.bad for one in home.relatives):
            return [Lack("bad_contact", home.id, failed=True)], []
        return self._each(
            home.id, [(one.reached_at, "no_contact") for one in home.relatives], self.settings.contact_days
        )

    def _each(self, home: str, proofs: Iterable[tuple[datetime | None, str]], days: int) -> _Answer:
        lacks, held = [], []
        for at, never in proofs:
            if at is None:
                lacks.append(Lack(never, home))
            elif self._lapsed(at, days):
                lacks.append(Lack(f"{never}_lapsed", home, at))
            else:
                held.append(at)
        return lacks[:1], held

    # --- the people ----------------------------------------------------------------------------------------------

    @cached_property
    def areas(self) -> dict[str, tuple[str, ...]]:
        """The areas in which its homes lie, each with those above it."""
        return {area: self.facts.up(area) for area in sorted({home.area for home in self.homes})}

    @cached_property
    def ladder(self) -> dict[Person, frozenset[str]]:
        """Everybody who may be asked for its homes in the days ahead, and for which of its areas."""
        below: dict[str, set[str]] = {}
        for area, up in self.areas.items():
            for one in up:
                below.setdefault(one, set()).add(area)
        found: dict[Person, frozenset[str]] = {}
        for person in self.facts.people:
            on = self.ahead.on.get(person.id, set())
            stands = on | {person.area} if person.role in ("lead", "duty", "operator") else on
            if for_areas := frozenset[str]().union(*(below.get(one, ()) for one in stands)):
                found[person] = for_areas
        return found

    def _going(self) -> dict[Person, frozenset[str]]:
        """Return those of the ladder who go to a door."""
        return {person: areas for person, areas in self.ladder.items() if person.role in ("worker", "lead")}

    def _of_people(self, key: Key, ask: _AskPerson, people: Mapping[Person, frozenset[str]], days: int) -> Item:
        lacks: list[Lack] = []
        proofs: list[datetime] = []
        for person, areas in people.items():
            lack, at = ask(person)
            if lack is None and at is not None:
                proofs.append(at)
            elif lack is not None:
                lacks.append(lack._replace(whom=person.id, areas=areas))
        served = frozenset[str]().union(*people.values())
        if alone := frozenset(self.areas) - served:
            lacks.append(Lack("nobody", "", areas=alone))
        return self._item(key, len(proofs), len(people), lacks, proofs, days)

    def _worker(self, person: Person) -> tuple[Lack | None, datetime | None]:
        at = person.tapped_at
        if person.bad:
            return Lack("bad_worker", failed=True), None
        if at is None:
            return Lack("no_tap_of_worker"), None
        return (Lack("tap_lapsed", at=at), None) if self._lapsed(at, self.settings.worker_days) else (None, at)

    def _rehearsal(self, person: Person) -> tuple[Lack | None, datetime | None]:
        signed = [one.at for one in self._entries("signed") if person.id in one.workers]
        proofs = [at for at in (person.rehearsed_at, *signed) if at is not None]
        at = max(proofs, default=None)
        if person.late_at is not None and (at is None or person.late_at > at):
            return Lack("rehearsed_late", at=person.late_at, failed=True), None
        if at is None:
            return Lack("not_rehearsed"), None
        lapsed = self._lapsed(at, self.settings.rehearsal_days)
        return (Lack("rehearsal_lapsed", at=at), None) if lapsed else (None, at)

    # --- the community -------------------------------------------------------------------------------------------

    def _shifts(self) -> Item:
        lacks, parts, full = [], dict[str, None](), 0
        zones = {home.area: home.zone for home in self.homes}
        for area, up in self.areas.items():
            theirs = [times for one in up for times in self.ahead.times.get(one, ())]
            hole = self.ahead.holes.first(theirs, up, zones[area], self.now, self.ahead.until)
            lacks += [] if hole is None else [Lack("hole", area, hole, frozenset({area}))]
            full += hole is None
            if not all(ladder.cover for ladder in self.ahead.ladders):
                parts |= dict.fromkeys(map(str, uncovered(self.ahead.ladders, up)))
        return Item("shifts", full, len(self.areas), tuple(lacks), self.now, None, tuple(parts))

    def _numbers(self) -> Item:
        lacks, areas = [], self.areas
        by_role = {role: {one.area for one in self.facts.people if one.role == role} for role in ("lead", "duty")}
        leadless = frozenset(area for area, up in areas.items() if not by_role["lead"] & set(up))
        if leadless:
            lacks.append(Lack("no_lead", "", areas=leadless))
        if not any(one.role == "operator" for one in self.facts.people):
            lacks.append(Lack("no_operator"))
        phoneless = frozenset(area for area, up in areas.items() if not by_role["duty"] & set(up))
        if phoneless and not self.facts.duty_phone:
            lacks.append(Lack("no_duty_phone", "", areas=phoneless))
        return Item("numbers", 3 - len(lacks), 3, tuple(lacks), None if lacks else self.now)

    def _channels(self) -> Item:
        used = sorted(self.facts.used.get(self.area, frozenset()))
        lacks, proofs = [], []
        for channel in used:
            at = self.facts.channels.get(channel)
            if at is None:
                lacks.append(Lack("channel_never", channel))
            elif self._lapsed(at, self.settings.channel_days):
                lacks.append(Lack("channel_lapsed", channel, at))
            else:
                proofs.append(at)
        if not used:
            lacks.append(Lack("channel_none"))
        return self._item("channels", len(proofs), len(used), lacks, proofs, self.settings.channel_days)

    def _drills(self) -> Item:
        lacks, proofs, notes = [], [], []
        for script in self.settings.drills:
            run = self._newest(script)
            if run is None:
                lacks.append(Lack("drill_never", script))
            elif run.good < run.lines or not run.lines:
                lacks.append(Lack("drill_missed", script, run.at, failed=True))
            elif self._lapsed(run.at, self.settings.drill_days):
                lacks.append(Lack("drill_lapsed", script, run.at))
            else:
                proofs.append(run.at)
                notes.append("own" if run.area == self.area else "installation")
        wanted = len(self.settings.drills)
        if not wanted:
            return Item("drills", 0, 0, notes=("no_drills",))
        made = self._item("drills", len(proofs), wanted, lacks, proofs, self.settings.drill_days)
        return replace(made, notes=tuple(dict.fromkeys(notes)))

    def _newest(self, script: str) -> Played | None:
        """Return the run that counts: the newest of the community's own drill area, else of the installation."""
        runs = [run for run in self.facts.played if run.script == script and run.area in (self.area, None)]
        return max(runs, key=lambda run: (run.area is not None, run.at), default=None)

    def _accepted(self) -> Item:
        said = list(self._entries("accepted"))
        if not said:
            return Item("accepted", 0, 1, (Lack("not_accepted"),))
        last = said[-1]
        if self._lapsed(last.at, self.settings.acceptance_days):
            return Item("accepted", 0, 1, (Lack("acceptance_lapsed", last.by, last.at),), last.at)
        return self._item("accepted", 1, 1, (), [last.at], self.settings.acceptance_days)

    def _entries(self, did: str) -> Iterator[Entry]:
        return (one for one in self.facts.entries.get(self.area, ()) if one.did == did)

    # --- ages ----------------------------------------------------------------------------------------------------

    def _lapsed(self, at: datetime, days: int) -> bool:
        return self.now - at > days * DAY

    def _item(
        self, key: Key, done: int, of: int, lacks: Iterable[Lack], proofs: Sequence[datetime], days: int | None
    ) -> Item:
        oldest = min(proofs, default=None)
        until = None if oldest is None or days is None else oldest + days * DAY
        return Item(key, done, of, tuple(lacks), oldest, until)
