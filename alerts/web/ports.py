"""What the pages need from elsewhere; `shuian.service` injects it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of a home: `litres` per quarter of an hour (96 values); None = not known, which is never zero."""

    date: date
    litres: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Water:
    """What the meter lets us know of one home now.  Any field may be None: not known."""

    last_use_at: datetime | None
    """The latest moment at which water may have been drawn."""
    heard_at: datetime | None
    """When the meter was last heard (our clock)."""
    known_until: datetime | None
    """Up to when the use of water is known (the meter's clock)."""
    usual_first_use_s: tuple[float, float] | None
    """10 % and 90 % points of this person's first use of a day after 04:00, seconds after local midnight."""
    first_uses: tuple[tuple[date, float | None], ...]
    """First use after 04:00 of the last seven days, seconds after local midnight; None: none seen or not known."""
    running_since_at: datetime | None = None
    """Since when water has been running without a stop; None: it is not."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One device that is fitted now, and how well it is heard.  None: not known, or there is nothing to know."""

    household: str
    device: str
    format: str
    gateway: str | None
    """The gateway through which it speaks, as the registry says."""
    period_s: float
    """How often it should report. [s]"""
    resolution_l: float | None
    """The smallest step of its register [L]; None: a sensor without a water register."""
    heard_at: datetime | None
    """When it was last heard (our clock)."""
    battery_percent: float | None
    share_24h: float | None
    """Readings received of those expected in the last day, 0-1; None: nothing was expected."""
    share_7d: float | None
    """The same for the last seven days."""


@dataclass(frozen=True, slots=True)
class Served:
    """How well a home can be watched, by its own history.  None: not known yet."""

    median_s: float | None
    late_s: float | None
    """If water stopped for good, how long until somebody asks: half of the times, nine times in ten at the latest. [s]"""
    own_level: float
    """What its level lies above the common one."""
    well: int
    """Alarms of the last three months at which all was well."""
    irregular: bool
    """Its use is too irregular for more than a question."""
    asked_a_month: float | None
    """How often it would be asked for nothing in a month, by its own past."""
    empty_p: float | None
    """The share of days on which hardly anything was drawn."""


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms of the last 30.4 days over all homes, and how many were intended."""

    asked: int
    asked_intended: float
    gone: int
    """Those that were told as urgent."""
    gone_intended: float
    a_month: float
    """How many a home and month are intended."""

    LEAST = 10.0
    """Fewer intended than this: chance would decide."""
    FROM, TO = 0.6, 1.6
    """Obtained over intended: within the budget."""

    @property
    def says(self) -> str:
        """Return ``few``, ``kept``, ``over`` or ``under``."""
        if self.asked_intended < self.LEAST:
            return "few"
        ratio = self.asked / self.asked_intended
        return "over" if ratio > self.TO else "under" if ratio < self.FROM else "kept"


class Readings(Protocol):
    """History and present of a home's water."""

    def served(self, household: str, now: datetime) -> Served | None:
        """Return how well a home can be watched; None: it is not watched."""
        ...

    def irregular(self) -> tuple[str, ...]:
        """Return the ids of the homes whose use is too irregular for more than a question."""
        ...

    def budget(self, now: datetime) -> Budget | None:
        """Return whether the budget of false alarms is kept; None: not known."""
        ...

    def days(self, household: str, now: datetime, count: int = 7) -> list[Day]:
        """Return the last `count` local days, today last; quarters after `now` are None."""
        ...

    def water(self, household: str, now: datetime) -> Water:
        """Return what is known of the home's water now."""
        ...

    def meters(self, now: datetime) -> list[Meter]:
        """Return every device that is fitted now, in any order."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a message said; `value` None: not known, or not to be shown."""

    quantity: str
    value: bool | float | str | None
    unit: str
    measured_at: datetime | None
    """By the device's own clock; None: it does not say."""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of a device as it was understood, whether or not it could be stored."""

    at: datetime
    format: str | None
    topic: str
    said: tuple[Said, ...]
    stored: int
    """How many of these were stored."""
    refused: tuple[str, ...] = ()
    """Why the rest was not."""
    retained: bool = False
    """A copy that the broker kept: a state, no sign of life."""


@dataclass(frozen=True, slots=True)
class Lack:
    """What a device wants: `code` names the sentence, `slots` fill it; `stops`: without it nothing is stored or judged."""

    code: str
    stops: bool
    slots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a meter told of water around a moment: litres between two of its reports."""

    litres: float
    since_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is known of one device, for whoever fits it."""

    device: str
    household: str | None
    """Where the registry has it now; None: nowhere."""
    format: str | None
    heard: tuple[Heard, ...]
    """The last messages, the newest first; none since the start of the service is no proof of silence."""
    kept: tuple[Said, ...]
    """What is stored of it newest, one of each quantity."""
    lacks: tuple[Lack, ...]
    next_at: datetime | None
    """When its next report is due; None: not known."""


class Fitting(Protocol):
    """What an installer asks of a device."""

    def device(self, device: str, now: datetime) -> Fitted:
        """Return what is known of a device, heard or not, registered or not."""
        ...

    def drawn(self, device: str, since: datetime) -> Drawn | None:
        """Return what the meter told of water since a moment; None: it has not reported since."""
        ...

    def others(self, device: str, since: datetime) -> list[str]:
        """Return the other meters of its building that told of water since."""
        ...

    def strangers(self) -> list[tuple[str, Heard]]:
        """Return devices heard of late that nobody registered, with their last message."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the service: `name` is a code such as ``broker``, `detail` a short word for people who run it."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """How the service is: what `/healthz` and the console say.  Without any check nothing was measured: not healthy."""

    checks: tuple[Check, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    """Totals since the start by code: readings stored, messages rejected, …"""

    @property
    def ok(self) -> bool:
        """Whether every part works, and at least one was looked at."""
        return bool(self.checks) and all(check.ok for check in self.checks)


@dataclass(frozen=True, slots=True)
class Script:
    """A drill that can be played."""

    name: str
    happens: str
    """What happens, in a sentence in English: for a script that has no words in the catalogues."""
    homes: int
    lasts_s: float
    """It is over then at the latest. [s]"""
    kinds: tuple[str, ...]
    """How it can be played here: ``tabletop``, ``technical``."""
    must: tuple[Mapping[str, Any], ...]
    """What must happen (`alerts.drill_score`)."""


@dataclass(frozen=True, slots=True)
class Started:
    """A drill that somebody started from the pages and that has not begun: it is being prepared, or could not begin."""

    script: str
    kind: str
    by: str
    at: datetime
    area: str
    refused: str = ""
    """Why it did not begin, in English; empty: it is being prepared."""


class CannotPlay(Exception):
    """A drill was not begun; says why, in English."""


class Player(Protocol):
    """Plays scripts of drills on this service."""

    def scripts(self) -> Sequence[Script]:
        """Return every script."""
        ...

    def start(self, script: str, kind: str, area: str, by: str) -> str | None:
        """Begin to play a script below a drill area, under the name of an operator, and return the drill's id.

        None: it is being prepared, and begins by itself (`started` says what became of it).

        Raises
        ------
        CannotPlay
            It could not be begun.
        """
        ...

    def plays(self, drill: str) -> bool:
        """Whether this process plays it: one that was begun before a restart goes on by itself until its end."""
        ...

    def started(self) -> Sequence[Started]:
        """Return what was started of late and has not begun."""
        ...
