"""What the family page knows of one home: never litres, never a time of use."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from alerts import drill_scope
from alerts.access import home_of_relative
from alerts.queries.absences import Absence
from alerts.queries.areas import AreaEvent, areas_of
from alerts.queries.cases import HOME, cards, home_of, open_cards, residents_of, undo_of
from alerts.queries.models import CaseCard, Home, Resident, Sign, Undo
from alerts.queries.slow import journeys_of
from alerts.schema import absences, areas, cases, contacts, findings, households


@dataclass(frozen=True, slots=True)
class FamilyView:
    """The state of one home for one contact."""

    contact: str
    home: Home
    residents: tuple[Resident, ...]
    case: CaseCard | None
    """The open care case, if any."""
    last_closed: CaseCard | None
    """The care case that was closed last."""
    away_until: datetime | None
    journeys: tuple[Absence, ...]
    """Declared absences that hold now or are to come."""
    silent_since: datetime | None
    """Since when the meter has not been heard, if that was found."""
    leak: Sign | None
    """A slow leak, if that was found: nothing about the person."""
    events: tuple[AreaEvent, ...]
    """What the home shares with its neighbours now: water cut off, or a gateway that is not heard."""
    undo: Undo | None
    """The tap that closed `last_closed`, as long as it can be taken back."""
    drill: bool = False
    """`case` and `last_closed` are played: the reader takes part in a drill at this home, and nothing real is open."""

    def undoable_for(self, actor: str, now: datetime) -> int:
        """Return for how many whole seconds `actor` can still take that tap back."""
        return self.undo.seconds_left(actor, now) if self.undo and self.case is None else 0


def family(conn: Connection, contact: str, now: datetime) -> FamilyView | None:
    """Return what this contact may see, None when nobody agreed (any more) to share."""
    household = home_of_relative(conn, contact, now)
    if household is None:
        return None
    name = conn.scalars(select(contacts.c.name).where(contacts.c.id == contact)).one()
    view = home_view(conn, household, name, now)
    since = drill_scope.run_at(conn, f"contact:{contact}", household)
    return view if since is None or view.case is not None else _played(conn, view, since, now)


def _played(conn: Connection, view: FamilyView, since: datetime, now: datetime) -> FamilyView:
    """Return what somebody sees who takes part in a drill that began then: its case, as long as nothing real is open."""
    case, closed = _care(conn, view.home.id, now, cases.c.realm == "drill", cases.c.opened_at >= since)
    if case is None and closed is None:
        return view
    undo = undo_of(conn, closed) if closed else None
    return replace(view, case=case, last_closed=closed, undo=undo, drill=True, journeys=(), away_until=None)


def _care(
    conn: Connection, household: str, now: datetime, *where: ColumnElement[bool]
) -> tuple[CaseCard | None, CaseCard | None]:
    """Return the open case about the people of a home, and the one that was closed last."""
    care = (*where, cases.c.household == household, cases.c.stream == "care")
    closed = cards(conn, *care, cases.c.closed_at.is_not(None), newest_first=True)
    case = next((_as_told(conn, card, now) for card in open_cards(conn, *care)), None)
    if case is None and closed and (before := _as_told(conn, closed[0], now)).is_open:
        case, closed = before, closed[1:]
    return case, next(iter(closed), None)


def home_view(conn: Connection, household: str, reader: str, now: datetime) -> FamilyView:
    """Return the state of a home as whoever is named `reader` may see it: a relative, or the resident."""
    home = conn.execute(
        select(*HOME).join(areas, areas.c.id == households.c.area).where(households.c.id == household)
    ).one()
    case, closed = _care(conn, household, now, cases.c.realm == "live")
    return FamilyView(
        contact=reader,
        home=home_of(home),
        residents=residents_of(conn, household, now),
        case=case,
        last_closed=closed,
        away_until=conn.scalar(
            select(func.max(absences.c.end)).where(
                absences.c.household == household, absences.c.start <= now, absences.c.end > now
            )
        ),
        journeys=journeys_of(conn, household, now),
        silent_since=conn.scalar(
            select(func.min(findings.c.onset)).where(
                findings.c.realm == "live",
                findings.c.household == household,
                findings.c.kind == "meter_silent",
                findings.c.cleared_at.is_(None),
            )
        ),
        leak=_leak(conn, household),
        events=areas_of(conn, household),
        undo=undo_of(conn, closed) if closed else None,
    )


def _as_told(conn: Connection, card: CaseCard, now: datetime) -> CaseCard:
    """Return a case as it was before a tap that can still be taken back: what a family is told waits as long as a message.

    Their own taps show at once.
    """
    undo = conn.scalar(select(cases.c.undo).where(cases.c.realm == card.realm, cases.c.id == card.id))
    if undo is None or undo["by"].startswith("contact:") or undo["until"] <= now.timestamp() * 1000:
        return card
    owner = card.owner if card.owner is not None and card.owner.id == undo["owner"] else None
    return replace(
        card, state=undo["state"], owner=owner, closed_at=None, outcome=None, outcome_reason=None,
        next_due=None, next_step=None,
    )  # fmt: skip


def _leak(conn: Connection, household: str) -> Sign | None:
    """Return the leak that was found in a home and is not mended."""
    f = findings.c
    holds = f.realm == "live", f.household == household, f.kind == "leak", f.cleared_at.is_(None)
    row = conn.execute(select(findings).where(*holds).order_by(f.raised_at.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Sign(row.id, row.kind, row.severity, row.reason, row.evidence, row.onset, row.raised_at, row.cleared_at)
