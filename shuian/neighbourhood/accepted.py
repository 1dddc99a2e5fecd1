"""What the demo's community proved before it went live, two days before the demo begins: staged, in real rows.

Taps were opened, test messages arrived and were tapped, the workers sat at a table, and the lead accepted.  No drill is staged:
those of the demo's list are played, or not asked for.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from alerts import acceptance, fittings, reach_tests
from alerts.go_live import checklists
from alerts.go_live_facts import Settings
from alerts.policy import Policy
from alerts.queries import go_live
from alerts.registry import realms
from alerts.schema import contacts, devices, households, notices, residents, workers

BEFORE = timedelta(days=2)
COMMUNITY, LEAD, DESK = "c1", "worker:zhao", "operator:ops"
GO_TO_DOORS = ("wang", "li", "chen", "zhao")
LITRES = 2.0


def accept(conn: Connection, settings: Settings, policy: Policy, now: datetime) -> bool:
    """Write down what was proved and that the community accepted it; False: that was done before."""
    if acceptance.entries(conn, [COMMUNITY]):
        return False
    then = now - BEFORE
    _open_taps(conn, then)
    _reach(conn, policy, then)
    acceptance.sign(conn, COMMUNITY, GO_TO_DOORS, DESK, then)
    found = checklists(go_live.facts(conn, settings, then, duty_phone=True), settings, policy.ladders, then)
    acceptance.accept(conn, found[COMMUNITY], LEAD, then)
    return True


def _open_taps(conn: Connection, then: datetime) -> None:
    d, h = devices.c, households.c
    lived = select(d.id, d.household).join(households, h.id == d.household).where(realms.lived_in(h.area))
    for row in conn.execute(lived.where(d.resolution_l.is_not(None)).order_by(d.n)).all():
        fittings.asked(conn, row.id, row.household, DESK, then)
        fittings.confirm(conn, row.id, row.household, LITRES, DESK, then)


def _reach(conn: Connection, policy: Policy, then: datetime) -> None:
    """Let everybody have tapped a test message: the staff, and the relatives."""
    w, h = workers.c, households.c
    staff = conn.execute(select(w.id, w.role).where(realms.lived_in(w.area)).order_by(w.id)).all()
    families = (
        select(contacts.c.id)
        .join(residents, residents.c.id == contacts.c.resident)
        .join(households, h.id == residents.c.household)
        .where(realms.lived_in(h.area))
        .order_by(contacts.c.id)
    )
    people = [f"{'operator' if row.role == 'operator' else 'worker'}:{row.id}" for row in staff]
    people += [f"contact:{who}" for who in conn.scalars(families)]
    reach_tests.send(conn, COMMUNITY, people, DESK, then, policy)
    seen = {"state": "seen", "attempts": 1, "done_at": then, "delivered_at": then, "seen_at": then, "next_at": None}
    staged = notices.c.template.in_(("reach_test", "family_reach_test")), notices.c.created_at == then
    conn.execute(update(notices).where(*staged).values(**seen))
