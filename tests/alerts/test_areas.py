"""Many homes at once: what an outage explains waits for its end, what it does not explain never waits."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from alerts import explained, registry, schema
from alerts.cases import Accepted, OutcomeRecorded, State, Undone
from alerts.policy import Policy
from alerts.store import Store
from tests.alerts.neighbourhood import SHEETS, T0, cut, delivered, fill, finding, notices, rehearse, write

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOON = T0 + 3 * HOUR


def quiet(name="f-1", severity="amber", household="h1", *, begun=-30, due=None, at=T0, kind="quiet"):
    """Return a finding of a quiet begun so many minutes after T0; `due`: usually over so many minutes after T0."""
    evidence = {} if due is None else {"usual_return_at": (T0 + due * MINUTE).timestamp()}
    made = finding(name, severity, household=household, kind=kind, at=at, evidence=evidence)
    return type(made)(**{n: getattr(made, n) for n in made.__dataclass_fields__} | {"onset": T0 + begun * MINUTE})


def states(store):
    """Return where each home's open care case stands."""
    return {case.household: case.state.value for case in store.open_cases() if case.stream == "care"}


def said(engine, *templates):
    """Return (template, recipient) of the notices that are not cancelled."""
    rows = [n for n in notices(engine) if n.state != "cancelled"]
    return sorted((n.template, n.recipient) for n in rows if not templates or n.template in templates)


def test_one_outage_is_one_notice_a_person_and_not_one_a_home(store, engine):
    store.begin_area(cut(), T0)
    assert said(engine) == [
        ("area_outage", "ops"), ("area_outage", "wang"), ("area_outage", "zhao"),
        ("family_outage", "f1"), ("family_outage", "f2"), ("family_outage", "f3"),
    ]  # fmt: skip
    assert all(n.case_id is None and n.area_event == "cut" for n in notices(engine))


def test_what_the_outage_explains_tells_nobody_of_one_home(store, engine):
    store.begin_area(cut(), T0)
    before = len(notices(engine))
    case = store.raise_finding(quiet(severity="red"), T0 + MINUTE)
    assert states(store) == {"h1": "FOLDED"}
    assert store.case("live", case).area_event == "cut"
    assert len(notices(engine)) == before


def test_a_case_that_nobody_accepted_is_folded_and_who_was_asked_is_stood_down(store, engine):
    store.raise_finding(quiet(severity="red"), T0)
    delivered(engine, T0)
    store.begin_area(cut(), T0 + MINUTE)
    assert states(store) == {"h1": "FOLDED"}
    assert ("folded", "wang") in said(engine)
    assert ("family_outage", "f1") in said(engine), "the family hears why"
    assert store.next_due() == T0 + MINUTE + 6 * HOUR


@pytest.mark.parametrize(
    ("begun", "due", "state"),
    [
        pytest.param(-60, None, "FOLDED", id="last use when the water went off"),
        pytest.param(-90, None, "FOLDED", id="half an hour before"),
        pytest.param(-91, None, "AWAITING", id="longer before"),
        pytest.param(-600, -60, "FOLDED", id="long before, but not overdue yet"),
        pytest.param(-600, -91, "AWAITING", id="overdue when the water went off"),
        pytest.param(-30, -20, "FOLDED", id="after that: a tank may hold some"),
    ],
)
def test_a_home_that_was_overdue_before_the_water_went_off_stays_its_own(store, begun, due, state):
    store.begin_area(cut(), T0)
    store.raise_finding(quiet(severity="red", begun=begun, due=due), T0 + MINUTE)
    assert states(store) == {"h1": state}


def test_the_fall_before_the_outage_stays_with_who_was_asked_and_its_family_hears_no_excuse(store, engine):
    store.raise_finding(quiet(severity="red", begun=-600, due=-300), T0)
    store.begin_area(cut(), T0 + MINUTE)
    assert states(store) == {"h1": "AWAITING"}
    assert [who for _, who in said(engine, "family_outage")] == ["f3"]


@pytest.mark.parametrize("kind", ["sos", "surge", "leak_sensor", "rule:250l-1h"])
def test_nothing_but_missing_use_is_explained_by_an_outage(store, kind):
    store.begin_area(cut(), T0)
    store.raise_finding(quiet(severity="red", kind=kind), T0 + MINUTE)
    assert states(store) == {"h1": "AWAITING"}


def test_a_press_for_help_takes_the_folded_case_out_with_it(store, engine):
    store.begin_area(cut(), T0)
    case = store.raise_finding(quiet(), T0)
    assert store.raise_finding(quiet("f-2", "red", kind="sos", begun=5), T0 + 5 * MINUTE) == case
    assert states(store) == {"h1": "AWAITING"}
    assert ("offer", "wang") in said(engine)


def missed(severity="red", back=NOON):
    """Return a quiet of a home that does not draw though its neighbours do."""
    made = quiet(severity=severity, at=back + HOUR)
    return type(made)(
        **{n: getattr(made, n) for n in made.__dataclass_fields__} | {"evidence": {"water_back_at": back.timestamp()}}
    )


def test_who_is_missed_when_the_neighbours_draw_again_does_not_wait_for_the_grace(store, engine):
    store.begin_area(cut(), T0)
    store.end_area("cut", NOON, NOON)
    store.raise_finding(missed(), NOON + HOUR)
    assert states(store) == {"h1": "AWAITING"}
    assert ("offer", "wang") in said(engine)


def test_a_red_that_was_folded_in_the_cut_stands_for_itself_when_it_is_missed_and_only_once(store, engine):
    store.begin_area(cut(), T0)
    case = store.raise_finding(quiet(severity="red"), T0 + MINUTE)
    store.end_area("cut", NOON, NOON)
    assert states(store) == {"h1": "FOLDED"}
    assert store.raise_finding(missed(), NOON + HOUR) == case
    assert states(store) == {"h1": "AWAITING"}
    before = len(notices(engine))
    assert store.raise_finding(missed(), NOON + HOUR + MINUTE) == case
    assert len(notices(engine)) == before


def test_a_second_cut_explains_who_was_missed_after_the_first():
    event = {"kind": "water_outage", "onset": T0 + 4 * HOUR, "ended_at": None, "evidence": {}}
    after = {"water_back_at": NOON.timestamp(), "usual_return_at": (T0 + 6 * HOUR).timestamp()}
    assert explained.explains(event, "quiet", T0, after, Policy())
    assert not explained.explains(event | {"onset": T0}, "quiet", T0, after, Policy())


def test_water_after_the_outage_explains_it_and_labels_it(store, engine):
    store.begin_area(cut(), T0)
    store.raise_finding(quiet(severity="red"), T0)
    store.end_area("cut", NOON, NOON)
    assert states(store) == {"h1": "FOLDED"}
    store.clear_finding("f-1", NOON + HOUR, NOON + HOUR)
    assert store.open_cases() == []
    with engine.connect() as conn:
        assert conn.scalars(select(schema.findings.c.label)).all() == ["outage"]
        assert conn.scalars(select(schema.cases.c.state)).all() == ["EXPLAINED"]


def test_who_is_still_silent_two_hours_after_is_called_out_with_the_onset_of_the_beginning(store, engine):
    store.begin_area(cut(), T0)
    case = store.raise_finding(quiet(severity="red"), T0)
    store.end_area("cut", NOON, NOON)
    again = Store(engine, Policy())  # the service was started anew meanwhile
    assert again.next_due() == NOON + 2 * HOUR
    assert again.fire_due(NOON + 2 * HOUR) == 1
    out = again.case("live", case)
    assert (out.state, out.onset, out.area_event) == (State.AWAITING, T0 - 30 * MINUTE, None)
    assert ("offer", "wang") in said(engine)


def test_a_finding_that_comes_just_after_the_end_waits_for_the_rest_of_that_time(store):
    store.begin_area(cut(), T0)
    store.end_area("cut", NOON, NOON)
    store.raise_finding(quiet(severity="red"), NOON + HOUR)
    assert states(store) == {"h1": "FOLDED"}
    assert store.next_due() == NOON + 2 * HOUR
    store.raise_finding(quiet("f-2", "red", "h2"), NOON + 3 * HOUR)
    assert states(store)["h2"] == "AWAITING", "later its silence is its own"


def test_a_quiet_that_began_after_the_water_was_back_is_its_own(store):
    store.begin_area(cut(), T0)
    store.end_area("cut", NOON, NOON)
    store.raise_finding(quiet(severity="red", begun=181), NOON + HOUR)
    assert states(store) == {"h1": "AWAITING"}


def test_the_end_is_told_to_those_who_heard_of_the_beginning_and_unsent_beginnings_go_with_it(store, engine):
    store.begin_area(cut(), T0)
    n = schema.notices
    with engine.begin() as conn:
        heard = n.c.recipient.in_(("ops", "wang", "f1"))
        conn.execute(n.update().where(heard).values(state="accepted", attempts=1))
    store.end_area("cut", NOON, NOON)
    assert said(engine, "area_over", "family_outage_over") == [
        ("area_over", "ops"), ("area_over", "wang"), ("family_outage_over", "f1"),
    ]  # fmt: skip
    assert {n.recipient for n in notices(engine) if n.state == "cancelled"} == {"zhao", "f2", "f3"}


def test_begun_twice_and_ended_twice_is_once(store, engine):
    store.raise_finding(quiet(), T0)
    for _ in range(2):
        store.begin_area(cut(), T0)
    delivered(engine, T0)
    for _ in range(2):
        store.end_area("cut", NOON, NOON)
    assert len(said(engine, "area_outage")) == len(said(engine, "area_over")) == 3
    with engine.connect() as conn:
        kinds = conn.scalars(select(schema.case_events.c.kind).order_by(schema.case_events.c.n)).all()
    assert kinds == ["finding_raised", "area_began", "area_ended"]


def test_an_end_before_its_beginning_changes_nothing(store):
    store.end_area("cut", T0, T0)
    store.begin_area(cut(), T0)
    store.raise_finding(quiet(), T0)
    assert states(store) == {"h1": "FOLDED"}


def test_an_event_that_comes_back_under_its_own_id_goes_on(store, engine):
    store.begin_area(cut(), T0)
    store.raise_finding(quiet(), T0)
    delivered(engine, T0)
    store.end_area("cut", NOON, NOON)
    store.begin_area(cut(onset=T0 - HOUR, at=NOON + MINUTE), NOON + MINUTE)
    assert store.fire_due(NOON + 2 * HOUR) == 0, "it is not let go while the water is off"
    assert states(store) == {"h1": "FOLDED"}
    assert len(said(engine, "area_outage")) == 6


def test_a_building_takes_over_its_riser_and_nobody_hears_that_the_water_is_back(store, engine):
    store.begin_area(cut("riser", zone_kind="riser", zone="1", homes=["h1"]), T0)
    case = store.raise_finding(quiet(), T0)
    delivered(engine, T0)
    store.begin_area(cut(), T0 + MINUTE)
    store.end_area("riser", T0 + MINUTE, T0 + MINUTE)
    delivered(engine, T0 + MINUTE)
    assert store.case("live", case).area_event == "cut"
    assert said(engine, "area_over", "family_outage_over") == []
    assert [who for _, who in said(engine, "family_outage")] == ["f1", "f2", "f3"], "each family once"
    store.end_area("cut", NOON, NOON)
    assert store.next_due() == NOON + 2 * HOUR
    assert [who for _, who in said(engine, "family_outage_over")] == ["f1", "f2", "f3"]
    assert [who for _, who in said(engine, "area_over")] == ["ops", "wang", "zhao"]


def test_a_riser_that_stays_dry_when_the_building_is_over_keeps_its_homes(store, engine):
    store.begin_area(cut(), T0)
    store.begin_area(cut("riser", zone_kind="riser", zone="1", homes=["h1"]), T0)
    for home in ("h1", "h2"):
        store.raise_finding(quiet(f"f-{home}", household=home), T0)
    delivered(engine, T0)
    store.end_area("cut", NOON, NOON)
    assert {c.household: len(c.timers) and c.area_event for c in store.open_cases()} == {"h1": "riser", "h2": "cut"}
    assert [who for _, who in said(engine, "family_outage_over")] == ["f3"]
    store.fire_due(NOON + 2 * HOUR)
    assert states(store) == {"h1": "FOLDED", "h2": "SUSPECTED"}
    store.end_area("riser", NOON + 3 * HOUR, NOON + 3 * HOUR)
    assert [who for _, who in said(engine, "family_outage_over")] == ["f1", "f2", "f3"]


def test_homes_folded_for_long_are_called_round_by_one_notice(store, engine):
    store.begin_area(cut(), T0)
    for home in ("h1", "h2"):
        store.raise_finding(quiet(f"f-{home}", household=home), T0)
    delivered(engine, T0)
    assert store.fire_due(T0 + 6 * HOUR) == 2
    assert said(engine, "area_call_round") == [("area_call_round", "ops")]
    delivered(engine, T0 + 6 * HOUR)
    assert store.fire_due(T0 + 12 * HOUR) == 2
    assert len(said(engine, "area_call_round")) == 2


def test_only_relatives_the_resident_agreed_to_hear_of_it(engine, store, tmp_path):
    fill(engine, tmp_path / "sheets", consents=[line for line in SHEETS["consents"] if "r1,relative" not in line])
    store.begin_area(cut(), T0)
    assert [who for _, who in said(engine, "family_outage")] == ["f3"]


def test_without_anybody_on_shift_the_lead_and_the_operator_hear_of_it(engine, store, tmp_path):
    fill(engine, tmp_path / "sheets", shifts=SHEETS["shifts"][:1])
    store.begin_area(cut(), T0)
    assert said(engine, "area_outage") == [("area_outage", "ops"), ("area_outage", "zhao")]


def test_homes_and_areas_that_are_not_in_the_registry_do_not_stop_the_news(store, engine):
    store.begin_area(cut(homes=["h1", "gone"], area="nowhere"), T0)
    assert ("area_outage", "ops") in said(engine)
    with engine.connect() as conn:
        assert conn.scalars(select(schema.area_members.c.household)).all() == ["h1"]


def test_an_import_keeps_the_homes_of_an_area_event(store, engine, tmp_path):
    store.begin_area(cut(), T0)
    only = {"households": SHEETS["households"][:1], "residents": SHEETS["residents"][:1]}
    rest = {name: SHEETS[name][:1] for name in ("consents", "contacts", "devices", "workers", "shifts", "areas")}
    with engine.begin() as conn:
        registry.apply(registry.read(write(tmp_path / "empty", **only, **rest)), conn, T0)
        assert set(conn.scalars(select(schema.households.c.id))) == {"h1", "h2"}
        assert "g1" in set(conn.scalars(select(schema.areas.c.id)))


# --- radio ---------------------------------------------------------------------------------------------------------


def silent(name="m-1", household="h1", at=T0):
    """Return the finding of a meter that was last heard when the gateway died."""
    made = finding(name, "blue", household=household, kind="meter_silent", at=at, evidence={"period_s": 3600})
    return type(made)(**{n: getattr(made, n) for n in made.__dataclass_fields__} | {"onset": at - 90 * MINUTE})


def open_technical(store):
    """Return where each home's technical case stands."""
    return {case.household: case.state.value for case in store.open_cases() if case.stream == "technical"}


def test_meters_that_fall_silent_with_their_gateway_are_kept_but_make_no_case(store, engine):
    store.begin_area(cut("radio", kind="radio_outage"), T0)
    assert store.raise_finding(silent(), T0) is None
    with engine.connect() as conn:
        assert conn.scalars(select(schema.findings.c.suppressed)).all() == ["outage"]
    assert store.open_cases() == []
    assert said(engine) == [("area_outage", "ops"), ("area_outage", "wang"), ("area_outage", "zhao")], "no family"


def test_meters_that_were_noted_before_are_folded_and_their_messages_never_leave(store, engine):
    store.raise_finding(silent(), T0)
    store.begin_area(cut("radio", kind="radio_outage"), T0 + MINUTE)
    assert open_technical(store) == {"h1": "FOLDED"}
    store.clear_finding("m-1", NOON, NOON)
    assert store.open_cases() == []


def test_a_meter_that_stays_silent_after_its_gateway_is_heard_is_a_trouble_of_its_own(store, engine):
    store.raise_finding(silent("m-1", "h1"), T0)
    store.begin_area(cut("radio", kind="radio_outage"), T0)
    store.raise_finding(silent("m-2", "h2"), T0)
    store.raise_finding(silent("m-3", "h2"), T0)
    store.clear_finding("m-3", NOON, NOON)
    store.end_area("radio", NOON, NOON)
    assert open_technical(store) == {"h1": "NOTED", "h2": "NOTED"}
    with engine.connect() as conn:
        f = schema.findings.c
        kept = dict(conn.execute(select(f.id, f.suppressed)).all())
        assert kept == {"m-1": None, "m-2": None, "m-3": "outage"}
        assert conn.scalar(select(func.count()).where(f.id == "m-2", f.case_id.is_not(None))) == 1
    store.clear_finding("m-2", NOON + HOUR, NOON + HOUR)
    assert open_technical(store) == {"h1": "NOTED"}


def test_a_meter_that_died_days_before_its_gateway_keeps_its_own_case(store):
    store.raise_finding(finding("m-1", "blue", kind="meter_silent", evidence={"period_s": 3600}), T0)
    store.begin_area(cut("radio", kind="radio_outage"), T0 + MINUTE)
    assert open_technical(store) == {"h1": "NOTED"}


def test_a_silent_gateway_explains_no_quiet_and_a_water_cut_no_silent_meter(store):
    store.begin_area(cut("radio", kind="radio_outage", homes=["h1"]), T0)
    store.begin_area(cut("water", homes=["h2"]), T0)
    store.raise_finding(quiet(severity="red"), T0)
    store.raise_finding(silent("m-2", "h2"), T0)
    assert states(store) == {"h1": "AWAITING"}
    assert open_technical(store) == {"h2": "NOTED"}


# --- people --------------------------------------------------------------------------------------------------------


def test_the_owner_of_a_case_keeps_it_and_is_told_once(store, engine):
    case = store.raise_finding(quiet(severity="red"), T0)
    store.act("live", case, Accepted("worker:wang"), T0, "tap-1")
    store.begin_area(cut("riser", homes=["h1"]), T0 + MINUTE)
    store.begin_area(cut(), T0 + 2 * MINUTE)
    assert states(store) == {"h1": "ACCEPTED"}
    assert said(engine, "owner_outage") == [("owner_outage", "wang")]


def test_an_acceptance_taken_back_after_the_water_went_off_is_folded_after_all(store):
    case = store.raise_finding(quiet(severity="red"), T0)
    store.act("live", case, Accepted("worker:wang"), T0, "tap-1")
    store.begin_area(cut(), T0 + timedelta(seconds=2))
    back = store.act("live", case, Undone("worker:wang"), T0 + timedelta(seconds=5), "tap-2")
    assert (back.result, back.case.state) == ("done", State.FOLDED)


def test_an_outcome_taken_back_after_the_end_gives_the_home_its_time(store):
    store.begin_area(cut(), T0)
    case = store.raise_finding(quiet(severity="red"), T0)
    store.act("live", case, OutcomeRecorded("operator:ops", "OUTAGE"), NOON, "tap-1")
    store.end_area("cut", NOON, NOON + timedelta(seconds=1))
    now = NOON + timedelta(seconds=5)
    back = store.act("live", case, Undone("operator:ops"), now, "tap-2")
    assert back.case.state == State.FOLDED
    assert store.next_due() == now + 2 * HOUR


def test_a_drill_of_an_outage_leaves_life_alone(store, engine):
    rehearse(engine)
    store.begin_area(cut("drill", realm="drill"), T0)
    store.raise_finding(quiet(severity="red"), T0)
    assert states(store) == {"h1": "AWAITING"}


def test_each_commit_says_which_homes_it_touched(engine):
    heard = []
    store = Store(engine, Policy(), heard.append)
    store.raise_finding(quiet(severity="red"), T0)
    store.begin_area(cut(), T0)
    store.begin_area(cut(), T0)
    store.end_area("cut", NOON, NOON)
    store.fire_due(NOON)
    store.fire_due(NOON + 2 * HOUR)
    store.clear_finding("nothing", NOON, NOON)
    store.clear_finding("f-1", NOON, NOON)
    home, both = frozenset({"h1"}), frozenset({"h1", "h2"})
    assert heard == [home, both, both, home, home]


@pytest.mark.parametrize(("period_s", "covers"), [(900.0, False), (3600.0, True)])
def test_the_beginning_that_hourly_meters_tell_may_be_an_hour_late(period_s, covers):
    event = {"kind": explained.WATER, "onset": T0, "ended_at": None, "evidence": {"period_s": period_s}}
    one = quiet(begun=-300, due=-50)
    assert explained.explains(event, one.kind, one.onset, one.evidence, Policy()) == covers
