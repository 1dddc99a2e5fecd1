"""One turn of duty: whether the owner of a shift is there, and who is asked first until then.  Pure, as `alerts.cases`.

::

    shift begins ──the owner did something lately──► there
         │ asked: one tap, or an answer by message
         ├── tap ───────────────────────────────────► there
         └── too late, or "I cannot" ──► missed: the backup is asked first, the lead knows ── tap of the owner ──► there

One tap a shift at most, and none from somebody who has just worked with us anyway.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from alerts.effects import Notify
from alerts.policy import Policy

LATELY = timedelta(minutes=30)
"""So long before a shift a sign of life of its owner counts for it, and a tap may be made."""
ASKED_LATE = timedelta(hours=1)
"""So long after its beginning the owner is still asked (the service was down); later the ladder has to do."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A shift of an area, and what is known of its people; ids of workers."""

    id: str
    area: str
    start: datetime
    end: datetime
    owner: str
    backup: str | None = None
    lead: str | None = None
    asked_at: datetime | None = None
    owner_at: datetime | None = None
    missed_at: datetime | None = None
    backup_at: datetime | None = None

    @property
    def swapped(self) -> bool:
        """Whether the backup stands before the owner."""
        return self.missed_at is not None and self.owner_at is None


@dataclass(frozen=True, slots=True)
class Began:
    """The shift has begun; `seen`: its owner gave a sign of life since shortly before."""

    seen: bool


@dataclass(frozen=True, slots=True)
class Late:
    """The time for a check-in is over."""


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """Somebody says: I am here."""

    by: str


@dataclass(frozen=True, slots=True)
class CannotCome:
    """Somebody says: I cannot."""

    by: str


TurnEvent = Began | Late | CheckedIn | CannotCome


def name(area: str, start: datetime, owner: str) -> str:
    """Return the id of a shift: of a sheet that is imported again the same."""
    return sha256(f"{area}|{round(start.timestamp() * 1000)}|{owner}".encode()).hexdigest()[:20]


def late_at(turn: Turn, policy: Policy) -> datetime | None:
    """Return when the check-in of the owner is late; None: nothing is waited for."""
    if turn.asked_at is None or turn.owner_at is not None or turn.missed_at is not None:
        return None
    return turn.asked_at + timedelta(seconds=policy.check_in_s)


def step(
    turn: Turn, event: TurnEvent, now: datetime, policy: Policy, operators: tuple[str, ...]
) -> tuple[Turn, tuple[Notify, ...]]:
    """Return the turn after `event`, and who is owed a notice; the very same turn if the event does not apply."""
    if now >= turn.end:
        return turn, ()
    match event:
        case Began(seen) if turn.asked_at is None and turn.owner_at is None and turn.missed_at is None:
            if now < turn.start or now >= turn.start + ASKED_LATE:
                return turn, ()
            if seen:
                return replace(turn, owner_at=now), ()
            return replace(turn, asked_at=now), (Notify(f"worker:{turn.owner}", "check_in"),)
        case Late() if (due := late_at(turn, policy)) is not None and now >= due:
            return _missed(turn, now, operators)
        case CannotCome(by) if by == f"worker:{turn.owner}" and not turn.swapped and _open(turn, now):
            return _missed(replace(turn, owner_at=None), now, operators)
        case CheckedIn(by) if by == f"worker:{turn.owner}" and turn.owner_at is None and _open(turn, now):
            return replace(turn, owner_at=now), ()
        case CheckedIn(by) if by == f"worker:{turn.backup}" and turn.swapped and turn.backup_at is None:
            return replace(turn, backup_at=now), ()
        case _:
            return turn, ()


def _open(turn: Turn, now: datetime) -> bool:
    return now >= turn.start - LATELY


def _missed(turn: Turn, now: datetime, operators: tuple[str, ...]) -> tuple[Turn, tuple[Notify, ...]]:
    """The backup is asked first from now on, and to check in; the lead knows, or where there is none the desk."""
    told: list[Notify] = []
    if turn.backup is not None and turn.backup != turn.owner:
        told.append(Notify(f"worker:{turn.backup}", "check_in_backup"))
    if turn.lead is not None and turn.lead != turn.owner:
        told.append(Notify(f"worker:{turn.lead}", "check_in_missed"))
    else:
        told += [Notify(f"operator:{who}", "check_in_missed") for who in operators]
    return replace(turn, missed_at=now), tuple(told)
