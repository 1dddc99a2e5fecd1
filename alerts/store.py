"""Cases in the database: each event is one transaction that saves the case, its log, clocks, offers and owed notices.

A process may be killed at any line: either all of that is there, or nothing is and the event comes again.  Many
writers are safe because a case is saved only at the version it was read at; whoever was slower reads it again.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Literal, TypeVar

from sqlalchemy import Connection, Engine, RowMapping, Table, func, insert, select
from sqlalchemy.exc import IntegrityError

from alerts import areas, audit, case_rows, claims, drill_scope, drill_watch, openings
from alerts.areas import NewArea
from alerts.casefile import ENDED, Case
from alerts.claims import AGAIN, NewFinding
from alerts.database import reading
from alerts.duty_rounds import Rounds
from alerts.errors import Conflict, UnknownCase
from alerts.events import Tap, Timer, TimerDue, Undeliverable, Undone
from alerts.notice_rows import HOPEFUL
from alerts.notices import TEMPLATES
from alerts.policy import Policy
from alerts.registry import realms
from alerts.schema import area_members, cases, findings, notices, taps, timers
from alerts.steps import advance

__all__ = ["AGAIN", "Acted", "NewArea", "NewFinding", "Store"]

log = logging.getLogger(__name__)
T = TypeVar("T")

TRIES = 5
"""How often an event is tried again when another writer was faster."""


def nobody(_: frozenset[str]) -> None:
    """Hear of a commit and do nothing."""


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
        Called after each commit that may owe a notice or change a page, in the thread that committed, with the
        households it touched; none: not known which, it may be any.
    """

    def __init__(self, engine: Engine, policy: Policy, on_commit: Callable[[frozenset[str]], None] = nobody) -> None:
        self.engine, self.policy, self.on_commit = engine, policy, on_commit
        self._rounds = Rounds()
        self.trouble: str | None = None
        """Why clocks do not ring at the moment; None: all is well."""

    # --- what the detectors say ------------------------------------------------------------------------------------

    def raise_finding(self, finding: NewFinding, now: datetime) -> str | None:
        """Store a finding and let it open or join the household's case; return that case's id.

        None: it touched no case, because nobody of the household consents to be monitored (only counted), or because
        the household is declared away or it only stands on a list (kept, as suppressed).  A second call with the same id changes nothing.
        """
        return self.raise_findings([finding], now)[0]

    def raise_findings(self, found: Sequence[NewFinding], now: datetime) -> list[str | None]:
        """Store many findings as `raise_finding` does each of them in turn, in one transaction: all of them, or none.

        A commit waits for the disk and a query costs more than what it asks for; a hundred homes cost little more than one.
        """
        if not found:
            return []
        with reading(self.engine).connect() as conn:
            of = drill_scope.realm_of(conn, found)
        names = dict(self._raised([f for f, realm in zip(found, of, strict=True) if realm == "live"], now))
        # After life and apart from it: whatever becomes of a drill, what is real has been stored.
        drills = [replace(f, realm="drill") for f, realm in zip(found, of, strict=True) if realm == "drill"]
        names |= self._raised(drills, now)
        if None in of:
            log.info("findings of a drill that does not run come to nothing", extra={"findings": of.count(None)})
        self._changed({finding.household for finding in found})
        self._changed(self._watch_drills(now))
        return [names.get((realm, f.id)) for f, realm in zip(found, of, strict=True)]

    def _raised(self, found: Sequence[NewFinding], now: datetime) -> dict[tuple[str | None, str], str | None]:
        """Store findings of one realm in one transaction; return the cases by realm and finding."""
        if not found:
            return {}
        names = self.within(lambda conn: openings.raised(conn, found, now, self.policy))
        return {(finding.realm, finding.id): name for finding, name in zip(found, names, strict=True)}

    def clear_finding(self, finding: str, cleared_at: datetime, now: datetime, realm: str = "live") -> None:
        """Note that a finding no longer holds.  Unknown ids and second calls change nothing."""
        household = self.within(lambda conn: claims.cleared(conn, realm, finding, cleared_at, now, self.policy))
        if household is None and realm == "live" and self._of_drill(findings, finding):
            household = self.within(lambda conn: claims.cleared(conn, "drill", finding, cleared_at, now, self.policy))
        self._changed(() if household is None else {household})

    def begin_area(self, area: NewArea, now: datetime) -> None:
        """Store that many homes have one trouble, fold what it explains, owe one notice a person.

        A second call with the same id changes nothing, unless the event had ended and was raised anew since.
        """
        with reading(self.engine).connect() as conn:
            shares = drill_scope.shares(conn, area.realm, area.households)
        for realm, homes in shares:
            mine = replace(area, realm=realm, households=homes)
            self._changed(self.within(partial(areas.begin, new=mine, now=now, policy=self.policy)))

    def end_area(self, name: str, ended_at: datetime, now: datetime, realm: str = "live") -> None:
        """Note that an area event is over and let its cases go.  Unknown ids and second calls change nothing."""
        homes = self.within(lambda conn: areas.end(conn, realm, name, ended_at, now, self.policy))
        if not homes and realm == "live" and self._of_drill(area_members, name):
            homes = self.within(lambda conn: areas.end(conn, "drill", name, ended_at, now, self.policy))
        self._changed(homes)

    def _of_drill(self, table: Table, name: str) -> bool:
        """Whether a finding, or an area event by its members, of that id is about homes that exist only for drills."""
        c = table.c
        mine = c.realm == "drill", (c.id if table is findings else c.event) == name
        with reading(self.engine).connect() as conn:
            return bool(realms.rehearsed(conn, set(conn.scalars(select(c.household).where(*mine)))))

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
        acted = self.within(lambda conn: self.act_in(conn, realm, case, event, now, tap))
        self._changed({acted.case.household})
        return acted

    def act_in(self, conn: Connection, realm: str, name: str, event: Tap, now: datetime, tap: str) -> Acted:
        """Carry out a tap in the caller's transaction, as `act`; the caller says that the case changed."""
        case = case_rows.load(conn, realm, name)
        if case is None:
            raise UnknownCase(f"no case {name} in realm {realm}")
        key = tap if len(tap) <= 64 else sha256(tap.encode()).hexdigest()
        if conn.execute(select(taps.c.id).where(taps.c.realm == realm, taps.c.id == key)).first() is not None:
            return Acted("repeated", case)
        conn.execute(insert(taps).values(realm=realm, id=key, case_id=name, at=now))
        what = type(event).__name__
        audit.append(conn, now, "tap", event.by, f"case:{name}", realm=realm, tap=key, what=what, version=case.version)
        if isinstance(event, Undone) and case.state in ENDED and self._has_newer(conn, case):
            return Acted("late", case)
        said = {k: v for k, v in asdict(event).items() if k != "by" and v is not None}
        after = advance(conn, self.policy, case, event, now, event.by, said)
        if after is not case:
            if isinstance(event, Undone):
                after = areas.settle(conn, after, now, self.policy)
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
        """Let every clock ring that has run out, and make the round of the shifts; return how many cases moved.

        One that fails is logged and tried again at the next call; it never holds up the others.
        """
        t = timers.c
        trouble = None
        with reading(self.engine).connect() as conn:
            due = conn.execute(
                select(t.realm, t.case_id, t.kind).where(t.due_at <= now).order_by(t.realm != "live", t.due_at)
            ).all()
        moved: list[str] = []
        for realm, case, kind in due:
            try:
                moved += self.within(partial(self._fire, realm=realm, name=case, kind=Timer(kind), now=now))
            except Exception as error:
                log.exception("a clock could not ring", extra={"case": case, "timer": kind})
                trouble = f"clocks of cases cannot ring: {type(error).__name__}"
        moved += self._make_round(now)
        moved += self._watch_drills(now)
        self.trouble = trouble
        self._changed(moved)
        return len(moved)

    def _make_round(self, now: datetime) -> list[str]:
        """Do what is due at shifts; return the households whose cases moved."""
        with reading(self.engine).connect() as conn:
            work = self._rounds.due(conn, self.policy, now)
        moved: list[str] = []
        for piece in work:
            try:
                moved += self.within(piece)
            except Exception:
                log.exception("a piece of the round of the shifts failed; it comes again")
        return moved

    def _watch_drills(self, now: datetime) -> list[str]:
        """End what is over of drills; return the households whose cases moved.  What fails here keeps nothing real up."""
        moved: list[str] = []
        try:
            with reading(self.engine).connect() as conn:
                work = drill_watch.due(conn, self.policy, now)
            for piece in work:
                moved += self.within(piece)
        except Exception:
            log.exception("drills could not be looked after; it is tried again")
        return moved

    def _fire(self, conn: Connection, realm: str, name: str, kind: Timer, now: datetime) -> list[str]:
        """Let one clock ring; return the household whose case moved, if it did."""
        case = case_rows.load(conn, realm, name)
        if case is None:
            return []
        if advance(conn, self.policy, case, TimerDue(kind), now, "system", {"timer": kind}) is case:
            return []
        return [case.household]

    # --- what could not be delivered -------------------------------------------------------------------------------

    def undeliverable(self, conn: Connection, notice: RowMapping, now: datetime) -> None:
        """Let the case go on when a notice that asks for an answer cannot arrive; in the caller's transaction."""
        template = TEMPLATES.get(notice["template"])
        if template is None or not template.asks:
            return
        case = case_rows.load(conn, notice["realm"], notice["case_id"])
        if case is None:
            return  # about many homes: those ask nobody for an answer
        n = notices.c
        hopeful = select(n.id).where(
            n.realm == case.realm, n.case_id == case.id, n.template == notice["template"], n.id != notice["id"],
            n.state.in_(("unknown", *HOPEFUL)),
        )  # fmt: skip
        alone = conn.execute(hopeful.limit(1)).first() is None
        who = f"{notice['recipient_kind']}:{notice['recipient']}"
        said = {"recipient": who, "notice": notice["id"]}
        advance(conn, self.policy, case, Undeliverable(who, alone), now, "system", said)

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

    def _changed(self, homes: Iterable[str]) -> None:
        """Say which homes a commit touched; nothing was, nothing is said."""
        if touched := frozenset(homes):
            self.on_commit(touched)

    def within(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; again from the start if another writer was faster."""
        for tried in range(TRIES):
            try:
                with self.engine.begin() as conn:
                    return work(conn)
            except (Conflict, IntegrityError):
                if tried == TRIES - 1:
                    raise
        raise AssertionError("unreachable")
