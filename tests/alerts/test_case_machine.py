"""Any order of findings, taps, clocks and dead channels: what may never happen, does not.

Hypothesis drives the real store on a real SQLite file; the clock is turned by hand, and a plain count of what was
promised is kept beside it.

Two hundred lives of fifty steps are ten thousand steps: the tables are read once after a step that wrote something, by a
plain connection, and every law is held against what was read.  After a step that wrote nothing the laws hold as before.
"""

import shutil
import sqlite3
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, delete, event, insert, or_, select

from alerts import database, duty_rounds, registry, schema
from alerts.casefile import ENDED, OWNED, State
from alerts.cases import (
    Accepted,
    Arrived,
    Declined,
    EmergencyCalled,
    Entered,
    NoAnswer,
    OutcomeRecorded,
    SetOff,
    TakenOver,
    Timer,
    Undone,
)
from alerts.outcomes import OUTCOMES
from alerts.policy import Policy
from alerts.store import Store
from alerts.turns import CannotCome, CheckedIn
from tests.alerts.neighbourhood import T0, cut, finding

PEOPLE = st.sampled_from(["worker:wang", "worker:li", "worker:zhao", "operator:ops", "contact:f1"])
HOMES = st.sampled_from(["h1", "h2"])
AREAS = st.sampled_from(["cut-1", "cut-2"])
HUMAN = {"outcome_recorded"}
TABLES = schema.cases, schema.findings, schema.notices, schema.timers, schema.offers, schema.case_events
ROWS = {t.name: f"SELECT * FROM {t.name} ORDER BY {', '.join(c.name for c in t.primary_key.columns)}" for t in TABLES}


class Tables:
    """What six tables hold, seen from outside: no code of ours reads it."""

    def __init__(self, path: Path) -> None:
        self._conn = sqlite3.connect(path, isolation_level=None)
        self._conn.row_factory = sqlite3.Row
        self.close = self._conn.close

    def version(self):
        """Return a number that another one's commit changes."""
        return self._conn.execute("PRAGMA data_version").fetchone()[0]

    def rows(self, table):
        """Return the rows of a table."""
        return self._conn.execute(ROWS[table]).fetchall()

    def of_cases(self, table):
        """Return the rows of a table by their case."""
        by_case = defaultdict(list)
        for row in self.rows(table):
            by_case[row["case_id"]].append(row)
        return by_case

    def everything(self):
        """Return all rows that a repeat must not touch."""
        return {table: [tuple(row) for row in self.rows(table)] for table in ROWS}


class Cases(RuleBasedStateMachine):
    """One street, any history."""

    filled: Path
    """A database with the test registry, to copy."""
    path: Path
    """Where each life has its copy."""
    engine: Engine
    """On that path; it outlives a life, for the statements it has compiled."""

    @initialize(policy=st.sampled_from([Policy(), Policy(check_in=True, amber_quiet_hours="22:00-07:00")]))
    def begin(self, policy):
        self.policy = policy
        shutil.copy(self.filled, self.path)
        self.tables = Tables(self.path)
        self.store = Store(self.engine, self.policy)
        self.now, self.n, self.raised, self.tapped, self.areas = T0, 0, {}, [], {}
        self.read_at, self.held, self.open = None, None, []

    def teardown(self):
        if hasattr(self, "tables"):
            self.tables.close()
        self.engine.dispose()  # the last connection takes the log of SQLite with it

    def cases(self):
        """Return every open case."""
        if self.read_at != (version := self.tables.version()):
            self.read_at, self.open = version, self.store.open_cases()
        return self.open

    # --- what happens ----------------------------------------------------------------------------------------------

    @rule(
        home=HOMES, kind=st.sampled_from(["quiet", "quiet", "only asked", "rule:250l-1h", "sos"]),
        severity=st.sampled_from(["red", "amber"]),
    )  # fmt: skip
    def a_finding_is_raised(self, home, kind, severity):
        self.n += 1
        name, evidence = f"f-{self.n}", {}
        if kind == "only asked":
            kind, severity, evidence = "quiet", "amber", {"ask_only": True}
        self.raised[name] = (home, severity, self.now)
        found = finding(name, severity, household=home, kind=kind, at=self.now, evidence=evidence)
        case = self.store.raise_finding(found, self.now)
        if case is None:  # an outcome said for how long nobody uses water there
            with self.engine.connect() as conn:
                assert kind == "quiet"
                assert registry.absent(conn, home, self.now)
            return
        assert self.store.case("live", case).household == home

    @precondition(lambda self: self.raised)
    @rule(data=st.data())
    def a_finding_comes_again(self, data):
        name = data.draw(st.sampled_from(sorted(self.raised)))
        before = self.tables.everything()
        home, severity, at = self.raised[name]
        self.store.raise_finding(finding(name, severity, household=home, at=at), self.now)
        assert self.tables.everything() == before

    @precondition(lambda self: self.raised)
    @rule(data=st.data())
    def a_finding_is_cleared(self, data):
        name = data.draw(st.sampled_from(sorted(self.raised)))
        self.store.clear_finding(name, self.now, self.now)

    @rule(name=AREAS, homes=st.sets(HOMES, min_size=1), hours=st.sampled_from([0, 1, 20]))
    def the_water_goes_off(self, name, homes, hours):
        self.now += timedelta(seconds=1)  # the same event raised at its own end would be a replay
        onset = self.now - timedelta(hours=hours)
        self.areas.setdefault(name, onset)
        self.store.begin_area(cut(name, at=self.now, onset=onset, homes=sorted(homes)), self.now)

    @rule(name=AREAS)
    def the_water_is_back(self, name):
        self.store.end_area(name, self.now, self.now)
        self.areas.pop(name, None)

    @rule(name=AREAS)
    def an_area_event_comes_again(self, name):
        before = self.tables.everything()
        if name in self.areas:
            self.store.begin_area(cut(name, at=T0), self.now)
        else:
            self.store.end_area(name, self.now, self.now)
        assert self.tables.everything() == before

    @rule(seconds=st.sampled_from([1, 9, 10, 60, 299, 300, 600, 1200, 7200, 86400]))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)
        for _ in range(2):
            self.store.fire_due(self.now)
        assert self.store.fire_due(self.now) == 0, "no clock rings for ever"
        self.nobody_whose_shift_is_over_is_left_alone_with_a_case()

    def nobody_whose_shift_is_over_is_left_alone_with_a_case(self):
        s = schema.shifts.c
        with self.engine.connect() as conn:
            for case in self.cases():
                if case.state in OWNED:
                    mine = or_(s.owner == case.owner, s.backup == case.owner, s.lead == case.owner)
                    ends = conn.scalars(select(s.end).where(mine, s.start <= self.now)).all()
                    over = ends and case.accepted_at < max(ends) <= self.now
                    assert not over or Timer.HAND_OVER in case.timers

    @precondition(lambda self: self.cases())
    @rule(
        data=st.data(), who=PEOPLE,
        what=st.sampled_from(
            ["accept", "decline", "set off", "arrive", "no answer", "entered", "emergency", "undo", "take over", "outcome", "outcome"]
        ),
        code=st.sampled_from(sorted(OUTCOMES)),
    )  # fmt: skip
    def somebody_taps(self, data, who, what, code):
        case = data.draw(st.sampled_from(sorted(c.id for c in self.cases())))
        event = {
            "accept": Accepted(who), "decline": Declined(who, "busy"), "set off": SetOff(who), "arrive": Arrived(who),
            "no answer": NoAnswer(who), "entered": Entered(who), "emergency": EmergencyCalled(who), "undo": Undone(who),
            "take over": TakenOver(who),
            "outcome": OutcomeRecorded(who, code),
        }[what]  # fmt: skip
        tap = f"tap-{len(self.tapped)}"
        self.tapped.append((case, event, tap))
        before = self.store.case("live", case)
        acted = self.store.act("live", case, event, self.now, tap)
        assert (acted.result == "done") == (acted.case != before)
        if acted.result == "taken":
            assert acted.owner is not None
            assert acted.since is not None

    @precondition(lambda self: self.tapped)
    @rule(data=st.data())
    def a_tap_comes_again(self, data):
        case, event, tap = data.draw(st.sampled_from(self.tapped))
        before = self.tables.everything()
        assert self.store.act("live", case, event, self.now, tap).result == "repeated"
        assert self.tables.everything() == before

    @precondition(lambda self: self.tapped)
    @rule(data=st.data())
    def the_last_tap_is_taken_back(self, data):
        case, event, _ = self.tapped[-1]
        tap = f"tap-{len(self.tapped)}"
        self.tapped.append((case, Undone(event.by), tap))
        self.store.act("live", case, Undone(event.by), self.now, tap)

    @rule(data=st.data(), dead=st.booleans())
    def the_dispatcher_tries(self, data, dead):
        n = schema.notices
        with self.engine.begin() as conn:
            due = conn.execute(select(n).where(n.c.state == "pending", n.c.due_at <= self.now)).mappings().all()
            if not due:
                return
            notice = data.draw(st.sampled_from(due))
            mine = n.c.realm == notice["realm"], n.c.id == notice["id"]
            conn.execute(n.update().where(*mine).values(state="failed" if dead else "accepted", attempts=1))
            if dead:
                self.store.undeliverable(conn, notice, self.now)

    @rule()
    def the_service_starts_again(self):
        self.engine.dispose()
        self.store = Store(self.engine, self.policy)

    @rule(
        owner=st.sampled_from(["wang", "li"]),
        follows=st.sampled_from(["li", "wang", None]),
        minutes=st.sampled_from([5, 30, 90]),
    )
    def the_sheet_of_shifts_changes(self, owner, follows, minutes):
        """Somebody is on shift for a few minutes more, and then somebody else, or nobody."""
        end = self.now + timedelta(minutes=minutes)
        rows = [{"start": self.now - timedelta(hours=8), "end": end, "owner": owner}]
        if follows:
            rows.append({"start": end, "end": end + timedelta(days=2), "owner": follows})
        with self.engine.begin() as conn:
            conn.execute(delete(schema.shifts))
            conn.execute(insert(schema.shifts), [row | {"area": "g1", "backup": None, "lead": "zhao"} for row in rows])
        self.store.fire_due(self.now)

    @rule(data=st.data(), who=st.sampled_from(["worker:wang", "worker:li"]), here=st.booleans())
    def somebody_checks_in(self, data, who, here):
        with self.engine.begin() as conn:
            known = conn.scalars(select(schema.turns.c.id).where(schema.turns.c.owner.is_not(None))).all()
            if known:
                event = (CheckedIn if here else CannotCome)(who)
                duty_rounds.said(conn, self.policy, data.draw(st.sampled_from(sorted(known))), event, self.now)

    # --- what must hold --------------------------------------------------------------------------------------------

    @invariant()
    def every_law_holds(self):
        """Hold the laws against what stands in the tables, unless that is what it was."""
        if self.held != (seen := (self.tables.version(), self.areas.copy())):
            self.held = seen
            for law in self.LAWS:
                law(self)

    def one_open_case_for_each_home(self):
        homes = [c.household for c in self.cases()]
        assert len(homes) == len(set(homes))

    def an_open_case_is_never_forgotten(self):
        for case in self.cases():
            assert case.timers, f"{case.state} without a clock"
            assert (case.owner is not None) == (case.state in OWNED)
            assert case.state in OWNED or (Timer.HAND_OVER not in case.timers and case.next_owner is None)
            assert case.next_owner is None or (Timer.HAND_OVER in case.timers and case.next_owner != case.owner)
            assert [o for o in case.offers if o.state == "accepted"] == [
                o for o in case.offers if o.worker == case.owner and o.state == "accepted"
            ]
            if case.severity == "red":
                assert case.state != State.SUSPECTED, "a red case does not wait"
            assert (case.area_event is not None) or case.state != State.FOLDED

    def nobody_is_asked_to_go_where_only_a_question_is_asked(self):
        for case in self.cases():
            assert not (case.ask_only and [offer for offer in case.offers if offer.state == "offered"])

    def a_folded_case_waits_for_an_outage_that_holds_or_for_its_own_clock(self):
        folded = [case for case in self.cases() if case.state == State.FOLDED]
        findings = self.tables.of_cases("findings") if folded else {}
        for case in folded:
            assert (Timer.RELEASE in case.timers) != (Timer.CALL_ROUND in case.timers)
            assert Timer.RELEASE in case.timers or case.area_event in self.areas
            assert Timer.CALL_ROUND in case.timers or not self.explains(case.area_event, findings[case.id])
            assert {f["kind"] for f in findings[case.id]} == {"quiet"}, "nothing but missing use is folded"

    def explains(self, area, findings):
        """Whether an outage holds that began before these findings: one that came back later leaves them their clock."""
        if area not in self.areas:
            return False
        latest = self.areas[area] - timedelta(seconds=self.policy.fold_before_s)
        began = [self.raised[f["id"]][2] - timedelta(hours=14) for f in findings]
        return min(began) >= latest and any(f["cleared_at"] is None for f in findings)

    def an_ended_case_has_no_clocks_and_a_red_one_was_ended_by_a_human(self):
        ended = [row for row in self.tables.rows("cases") if row["closed_at"] is not None]
        clocks, findings, log = map(self.tables.of_cases, ("timers", "findings", "case_events"))
        for row in ended:
            assert row["state"] in ENDED
            assert row["id"] not in clocks
            if row["severity"] == "red":
                last = log[row["id"]][-1]["kind"]
                if row["area_event"] is not None and row["outcome"] is None:
                    # Folded: water was seen, nothing else spoke.
                    assert last == "finding_cleared"
                    assert all(f["cleared_at"] is not None for f in findings[row["id"]])
                    continue
                assert last in HUMAN
                assert row["outcome"] is not None

    def every_red_case_owes_somebody_a_notice(self):
        owed = {n["case_id"] for n in self.tables.rows("notices") if n["recipient_kind"] != "contact"}
        red = [row for row in self.tables.rows("cases") if row["severity"] == "red"]
        assert owed >= {row["id"] for row in red if row["area_event"] is None}  # never folded

    def the_log_is_without_gaps_and_labels_follow_outcomes(self):
        log, findings = map(self.tables.of_cases, ("case_events", "findings"))
        for row in self.tables.rows("cases"):
            assert [event["n"] for event in log[row["id"]]] == list(range(1, row["version"] + 1))
            if row["outcome"] is not None:
                assert {f["label"] for f in findings[row["id"]]} == {OUTCOMES[row["outcome"]].label}

    LAWS = (
        one_open_case_for_each_home,
        an_open_case_is_never_forgotten,
        nobody_is_asked_to_go_where_only_a_question_is_asked,
        a_folded_case_waits_for_an_outage_that_holds_or_for_its_own_clock,
        an_ended_case_has_no_clocks_and_a_red_one_was_ended_by_a_human,
        every_red_case_owes_somebody_a_notice,
        the_log_is_without_gaps_and_labels_follow_outcomes,
    )


@pytest.fixture
def street(filled, tmp_path):
    """A machine with a path for its lives; nobody pulls the plug here, so no commit waits for the disk."""
    Cases.filled, Cases.path = filled, tmp_path / "people.sqlite"
    Cases.engine = database.connect(Cases.path)
    event.listen(Cases.engine, "connect", lambda conn, _: conn.execute("PRAGMA synchronous = OFF"))
    return Cases


@pytest.mark.slow
def test_no_order_of_events_breaks_a_promise(street):
    run_state_machine_as_test(
        street,
        settings=settings(
            max_examples=200, stateful_step_count=50, deadline=None, database=None, derandomize=True,
            phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
