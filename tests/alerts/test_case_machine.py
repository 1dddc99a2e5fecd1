"""Any order of findings, taps, clocks and dead channels: what may never happen, does not.

Hypothesis drives the real store on a real SQLite file; the clock is turned by hand, and a plain count of what was
promised is kept beside it.
"""

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, insert, or_, select

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


class Cases(RuleBasedStateMachine):
    """One street, any history."""

    filled: Path
    """A database with the test registry, to copy."""

    @initialize(policy=st.sampled_from([Policy(), Policy(check_in=True, amber_quiet_hours="22:00-07:00")]))
    def begin(self, policy):
        self.policy = policy
        self.folder = Path(tempfile.mkdtemp(prefix="cases-"))
        shutil.copy(self.filled, self.folder / "people.sqlite")
        self.engine = database.open(self.folder / "people.sqlite")
        self.store = Store(self.engine, self.policy)
        self.now, self.n, self.raised, self.tapped, self.areas = T0, 0, {}, [], set()

    def teardown(self):
        if hasattr(self, "engine"):
            self.engine.dispose()
            shutil.rmtree(self.folder)

    def cases(self):
        """Return every open case."""
        return self.store.open_cases()

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
        before = self.everything()
        home, severity, at = self.raised[name]
        self.store.raise_finding(finding(name, severity, household=home, at=at), self.now)
        assert self.everything() == before

    @precondition(lambda self: self.raised)
    @rule(data=st.data())
    def a_finding_is_cleared(self, data):
        name = data.draw(st.sampled_from(sorted(self.raised)))
        self.store.clear_finding(name, self.now, self.now)

    @rule(name=AREAS, homes=st.sets(HOMES, min_size=1), hours=st.sampled_from([0, 1, 20]))
    def the_water_goes_off(self, name, homes, hours):
        self.now += timedelta(seconds=1)  # the same event raised at its own end would be a replay
        self.areas.add(name)
        onset = self.now - timedelta(hours=hours)
        self.store.begin_area(cut(name, at=self.now, onset=onset, homes=sorted(homes)), self.now)

    @rule(name=AREAS)
    def the_water_is_back(self, name):
        self.store.end_area(name, self.now, self.now)
        self.areas.discard(name)

    @rule(name=AREAS)
    def an_area_event_comes_again(self, name):
        before = self.everything()
        if name in self.areas:
            self.store.begin_area(cut(name, at=T0), self.now)
        else:
            self.store.end_area(name, self.now, self.now)
        assert self.everything() == before

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
        before = self.everything()
        assert self.store.act("live", case, event, self.now, tap).result == "repeated"
        assert self.everything() == before

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
        self.engine = database.open(self.folder / "people.sqlite")
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

    def everything(self):
        """Return all rows that a repeat must not touch."""
        tables = schema.cases, schema.findings, schema.notices, schema.timers, schema.offers, schema.case_events
        with self.engine.connect() as conn:
            return [conn.execute(select(t).order_by(*t.primary_key.columns)).all() for t in tables]

    def holding(self, conn, case):
        """Return how many findings of a case still hold."""
        f = schema.findings.c
        return conn.scalar(select(func.count()).where(f.case_id == case, f.cleared_at.is_(None)))

    @invariant()
    def one_open_case_for_each_home(self):
        homes = [c.household for c in self.cases()]
        assert len(homes) == len(set(homes))

    @invariant()
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

    @invariant()
    def nobody_is_asked_to_go_where_only_a_question_is_asked(self):
        for case in self.cases():
            assert not (case.ask_only and [offer for offer in case.offers if offer.state == "offered"])

    @invariant()
    def a_folded_case_waits_for_an_outage_that_holds_or_for_its_own_clock(self):
        for case in self.cases():
            if case.state == State.FOLDED:
                held = case.area_event in self.areas
                assert held == (Timer.RELEASE not in case.timers)
                assert held == (Timer.CALL_ROUND in case.timers)
                with self.engine.connect() as conn:
                    f = schema.findings.c
                    kinds = set(conn.scalars(select(f.kind).where(f.case_id == case.id)))
                assert kinds == {"quiet"}, "nothing but missing use is folded"

    @invariant()
    def an_ended_case_has_no_clocks_and_a_red_one_was_ended_by_a_human(self):
        c, t, e = schema.cases.c, schema.timers.c, schema.case_events.c
        with self.engine.connect() as conn:
            for row in conn.execute(select(schema.cases).where(c.closed_at.is_not(None))):
                assert row.state in ENDED
                assert conn.scalar(select(func.count()).where(t.case_id == row.id)) == 0
                if row.severity == "red":
                    last = select(e.kind).where(e.case_id == row.id).order_by(e.n.desc()).limit(1)
                    if row.area_event is not None and row.outcome is None:  # folded: water was seen, nothing else spoke
                        assert conn.scalar(last) == "finding_cleared"
                        assert self.holding(conn, row.id) == 0
                        continue
                    assert conn.scalar(last) in HUMAN
                    assert row.outcome is not None

    @invariant()
    def every_red_case_owes_somebody_a_notice(self):
        n, c = schema.notices.c, schema.cases.c
        with self.engine.connect() as conn:
            never_folded = select(c.id).where(c.severity == "red", c.area_event.is_(None))
            for case in conn.scalars(never_folded):
                assert conn.scalar(select(func.count()).where(n.case_id == case, n.recipient_kind != "contact")) > 0

    @invariant()
    def the_log_is_without_gaps_and_labels_follow_outcomes(self):
        c, e, f = schema.cases.c, schema.case_events.c, schema.findings.c
        with self.engine.connect() as conn:
            for row in conn.execute(select(c.id, c.version, c.outcome)):
                numbers = conn.scalars(select(e.n).where(e.case_id == row.id).order_by(e.n)).all()
                assert numbers == list(range(1, row.version + 1))
                labels = set(conn.scalars(select(f.label).where(f.case_id == row.id)))
                if row.outcome is not None:
                    assert labels == {OUTCOMES[row.outcome].label}


@pytest.mark.slow
def test_no_order_of_events_breaks_a_promise(filled):
    Cases.filled = filled
    run_state_machine_as_test(
        Cases,
        settings=settings(
            max_examples=30, stateful_step_count=25, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
