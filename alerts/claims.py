"""What detectors claim, in the tables: a finding opens or joins the household's case, or is kept with why it does not."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from numbers import Integral
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, insert, select, update

from alerts import case_rows, explained, metrics, registry
from alerts.casefile import Case, State
from alerts.events import ASK_ONLY, FindingCleared, FindingRaised
from alerts.policy import Policy
from alerts.schema import cases, findings
from alerts.steps import advance
from detectors.findings import Severity

AWAY_USE = "away_use"
"""Water is used although away is declared."""
AGAIN = "+"
"""Between a finding's id and when it had ended before: the same finding, raised once more."""


@dataclass(frozen=True, slots=True)
class NewFinding:
    """A detector's claim about a household; the same readings give the same `id`, in any process, at any time."""

    id: str
    realm: str
    household: str
    kind: str
    severity: Severity
    onset: datetime
    raised_at: datetime
    reason: str
    evidence: Mapping[str, Any]


def raised(conn: Connection, finding: NewFinding, now: datetime, policy: Policy) -> str | None:
    """Store a finding and return the id of its case; None: it touched none (see `alerts.store.Store.raise_finding`)."""
    before = conn.execute(_again(finding.realm, finding.id)).first()
    if before is not None:
        if before.cleared_at is None and explained.BACK in finding.evidence:
            _said_anew(conn, replace(finding, id=before.id), before.case_id, now, policy)
        if before.cleared_at is None or finding.raised_at <= before.cleared_at:
            return before.case_id  # type: ignore[no-any-return]
        # The same quiet once more, because the absence that explained it was withdrawn: a new claim.
        finding = replace(finding, id=f"{finding.id}{AGAIN}{round(before.cleared_at.timestamp() * 1000)}")
    if not registry.consented(conn, finding.household, "monitor", now):
        _count(finding, "no_consent")
        return None
    finding = replace(finding, evidence={name: plain(value) for name, value in finding.evidence.items()})
    why = _suppressed(conn, finding, now, policy)
    case = None if why else into_case(conn, finding, now, policy)
    conn.execute(insert(findings), row(finding) | {"suppressed": why, "case_id": case})
    if why:
        _count(finding, why)
    return case


def _count(finding: NewFinding, why: str) -> None:
    if finding.realm == "live":
        metrics.SUPPRESSED.labels(why).inc()


def _said_anew(conn: Connection, finding: NewFinding, case: str | None, now: datetime, policy: Policy) -> None:
    """Take the new evidence of a finding that holds: what its neighbours did since a cut may let its case stand for itself."""
    f = findings.c
    said = {name: plain(value) for name, value in finding.evidence.items()}
    mine = f.realm == finding.realm, f.id == finding.id
    conn.execute(update(findings).where(*mine).values(evidence=said, reason=finding.reason))
    held = case_rows.load(conn, finding.realm, case) if case is not None else None
    if held is not None and held.state == State.FOLDED:
        into_case(conn, replace(finding, evidence=said), now, policy)


def row(finding: NewFinding) -> dict[str, Any]:
    """Return what the table keeps of a finding besides what became of it."""
    return {name: getattr(finding, name) for name in finding.__slots__}


def _suppressed(conn: Connection, finding: NewFinding, now: datetime, policy: Policy) -> str | None:
    """Return why a finding opens no case: it waits on a list, the home is away, or its meter is silent with its gateway."""
    if finding.kind in policy.listed_kinds:
        return "listed"
    if policy.explained_by_absence(finding.kind) and registry.absent(conn, finding.household, finding.raised_at):
        return "away"
    if finding.kind == AWAY_USE and not registry.absent(conn, finding.household, finding.onset, declared=True):
        return "away"  # somebody found that nobody is in; when they come back nobody said
    if finding.kind == "meter_silent" and _explaining(conn, finding, now, policy):
        return "outage"
    return None


def _explaining(conn: Connection, f: NewFinding, now: datetime, policy: Policy) -> explained.Explaining | None:
    return explained.of_finding(conn, f.realm, f.household, f.kind, f.onset, f.evidence, now, policy)


def into_case(conn: Connection, finding: NewFinding, now: datetime, policy: Policy) -> str:
    """Let a finding open or join the household's case; return that case's id."""
    case = _case_for(conn, finding, now, policy)
    mine = findings.c.realm == case.realm, findings.c.case_id == case.id
    kinds = set(conn.scalars(select(findings.c.kind).where(*mine)))
    area, until = _explaining(conn, finding, now, policy) or (None, None)
    event = FindingRaised(
        finding.kind, finding.severity, finding.onset, finding.kind not in kinds, area=area, release_at=until,
        last_owner=_last_owner(conn, case, now) if case.recurs else None, ask_only=bool(finding.evidence.get(ASK_ONLY)),
    )  # fmt: skip
    said = {"finding": finding.id, "kind": finding.kind}
    return advance(conn, policy, case, event, now, "system", said).id


def _case_for(conn: Connection, finding: NewFinding, now: datetime, policy: Policy) -> Case:
    """Return the one open case of that household and stream, or a new one named after its first finding."""
    new = new_case(finding, now)
    same = cases.c.realm == new.realm, cases.c.household == new.household, cases.c.stream == new.stream
    found = case_rows.load_open(conn, *same)
    if found:
        return found[0]
    if new.realm != "live":
        return new  # a drill that is played once more is played like the first time
    since = now - timedelta(seconds=policy.recurs_s)
    last = select(cases.c.id).where(*same, cases.c.closed_at > since).order_by(cases.c.closed_at.desc())
    return replace(new, recurs=conn.execute(last.limit(1)).scalar() if new.stream == "care" else None)


def new_case(finding: NewFinding, now: datetime) -> Case:
    """Return the case that a finding opens, named after it."""
    stream: Literal["care", "technical"] = "technical" if finding.severity == "blue" else "care"
    name = sha256(f"{finding.realm}|{stream}|{finding.id}".encode()).hexdigest()[:16]
    return Case(finding.realm, name, finding.household, stream, finding.severity, finding.onset, opened_at=now)


def _last_owner(conn: Connection, case: Case, now: datetime) -> str | None:
    """Return who had the case that this one recurs from, if that person may still be told of the home."""
    if not registry.consented(conn, case.household, "community", now):
        return None
    owner = conn.execute(select(cases.c.owner).where(cases.c.realm == case.realm, cases.c.id == case.recurs)).scalar()
    return owner if owner is not None and registry.person(conn, f"worker:{owner}") is not None else None


def cleared(
    conn: Connection, realm: str, finding: str, cleared_at: datetime, now: datetime, policy: Policy
) -> str | None:
    """Note that a finding no longer holds; return its household, None when nothing changed."""
    known = conn.execute(_again(realm, finding)).all()
    if not known or known[0].cleared_at is not None or any(row.cleared_at == cleared_at for row in known):
        return None  # not raised, ended already, or the end of an earlier one told twice
    row, f = known[0], findings.c
    conn.execute(update(findings).where(f.realm == realm, f.id == row.id).values(cleared_at=cleared_at))
    case = case_rows.load(conn, realm, row.case_id) if row.case_id is not None else None
    if case is not None:
        mine = f.realm == realm, f.case_id == case.id, f.cleared_at.is_(None)
        holding = conn.execute(select(func.count()).select_from(findings).where(*mine)).scalar_one()
        away = policy.explained_by_absence(row.kind) and registry.absent(conn, case.household, cleared_at)
        vouched = not away or registry.absent(conn, case.household, cleared_at, vouched=True)
        said = {"finding": row.id, "kind": row.kind}
        advance(conn, policy, case, FindingCleared(row.kind, holding, away, vouched), now, "system", said)
    return row.household  # type: ignore[no-any-return]


def _again(realm: str, finding: str) -> Select[Any]:
    """Return the query for the claims that were made under this id, the newest first."""
    f = findings.c
    same = (f.id == finding) | f.id.between(f"{finding}{AGAIN}0", f"{finding}{AGAIN}9999999999999")  # by the index
    asked = select(f.id, f.household, f.case_id, f.kind, f.cleared_at)
    return asked.where(f.realm == realm, same).order_by(f.raised_at.desc(), f.id.desc())


def plain(value: Any) -> str | bool | float | None:
    """Return what JSON can hold: a number that is not known is None, and no array type ever stops an alarm."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else None
