"""What a community's checklist rests on: how long a proof counts, and all that is known, as values.

`alerts.queries.go_live` reads it, `alerts.go_live` decides what it proves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Settings:
    """How long a proof counts, in days, and which drills are wanted.  Every number is our own proposal, to be tuned.

    Raises
    ------
    ValueError
        A number of days is below 1.
    """

    required: bool = True
    """False: nothing is asked before a home is shown as covered; the list is kept all the same."""
    meter_days: int = 730
    """A tap was opened and this meter told of it: two years, or until the meter is exchanged."""
    contact_days: int = 365
    """A relative was reached: numbers change about once in some years."""
    worker_days: int = 90
    """Somebody of the ladder tapped a message of ours."""
    channel_days: int = 30
    """A message by this channel was proved to arrive, whoever it went to."""
    ahead_days: int = 14
    """How far ahead the shifts must be filled."""
    drill_days: int = 90
    """A drill met all its lines: four times a year."""
    rehearsal_days: int = 180
    """A worker took a live rehearsal in time, or sat at a table where it was played through."""
    acceptance_days: int = 365
    """The community accepted what it uses."""
    drills: tuple[str, ...] = ("fall_at_night", "worker_does_not_answer", "gateway_down")
    """Scripts of drills that must have met all their lines."""

    def __post_init__(self) -> None:
        """Check that proofs last."""
        for name in self.__slots__:
            value = getattr(self, name)
            if name.endswith("_days") and value < 1:
                raise ValueError(f"{name}: want 1 day or more, got {value}")


# --- what is known -------------------------------------------------------------------------------------------------


class Meter(NamedTuple):
    """A water meter that is fitted now, and when a tap last proved that it is this home's since it was."""

    device: str
    proved_at: datetime | None


class Relative(NamedTuple):
    """Somebody whom the resident agreed to be told."""

    id: str
    reached_at: datetime | None
    """When a message was last proved to have arrived at an address that they have now."""
    bad: bool
    """Nobody is reached at any of their addresses."""


class Home(NamedTuple):
    """A home in which somebody lives."""

    id: str
    area: str
    zone: ZoneInfo
    agreed_at: Mapping[str, datetime]
    """When each purpose was agreed to that holds now."""
    ended: frozenset[str]
    """Purposes that were agreed to and do not hold now: withdrawn, paused, or asked anew."""
    meters: tuple[Meter, ...]
    relatives: tuple[Relative, ...]
    before: datetime | None = None
    """It was served before there was a checklist, and is shown as covered as it was until then."""


class Person(NamedTuple):
    """Somebody who works here."""

    id: str
    role: str
    """worker, lead, duty (a telephone), operator"""
    area: str
    tapped_at: datetime | None
    """When they last opened one of our messages at an address that they have now, or checked in."""
    bad: bool
    rehearsed_at: datetime | None
    """When they last took a case of a live rehearsal in time."""
    late_at: datetime | None = None
    """When they last took one too late, if that was later."""


class Shift(NamedTuple):
    """A shift; ids of workers."""

    area: str
    start: datetime
    end: datetime
    people: tuple[str, ...]


class Played(NamedTuple):
    """The newest run of a script that came to its end."""

    script: str
    at: datetime
    good: int
    lines: int
    area: str | None
    """The community to which its drill area belongs; None: it stands for the whole installation."""


class Entry(NamedTuple):
    """What somebody wrote down for a community: ``accepted``, or ``signed`` with the workers who sat at the table."""

    did: str
    at: datetime
    by: str
    workers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Facts:
    """All that the checklists of an installation rest on, as read at one moment."""

    parents: Mapping[str, str | None]
    kinds: Mapping[str, str]
    homes: Sequence[Home] = ()
    people: Sequence[Person] = ()
    shifts: Sequence[Shift] = ()
    played: Sequence[Played] = ()
    channels: Mapping[str, datetime] = field(default_factory=dict)
    """When something was last proved to arrive by each channel."""
    used: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Channels of the people and of the relatives of each community."""
    entries: Mapping[str, Sequence[Entry]] = field(default_factory=dict)
    """By community, in order of time."""
    duty_phone: bool = False
    """The installation has a duty telephone on its pages."""

    def up(self, area: str | None) -> tuple[str, ...]:
        """Return an area and those above it, the nearest first; a circle is not followed."""
        found: list[str] = []
        while area is not None and area not in found:
            found.append(area)
            area = self.parents.get(area)
        return tuple(found)

    def community(self, area: str) -> str:
        """Return to which community an area belongs: the nearest of that kind, else what holds the grid, else itself."""
        up = self.up(area)
        named = next((one for one in up if self.kinds.get(one) == "community"), None)
        if named is not None:
            return named
        return up[1] if self.kinds.get(area) == "grid" and len(up) > 1 else area
