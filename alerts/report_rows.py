"""What the monthly report is worked out from: plain rows of homes, cases, call-backs and spells, without a name in them.

`alerts.queries.monthly` reads them, `alerts.report` decides.  Times are aware UTC.
"""

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from alerts.ladders import Ladder
from alerts.policy import Policy
from alerts.spans import Span
from detectors.findings import Severity

SpellKind = Literal["agreed", "metered", "paused", "away", "water_outage", "radio_outage", "silent"]
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month; when it begins and ends depends on where one is."""

    year: int
    month: int

    @classmethod
    def read(cls, text: str) -> "Month":
        """Return the month of a text such as ``2026-10``.

        Raises
        ------
        ValueError
            It is none, or one that no calendar of this machine holds.
        """
        found = _MONTH.fullmatch(text)
        if found is None or not 1970 <= int(found[1]) < 9999:
            raise ValueError(f"want a month such as 2026-10, got {text!r}")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, moment: datetime, zone: ZoneInfo) -> "Month":
        """Return the month in which a moment lies by the clocks of `zone`."""
        local = moment.astimezone(zone)
        return cls(local.year, local.month)

    def span(self, zone: ZoneInfo) -> Span:
        """Return when it begins and ends by the clocks of `zone`, UTC: an hour shorter or longer where clocks change."""
        after = self.later(1)
        start, end = (datetime(one.year, one.month, 1, tzinfo=zone).astimezone(UTC) for one in (self, after))
        return start, end

    def later(self, months: int) -> "Month":
        """Return the month so many months on; below zero: before."""
        years, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(years, month + 1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return calendar.monthrange(self.year, self.month)[1]

    def __str__(self) -> str:
        """Return the text it is read from."""
        return f"{self.year:04}-{self.month:02}"


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A registered home."""

    id: str
    area: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class StepRow:
    """One line of a case's log; `actor` as in the log, `state` what the case was after it."""

    at: datetime
    kind: str
    actor: str
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Within how long, from its finding on, a case should have come so far [s]; None: nothing is promised."""

    told: float | None = None
    accepted: float | None = None
    door: float | None = None
    outcome: float | None = None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case of the live realm."""

    household: str
    stream: str
    severity: str
    state: str
    kind: str | None
    """Of its first finding; None: not known."""
    onset: datetime
    raised_at: datetime
    """When its first finding was made."""
    opened_at: datetime
    closed_at: datetime | None = None
    outcome: str | None = None
    reason: str | None = None
    emergency: bool = False
    rungs: tuple[int, ...] = ()
    """Which rung each person stood on who was asked to go."""
    owed: bool = False
    """Somebody was to be told of it."""
    proved_at: datetime | None = None
    """When a message about it was first proved to have arrived."""
    steps: tuple[StepRow, ...] = ()
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call-back owed for a case that ended at `ended_at`."""

    household: str
    ended_at: datetime
    due_at: datetime
    done_at: datetime | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class SpellRow:
    """For how long something was so at a home; `end` None: it still is.  A ``metered`` row stands for one meter."""

    household: str
    kind: SpellKind
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """Somebody asked for a home to be watched; `area` None: not known any more."""

    area: str | None
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything that the report of a month rests on."""

    areas: Mapping[str, str]
    """Name by id, of the areas that are looked at."""
    zone: ZoneInfo
    """Of the installation: an application has no home yet."""
    homes: Sequence[HomeRow] = ()
    cases: Sequence[CaseRow] = ()
    calls: Sequence[CallRow] = ()
    spells: Sequence[SpellRow] = ()
    applications: Sequence[ApplicationRow] = ()
    down: Sequence[Span] | None = None
    """When nothing proves that the service ran; None: not known at all."""
    batteries: Sequence[tuple[str, float | None]] | None = None
    """(home, percent) of each device that was fitted when the report was made; None: not known at all."""


def limits(policy: Policy, ladder: Ladder, severity: str, *, ask_only: bool) -> Limits:
    """Return what a policy promises a case, each counted from its finding: proof, acceptance, the door, the outcome.

    Acceptance: the patience with the first person, after the time that the family has before.  The door: as long again as
    the worker may take to set off and until asked how it goes.  The outcome: until it is asked for after that.
    """
    if severity not in ("red", "amber"):
        return Limits()
    urgent: Severity = "red" if severity == "red" else "amber"
    told = policy.next_channel(urgent).total_seconds()
    waits = ladder.rung_wait_s if urgent == "red" else ladder.amber_rung_wait_s
    if ask_only or not waits:
        return Limits(told)
    head_start = ladder.head_start_s if ladder.family == "first" else 0.0
    accepted = waits[0] + (head_start if urgent == "red" else policy.ask_first_s)
    door = accepted + policy.set_off_s + policy.progress_s
    return Limits(told, accepted, door, door + policy.outcome_s)


def down_between(seen: Sequence[datetime], month: Span, every_s: float) -> list[Span] | None:
    """Return when nothing proves that the service ran in `month`, from the moments at which it wrote that it did.

    It writes every `every_s` seconds and when it starts: between two such moments that lie further apart it was down for
    some part, and which part nobody knows, so all of it counts, as does all before the first.  None: it never wrote.
    """
    start, end = month
    moments = sorted(moment for moment in seen if moment < end)
    if not moments:
        return None
    pairs = zip([start, *moments], [*moments, end], strict=True)
    return [(max(a, start), b) for a, b in pairs if b > start and (b - max(a, start)).total_seconds() > every_s]
