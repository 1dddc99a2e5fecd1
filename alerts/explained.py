"""Which area event, if any, explains a finding.

A water outage explains that a home used no water, if that home was not overdue already when the water went off: its last
use, or the time by which it usually is used again, lies after the beginning (less half an hour).  What was due before
stays somebody's own trouble, and so does who is missed when the water is back and the neighbours draw (`BACK`).  A radio
outage explains that a meter was not heard, if it was heard until then.  Nothing explains a press for help, water that runs,
or water on the floor.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, or_, select

from alerts.casefile import Case
from alerts.policy import Policy
from alerts.schema import area_events, area_members, findings

WATER, RADIO = "water_outage", "radio_outage"
BACK = "water_back_at"
"""Evidence of a quiet that was judged with the end of a cut in mind: since when its neighbours draw again."""


class Explaining(NamedTuple):
    """The event that explains a finding, and until when; None: as long as it holds."""

    event: str
    until: datetime | None


def explains(event: RowMapping, kind: str, onset: datetime, evidence: Mapping[str, Any], policy: Policy) -> bool:
    """Whether a row of `area_events` explains a finding of one of its homes."""
    if event["kind"] == WATER:
        back = _time(evidence.get(BACK))
        if back is not None and back >= event["onset"]:
            return False  # the cut was taken into account: the neighbours draw again
        due = max(onset, _time(evidence.get("usual_return_at")) or onset)
        in_it = event["ended_at"] is None or onset < event["ended_at"]
        # The last use that a meter tells of may lie one report period before the end of its interval.
        slack = _slack(policy, event["evidence"])
        return policy.explained_by_absence(kind) and in_it and due >= event["onset"] - slack
    # The meters of a gateway were last heard up to one report period apart.
    return kind == "meter_silent" and onset >= event["onset"] - _slack(policy, evidence)


def _slack(policy: Policy, evidence: Mapping[str, Any]) -> timedelta:
    """Return by how much the beginning of an event may be told too late."""
    return timedelta(seconds=max(policy.fold_before_s, (evidence.get("period_s") or 0.0) + 60.0))


def of_finding(
    conn: Connection,
    realm: str,
    household: str,
    kind: str,
    onset: datetime,
    evidence: Mapping[str, Any],
    now: datetime,
    policy: Policy,
) -> Explaining | None:
    """Return the event that explains a finding at `now`: one that holds, or one whose homes still have their time."""
    if kind != "meter_silent" and not policy.explained_by_absence(kind):
        return None
    grace = timedelta(seconds=policy.fold_grace_s)
    for event in _events(conn, realm, household, ended_after=now - grace):
        if explains(event, kind, onset, evidence, policy):
            if event["ended_at"] is None:
                return Explaining(event["id"], None)
            if event["kind"] == WATER:
                return Explaining(event["id"], event["ended_at"] + grace)
    return None


def of_case(conn: Connection, case: Case, policy: Policy) -> str | None:
    """Return an event that holds and explains everything an open case rests on."""
    signs = signs_of(conn, case)
    return next((e["id"] for e in _events(conn, case.realm, case.household) if covers(e, signs, policy)), None)


def covers(event: RowMapping, signs: Sequence[RowMapping], policy: Policy) -> bool:
    """Whether `event` explains all findings of a case, of which at least one still holds."""
    all_of_it = all(explains(event, s["kind"], s["onset"], s["evidence"], policy) for s in signs)
    return all_of_it and any(s["cleared_at"] is None for s in signs)


def signs_of(conn: Connection, case: Case) -> Sequence[RowMapping]:
    """Return the findings of a case."""
    f = findings.c
    asked = select(f.kind, f.onset, f.evidence, f.cleared_at)
    return conn.execute(asked.where(f.realm == case.realm, f.case_id == case.id)).mappings().all()


def _events(conn: Connection, realm: str, household: str, ended_after: datetime | None = None) -> Sequence[RowMapping]:
    """Return the events of a home that hold (or ended since then), those that hold first."""
    e, m = area_events.c, area_members.c
    holds = e.ended_at.is_(None)
    mine = (
        select(area_events)
        .join(area_members, (m.realm == e.realm) & (m.event == e.id))
        .where(e.realm == realm, m.household == household)
        .where(holds if ended_after is None else or_(holds, e.ended_at > ended_after))
        .order_by(e.ended_at.is_not(None), e.onset, e.id)
    )
    return conn.execute(mine).mappings().all()


def _time(epoch_s: Any) -> datetime | None:
    return datetime.fromtimestamp(epoch_s, UTC) if isinstance(epoch_s, int | float) else None
