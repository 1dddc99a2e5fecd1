"""Cases in the database: each event is one transaction that saves the case, its log, clocks, offers and owed notices.

A process may be killed at any line: either all of that is there, or nothing is and the event comes again.  Many
writers are safe because a case is saved only at the version it was read at; whoever was slower reads it again.
"""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, RowMapping, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from alerts import case_rows, metrics, owed, registry
from alerts.casefile import ENDED, Case, State
from alerts.cases import step
from alerts.database import reading
from alerts.errors import Conflict, UnknownCase
from alerts.events import Event, FindingCleared, FindingRaised, Tap, Timer, TimerDue, Undeliverable, Undone
from alerts.notices import TEMPLATES
from alerts.policy import Policy
from alerts.schema import cases, findings, notices, taps, timers
from detectors.findings import Severity

log = logging.getLogger(__name__)
T = TypeVar("T")

AGAIN = "+"
"""Between a finding's id and when it had ended before: the same finding, raised once more."""
TRIES = 5
"""How often an event is tried again when another writer was faster."""

EVENT_KINDS: Mapping[type, str] = {
    FindingRaised: "finding_raised", FindingCleared: "finding_cleared", TimerDue: "timer", Undeliverable: "undeliverable",
}  # fmt: skip


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


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of a tap.

    done: the case moved.  repeated: this tap had been counted before.  taken: somebody else has the case.  closed: it
    has ended.  late: it no longer applies (or never did), nothing changed.
    """

    result: Literal["done", "repeated", "taken", "closed", "late"]
    case: Case

    @property
    def done(self) -> bool:
        """Whether what the person wanted is so: by this tap, or by the same tap sent before."""
        return self.result in {"done", "repeated"}

    @property
    def owner(self) -> str | None:
        """Return the worker who has the case."""
        return self.case.owner

    @property
    def since(self) -> datetime | None:
        """Return since when the owner has it."""
        return self.case.accepted_at


class Store:
    """All changes to cases go through here.

    Parameters
    ----------
    engine : Engine
        From `alerts.database.open`.
    policy : Policy
        Clocks and choices.
    on_commit : callable, optional
        Called after each commit that may owe a notice, in the thread that committed.
    """

    def __init__(self, engine: Engine, policy: Policy, on_commit: Callable[[], None] = lambda: None) -> None:
        self.engine, self.policy, self.on_commit = engine, policy, on_commit
        self.trouble: str | None = None
        """Why clocks do not ring at the moment; None: all is well."""

    # --- what the detectors say ------------------------------------------------------------------------------------

    def raise_finding(self, finding: NewFinding, now: datetime) -> str | None:
        """Store a finding and let it open or join the household's case; return that case's id.

        None: it touched no case, because nobody of the household consents to be monitored (only counted), or because
        the household is declared away (kept, as suppressed).  A second call with the same id changes nothing.
        """
        found = self._write(lambda conn: self._raise(conn, finding, now))
        self.on_commit()
        return found

    def _raise(self, conn: Connection, finding: NewFinding, now: datetime) -> str | None:
        before = conn.execute(_again(finding.realm, finding.id)).first()
        if before is not None:
            if before.cleared_at is None or finding.raised_at <= before.cleared_at:
                return before.case_id  # type: ignore[no-any-return]
            # The same quiet once more, because the absence that explained it was withdrawn: a new claim.
            finding = replace(finding, id=f"{finding.id}{AGAIN}{round(before.cleared_at.timestamp() * 1000)}")
        if not registry.consented(conn, finding.household, "monitor", now):
            metrics.SUPPRESSED.labels("no_consent").inc()
            return None
        row = asdict(finding) | {"evidence": {name: _plain(value) for name, value in finding.evidence.items()}}
        if self.policy.explained_by_absence(finding.kind) and registry.absent(
            conn, finding.household, finding.raised_at
        ):
            metrics.SUPPRESSED.labels("away").inc()
            conn.execute(insert(findings).values(**row, suppressed="away"))
            return None
        case = self._case_for(conn, finding, now)
        kinds = set(conn.scalars(select(findings.c.kind).where(*_of(case))))
        event = FindingRaised(finding.kind, finding.severity, finding.onset, finding.kind not in kinds)
        after = self._step(conn, case, event, now, "system", {"finding": finding.id, "kind": finding.kind})
        conn.execute(insert(findings).values(**row, case_id=after.id))
        if case.state == State.NEW:
            metrics.OPENED.labels(case.realm, case.severity).inc()
            log.info("case opened", extra={"case": after.id, "severity": after.severity, "state": after.state.value})
        return after.id

    def _case_for(self, conn: Connection, finding: NewFinding, now: datetime) -> Case:
        """Return the one open case of that household and stream, or a new one named after its first finding."""
        stream: Literal["care", "technical"] = "technical" if finding.severity == "blue" else "care"
        same = cases.c.realm == finding.realm, cases.c.household == finding.household, cases.c.stream == stream
        found = case_rows.load_open(conn, *same)
        if found:
            return found[0]
        name = sha256(f"{finding.realm}|{stream}|{finding.id}".encode()).hexdigest()[:16]
        return Case(finding.realm, name, finding.household, stream, finding.severity, finding.onset, opened_at=now)

    def clear_finding(self, finding: str, cleared_at: datetime, now: datetime, realm: str = "live") -> None:
        """Note that a finding no longer holds.  Unknown ids and second calls change nothing."""
        self._write(lambda conn: self._clear(conn, realm, finding, cleared_at, now))
        self.on_commit()

    def _clear(self, conn: Connection, realm: str, finding: str, cleared_at: datetime, now: datetime) -> None:
        known = conn.execute(_again(realm, finding)).all()
        if not known or known[0].cleared_at is not None or any(row.cleared_at == cleared_at for row in known):
            return  # not raised, ended already, or the end of an earlier one told twice
        row = known[0]
        mine = findings.c.realm == realm, findings.c.id == row.id
        conn.execute(update(findings).where(*mine).values(cleared_at=cleared_at))
        case = case_rows.load(conn, realm, row.case_id) if row.case_id is not None else None
        if case is None:
            return
        holding = select(func.count()).select_from(findings).where(*_of(case), findings.c.cleared_at.is_(None))
        away = self.policy.explained_by_absence(row.kind) and registry.absent(conn, case.household, cleared_at)
        event = FindingCleared(row.kind, conn.execute(holding).scalar_one(), away)
        self._step(conn, case, event, now, "system", {"finding": row.id, "kind": row.kind})

    # --- what people do --------------------------------------------------------------------------------------------

    def act(self, realm: str, case: str, event: Tap, now: datetime, tap: str) -> Acted:
        """Carry out what somebody tapped; `tap` names the tap, so that one sent twice acts once.

        Whether that person may see the case is for the caller to know; whether the tap applies is decided here.

        Raises
        ------
        UnknownCase
            There is no such case in that realm.
        UnknownOutcome
            The event is an outcome that is not in the table.
        """
        acted = self._write(lambda conn: self._act(conn, realm, case, event, now, tap))
        self.on_commit()
        return acted

    def _act(self, conn: Connection, realm: str, name: str, event: Tap, now: datetime, tap: str) -> Acted:
        case = case_rows.load(conn, realm, name)
        if case is None:
            raise UnknownCase(f"no case {name} in realm {realm}")
        key = tap if len(tap) <= 64 else sha256(tap.encode()).hexdigest()
        if conn.execute(select(taps.c.id).where(taps.c.realm == realm, taps.c.id == key)).first() is not None:
            return Acted("repeated", case)
        conn.execute(insert(taps).values(realm=realm, id=key, case_id=name, at=now))
        if isinstance(event, Undone) and case.state in ENDED and self._has_newer(conn, case):
            return Acted("late", case)
        said = {k: v for k, v in asdict(event).items() if k != "by" and v is not None}
        after = self._step(conn, case, event, now, event.by, said)
        if after is not case:
            return Acted("done", after)
        if case.state in ENDED:
            return Acted("closed", case)
        if case.owner is not None and event.by != f"worker:{case.owner}":
            return Acted("taken", case)
        return Acted("late", case)

    @staticmethod
    def _has_newer(conn: Connection, case: Case) -> bool:
        """Whether the household has another open case by now: then the old one stays closed."""
        same = cases.c.realm == case.realm, cases.c.household == case.household, cases.c.stream == case.stream
        return bool(case_rows.load_open(conn, *same))

    # --- what the clock says ---------------------------------------------------------------------------------------

    def next_due(self) -> datetime | None:
        """Return when the next clock of any case runs out."""
        with reading(self.engine).connect() as conn:
            return conn.execute(select(func.min(timers.c.due_at))).scalar()

    def fire_due(self, now: datetime) -> int:
        """Let every clock ring that has run out; return how many cases moved.

        One that fails is logged and tried again at the next call; it never holds up the others.
        """
        t = timers.c
        trouble = None
        with reading(self.engine).connect() as conn:
            due = conn.execute(select(t.realm, t.case_id, t.kind).where(t.due_at <= now).order_by(t.due_at)).all()
        moved = 0
        for realm, case, kind in due:
            try:
                moved += self._write(partial(self._fire, realm=realm, name=case, kind=Timer(kind), now=now))
            except Exception as error:
                log.exception("a clock could not ring", extra={"case": case, "timer": kind})
                trouble = f"clocks of cases cannot ring: {type(error).__name__}"
        self.trouble = trouble
        if moved:
            self.on_commit()
        return moved

    def _fire(self, conn: Connection, realm: str, name: str, kind: Timer, now: datetime) -> bool:
        case = case_rows.load(conn, realm, name)
        return case is not None and self._step(conn, case, TimerDue(kind), now, "system", {"timer": kind}) is not case

    # --- what could not be delivered -------------------------------------------------------------------------------

    def undeliverable(self, conn: Connection, notice: RowMapping, now: datetime) -> None:
        """Let the case go on when a notice that asks for an answer cannot arrive; in the caller's transaction."""
        template = TEMPLATES.get(notice["template"])
        if template is None or not template.asks:
            return
        case = case_rows.load(conn, notice["realm"], notice["case_id"])
        if case is None:
            return
        n = notices.c
        hopeful = select(n.id).where(
            n.realm == case.realm, n.case_id == case.id, n.template == notice["template"], n.id != notice["id"],
            n.state.in_(("pending", "leased", "accepted", "delivered")),
        )  # fmt: skip
        alone = conn.execute(hopeful.limit(1)).first() is None
        who = f"{notice['recipient_kind']}:{notice['recipient']}"
        self._step(conn, case, Undeliverable(who, alone), now, "system", {"recipient": who, "notice": notice["id"]})

    # --- reading ---------------------------------------------------------------------------------------------------

    def case(self, realm: str, case: str) -> Case | None:
        """Return one case."""
        with reading(self.engine).connect() as conn:
            return case_rows.load(conn, realm, case)

    def open_cases(self, realm: str = "live") -> list[Case]:
        """Return the cases that have not ended, oldest first."""
        with reading(self.engine).connect() as conn:
            return case_rows.load_open(conn, cases.c.realm == realm)

    # --- one transaction -------------------------------------------------------------------------------------------

    def _step(
        self, conn: Connection, case: Case, event: Event, now: datetime, actor: str, said: Mapping[str, Any]
    ) -> Case:  # fmt: skip
        """Step the case and save what follows; the very same case comes back if the event does not apply."""
        roster = registry.roster(conn, case.household, now)
        after, effects = step(case, event, now, self.policy, roster)
        if after is case:
            return case
        case_rows.save(conn, case, after)
        data = dict(said) | {"state": after.state.value, "severity": after.severity}
        case_rows.log(conn, after, now, EVENT_KINDS.get(type(event)) or _snake(type(event).__name__), actor, data)
        owed.apply(conn, after, effects, now, self.policy)
        if after.state == State.UNATTENDED != case.state:
            metrics.UNATTENDED.labels(after.realm).inc()
            log.error("nobody accepted", extra={"case": after.id, "severity": after.severity})
        return after

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; again from the start if another writer was faster."""
        for tried in range(TRIES):
            try:
                with self.engine.begin() as conn:
                    return work(conn)
            except (Conflict, IntegrityError):
                if tried == TRIES - 1:
                    raise
        raise AssertionError("unreachable")


def _of(case: Case) -> tuple[Any, Any]:
    return findings.c.realm == case.realm, findings.c.case_id == case.id


def _again(realm: str, finding: str) -> Select[Any]:
    """Return the query for the claims that were made under this id, the newest first."""
    f = findings.c
    same = (f.id == finding) | f.id.between(f"{finding}{AGAIN}0", f"{finding}{AGAIN}9999999999999")  # by the index
    asked = select(f.id, f.case_id, f.kind, f.cleared_at)
    return asked.where(f.realm == realm, same).order_by(f.raised_at.desc(), f.id.desc())


def _plain(value: Any) -> str | bool | float | None:
    """Return what JSON can hold: a number that is not known is None, and no array type ever stops an alarm."""
    if value is None or isinstance(value, str | bool):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else None


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).removeprefix("_")
