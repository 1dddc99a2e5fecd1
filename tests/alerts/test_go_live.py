"""What a community proves before its homes are shown as covered: each item, its age, and whom a lack keeps back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from alerts import (
    acceptance,
    audit,
    consent,
    database,
    drill_runs,
    fittings,
    go_live,
    notice_truth,
    reach_tests,
    reply_codes,
    schema,
)
from alerts.channels import Reply
from alerts.events import Accepted
from alerts.gaps import gaps
from alerts.go_live import KEYS, checklists
from alerts.go_live_facts import Entry, Facts, Home, Meter, Person, Played, Relative, Settings, Shift
from alerts.go_live_shifts import Holes
from alerts.ladders import read
from alerts.policy import Policy
from alerts.queries import go_live as rows
from tests.alerts.neighbourhood import T0, delivered, finding, notices, rehearse

DAY = timedelta(days=1)
ZONE = ZoneInfo("Asia/Shanghai")
AGO = T0 - 2 * DAY
AGREED = {"monitor": AGO, "community": AGO, "relative": AGO}
ASKED = Settings()


def home(name, area="g1", **changed):
    usual = Home(
        name, area, ZONE, AGREED, frozenset(), (Meter(f"m-{name}", AGO),), (Relative(f"f-{name}", AGO, False),)
    )
    return usual._replace(**changed)


def person(name, role="worker", area="g1", **changed):
    return Person(name, role, area, AGO, False, AGO)._replace(**changed)


def whole(**changed):
    """Return a community of two grids of which everything is proved."""
    shifts = [Shift(g, T0 - DAY, T0 + 30 * DAY, (who, "li", "zhao")) for g, who in (("g1", "wang"), ("g2", "chen"))]
    people = [
        person("wang"),
        person("li"),
        person("chen", area="g2"),
        person("zhao", "lead", "c1"),
        person("ops", "operator", "s1"),
    ]
    usual = Facts(
        {"s1": None, "c1": "s1", "g1": "c1", "g2": "c1"},
        {"s1": "street", "c1": "community", "g1": "grid", "g2": "grid"},
        homes=[home("h1"), home("h2", "g2")],
        people=people,
        shifts=shifts,
        played=[Played(script, AGO, 7, 7, None) for script in ASKED.drills],
        channels={"email": AGO},
        used={"c1": frozenset({"email"})},
        entries={"c1": [Entry("accepted", AGO, "worker:zhao")]},
        duty_phone=True,
    )  # fmt: skip
    return replace(usual, **changed)


def listed(facts, now=T0, settings=ASKED, ladders=()):
    (found,) = checklists(facts, settings, ladders, now).values()
    return found


def without(facts, who, **changed):
    """Return the facts with one person changed."""
    return replace(facts, people=[one._replace(**changed) if one.id == who else one for one in facts.people])


def test_a_community_of_which_everything_is_proved_is_green_and_its_homes_are_covered():
    found = listed(whole())
    assert [item.key for item in found.items] == list(KEYS)
    assert {item.state for item in found.items} == {"green"}
    assert (found.green, found.covered, found.homes) == (10, 2, {"h1": (), "h2": ()})


def test_of_what_is_not_known_nothing_is_green():
    nothing = Facts({"c1": None, "g1": "c1"}, {"c1": "community", "g1": "grid"}, homes=[
        Home("h1", "g1", ZONE, {}, frozenset(), (), (Relative("f", None, False),))])  # fmt: skip
    found = listed(nothing)
    assert [item.key for item in found.items if item.state == "green"] == []
    assert found.homes == {"h1": KEYS}
    assert not found.may_accept


OWN = {
    "no consent to be monitored": ({"agreed_at": {"community": AGO}}, "consent", "not_yet", "no_monitor"),
    "no visits agreed to": ({"agreed_at": {"monitor": AGO}}, "consent", "not_yet", "no_community"),
    "withdrawn": ({"agreed_at": {"community": AGO}, "ended": frozenset({"monitor"})}, "consent", "failed", "ended"),
    "no meter": ({"meters": ()}, "meter", "not_yet", "no_meter"),
    "a second meter whose tap nobody opened": (
        {"meters": (Meter("a", AGO), Meter("b", None))}, "meter", "not_yet", "no_tap"),
    "a tap of three years ago": ({"meters": (Meter("a", T0 - 1000 * DAY),)}, "meter", "not_yet", "no_tap_lapsed"),
    "a relative nobody reached": ({"relatives": (Relative("f", None, False),)}, "contact", "not_yet", "no_contact"),
    "a number that is dead": ({"relatives": (Relative("f", AGO, True),)}, "contact", "failed", "bad_contact"),
}  # fmt: skip


@pytest.mark.parametrize("why", OWN)
def test_what_a_home_lacks_keeps_back_that_home_alone(why):
    changed, key, state, code = OWN[why]
    found = listed(whole(homes=[home("h1", **changed), home("h2", "g2")]))
    item = found.item(key)
    assert (item.state, item.done, item.of, item.lacks[0].why) == (state, 1, 2, code)
    assert found.homes == {"h1": (key,), "h2": ()}
    assert found.may_accept


def test_a_home_without_relatives_has_nobody_to_be_reached():
    assert listed(whole(homes=[home("h1", relatives=())])).item("contact").state == "green"


OF_PEOPLE = {
    "never reached": ({"tapped_at": None}, "workers", "no_tap_of_worker"),
    "reached long ago": ({"tapped_at": T0 - 91 * DAY}, "workers", "tap_lapsed"),
    "a dead number": ({"bad": True}, "workers", "bad_worker"),
    "never rehearsed": ({"rehearsed_at": None}, "rehearsal", "not_rehearsed"),
    "rehearsed long ago": ({"rehearsed_at": T0 - 181 * DAY}, "rehearsal", "rehearsal_lapsed"),
    "too late in the last rehearsal": ({"late_at": T0 - DAY}, "rehearsal", "rehearsed_late"),
}


@pytest.mark.parametrize("why", OF_PEOPLE)
def test_what_a_worker_lacks_keeps_back_the_homes_that_count_on_that_worker(why):
    changed, key, code = OF_PEOPLE[why]
    found = listed(without(whole(), "chen", **changed))
    assert [(lack.why, lack.whom, lack.areas) for lack in found.item(key).lacks] == [(code, "chen", {"g2"})]
    assert found.homes == {"h1": (), "h2": (key,)}
    assert listed(without(whole(), "li", **changed)).covered == 0  # the backup of both


def test_a_worker_on_no_shift_ahead_keeps_nobody_back():
    new = person("new", tapped_at=None, rehearsed_at=None)
    assert listed(whole(people=[*whole().people, new])).covered == 2


def test_a_table_at_which_a_worker_sat_stands_for_a_rehearsal_until_it_is_old():
    said = [Entry("signed", AGO, "operator:ops", frozenset({"chen"})), *whole().entries["c1"]]
    facts = without(whole(entries={"c1": said}), "chen", rehearsed_at=None)
    assert listed(facts).covered == 2
    assert listed(facts, AGO + 180 * DAY).item("rehearsal").state == "green"
    assert "rehearsal_lapsed" in {lack.why for lack in listed(facts, AGO + 181 * DAY).item("rehearsal").lacks}


def test_a_hole_in_the_shifts_keeps_back_its_grid_and_a_plain_no_is_no_hole():
    days = [Shift("g1", T0 - DAY, T0 + 30 * DAY, ("wang", "li"))]
    days += [
        Shift("g2", T0 + n * DAY - timedelta(hours=1), T0 + n * DAY + timedelta(hours=11), ("chen", "li"))
        for n in range(15)
    ]
    found = listed(whole(shifts=days))
    assert [(lack.whom, lack.at) for lack in found.item("shifts").lacks] == [("g2", T0 + timedelta(hours=11))]
    assert found.homes == {"h1": (), "h2": ("shifts",)}
    ladders, faults = read([{"hours": "08:00-20:00"}, {"hours": "20:00-08:00", "cover": False}])
    assert faults == []
    promised = listed(whole(shifts=days), ladders=ladders)
    assert promised.covered == 2
    assert promised.item("shifts").notes == ("20:00-08:00",)


@pytest.mark.parametrize(("changed", "why"), [
    ({"duty_phone": False}, "no_duty_phone"),
    ({"people": [one for one in whole().people if one.role != "operator"]}, "no_operator"),
    ({"people": [one for one in whole().people if one.role != "lead"]}, "no_lead"),
])  # fmt: skip
def test_a_lead_a_desk_and_a_telephone_are_wanted(changed, why):
    found = listed(whole(**changed))
    assert [lack.why for lack in found.item("numbers").lacks] == [why]
    assert found.covered == 0


def test_a_channel_that_has_not_been_proved_of_late_keeps_everybody_back():
    assert listed(whole(channels={})).item("channels").lacks[0].why == "channel_never"
    old = listed(whole(channels={"email": T0 - 31 * DAY}))
    assert (old.item("channels").lacks[0].why, old.covered) == ("channel_lapsed", 0)


@pytest.mark.parametrize(("runs", "why", "state"), [
    ([], "drill_never", "not_yet"),
    ([("fall_at_night", AGO, 6, 7, None)], "drill_missed", "failed"),
    ([("fall_at_night", AGO, 0, 0, None)], "drill_missed", "failed"),
    ([("fall_at_night", T0 - 91 * DAY, 7, 7, None)], "drill_lapsed", "not_yet"),
    ([("fall_at_night", AGO, 7, 7, "c9")], "drill_never", "not_yet"),
    ([("fall_at_night", AGO, 7, 7, None), ("fall_at_night", T0 - 9 * DAY, 6, 7, "c1")], "drill_missed", "failed"),
])  # fmt: skip
def test_a_drill_counts_when_all_its_lines_were_met_and_its_own_one_first(runs, why, state):
    found = listed(whole(played=[Played(*run) for run in runs]), settings=replace(ASKED, drills=("fall_at_night",)))
    assert ([lack.why for lack in found.item("drills").lacks], found.item("drills").state) == ([why], state)
    assert found.covered == 0


def test_the_list_says_for_whom_a_drill_stands():
    own = [Played(script, AGO, 7, 7, "c1") for script in ASKED.drills]
    assert listed(whole()).item("drills").notes == ("installation",)
    assert listed(whole(played=own)).item("drills").notes == ("own",)
    assert listed(whole(played=()), settings=replace(ASKED, drills=())).item("drills").notes == ("no_drills",)


def test_a_proof_says_since_when_and_until_when_it_holds_and_then_lapses():
    older = home("h2", "g2", meters=(Meter("b", T0 - 700 * DAY),))
    facts = whole(homes=[home("h1"), older])
    item = listed(facts).item("meter")
    assert (item.since, item.until) == (T0 - 700 * DAY, T0 + 30 * DAY)
    assert listed(facts, item.until).item("meter").state == "green"
    assert listed(facts, item.until + DAY).homes["h2"] != ()


def test_acceptance_grows_old_and_is_no_word_for_what_else_is_missing():
    assert listed(whole(entries={})).homes == {"h1": ("accepted",), "h2": ("accepted",)}
    late = listed(whole(entries={"c1": [Entry("accepted", T0 - 366 * DAY, "worker:zhao")]}))
    assert (late.item("accepted").lacks[0].why, late.covered) == ("acceptance_lapsed", 0)
    assert listed(whole(channels={})).may_accept is False


def test_a_home_that_was_served_before_stays_covered_until_its_day_and_a_new_one_does_not():
    facts = whole(homes=[home("h1", before=T0 + DAY), home("h2", "g2")], entries={})
    found = listed(facts)
    assert (found.homes, found.before) == ({"h1": (), "h2": ("accepted",)}, {"h1": T0 + DAY})
    assert listed(facts, T0 + DAY).homes["h1"] == ("accepted",)
    blind = whole(homes=[home("h1", before=T0 + DAY, meters=())])
    assert listed(blind).homes["h1"] == ("meter",)


def test_what_holds_the_grids_is_the_community_whatever_it_is_called():
    facts = replace(whole(), kinds={"s1": "street", "c1": "district", "g1": "grid", "g2": "grid"})
    assert set(checklists(facts, ASKED, (), T0)) == {"c1"}
    assert set(checklists(whole(kinds={}), ASKED, (), T0)) == {"g1", "g2"}


PIECES = ("homes", "people", "shifts", "played", "channels", "used", "entries")


@given(st.sets(st.sampled_from(PIECES)))
@hypothesis.settings(max_examples=40, deadline=None)
def test_nothing_that_is_taken_away_makes_a_home_covered(gone):
    facts = whole()
    less = replace(facts, **{name: type(getattr(facts, name))() for name in gone - {"homes"}})
    before, after = listed(facts).homes, listed(less).homes
    assert all(set(before[name]) <= set(after[name]) for name in before)
    assert bool(gone - {"homes"}) == any(after.values())


STARTS = st.lists(st.tuples(st.integers(-200, 3000), st.integers(1, 2000)), max_size=6)
NIGHT = read([{"hours": "08:00-20:00"}, {"hours": "20:00-08:00", "cover": False}])[0]


@given(STARTS, st.sampled_from([(), NIGHT]), st.integers(0, 59))
@hypothesis.settings(max_examples=30, deadline=None)
def test_the_first_hole_is_the_one_that_a_look_at_every_step_finds(shifts, ladders, minute):
    since = T0 + timedelta(minutes=minute)
    taken = [(T0 + timedelta(minutes=start), T0 + timedelta(minutes=start + long)) for start, long in shifts]
    slow = gaps("g1", taken, ladders, ("g1",), ZONE, since, since + 2 * DAY)
    assert Holes(ladders).first(taken, ("g1",), ZONE, since, since + 2 * DAY) == (slow[0].start if slow else None)


def test_a_number_of_days_is_a_day_or_more():
    with pytest.raises(ValueError, match="meter_days: want 1 day or more, got 0"):
        Settings(meter_days=0)


# --- read from the rows --------------------------------------------------------------------------------------------


def look(engine, now=T0, phone=True):
    with engine.connect() as conn:
        return go_live.checklists(rows.facts(conn, ASKED, now, phone), ASKED, (), now)["c1"]


def lacks(engine, key, now=T0):
    return {(lack.why, lack.whom) for lack in look(engine, now).item(key).lacks}


def test_a_new_registry_has_proved_what_stands_in_it_and_nothing_more(engine):
    found = look(engine)
    assert {item.key for item in found.items if item.state == "green"} == {"consent", "numbers"}
    assert found.item("shifts").lacks[0].at is not None  # the sheet ends within the two weeks
    assert lacks(engine, "meter") == {("no_tap", "h1"), ("no_meter", "h2")}
    assert lacks(engine, "workers") == {("no_tap_of_worker", who) for who in ("wang", "li", "zhao", "ops")}
    assert lacks(engine, "rehearsal") == {("not_rehearsed", who) for who in ("wang", "li", "zhao")}


def test_a_tap_that_was_opened_proves_the_meter_that_is_fitted_now(engine):
    with engine.begin() as conn:
        fittings.confirm(conn, "m2", "h2", 3.0, "operator:ops", T0 - 300 * DAY)
        assert audit.verify(conn).ok
    assert ("no_tap", "h1") in lacks(engine, "meter")
    with engine.begin() as conn:
        fittings.confirm(conn, "m2", "h1", 3.0, "operator:ops", T0 - DAY)
    assert lacks(engine, "meter") == {("no_meter", "h2")}
    with engine.begin() as conn:  # exchanged: the old proof was of another meter
        conn.execute(update(schema.devices).where(schema.devices.c.household == "h1").values(valid_from=T0))
    assert ("no_tap", "h1") in lacks(engine, "meter")


def test_a_test_message_whose_link_was_opened_proves_its_person_and_channel(engine):
    everybody = ("worker:wang", "operator:ops", "contact:f1", "contact:f2", "worker:nobody")
    with engine.begin() as conn:
        assert reach_tests.send(conn, "c1", everybody, "operator:ops", T0, Policy()) == 4
        assert reach_tests.send(conn, "c1", everybody, "operator:ops", T0 + timedelta(minutes=9), Policy()) == 4
        (entry,) = [row for row in audit.about(conn, ["area:c1"]) if row["kind"] == "reach_test"][:1]
        assert entry["data"] == {"people": 4}
    sent = [row for row in notices(engine) if row.template.endswith("reach_test")]
    assert sorted((row.recipient, row.template) for row in sent) == [
        ("f1", "family_reach_test"), ("f2", "family_reach_test"), ("ops", "reach_test"), ("wang", "reach_test"),
    ]  # fmt: skip
    assert lacks(engine, "channels") == {("channel_never", "email")}
    with engine.begin() as conn:
        conn.execute(update(schema.notices).values(state="seen", seen_at=T0, attempts=1))
    assert lacks(engine, "workers") == {("no_tap_of_worker", who) for who in ("li", "zhao")}
    assert lacks(engine, "contact") == {("no_contact", "h2")}
    assert look(engine).item("channels").state == "green"
    with engine.begin() as conn:
        conn.execute(update(schema.workers).where(schema.workers.c.id == "wang").values(address="new@example.org"))
    assert ("no_tap_of_worker", "wang") in lacks(engine, "workers")  # nobody knows whether the new address is heard


def test_where_a_text_message_has_no_link_its_short_answer_is_the_tap(engine, store):
    with engine.begin() as conn:
        conn.execute(
            update(schema.workers).where(schema.workers.c.id == "wang").values(channel="sms", address="13900000001")
        )
        reach_tests.send(conn, "c1", ["worker:wang"], "operator:ops", T0, Policy())
        notice = conn.execute(select(schema.notices)).mappings().one()
        code = reply_codes.issue(conn, notice, T0)
    said = Reply("up-1", "13900000001", f"1 {code}")
    assert reply_codes.answer(store, "sms", said, T0 + timedelta(minutes=1)).done == "done"
    assert ("no_tap_of_worker", "wang") not in lacks(engine, "workers", T0 + timedelta(minutes=1))
    assert lacks(engine, "channels", T0 + timedelta(minutes=1)) == {("channel_never", "email")}
    with engine.connect() as conn:
        assert conn.scalar(select(schema.turns.c.owner_at)) is None  # nobody is on duty by it


def test_a_test_message_goes_to_no_relative_whose_resident_has_changed_their_mind(engine):
    with engine.begin() as conn:
        reach_tests.send(conn, "c1", ["contact:f1", "worker:wang"], "operator:ops", T0, Policy())
        turn = conn.execute(select(schema.turns)).mappings().one()
        owed = {row["recipient"]: row for row in conn.execute(select(schema.notices)).mappings()}
        assert all(notice_truth.holds(conn, row, turn, T0) for row in owed.values())
        consent.withdraw(conn, "r1", "relative", "", T0, Policy(), by="resident:r1")
        assert not notice_truth.holds(conn, owed["f1"], turn, T0)
        assert notice_truth.holds(conn, owed["wang"], turn, T0)
        assert not notice_truth.holds(conn, owed["wang"], turn, T0 + 3 * DAY)


def test_a_case_of_a_live_rehearsal_taken_in_time_proves_its_worker_and_a_late_one_does_not(engine, store):
    name = rehearse(engine, ["h1"], ["worker:wang", "worker:li"], kind="live")
    case = store.raise_finding(finding("d", realm="drill"), T0)
    delivered(engine, T0)
    at = T0 + timedelta(minutes=4)
    assert store.act("drill", case, Accepted("worker:wang"), at, "t").done
    assert lacks(engine, "rehearsal", at) == {("not_rehearsed", who) for who in ("li", "zhao")}
    with engine.begin() as conn:
        conn.execute(
            update(schema.offers).where(schema.offers.c.worker == "wang").values(ended_at=T0 + timedelta(minutes=11))
        )
        drill_runs.end(conn, name, at, "operator:ops", "finished", Policy())
    assert ("rehearsed_late", "wang") in lacks(engine, "rehearsal", at)


def test_a_drill_is_read_with_its_score_and_a_live_one_is_none(engine):
    want = {"step": "case", "within_s": 60, "part": "", "who": "", "after": "start"}
    for script, never in (("gateway_down", False), ("fall_at_night", True)):
        name = rehearse(engine, ["h1"], ["worker:wang"], wanted=[want | {"never": never}], drill=script)
        with engine.begin() as conn:
            drill_runs.end(conn, name, T0 + DAY / 24, "operator:ops", "finished", Policy())
    wanted = {("drill_never", script) for script in ASKED.drills}
    assert lacks(engine, "drills", T0 + DAY) == wanted
    with engine.begin() as conn:
        conn.execute(update(schema.drills).values(kind="tabletop"))
    found = look(engine, T0 + DAY).item("drills")
    assert {(lack.why, lack.whom) for lack in found.lacks} == {
        ("drill_missed", "gateway_down"), ("drill_never", "worker_does_not_answer"),
    }  # fmt: skip
    assert (found.done, found.notes) == (1, ("own",))


def test_who_accepted_and_who_sat_at_the_table_stands_in_the_chain(engine):
    found = look(engine)
    with engine.begin() as conn:
        acceptance.sign(conn, "c1", ["wang", "li", "zhao"], "operator:ops", T0)
        acceptance.accept(conn, found, "worker:zhao", T0)
        assert audit.verify(conn).ok
    assert lacks(engine, "rehearsal") == set()
    assert look(engine).item("accepted").state == "green"
    with engine.connect() as conn:
        (said,) = [row for row in audit.about(conn, ["area:c1"]) if row["data"].get("did") == "accepted"]
    assert (said["actor"], said["data"]["homes"]) == ("worker:zhao", 2)


def test_a_new_installation_has_no_past_and_a_home_with_one_keeps_its_standing(engine):
    with engine.begin() as conn:
        assert conn.execute(select(schema.served_before)).all() == []
        conn.execute(insert(schema.served_before).values(household="h1", until=T0 + DAY))
    assert look(engine).homes["h1"] == ()
    assert look(engine).homes["h2"] != ()


def test_homes_that_an_older_version_served_are_written_down_when_it_is_brought_up_to_date(engine):
    database.migrate(engine, "0009")
    before = datetime.now(UTC)
    database.migrate(engine)
    with engine.connect() as conn:
        kept = {row.household: row.until for row in conn.execute(select(schema.served_before))}
    assert set(kept) == {"h1", "h2"}
    assert all(timedelta(0) <= until - before - 90 * DAY < timedelta(minutes=5) for until in kept.values())
