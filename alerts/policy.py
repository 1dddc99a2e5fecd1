"""Who is asked when: the clocks of the escalation ladder, and the people who stand on it tonight.

Every number is a setting.  Defaults come from telecare and "12345" hot-line practice: a red alarm moves on after ten
minutes without an answer, an answer is owed within two hours (Beijing's rule for urgent work orders from 2023), and
nobody answering is a state that repeats, never an end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from alerts.errors import PolicyError
from alerts.outcomes import Explains
from detectors.findings import Severity

RUNGS = ("owner", "backup", "lead")
"""The ladder, in the order in which its people are asked."""

FOR_GOOD_S = 3650 * 86400.0
LEAD = RUNGS.index("lead")


@dataclass(frozen=True, slots=True)
class Roster:
    """The people of one household at one moment, by id; None or empty: nobody stands there.

    `owner`, `backup` and `lead` are workers, `family` contacts in the order the resident chose, `operators` workers
    with that role.  Whoever the resident did not agree to is not in it.
    """

    owner: str | None = None
    backup: str | None = None
    lead: str | None = None
    family: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()

    @property
    def rungs(self) -> tuple[str | None, ...]:
        """Return the ladder: owner, backup, lead."""
        return (self.owner, self.backup, self.lead)


@dataclass(frozen=True, slots=True)
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

    def wait(self, severity: Severity, rung: int) -> timedelta:
        """Return how long the person on `rung` has before the next one is asked."""
        return timedelta(seconds=(self.rung_wait_s if severity == "red" else self.amber_rung_wait_s)[rung])

    def offer_life(self, severity: Severity) -> timedelta:
        """Return how long an offer is worth delivering."""
        return timedelta(seconds=self.red_offer_life_s if severity == "red" else self.amber_offer_life_s)

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
            With everything that is wrong: an unknown setting, a duration that is not a positive number, a ladder with
            a hole (not one patience per rung), an unknown language.
        """
        known = {f.name for f in fields(cls)}
        faults, values = [], {}
        for name, value in section.items():
            if name not in known:
                faults.append(f"{name}: no such setting; want one of {', '.join(sorted(known))}")
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


def _checked(name: str, value: Any) -> tuple[str | None, Any]:
    if name.endswith("rung_wait_s"):
        if not isinstance(value, list | tuple) or len(value) != len(RUNGS) or not all(map(_duration, value)):
            return f"{len(RUNGS)} durations in seconds above 0, one for each of {', '.join(RUNGS)}", None
        return None, tuple(float(wait) for wait in value)
    if name == "no_use_kinds":
        if not isinstance(value, list | tuple) or not all(isinstance(kind, str) and kind for kind in value):
            return "a list of finding kinds", None
        return None, tuple(value)
    if name == "language":
        return (None, value) if value in ("zh_CN", "en") else ("zh_CN or en", None)
    return (None, float(value)) if _duration(value) else ("a duration in seconds above 0", None)


def _duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
