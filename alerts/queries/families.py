"""What the family page knows of one home: never litres, never a time of use."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from alerts.access import home_of_relative
from alerts.queries.cases import HOME, cards, home_of, open_cards, residents_of, undo_of
from alerts.queries.models import CaseCard, Home, Resident, Undo
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
    silent_since: datetime | None
    """Since when the meter has not been heard, if that was found."""
    undo: Undo | None
    """The tap that closed `last_closed`, as long as it can be taken back."""

    def undoable_for(self, actor: str, now: datetime) -> int:
        """Return for how many whole seconds `actor` can still take that tap back."""
        return self.undo.seconds_left(actor, now) if self.undo and self.case is None else 0


def family(conn: Connection, contact: str, now: datetime) -> FamilyView | None:
    """Return what this contact may see, None when nobody agreed (any more) to share."""
    household = home_of_relative(conn, contact, now)
    if household is None:
        return None
    home = conn.execute(
        select(*HOME).join(areas, areas.c.id == households.c.area).where(households.c.id == household)
    ).one()
    care = (cases.c.realm == "live", cases.c.household == household, cases.c.stream == "care")
    closed = cards(conn, *care, cases.c.closed_at.is_not(None), newest_first=True)
    return FamilyView(
        contact=conn.scalars(select(contacts.c.name).where(contacts.c.id == contact)).one(),
        home=home_of(home),
        residents=residents_of(conn, household, now),
        case=next(iter(open_cards(conn, *care)), None),
        last_closed=next(iter(closed), None),
        away_until=conn.scalar(
            select(func.max(absences.c.end)).where(
                absences.c.household == household, absences.c.start <= now, absences.c.end > now
            )
        ),
        silent_since=conn.scalar(
            select(func.min(findings.c.onset)).where(
                findings.c.realm == "live",
                findings.c.household == household,
                findings.c.kind == "meter_silent",
                findings.c.cleared_at.is_(None),
            )
        ),
        undo=undo_of(conn, closed[0]) if closed else None,
    )
