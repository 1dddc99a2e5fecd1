"""The store: one transaction per event, on a real SQLite file with the clock turned by hand."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from alerts import database, registry, schema
from alerts.cases import Accepted, Arrived, Declined, OutcomeRecorded, SetOff, State, Undone
from alerts.errors import UnknownCase, UnknownOutcome
from alerts.policy import Policy
from alerts.store import Store
from tests.alerts.neighbourhood import SHEETS, T0, delivered, fill, finding, notices, rehearse

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def owed(engine: Engine) -> list[tuple[str, str, str]]:
    """Return (template, recipient, state) of every notice."""
    return [(n.template, n.recipient, n.state) for n in notices(engine)]


def opened(store: Store, severity: str = "red", now: datetime = T0) -> str:
    """Open a case and return its id."""
    case = store.raise_finding(finding(severity=severity), now)
    assert case is not None
    return case


def test_a_red_finding_owes_worker_and_family_at_once(store, engine):
    opened(store)
    assert owed(engine) == [
        ("family_called_out", "f1", "pending"),
        ("family_called_out", "f2", "pending"),
        ("offer", "wang", "pending"),
    ]


def test_the_same_finding_twice_changes_nothing(store, engine):
    first = opened(store)
    before = owed(engine)
    assert store.raise_finding(finding(), T0 + MINUTE) == first
    assert owed(engine) == before
    assert len(store.open_cases()) == 1


def test_further_findings_join_the_one_open_case(store):
    first = opened(store, "amber")
    assert store.raise_finding(finding("f-2", "amber", kind="rule:12h-10l"), T0 + MINUTE) == first
    assert store.raise_finding(finding("f-3", "red"), T0 + 2 * MINUTE) == first
    (case,) = store.open_cases()
    assert (case.severity, case.state) == ("red", State.AWAITING)


def test_a_slow_change_opens_no_case_owes_no_message_and_is_kept(store, engine):
    drift = finding("f-9", "blue", kind="drift", reason="drift_night_up", evidence={"now_times": 2.4})
    assert store.raise_finding(drift, T0) is None
    assert store.open_cases() == []
    assert owed(engine) == []
    with engine.connect() as conn:
        kept = conn.execute(select(schema.findings)).one()
    assert (kept.kind, kept.suppressed, kept.cleared_at) == ("drift", "listed", None)
    store.clear_finding("f-9", T0 + MINUTE, T0 + MINUTE)
    assert owed(engine) == []
    with engine.connect() as conn:
        assert conn.scalar(select(schema.findings.c.cleared_at)) == T0 + MINUTE


def test_a_silent_meter_goes_beside_the_person_not_over_them(store, engine):
    care = opened(store)
    technical = store.raise_finding(finding("f-2", "blue", kind="meter_silent", reason="meter_silent", evidence={}), T0)
    assert technical != care
    assert {c.id: c.state for c in store.open_cases()} == {care: State.AWAITING, technical: State.NOTED}
    assert ("operator_technical", "ops", "pending") in owed(engine)
    n = schema.notices.c
    with engine.connect() as conn:
        due = conn.scalar(select(n.due_at).where(n.template == "operator_technical"))
    assert due - T0 == timedelta(seconds=Policy().technical_wait_s), "on the page at once, a message only if it lasts"
    store.clear_finding("f-2", T0 + MINUTE, T0 + MINUTE)
    assert [c.id for c in store.open_cases()] == [care]


def test_nothing_is_kept_of_a_home_that_did_not_agree(engine, store, tmp_path):
    lines = [line for line in SHEETS["consents"] if "r1,monitor" not in line]
    fill(engine, tmp_path / "sheets", consents=lines)
    assert store.raise_finding(finding(), T0) is None
    with engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(schema.findings)) == 0


def test_a_declared_absence_explains_silence_but_not_flow(engine, store, tmp_path):
    away = ["household,start,end,by", "h1,2026-11-20T00:00Z,2026-11-25T00:00Z,family"]
    fill(engine, tmp_path / "sheets", absences=away)
    assert store.raise_finding(finding(), T0) is None
    assert store.raise_finding(finding("f-2", kind="rule:12h-10l"), T0) is None
    assert store.open_cases() == []
    assert store.raise_finding(finding("f-3", kind="rule:250l-1h"), T0) is not None
    with engine.connect() as conn:
        f = schema.findings.c
        assert dict(conn.execute(select(f.id, f.suppressed)).all()) == {"f-1": "away", "f-2": "away", "f-3": None}


def test_the_ladder_climbs_by_the_clock_and_never_ends(store, engine):
    case = opened(store)
    for minute, recipients in ((10, ["li"]), (20, ["zhao"]), (30, ["ops"])):
        delivered(engine, T0 + minute * MINUTE)
        assert store.fire_due(T0 + minute * MINUTE) == 1
        new = [n.recipient for n in notices(engine) if n.state == "pending" and n.recipient_kind != "contact"]
        assert new == recipients
    for repeat in range(1, 20):
        delivered(engine, T0 + 60 * MINUTE)
        assert store.fire_due(T0 + (30 + 5 * repeat) * MINUTE) == 1
        again = sorted(n.recipient for n in notices(engine) if n.state == "pending")
        assert "ops" in again
        assert set(again) & {"wang", "li", "zhao"}
    assert store.case("live", case).state == State.UNATTENDED


def test_a_worker_who_never_answers_is_passed_over_and_the_lead_can_still_take_it(store, engine):
    case = opened(store)
    for minute in (10, 20, 30, 35, 40):
        delivered(engine, T0 + minute * MINUTE)
        store.fire_due(T0 + minute * MINUTE)
    assert store.case("live", case).state == State.UNATTENDED
    assert store.act("live", case, Accepted("worker:zhao"), T0 + 41 * MINUTE, "tap-1").owner == "zhao"
    delivered(engine, T0 + 42 * MINUTE)
    told = {(n.template, n.recipient) for n in notices(engine) if n.template in ("taken", "family_accepted")}
    assert told == {
        ("taken", "wang"), ("taken", "li"), ("taken", "ops"), ("family_accepted", "f1"), ("family_accepted", "f2"),
    }  # fmt: skip
    assert store.next_due() == T0 + 51 * MINUTE, "only the clocks of who has it run on"


def test_a_channel_that_is_down_for_hours_does_not_ring_many_times_afterwards(store, engine):
    case = opened(store)
    delivered(engine, T0)
    for minute in range(10, 130, 5):
        store.fire_due(T0 + minute * MINUTE)
    waiting = [(n.template, n.recipient) for n in notices(engine) if n.state == "pending"]
    assert len(waiting) == len(set(waiting)), "of one kind to one person only the newest waits"
    assert ("operator_unattended", "ops") in waiting
    assert store.case("live", case).loop > 15
    old = [n for n in notices(engine) if n.template == "operator_unattended" and n.state == "cancelled"]
    assert {n.last_error for n in old} == {"superseded by a newer one"}


def test_what_may_have_been_delivered_is_not_superseded(store, engine):
    opened(store)
    for minute in (10, 20, 30):
        store.fire_due(T0 + minute * MINUTE)
    delivered(engine, T0 + 30 * MINUTE)
    store.fire_due(T0 + 35 * MINUTE)
    states = [n.state for n in notices(engine) if n.template == "operator_unattended"]
    assert states == ["accepted", "pending"]


def test_an_early_or_repeated_tick_changes_nothing(store):
    opened(store)
    assert store.fire_due(T0 + 9 * MINUTE) == 0
    assert store.next_due() == T0 + 10 * MINUTE
    assert store.fire_due(T0 + 10 * MINUTE) == 1
    assert store.fire_due(T0 + 10 * MINUTE) == 0


def test_a_service_that_was_down_goes_on_where_it_was(store, engine):
    opened(store)
    late = T0 + timedelta(hours=5)
    assert Store(engine, Policy()).fire_due(late) == 1
    assert store.next_due() == late + 10 * MINUTE


def test_a_worker_accepts_goes_arrives_and_says_what_it_was(store, engine):
    case = opened(store)
    delivered(engine, T0)
    taps = [
        Accepted("worker:wang"),
        SetOff("worker:wang"),
        Arrived("worker:wang"),
        OutcomeRecorded("worker:wang", "HELPED"),
    ]
    for n, (event, state) in enumerate(zip(taps, ("ACCEPTED", "EN_ROUTE", "ON_SITE", "CLOSED"), strict=True)):
        acted = store.act("live", case, event, T0 + (n + 1) * MINUTE, f"tap-{n}")
        assert (acted.result, acted.case.state) == ("done", state)
    with engine.connect() as conn:
        assert conn.scalars(select(schema.findings.c.label)).all() == ["true"]
    family = [n.template for n in notices(engine) if n.recipient == "f1"]
    assert family == ["family_called_out", "family_accepted", "family_arrived", "family_outcome.HELPED"]


def test_a_tap_sent_twice_acts_once(store, engine):
    case = opened(store)
    assert store.act("live", case, Accepted("worker:wang"), T0 + MINUTE, "tap-1").result == "done"
    version = store.case("live", case).version
    again = store.act("live", case, Accepted("worker:wang"), T0 + 2 * MINUTE, "tap-1")
    assert (again.result, again.done) == ("repeated", True)
    assert store.case("live", case).version == version


def test_of_two_who_accept_at_once_one_has_it_and_the_other_hears_who(store, engine):
    case = opened(store)
    store.fire_due(T0 + 10 * MINUTE)
    ready = threading.Barrier(2)

    def accept(worker: str) -> object:
        ready.wait()
        return Store(engine, Policy()).act(
            "live", case, Accepted(f"worker:{worker}"), T0 + 11 * MINUTE, f"tap-{worker}"
        )

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(accept, ["wang", "li"]))
    assert sorted(r.result for r in results) == ["done", "taken"]
    winner = next(r for r in results if r.result == "done").owner
    loser = next(r for r in results if r.result == "taken")
    assert (loser.owner, loser.since) == (winner, T0 + 11 * MINUTE)


def test_a_tap_is_taken_back_within_ten_seconds_and_nobody_hears_of_it(store, engine):
    case = opened(store)
    delivered(engine, T0)
    store.act("live", case, Accepted("worker:wang"), T0 + MINUTE, "tap-1")
    held = [n for n in notices(engine) if n.state == "pending"]
    assert {n.template for n in held} == {"family_accepted"}
    assert all(n.due_at == T0 + MINUTE + 10 * SECOND for n in held)
    undone = store.act("live", case, Undone("worker:wang"), T0 + MINUTE + 9 * SECOND, "tap-2")
    assert (undone.result, undone.case.state, undone.owner) == ("done", State.AWAITING, None)
    assert {n.state for n in notices(engine) if n.template == "family_accepted"} == {"cancelled"}
    assert store.next_due() == T0 + 10 * MINUTE, "the ladder's clock runs on as if nothing had happened"


@pytest.mark.parametrize(("by", "after_s"), [("worker:li", 1), ("worker:wang", 10)], ids=["somebody else", "too late"])
def test_a_tap_is_not_taken_back_by(store, by, after_s):
    case = opened(store)
    store.act("live", case, Accepted("worker:wang"), T0, "tap-1")
    assert not store.act("live", case, Undone(by), T0 + after_s * SECOND, "tap-2").done
    assert store.case("live", case).state == State.ACCEPTED


def test_an_outcome_is_taken_back_with_its_label_and_its_absence(store, engine):
    case = opened(store)
    store.act("live", case, Accepted("worker:wang"), T0, "tap-1")
    store.act("live", case, OutcomeRecorded("worker:wang", "SAFE_AWAY"), T0 + MINUTE, "tap-2")
    with engine.connect() as conn:
        assert registry.absent(conn, "h1", T0 + timedelta(hours=20))
        version = registry.version(conn)
    back = store.act("live", case, Undone("worker:wang"), T0 + MINUTE + 5 * SECOND, "tap-3")
    assert (back.result, back.case.state, back.case.outcome) == ("done", State.ACCEPTED, None)
    with engine.connect() as conn:
        assert not registry.absent(conn, "h1", T0 + timedelta(hours=20))
        assert registry.version(conn) > version
        assert conn.scalars(select(schema.findings.c.label)).all() == [None]


def test_a_closed_case_stays_closed_when_the_home_has_a_newer_one(store):
    first = opened(store)
    store.act("live", first, OutcomeRecorded("worker:wang", "SAFE_AT_HOME", "guest"), T0, "tap-1")
    second = store.raise_finding(finding("f-2", kind="rule:day-2000l"), T0 + SECOND)
    assert second != first
    assert store.act("live", first, Undone("worker:wang"), T0 + 2 * SECOND, "tap-2").result == "late"
    assert [c.id for c in store.open_cases()] == [second]


def test_water_again_stands_everyone_down_who_was_told_and_nobody_else(store, engine):
    opened(store, "amber")
    delivered(engine, T0)
    store.fire_due(T0 + 10 * MINUTE)  # a worker is asked, but the message never left
    store.clear_finding("f-1", T0 + 11 * MINUTE, T0 + 11 * MINUTE)
    assert store.open_cases() == []
    told = {(n.template, n.recipient) for n in notices(engine) if "stand_down" in n.template}
    assert told == {("family_stand_down", "f1"), ("family_stand_down", "f2")}


def test_water_again_does_not_end_a_red_case(store, engine):
    case = opened(store)
    delivered(engine, T0)
    store.clear_finding("f-1", T0 + MINUTE, T0 + MINUTE)
    assert store.case("live", case).state == State.AWAITING
    assert {("likely_well", "wang"), ("family_likely_well", "f1")} <= {
        (n.template, n.recipient) for n in notices(engine)
    }


def test_a_refusal_asks_the_next_person_now(store, engine):
    opened(store)
    (case,) = store.open_cases()
    store.act("live", case.id, Declined("worker:wang", "too_far"), T0 + MINUTE, "tap-1")
    assert [n.recipient for n in notices(engine) if n.template == "offer"] == ["wang", "li"]


def test_a_death_is_never_told_by_text(store, engine):
    case = opened(store)
    delivered(engine, T0)
    store.act("live", case, Accepted("worker:wang"), T0 + MINUTE, "tap-1")
    store.act("live", case, OutcomeRecorded("worker:wang", "DECEASED"), T0 + 2 * MINUTE, "tap-2")
    after = [n.template for n in notices(engine) if n.recipient_kind == "contact" and n.created_at > T0 + MINUTE]
    assert after == []


def test_without_consent_to_the_community_only_family_and_operator_are_told(engine, store, tmp_path):
    fill(engine, tmp_path / "sheets", consents=[line for line in SHEETS["consents"] if "r1,community" not in line])
    case = opened(store)
    assert store.case("live", case).state == State.UNATTENDED
    assert {(n.template, n.recipient) for n in notices(engine)} == {
        ("family_unattended", "f1"), ("family_unattended", "f2"), ("operator_unattended", "ops"),
    }  # fmt: skip


def test_a_case_that_does_not_exist_and_an_outcome_that_does_not_are_errors(store):
    case = opened(store)
    with pytest.raises(UnknownCase):
        store.act("live", "nothing", Accepted("worker:wang"), T0, "tap-1")
    with pytest.raises(UnknownCase):
        store.act("drill", case, Accepted("worker:wang"), T0, "tap-2")
    with pytest.raises(UnknownOutcome):
        store.act("live", case, OutcomeRecorded("worker:wang", "FINE"), T0, "tap-3")
    assert store.act("live", case, Accepted("worker:wang"), T0, "tap-3").result == "done", (
        "a refused tap was not counted"
    )


def test_a_drill_and_life_stand_side_by_side(store, engine):
    rehearse(engine)
    real = store.raise_finding(finding("f-1", "amber"), T0)
    drill = store.raise_finding(finding("f-1", realm="drill"), T0)
    assert drill is not None
    assert drill != real
    assert [c.id for c in store.open_cases("drill")] == [drill]


def test_the_outcome_of_a_drill_declares_nobody_away(store, engine):
    rehearse(engine)
    with engine.connect() as conn:
        before = registry.version(conn)
    drill = store.raise_finding(finding("f-1", realm="drill"), T0)
    store.act("drill", drill, Accepted("worker:wang"), T0, "tap-1")
    store.act("drill", drill, OutcomeRecorded("worker:wang", "SAFE_AWAY"), T0, "tap-2")
    with engine.connect() as conn:
        assert conn.execute(select(schema.absences)).all() == []
        assert registry.version(conn) == before


def test_a_database_may_be_read_while_it_is_written(engine):
    with engine.begin() as writing:
        registry.changes.bump(writing)
        with database.reading(engine).connect() as conn:
            assert registry.version(conn) == 1


def test_evidence_that_json_cannot_hold_never_stops_an_alarm(store, engine):
    evidence = {
        "quiet_s": np.float64(50400.0),
        "volume_l": float("nan"),
        "sure": np.bool_(True),
        "days": np.int64(7),
        "at": None,
    }
    assert store.raise_finding(finding(evidence=evidence), T0) is not None
    with engine.connect() as conn:
        kept = conn.scalar(select(schema.findings.c.evidence))
    assert kept == {"quiet_s": 50400.0, "volume_l": None, "sure": 1.0, "days": 7.0, "at": None}


AWAY = ["household,start,end,by", "h1,2026-11-20T00:00Z,2026-11-30T00:00Z,daughter"]


def test_an_absence_declared_while_the_case_is_open_is_not_called_water(engine, store, tmp_path):
    red = opened(store)
    delivered(engine, T0)
    fill(engine, tmp_path / "away", absences=AWAY)
    store.clear_finding("f-1", T0 + MINUTE, T0 + MINUTE)
    assert store.case("live", red).state == State.AWAITING
    assert not {"likely_well", "family_likely_well"} & {n.template for n in notices(engine)}


def test_an_absence_declared_before_anybody_went_stands_down_and_says_why(engine, store, tmp_path):
    opened(store, "amber")
    delivered(engine, T0)
    fill(engine, tmp_path / "away", absences=AWAY)
    store.clear_finding("f-1", T0 + MINUTE, T0 + MINUTE)
    assert store.open_cases() == []
    assert {n.template for n in notices(engine) if n.recipient == "f1"} == {"family_ask", "family_declared_away"}


def test_the_same_quiet_raised_again_after_its_absence_was_withdrawn_is_a_new_case(store, engine):
    first = opened(store, "amber")
    store.clear_finding("f-1", T0 + MINUTE, T0 + MINUTE)
    again = finding(severity="amber", at=T0 + 5 * MINUTE)
    second = store.raise_finding(again, T0 + 5 * MINUTE)
    assert second not in (None, first)
    assert store.raise_finding(again, T0 + 6 * MINUTE) == second
    store.raise_finding(finding(severity="amber"), T0 + 6 * MINUTE)  # a replay tells the old story once more
    store.clear_finding("f-1", T0 + MINUTE, T0 + 6 * MINUTE)
    assert [case.id for case in store.open_cases()] == [second]
    store.clear_finding("f-1", T0 + 7 * MINUTE, T0 + 7 * MINUTE)
    assert store.open_cases() == []


def test_monitored_only_and_nobody_else_agreed_the_operator_is_told_again_and_again(engine, store, tmp_path):
    only = [SHEETS["consents"][0], "r1,monitor,,1,2026-01-01T08:00+08:00,resident,form,"]
    elsewhere = [w.replace("operator,s1", "operator,s2") for w in SHEETS["workers"]]
    fill(engine, tmp_path / "only", consents=only, workers=elsewhere, areas=[*SHEETS["areas"], "s2,,street,别处"])
    case = opened(store)
    assert store.case("live", case).state == State.UNATTENDED
    store.fire_due(T0 + 5 * MINUTE)
    assert [(n.template, n.recipient) for n in notices(engine)] == [("operator_unattended", "ops")] * 2


def test_a_clock_that_cannot_ring_is_said_and_rings_when_it_can(store, engine, monkeypatch):
    opened(store)
    monkeypatch.setattr(store, "_fire", lambda *_, **__: 1 / 0)
    assert store.fire_due(T0 + 10 * MINUTE) == 0
    assert store.trouble == "clocks of cases cannot ring: ZeroDivisionError"
    monkeypatch.undo()
    assert store.fire_due(T0 + 10 * MINUTE) == 1
    assert store.trouble is None
