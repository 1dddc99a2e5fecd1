"""Who is asked when: the clocks of the escalation ladder, and the people who stand on it tonight.

Every number is a setting.  Defaults come from telecare and "12345" hot-line practice: a red alarm moves on after ten
minutes without an answer, an answer is owed within two hours (Beijing's rule for urgent work orders from 2023), and
nobody answering is a state that repeats, never an end.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

from alerts import ladders
from alerts.errors import PolicyError
from alerts.ladders import Ladder
from alerts.outcomes import Explains
from detectors.findings import Severity

FOR_GOOD_S = 3650 * 86400.0


class Load(NamedTuple):
    """What one worker has on hand."""

    red: int = 0
    amber: int = 0
    """Cases accepted and not ended."""
    offers: int = 0
    """Asked within the last hour."""


@dataclass(frozen=True, slots=True)
class Roster:
    """The people of one household at one moment, by id; None or empty: nobody stands there.

    `owner`, `backup` and `lead` are workers, `duty` the duty telephones of the area, `family` contacts in the order the
    resident chose, `operators` workers with that role.  Whoever the resident did not agree to is not in it.
    """

    owner: str | None = None
    backup: str | None = None
    lead: str | None = None
    family: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    duty: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    """The areas of the home, its own first, then upwards."""
    minute: int = 720
    """The local minute of the day at the home."""
    loads: Mapping[str, Load] = field(default_factory=dict)
    """What the workers on the ladder have on hand; who is not in it has nothing."""
    zone: tzinfo = UTC
    """In which the home tells the time."""

    def later(self, now: datetime, then: datetime) -> "Roster":
        """Return the same people at another moment of the home's day."""
        apart = then.astimezone(self.zone).replace(tzinfo=None) - now.astimezone(self.zone).replace(tzinfo=None)
        return replace(self, minute=(self.minute + round(apart.total_seconds() // 60)) % ladders.DAY_MIN)

    def on(self, rung: str) -> str | None:
        """Return who stands on a rung (`alerts.ladders.RUNG_NAMES`)."""
        if rung == "duty":
            return self.duty[0] if self.duty else None
        found: str | None = getattr(self, rung)
        return found


@dataclass(frozen=True)
class Policy:
    """Clocks and choices of one installation; all durations in seconds."""

    ask_first_s: float = 600.0
    """Amber only: how long family are asked before a worker is (pilots in Jing'an phone the family first)."""
    ask_again_s: float = 3600.0
    """A home that is only asked: how often the operators are told that nobody has answered."""
    rung_wait_s: tuple[float, ...] = (600.0, 600.0, 600.0)
    """Red: patience at owner, backup and lead: +10 min, +20 min, +30 min."""
    amber_rung_wait_s: tuple[float, ...] = (1800.0, 1800.0, 1800.0)
    """Amber: acceptance within half an hour each."""
    ladders: tuple[Ladder, ...] = ()
    """Ladders of some areas at some hours; where none is meant, the clocks above and owner, backup, lead."""
    most_red: int = 2
    most_amber: int = 5
    most_offers: int = 6
    """What one worker can have on hand, and be asked within an hour.  Who has that much is passed over while somebody
    else is free; nothing is refused or kept waiting for it, and no red waits behind ambers.  (About one alarm in ten
    minutes is what a full-time operator is taken to manage; a grid worker has other duties.)"""
    recurs_s: float = 43200.0
    """A new case so soon after the last one goes to who had that, and to the lead, and asks nobody first."""
    call_back_s: float = 86400.0
    """From an outcome until somebody should have called the home and asked."""
    hand_over_before_s: float = 1800.0
    """Before the end of a shift: when who comes next gets the list of the open cases."""
    hand_over_s: float = 600.0
    """From the change of shifts until the lead is told of a case that nobody took over."""
    hand_over_repeat_s: float = 1800.0
    """How often the lead is told again."""
    check_in: bool = False
    """Whether the owner of a shift is asked for one tap when it begins.  Off: the provisions of 2024 against formalism let
    apps for the grass roots ask for taps of attendance for emergencies only, so the programme has to say that this is one."""
    check_in_s: float = 300.0
    """From that question until the backup is asked first instead, and the lead told."""
    look_ahead: str = "09:00"
    """When, by the clock of the homes, the lead and the desk are told of the holes in the next seven days' shifts; empty:
    never."""
    quiet_hours: str = "22:00-07:00"
    """Blue: no message then, by the clock of the home; it comes at their end.  Empty: there are none."""
    amber_quiet_hours: str = ""
    """Amber: no worker is disturbed then; the family are asked, and the case waits.  Red never waits."""
    access_s: float = 900.0
    """Nobody opens: how often the owner and the lead are asked how it goes until somebody is inside."""
    unattended_repeat_s: float = 300.0
    """How often a case that nobody accepted calls again; it never stops."""
    set_off_s: float = 600.0
    """From acceptance until the worker is asked whether he or she has set off."""
    progress_s: float = 1200.0
    """From the last step of an accepted case until its owner is asked how it goes."""
    hand_back_s: float = 600.0
    """From that question until the case is offered to the lead."""
    outcome_s: float = 7200.0
    """From arrival until the outcome is asked for (two hours: urgent feedback of a work order)."""
    outcome_repeat_s: float = 1800.0
    """How often it is asked for again."""
    undo_s: float = 10.0
    """How long a tap can be taken back; its notices wait that long."""
    red_offer_life_s: float = 120.0
    """How long trying to deliver a red offer is useful; then the next person is asked."""
    amber_offer_life_s: float = 600.0
    """The same for an amber offer."""
    red_next_channel_s: float = 120.0
    """How long a message of a red case may be without proof that it arrived until the person's next channel is tried."""
    amber_next_channel_s: float = 600.0
    """The same for an amber case."""
    news_life_s: float = 86400.0
    """How long other notices are tried: a stand-down is worth a day."""
    away_s: float = 86400.0
    """How long an outcome "safe, but away" counts as a declared absence: one day, as for any unconfirmed absence."""
    technical_wait_s: float = 82800.0
    """Blue: how long a device's trouble may pass by itself before the operator gets a message; it stands on the operator's
    page at once.  On recorded homes a meter falls silent 14 times a month, and for more than a day every other month."""
    care_s: float = 259200.0
    """How long "taken to care" does: three days, then somebody is asked again."""
    no_use_kinds: tuple[str, ...] = (
        "quiet", "rule:*-zero", "rule:12h-10l", "rule:24h-10l", "rule:no-draw-*", "rule:windows-*",
    )  # fmt: skip
    """Findings about missing use: a declared absence explains these.  Flow in an empty home stays an alarm."""
    listed_kinds: tuple[str, ...] = ("drift",)
    """Findings that open no case and owe no message: who knows the homes finds them on a list, for the next visit."""
    fold_before_s: float = 1800.0
    """A home that was not overdue this long before the water went off is explained by that: the moment is only known to
    be after the last use of the homes around."""
    fold_grace_s: float = 7200.0
    """After the water is back: how long a home may take until its silence counts as its own again."""
    fold_long_s: float = 21600.0
    """How long homes may be folded until the operator is asked to call them round, and again."""
    family_absence_s: float = 86400.0
    """How long an absence that a relative declared holds until a worker or the operator confirms it."""
    language: str = "zh_CN"
    """Language of notices: zh_CN or en."""

    def ladder(self, roster: Roster) -> Ladder:
        """Return the ladder of a home at this moment."""
        found = ladders.nearest(self.ladders, roster.areas, roster.minute)
        return self._usual if found is None else found

    @cached_property
    def _usual(self) -> Ladder:
        return Ladder(rung_wait_s=self.rung_wait_s, amber_rung_wait_s=self.amber_rung_wait_s)

    def full(self, load: Load, severity: Severity) -> bool:
        """Whether somebody with so much on hand is passed over for a case of that severity."""
        if severity == "red":
            return load.red >= self.most_red
        return load.red + load.amber >= self.most_amber or load.offers >= self.most_offers

    def quiet_until(self, severity: Severity, roster: Roster, now: datetime) -> datetime | None:
        """Return until when nobody is disturbed for a case of that severity; None: they may be now.

        Quiet hours of several ladders that follow each other are one; if they left nothing of the day, they would not count.
        """
        if severity == "red":
            return None
        for ahead in range(ladders.DAY_MIN):
            minute = (roster.minute + ahead) % ladders.DAY_MIN
            hours = self._quiet_hours(severity, roster.areas, minute)
            if not hours or not ladders.Hours.read(hours).holds(minute):
                local = now.astimezone(roster.zone).replace(second=0, microsecond=0)
                # Wall clocks are added to: the hours end when the clock on the wall says so.  In the hour that comes twice
                # that may lie behind: then a minute from now.
                end = (local + timedelta(minutes=ahead)).astimezone(UTC)
                return max(end, now + timedelta(minutes=1)) if ahead else None
        return None

    def _quiet_hours(self, severity: Severity, areas: tuple[str, ...], minute: int) -> str:
        ladder = ladders.nearest(self.ladders, areas, minute)
        mine = None if ladder is None else ladder.quiet if severity == "blue" else ladder.amber_quiet
        usual = self.quiet_hours if severity == "blue" else self.amber_quiet_hours
        return usual if mine is None else mine

    @cached_property
    def id(self) -> str:
        """Return the name of exactly these settings: a case keeps those under which it was opened."""
        return sha256(json.dumps(self.table(), sort_keys=True).encode()).hexdigest()[:12]

    def table(self) -> dict[str, Any]:
        """Return the section that `load` makes this policy of."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "ladders"}
        named = [asdict(ladder) | {"hours": str(ladder.hours)} for ladder in self.ladders]
        return json.loads(json.dumps(plain | {"ladders": named}))  # type: ignore[no-any-return]

    def offer_life(self, severity: Severity) -> timedelta:
        """Return how long an offer is worth delivering."""
        return timedelta(seconds=self.red_offer_life_s if severity == "red" else self.amber_offer_life_s)

    def next_channel(self, severity: Severity) -> timedelta:
        """Return how long a message may be without proof that it arrived until the person's next channel is tried."""
        return timedelta(seconds=self.red_next_channel_s if severity == "red" else self.amber_next_channel_s)

    def explained_s(self, explains: Explains) -> float:
        """Return the seconds from now for which an outcome explains that no water is used."""
        return {"until_now": 0.0, "away": self.away_s, "care": self.care_s, "for_good": FOR_GOOD_S}[explains]

    def explained_by_absence(self, kind: str) -> bool:
        """Whether a finding of `kind` says only that water was not used."""
        return any(fnmatchcase(kind, pattern) for pattern in self.no_use_kinds)

    @classmethod
    def load(cls, section: Mapping[str, Any]) -> "Policy":
        """Return the policy of a configuration section; what it does not name keeps its default.

        Raises
        ------
        PolicyError
            With everything that is wrong: an unknown setting, a duration that is not a positive number, a ladder without
            one patience per rung or with hours at which nobody is asked, an unknown language.
        """
        known = {f.name for f in fields(cls)}
        faults: list[str] = []
        values: dict[str, Any] = {}
        for name, value in section.items():
            if name not in known:
                faults.append(f"{name}: no such setting; want one of {', '.join(sorted(known))}")
                continue
            if name == "ladders":
                values[name], wrong = _ladders(value)
                faults += wrong
                continue
            wanted, values[name] = _checked(name, value)
            if wanted:
                faults.append(f"{name}: want {wanted}, got {value!r}")
        if faults:
            raise PolicyError(faults)
        return cls(**values)

    @staticmethod
    def demo_table() -> dict[str, Any]:
        """Return the section of a ladder short enough to watch: the backup is asked after one minute."""
        return {"rung_wait_s": [60, 60, 60], "amber_rung_wait_s": [60, 60, 60], "ask_first_s": 60}


def _ladders(value: Any) -> tuple[tuple[Ladder, ...], list[str]]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        return (), [f"ladders: want tables ([[policy.ladders]]), got {value!r}"]
    return ladders.read(value)


def _checked(name: str, value: Any) -> tuple[str | None, Any]:
    if name.endswith("rung_wait_s"):
        usual = Ladder().rungs
        if not isinstance(value, list | tuple) or len(value) != len(usual) or not all(map(ladders.duration, value)):
            return f"{len(usual)} durations in seconds above 0, one for each of {', '.join(usual)}", None
        return None, tuple(float(wait) for wait in value)
    if name.endswith("_kinds"):
        if not isinstance(value, list | tuple) or not all(isinstance(kind, str) and kind for kind in value):
            return "a list of finding kinds", None
        return None, tuple(value)
    if name.startswith("most_"):
        good = isinstance(value, int) and not isinstance(value, bool) and value > 0
        return (None, value) if good else ("a whole number above 0", None)
    if name == "check_in":
        return (None, value) if isinstance(value, bool) else ("true or false", None)
    if name == "look_ahead":
        fits = isinstance(value, str) and (not value or ladders.CLOCK.fullmatch(value))
        return (None, value) if fits else ("a time of the day such as 09:00, or nothing", None)
    if name.endswith("quiet_hours"):
        return _quiet_hours(value)
    if name == "language":
        return (None, value) if value in ("zh_CN", "en") else ("zh_CN or en", None)
    return (None, float(value)) if ladders.duration(value) else ("a duration in seconds above 0", None)


def _quiet_hours(value: Any) -> tuple[str | None, Any]:
    try:
        return None, ladders.quiet_hours(value)
    except ValueError:
        return "hours such as 22:00-07:00 that leave some of the day, or nothing", None
