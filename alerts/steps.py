"""One step of a case, saved: the case, its log, clocks and offers, and what the world is owed, in one transaction."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts import case_rows, frozen, metrics, owed, registry
from alerts.casefile import Case, State
from alerts.cases import step
from alerts.events import AreaBegan, AreaEnded, Event, FindingCleared, FindingRaised, TimerDue, Undeliverable
from alerts.policy import Policy

log = logging.getLogger(__name__)

EVENT_KINDS: Mapping[type, str] = {
    FindingRaised: "finding_raised", FindingCleared: "finding_cleared", TimerDue: "timer", Undeliverable: "undeliverable",
    AreaBegan: "area_began", AreaEnded: "area_ended",
}  # fmt: skip


def advance(
    conn: Connection, policy: Policy, case: Case, event: Event, now: datetime, actor: str, said: Mapping[str, Any]
) -> Case:
    """Step the case and save what follows; the very same case comes back if the event does not apply.

    Raises
    ------
    Conflict
        Somebody else changed the case since it was read.
    """
    roster = registry.roster(conn, case.household, now)
    before = case
    if case.state == State.NEW:
        case = replace(case, policy=frozen.keep(conn, policy, now))
    elif case.policy is not None and case.policy != policy.id:
        policy = frozen.of(conn, case.policy)
    after, effects = step(case, event, now, policy, roster)
    if after is case:
        return before
    case_rows.save(conn, case, after)
    kind = EVENT_KINDS.get(type(event)) or _snake(type(event).__name__)
    case_rows.log(conn, after, now, kind, actor, logged(after, said))
    owed.apply(conn, after, effects, now, policy, roster)
    told(case, after)
    return after


def logged(after: Case, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the log of a case keeps of a step: what was said, and what the case became."""
    return dict(said) | {"state": after.state.value, "severity": after.severity}


def told(before: Case, after: Case) -> None:
    """Count and log what must never go unseen."""
    if before.state == State.NEW:
        metrics.OPENED.labels(before.realm, before.severity).inc()
        log.info("case opened", extra={"case": after.id, "severity": after.severity, "state": after.state.value})
    if after.state == State.UNATTENDED != before.state:
        metrics.UNATTENDED.labels(after.realm).inc()
        log.error("nobody accepted", extra={"case": after.id, "severity": after.severity})


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).removeprefix("_")
