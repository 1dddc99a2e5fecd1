"""Consents on pages: how a resident's stand, who looked, and which of all residents want an answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from alerts import consent
from alerts.consent import Standing, Wording
from alerts.queries.cases import HOME, home_of, names_of
from alerts.queries.families import FamilyView, home_view
from alerts.queries.models import Home
from alerts.registry.agreed import PURPOSES, parked
from alerts.schema import areas, cases, consents, contacts, households, residents, view_log

RECENT = timedelta(days=30)
"""How long a withdrawal stands in the operator's list, and how far back a resident sees who looked."""
LOOKS = 50


@dataclass(frozen=True, slots=True)
class Looked:
    """Somebody looked at the home: who (a name), what, when."""

    who: str
    kind: str
    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ResidentView:
    """All that a resident's own page shows, besides the water."""

    id: str
    name: str
    household: str
    view: FamilyView
    consents: tuple[Standing, ...]
    names: dict[str, str]
    """The relatives' names by contact id."""
    wordings: dict[str, Wording]
    looked: tuple[Looked, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A resident of whom a consent wants an answer, or ended a short while ago."""

    resident: str
    name: str
    home: Home
    how: str
    """``review`` (a case waits for the operator), ``parked``, ``paused`` or ``withdrawn``."""
    purpose: str
    at: datetime | None
    """When a pause ends, or the consent ended."""
    case: str | None = None


def resident(conn: Connection, name: str, now: datetime) -> ResidentView | None:
    """Return what a resident may see of the own home and of what was agreed; None: there is no such resident."""
    row = conn.execute(select(residents).where(residents.c.id == name)).one_or_none()
    if row is None:
        return None
    listed = conn.execute(select(contacts.c.id, contacts.c.name).where(contacts.c.resident == name))
    texts = {purpose: consent.wording(conn, purpose, now) for purpose in PURPOSES}
    return ResidentView(
        row.id, row.name, row.household, home_view(conn, row.household, row.name, now),
        tuple(consent.standing(conn, name, now)), {one.id: one.name for one in listed},
        {purpose: text for purpose, text in texts.items() if text is not None}, _looked(conn, row.household, now),
    )  # fmt: skip


def household_of(conn: Connection, resident: str) -> str:
    """Return the household of a resident, empty when there is no such resident."""
    return conn.scalar(select(residents.c.household).where(residents.c.id == resident)) or ""


def _looked(conn: Connection, household: str, now: datetime) -> tuple[Looked, ...]:
    v = view_log.c
    mine = v.household == household, v.at > now - RECENT
    rows = conn.execute(select(view_log).where(*mine).order_by(v.id.desc()).limit(LOOKS)).all()
    names = names_of(conn, {row.viewer for row in rows})
    told = [(names.get(row.viewer, ""), row.viewer.partition(":")[0], row) for row in rows]
    return tuple(Looked(name, kind, row.what, row.at) for name, kind, row in told)


def consent_queue(conn: Connection, now: datetime) -> list[Waiting]:
    """Return what the operator should answer or know: first cases in review, then parked, paused and ended consents."""
    return [*_in_review(conn), *_unsettled(conn, now)]


def _in_review(conn: Connection) -> list[Waiting]:
    home = select(residents.c.id, residents.c.name, cases.c.id.label("case"), cases.c.opened_at, *HOME)
    home = home.join(households, households.c.id == cases.c.household).join(areas, areas.c.id == households.c.area)
    home = home.join(residents, residents.c.household == households.c.id)
    rows = conn.execute(home.where(cases.c.state == "CONSENT_REVIEW").order_by(cases.c.opened_at)).all()
    first = {row.case: row for row in reversed(rows)}
    return [Waiting(row.id, row.name, home_of(row), "review", "", row.opened_at, row.case) for row in first.values()]


def _made_single() -> ColumnElement[bool]:
    """Return the condition on `consents` under which one for all relatives was turned into one for each."""
    c, single = consents.c, consents.alias("single")
    each = single.c.resident == c.resident, single.c.purpose == c.purpose, single.c.recipient != ""
    return and_(c.recipient == "", select(single.c.id).where(*each).correlate(consents).exists())


def _unsettled(conn: Connection, now: datetime) -> list[Waiting]:
    c = consents.c
    open_now = c.given_at <= now, or_(c.withdrawn_at.is_(None), c.withdrawn_at > now)
    which = parked(now).label("parked")
    query = select(c.resident, c.purpose, c.recipient, c.paused_until, c.withdrawn_at, which, residents.c.name, *HOME)
    query = query.join(residents, residents.c.id == c.resident).join(
        households, households.c.id == residents.c.household
    )
    query = query.join(areas, areas.c.id == households.c.area)
    unsettled = or_(
        and_(*open_now, or_(c.paused_until > now, parked(now))),
        and_(c.withdrawn_at <= now, c.withdrawn_at > now - RECENT, ~_made_single()),
    )
    found: dict[tuple[str, str, str], Waiting] = {}
    for row in conn.execute(query.where(unsettled).order_by(c.resident, c.purpose, c.id)):
        how = consent.how(conn, row.resident, row.purpose, row.recipient, now)
        if how != "given":
            at = row.paused_until if how == "paused" else row.withdrawn_at if how == "withdrawn" else None
            found[row.resident, row.purpose, how] = Waiting(row.resident, row.name, home_of(row), how, row.purpose, at)
    order = ("parked", "paused", "withdrawn")
    return sorted(found.values(), key=lambda one: (order.index(one.how), one.resident, one.purpose))
