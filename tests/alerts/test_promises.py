"""What alerting promises, one test a promise, each named after its line in the list of acceptance tests.

Those of the list that live where the code they try lives:

- 1 crash matrix: `test_crash_matrix`
- 4 provider loss, delay, duplicate, late receipt: `test_providers.test_what_a_provider_does_ends_where_it_should`
- 5 GET by a preview bot changes nothing: `tests.web.test_access.test_a_preview_bot_that_opens_a_link_changes_nothing`,
  `tests.web.test_shift_page.test_5_get_by_preview_bot_changes_nothing`
- 6 two accepts in the same millisecond: `test_store.test_of_two_who_accept_at_once_one_has_it_and_the_other_hears_who`
- 10 outage fold and unfold keeps onset:
  `test_areas.test_who_is_still_silent_two_hours_after_is_called_out_with_the_onset_of_the_beginning`
- 19 audit chain: `test_audit.test_a_change_is_found_and_told_what_it_was` (edit, delete, reorder),
  `test_audit.test_entries_cut_off_at_the_end_are_seen_by_an_anchor_only` (truncation)
- 20 tenant and role fuzz: `tests.web.test_roles`
- 21 replayed and forged replies: `test_providers.test_forged_stale_and_unreadable_calls_change_nothing`,
  `test_reply_codes.test_a_one_accepts_and_a_repeat_of_the_message_does_nothing`,
  `test_reply_codes.test_a_code_is_good_only_from_the_number_it_was_sent_to`
- 23 no person in a URL: `tests.web.test_shift_page.test_23_no_person_in_a_url`
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import func, select

from alerts import database, diagram, schema
from alerts.casefile import ENDED, OWNED, UNOWNED, Case, State
from alerts.cases import Accepted, Arrived, NoAnswer, OutcomeRecorded, SetOff, TakenOver, Timer, step
from alerts.events import ConsentWithdrawn, FindingCleared, FindingRaised, ShiftEnds, TimerDue
from alerts.policy import Load, Policy, Roster
from alerts.store import Store
from tests.alerts.neighbourhood import SHEETS, T0, fill, finding, notices
from tests.alerts.test_reviews import every_open_case

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SIGNALS = (("f-1", "quiet", "amber"), ("f-2", "quiet", "red"), ("f-3", "rule:250l-1h", "amber"))
STATES = sorted(set(State) - {State.NEW})


def in_state(state):
    """Return every case in a state that can come about, ended ones and reviews included."""
    if state in ENDED:
        return [
            Case("live", "c", "h", "care", s, T0, T0, state=state, closed_at=T0, version=3) for s in ("red", "amber")
        ]
    if state == State.CONSENT_REVIEW:
        found = (withdrawn(case)[0] for case in every_open_case())
        return [case for case in found if case.state == state]
    return [case for case in every_open_case() if case.state == state]


def withdrawn(case):
    return step(case, ConsentWithdrawn("monitor"), diagram._late(case), diagram.POLICIES[0], diagram.ROSTER)


def rows(engine):
    tables = schema.cases, schema.findings, schema.notices, schema.timers, schema.offers, schema.case_events
    with engine.connect() as conn:
        return [conn.execute(select(t).order_by(*t.primary_key.columns)).all() for t in tables]


@pytest.mark.parametrize("order", list(permutations(SIGNALS)), ids=lambda order: " ".join(one[0] for one in order))
def test_2_duplicates_and_reordering_of_signals(store, engine, order):
    for name, kind, severity in order:
        for _ in range(2):
            store.raise_finding(finding(name, severity, kind=kind), T0)
    (case,) = store.open_cases()
    assert (case.severity, case.state, case.onset) == ("red", State.AWAITING, T0 - 14 * HOUR)
    with engine.connect() as conn:
        f = schema.findings.c
        assert set(conn.scalars(select(f.id).where(f.case_id == case.id))) == {"f-1", "f-2", "f-3"}
    before = rows(engine)
    for name, kind, severity in reversed(order):
        store.raise_finding(finding(name, severity, kind=kind), T0)
    store.clear_finding("never heard of", T0, T0)
    assert rows(engine) == before


@pytest.mark.parametrize(
    "jump", [HOUR, -HOUR, 15 * HOUR, -10 * HOUR], ids=["+1 h", "-1 h", "past midnight", "to yesterday"]
)
def test_3_clock_jump(store, jump):
    name = store.raise_finding(finding(), T0)
    before = store.case("live", name)
    store.fire_due(T0 + jump)
    case = store.case("live", name)
    if jump < timedelta():
        assert case == before, "what is not due does not ring"
        store.fire_due(T0 + 10 * MINUTE)
        case = store.case("live", name)
    assert [offer.worker for offer in case.offers] == ["wang", "li"], "one rung, however far it jumped"
    store.fire_due(T0 + jump)
    assert store.case("live", name).timers, "and it goes on"


def test_6_two_take_over_in_the_same_millisecond(store, engine, tmp_path):
    fill(engine, tmp_path / "s", shifts=[SHEETS["shifts"][0], "g1,2026-11-21 08:00,2026-11-21 10:00,wang,,zhao"])
    name = store.raise_finding(finding(), T0)
    store.act("live", name, Accepted("worker:wang"), T0, "tap")
    store.fire_due(T0 + 40 * MINUTE)
    with engine.begin() as conn:
        conn.execute(schema.cases.update().values(next_owner="li"))
    ready = threading.Barrier(2)

    def take(worker):
        ready.wait()
        event = TakenOver(f"worker:{worker}")
        return Store(engine, Policy()).act("live", name, event, T0 + 50 * MINUTE, f"take-{worker}").result

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, ["li", "zhao"])) == ["done", "taken"]
    case = store.case("live", name)
    assert [offer.state for offer in case.offers] == ["transferred", "accepted"]


def test_7_stale_button(store):
    name = store.raise_finding(finding(), T0)
    store.act("live", name, Accepted("worker:wang"), T0, "tap-1")
    store.act("live", name, SetOff("worker:wang"), T0 + MINUTE, "tap-2")
    before = store.case("live", name)
    for n, event in enumerate(
        (Accepted("worker:li"), SetOff("worker:wang"), TakenOver("worker:li"), NoAnswer("worker:wang"))
    ):
        acted = store.act("live", name, event, T0 + 2 * MINUTE, f"stale-{n}")
        assert acted.result in ("taken", "late"), event
        assert acted.owner == "wang"
    assert store.case("live", name) == before


@pytest.mark.parametrize(
    ("shift", "asked"),
    [
        (None, ["zhao"]), ("g1,2026-11-21 08:00,2026-11-21 20:00,wang,,", ["wang", "zhao"]),
        ("g1,2026-11-21 08:00,2026-11-21 20:00,wang,wang,wang", ["wang"]),
    ],
    ids=["no shift", "no backup", "one person on every rung"],
)  # fmt: skip
def test_8_empty_shift_and_empty_step(store, engine, tmp_path, shift, asked):
    fill(engine, tmp_path / "s", shifts=[SHEETS["shifts"][0], *([shift] if shift else [])])
    name = store.raise_finding(finding(), T0)
    assert [offer.worker for offer in store.case("live", name).offers] == asked[:1], "an empty step costs no time"
    for minute in range(0, 41, 10):
        store.fire_due(T0 + minute * MINUTE)
    case = store.case("live", name)
    assert ([offer.worker for offer in case.offers], case.state) == (asked, State.UNATTENDED)


@pytest.mark.parametrize("state", sorted(OWNED))
def test_9_shift_boundary_with_an_open_case(state):
    roster = replace(diagram.ROSTER, owner="chen")
    for case in in_state(state):
        now = diagram._late(case)
        asked, _ = step(case, ShiftEnds("turn", now, "chen"), now, Policy(), roster)
        assert (asked.owner, asked.state) == (case.owner, state), "the end of a shift takes nothing from anybody"
        told, effects = step(asked, TimerDue(Timer.HAND_OVER), now + HOUR, Policy(), roster)
        assert effects, "nobody took it: somebody hears of it"
        assert told.timers[Timer.HAND_OVER] > now + HOUR
        taken, _ = step(told, TakenOver("worker:chen"), now + HOUR, Policy(), roster)
        assert (taken.owner, taken.next_owner, Timer.HAND_OVER in taken.timers) == ("chen", None, False)
        assert taken.timers, "the new owner is asked how it goes, as everybody is"


def test_11_server_restart_loses_no_timer(store, engine):
    first = store.raise_finding(finding(), T0)
    second = store.raise_finding(finding("f-2", "amber", household="h2"), T0)
    store.act("live", first, Accepted("worker:wang"), T0, "tap")
    due = store.next_due()
    folder, before = engine.url.database, [store.case("live", name) for name in (first, second)]
    engine.dispose()
    again = Store(database.open(folder), Policy())
    assert (again.next_due(), [again.case("live", name) for name in (first, second)]) == (due, before)
    again.fire_due(T0 + 3 * HOUR)
    asked = {row.template for row in notices(again.engine)}
    assert {"ask_set_off", "ask_progress"} <= asked, "what fell due while it was down rings when it is back"
    assert again.case("live", second).state == State.AWAITING
    again.engine.dispose()


@pytest.mark.parametrize("state", STATES)
def test_12_consent_withdrawn_at_each_state(state):
    for case in in_state(state):
        after, effects = withdrawn(case)
        if state in ENDED or state == State.CONSENT_REVIEW:
            assert (after, effects) == (case, ())
        elif case.stream == "technical":
            assert after.state == State.CANCELLED_CONSENT
        elif state in OWNED:
            assert (after.state, after.owner) == (state, case.owner), "a visit may finish"
        else:
            assert after.state == State.CONSENT_REVIEW
            assert after.timers


@pytest.mark.parametrize("vouched", [True, False], ids=["by one of ours", "by a relative"])
@pytest.mark.parametrize("state", STATES)
def test_13_away_declared_at_each_state(state, vouched):
    for case in in_state(state):
        event = FindingCleared("quiet", 0, away=True, vouched=vouched)
        after, _ = step(case, event, diagram._late(case), Policy(), diagram.ROSTER)
        if state in ENDED:
            assert after is case
        elif case.stream == "technical":
            assert after.state in (State.CLOSED, State.EXPLAINED, State.FOLDED, State.NOTED)
        elif state in OWNED:
            assert (after.state, after.owner) == (state, case.owner), "who is on the way finds out"
        elif case.severity == "red" or not vouched:
            assert after.state not in ENDED, "a red case wants a human fact, a relative's word ends none"
        elif state in UNOWNED:
            assert after.state == State.EXPLAINED


def test_17_overload_never_rejects():
    busy = Load(red=9, amber=9, offers=99)
    people = Roster("wang", "li", "zhao", operators=("ops",), loads=dict.fromkeys(("wang", "li", "zhao"), busy))
    for n, severity in enumerate(("red", "amber") * 100):
        new = Case("live", f"c-{n}", f"h-{n}", "care", severity, T0, T0)
        case, effects = step(new, FindingRaised("quiet", severity, T0), T0, Policy(), people)
        assert case.state == State.AWAITING
        assert [offer.worker for offer in case.offers] == ["wang"]
        assert effects


def test_23_no_person_in_a_log(store, engine, caplog):
    caplog.set_level(logging.DEBUG)
    name = store.raise_finding(finding(), T0)
    store.act("live", name, Accepted("worker:wang"), T0, "tap-1")
    store.act("live", name, Arrived("worker:wang"), T0 + MINUTE, "tap-2")
    store.act("live", name, OutcomeRecorded("worker:wang", "HELPED"), T0 + 2 * MINUTE, "tap-3")
    store.raise_finding(finding("f-2", household="h2"), T0)
    for hours in range(6):
        store.fire_due(T0 + hours * HOUR)
    assert caplog.records
    said = "\n".join(str(vars(record)) for record in caplog.records)
    secrets = ("李秀英", "王建国", "0755-0000-0001", "安和里", "example.org", "王芳", "女儿")
    assert [one for one in secrets if one in said] == []
    with engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(schema.audit)) > 10
        chain = " ".join(conn.scalars(select(schema.audit.c.data)))
    assert [one for one in secrets if one in chain] == []
