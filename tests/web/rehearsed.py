"""Drills as a service has them after a while: an area with homes and people who do not exist, and runs that went well or not."""

from datetime import timedelta

from sqlalchemy import insert

from alerts import drill_runs, schema
from alerts.drill_runs import Plan
from alerts.events import Accepted, Arrived, OutcomeRecorded
from alerts.policy import Policy
from alerts.store import NewFinding
from simulators.drills import DRILLS
from tests.alerts.neighbourhood import delivered

MIN = timedelta(minutes=1)
STAFF = {"vo": ("演练甲", "worker"), "vb": ("演练乙", "worker"), "vl": ("演练丙", "lead"), "vd": ("演练台", "operator")}


def stage(community, homes=1, area="dr", parent=None, relatives=True):
    """Register a drill area with `homes` homes ``v1``…, their relatives, and a shift; return the ids of the homes."""
    now, s = community.now, schema
    ids = [f"{area}-v{n + 1}" for n in range(homes)]
    with community.engine.begin() as conn:
        conn.execute(insert(s.areas).values(id=area, parent=parent, kind="drill", name="演练区"))
        for n, home in enumerate(ids, 1):
            where = {"area": area, "building": "演练楼", "floor": str(n), "door": f"{n}01", "tz": "Asia/Shanghai"}
            conn.execute(insert(s.households).values(id=home, **where))
            conn.execute(insert(s.residents).values(id=f"{home}-r", household=home, name=f"演练住户{n}"))
            if relatives:
                who = {"resident": f"{home}-r", "name": f"演练家属{n}", "position": 1, "channel": "email"}
                conn.execute(insert(s.contacts).values(id=f"{home}-c", address=f"{home}@example.org", **who))
            for purpose in ("monitor", "community", "relative"):
                given = {
                    "purpose": purpose,
                    "version": "1",
                    "given_at": now - timedelta(days=1),
                    "given_by": "resident",
                }
                conn.execute(insert(s.consents).values(resident=f"{home}-r", recipient="", **given))
        for who, (name, role) in STAFF.items():
            way = {"channel": "email", "address": f"{area}-{who}@example.org"}
            conn.execute(insert(s.workers).values(id=f"{area}-{who}", name=name, role=role, area=area, **way))
        on = {"owner": f"{area}-vo", "backup": f"{area}-vb", "lead": f"{area}-vl"}
        conn.execute(
            insert(s.shifts).values(area=area, start=now - timedelta(hours=1), end=now + timedelta(days=9), **on)
        )
    return ids


def begin(community, script, homes, by="operator:w9", kind="tabletop"):
    """Begin a script with these homes; return its id."""
    one = DRILLS[script]
    parts = dict(zip((name for name, _ in one.named()), homes, strict=True))
    plan = Plan(script, kind, parts, (), timedelta(seconds=one.ends_s), [wanted.data() for wanted in one.must])
    with community.engine.begin() as conn:
        return drill_runs.start(conn, plan, community.now, by)


def strike(community, run, home):
    """Let the detectors find that a home of a run is quiet; return the case."""
    since = community.now - timedelta(hours=12)
    found = NewFinding(f"{run}-{home}", "drill", home, "quiet", "red", since, community.now, "quiet", {})
    return community.store.raise_finding(found, community.now)


def told(community, seconds=12):
    """Let everything that is owed be taken by its provider, a moment later."""
    community.now += timedelta(seconds=seconds)
    delivered(community.engine, community.now)
    n = schema.notices
    with community.engine.begin() as conn:
        conn.execute(n.update().where(n.c.state == "accepted", n.c.done_at.is_(None)).values(done_at=community.now))


def acts(community, case, event, minutes=1.0):
    """Let somebody of a drill do something, some minutes later."""
    community.now += timedelta(minutes=minutes)
    done = community.store.act("drill", case, event, community.now, f"{case}-{event}")
    assert done.done, done


def over(community, run, why="finished", by="operator:w9"):
    """End a run."""
    with community.engine.begin() as conn:
        drill_runs.end(conn, run, community.now, by, why, Policy())


def well(community, home, accept_min=1.0, arrive_min=6.0):
    """Play a fall at night that goes as it should; return the run."""
    run = begin(community, "fall_at_night", [home])
    case, who = strike(community, run, home), f"worker:{home.partition('-')[0]}-vo"
    told(community)
    acts(community, case, Accepted(who), accept_min)
    acts(community, case, Arrived(who), arrive_min)
    acts(community, case, OutcomeRecorded(who, "HELPED"), 3)
    over(community, run)
    return run


def forty(community, homes):
    """Play forty at once: one is never accepted, of three the outcome is recorded, then its time is up; return the run."""
    run = begin(community, "forty_at_once", homes)
    cases = [strike(community, run, home) for home in homes]
    told(community)
    for n, case in enumerate(cases[:-1]):
        acts(community, case, Accepted("worker:dr-vo" if n % 2 else "worker:dr-vb"), 0.5)
    for n, case in enumerate(cases[:3]):
        acts(community, case, OutcomeRecorded("worker:dr-vo" if n % 2 else "worker:dr-vb", "SAFE_AT_HOME"), 0.5)
    community.now += 120 * MIN
    over(community, run, "time", "system")
    return run
