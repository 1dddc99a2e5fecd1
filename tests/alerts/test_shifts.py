"""Shifts that begin and end: the list at the change, one tap at the beginning, holes ahead, quiet hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from alerts import duty_notices, duty_rounds, registry, schema, turns
from alerts.cases import Accepted, Arrived, Declined, OutcomeRecorded, SetOff, TakenOver
from alerts.channels import Reply
from alerts.errors import PolicyError
from alerts.gaps import gaps
from alerts.ladders import Ladder
from alerts.policy import Policy, Roster
from alerts.reply_codes import answer, issue
from alerts.store import Store
from alerts.turns import CannotCome, CheckedIn
from tests.alerts.neighbourhood import SHEETS, T0, delivered, fill, finding, notices

MINUTE = timedelta(minutes=1)
END = T0 + 60 * MINUTE
HEAD = "area,start,end,owner,backup,lead"
TODAY = "g1,2026-11-21 08:00,2026-11-21 10:00,wang,li,zhao"  # until an hour after T0
NEXT = "g1,2026-11-21 10:00,2026-11-22 10:00,chen,li,zhao"
PEOPLE = [*SHEETS["workers"], "chen,陈明,worker,g1,sms,13900000009"]
ASKED = Policy(check_in=True)


def shifts(engine, folder, *rows):
    fill(engine, folder, workers=PEOPLE, shifts=[HEAD, *rows])


def told(engine, template):
    return [(row.recipient, row.created_at) for row in notices(engine) if row.template == template]


@pytest.fixture
def held(engine, store, tmp_path):
    """A red case that the owner of a shift has taken, an hour before that ends."""
    shifts(engine, tmp_path / "s", TODAY, NEXT)
    case = store.raise_finding(finding(), T0)
    store.act("live", case, Accepted("worker:wang"), T0, "tap-1")
    store.act("live", case, SetOff("worker:wang"), T0 + MINUTE, "tap-2")
    store.act("live", case, Arrived("worker:wang"), T0 + 20 * MINUTE, "tap-3")
    return case


# --- change of shifts ----------------------------------------------------------------------------------------------


def test_half_an_hour_before_the_end_who_comes_next_gets_one_list_and_the_owner_stays(engine, store, held):
    other = store.raise_finding(finding("f-2", household="h2"), T0 + 25 * MINUTE)
    store.act("live", other, Accepted("worker:wang"), T0 + 25 * MINUTE, "tap-4")
    store.fire_due(END - 31 * MINUTE)
    assert told(engine, "hand_over") == []
    for minute in (30, 29, 20):
        store.fire_due(END - minute * MINUTE)
    assert told(engine, "hand_over") == [("chen", END - 30 * MINUTE)]
    for case in (held, other):
        found = store.case("live", case)
        assert (found.owner, found.next_owner) == ("wang", "chen")
        assert store.act("live", case, TakenOver("worker:chen"), END - 10 * MINUTE, f"take-{case}").result == "done"
        assert (store.case("live", case).owner, store.case("live", case).next_owner) == ("chen", None)
    assert {who for who, _ in told(engine, "taken_over")} == {"wang"}
    store.fire_due(END + 30 * MINUTE)
    assert told(engine, "hand_over_missed") == []


def test_who_is_told_names_no_home_and_is_told_where_the_list_is(engine, store, held):
    store.fire_due(END - 30 * MINUTE)
    (row,) = (row for row in notices(engine) if row.template == "hand_over")
    assert (row.case_id, row.params) == (None, {})
    with engine.connect() as conn:
        turn = conn.execute(select(schema.turns).where(schema.turns.c.id == row.turn)).mappings().one()
        assert (turn["owner"], turn["end"]) == ("wang", END)
        assert duty_notices.holds(conn, row._mapping, turn, END)
    store.act("live", held, TakenOver("worker:chen"), END, "take")
    with engine.connect() as conn:
        assert not duty_notices.holds(conn, row._mapping, turn, END), "nothing waits any more: it is not sent"


def test_nobody_takes_it_over_the_lead_hears_of_it_after_ten_minutes_and_again_and_nobody_loses_it(engine, store, held):
    store.fire_due(END - 30 * MINUTE)
    store.fire_due(END + 9 * MINUTE)
    assert told(engine, "hand_over_missed") == []
    store.fire_due(END + 10 * MINUTE)
    delivered(engine, END + 10 * MINUTE)
    store.fire_due(END + 40 * MINUTE)
    assert told(engine, "hand_over_missed") == [("zhao", END + 10 * MINUTE), ("zhao", END + 40 * MINUTE)]
    assert store.case("live", held).owner == "wang"
    assert store.act("live", held, OutcomeRecorded("worker:wang", "SAFE_AT_HOME"), END + HOUR, "well").done


HOUR = 60 * MINUTE


def test_a_case_accepted_within_the_last_half_hour_is_handed_over_too(engine, store, held):
    store.fire_due(END - 30 * MINUTE)
    late = store.raise_finding(finding("f-2", household="h2"), END - 10 * MINUTE)
    store.act("live", late, Accepted("worker:wang"), END - 9 * MINUTE, "tap-4")
    delivered(engine, END - 9 * MINUTE)
    store.fire_due(END - 8 * MINUTE)
    assert store.case("live", late).next_owner == "chen"
    assert [at for _, at in told(engine, "hand_over")] == [END - 30 * MINUTE, END - 8 * MINUTE]


def test_nobody_comes_next_the_lead_hears_of_it_before_the_end(engine, store, tmp_path, held):
    shifts(engine, tmp_path / "alone", TODAY)
    store.fire_due(END - 30 * MINUTE)
    assert told(engine, "hand_over_missed") == [("zhao", END - 30 * MINUTE)]
    store.fire_due(END + 10 * MINUTE)
    assert len(told(engine, "hand_over_missed")) == 1 + 1
    assert store.act("live", held, TakenOver("worker:zhao"), END + HOUR, "lead").result == "done"


def test_the_sheet_changes_and_the_new_one_is_asked(engine, store, tmp_path, held):
    store.fire_due(END - 30 * MINUTE)
    shifts(engine, tmp_path / "changed", TODAY, NEXT.replace("chen,li", "li,"))
    store.fire_due(END - 20 * MINUTE)
    assert [who for who, _ in told(engine, "hand_over")] == ["chen", "li"]
    assert store.case("live", held).next_owner == "li"
    assert store.act("live", held, TakenOver("worker:chen"), END, "stale").result == "taken"


@pytest.mark.parametrize("next_row", [NEXT.replace("chen", "wang"), NEXT.replace("chen,li", "chen,wang")])
def test_who_goes_on_in_the_next_shift_hands_nothing_over(engine, store, tmp_path, held, next_row):
    shifts(engine, tmp_path / "on", TODAY, next_row)
    store.fire_due(END - 20 * MINUTE)
    store.fire_due(END + 20 * MINUTE)
    assert (store.case("live", held).next_owner, told(engine, "hand_over_missed")) == (None, [])


def test_without_consent_to_the_community_nobody_new_is_asked(engine, store, held):
    c = schema.consents.c
    with engine.begin() as conn:
        conn.execute(update(schema.consents).where(c.purpose == "community").values(withdrawn_at=T0))
    store.fire_due(END - 20 * MINUTE)
    assert told(engine, "hand_over") == []
    assert told(engine, "hand_over_missed") == [("ops", END - 20 * MINUTE)]


def test_who_was_asked_may_hand_it_back_and_it_goes_up_the_ladder(engine, store, held):
    store.fire_due(END - 30 * MINUTE)
    store.act("live", held, TakenOver("worker:chen"), END, "take")
    store.act("live", held, Declined("worker:chen", "busy"), END + MINUTE, "back")
    found = store.case("live", held)
    assert (found.state, found.owner, found.next_owner) == ("AWAITING", None, None)


def test_an_offer_keeps_who_was_on_shift_when_it_was_made(engine, store, tmp_path):
    shifts(engine, tmp_path / "s", TODAY, NEXT)
    store.raise_finding(finding(), T0)
    (offer,) = (row for row in notices(engine) if row.template == "offer")
    assert offer.params["on_shift"] == {"owner": "wang", "backup": "li", "lead": "zhao", "duty": None}


# --- check-in ------------------------------------------------------------------------------------------------------


@pytest.fixture
def asking(engine, tmp_path):
    shifts(engine, tmp_path / "s", TODAY, NEXT)
    return Store(engine, ASKED)


def first(engine, now):
    with engine.connect() as conn:
        found = registry.roster(conn, "h1", now)
    return found.owner, found.backup


def said(engine, event, now):
    with engine.begin() as conn:
        (turn,) = conn.scalars(select(schema.turns.c.id).where(schema.turns.c.owner == "chen"))
        return duty_rounds.said(conn, ASKED, turn, event, now)


def test_nobody_is_asked_for_a_tap_unless_the_programme_wants_it(engine, store, tmp_path):
    shifts(engine, tmp_path / "s", TODAY, NEXT)
    store.fire_due(END)
    store.fire_due(END + 10 * MINUTE)
    assert told(engine, "check_in") == []
    assert first(engine, END + 10 * MINUTE) == ("chen", "li")


def test_an_owner_who_does_not_answer_stands_behind_the_backup_until_they_do(engine, asking):
    asking.fire_due(END)
    asking.fire_due(END + MINUTE)
    assert told(engine, "check_in") == [("chen", END)]
    asking.fire_due(END + 4 * MINUTE)
    assert first(engine, END + 4 * MINUTE) == ("chen", "li")
    asking.fire_due(END + 5 * MINUTE)
    assert first(engine, END + 5 * MINUTE) == ("li", "chen")
    assert told(engine, "check_in_backup") == [("li", END + 5 * MINUTE)]
    assert told(engine, "check_in_missed") == [("zhao", END + 5 * MINUTE)]
    assert said(engine, CheckedIn("worker:li"), END + 6 * MINUTE)
    assert first(engine, END + 6 * MINUTE) == ("li", "chen")
    assert said(engine, CheckedIn("worker:chen"), END + 7 * MINUTE)
    assert first(engine, END + 7 * MINUTE) == ("chen", "li")
    asking.fire_due(END + 30 * MINUTE)
    assert len(told(engine, "check_in_missed")) == 1


def test_one_tap_is_enough_and_a_second_does_nothing(engine, asking):
    asking.fire_due(END)
    assert said(engine, CheckedIn("worker:chen"), END + MINUTE)
    assert not said(engine, CheckedIn("worker:chen"), END + 2 * MINUTE)
    assert not said(engine, CheckedIn("worker:wang"), END + 2 * MINUTE), "nobody answers for another"
    asking.fire_due(END + 10 * MINUTE)
    assert told(engine, "check_in_missed") == []


def test_who_says_that_they_cannot_is_not_waited_for(engine, asking):
    asking.fire_due(END)
    assert said(engine, CannotCome("worker:chen"), END + MINUTE)
    assert first(engine, END + MINUTE) == ("li", "chen")


def test_who_has_just_tapped_something_is_not_asked_for_one_more(engine, asking):
    case = asking.raise_finding(finding(), END - 20 * MINUTE)
    asking.act("live", case, Accepted("worker:chen"), END - 10 * MINUTE, "tap")
    asking.fire_due(END)
    assert told(engine, "check_in") == []
    with engine.connect() as conn:
        assert conn.execute(select(schema.turns.c.owner_at).where(schema.turns.c.owner == "chen")).scalar() == END


def test_a_shift_that_began_long_before_the_service_came_back_is_not_asked(engine, asking):
    asking.fire_due(END + 61 * MINUTE)
    assert told(engine, "check_in") == []


@pytest.mark.parametrize(("digit", "order"), [("1", ("chen", "li")), ("2", ("li", "chen"))])
def test_a_short_answer_by_message_does_the_same(engine, asking, digit, order):
    asking.fire_due(END)
    delivered(engine, END)
    (asked,) = (row for row in notices(engine) if row.template == "check_in")
    with engine.begin() as conn:
        code = issue(conn, asked._mapping, END)
        assert issue(conn, asked._mapping, END) == code
    wrong = Reply("up-0", "13900000001", f"{digit} {code}")
    assert answer(asking, "sms", wrong, END).done == "wrong", "only from the number it was sent to"
    reply = Reply("up-1", "13900000009", f"{digit} {code}")
    assert answer(asking, "sms", reply, END + MINUTE).done == "done"
    assert answer(asking, "sms", reply, END + MINUTE).done == "repeated"
    asking.fire_due(END + 10 * MINUTE)
    assert first(engine, END + 10 * MINUTE) == order


def test_no_order_of_events_swaps_an_owner_who_is_there():
    turn = turns.Turn("t", "g1", T0, T0 + 8 * HOUR, "chen", "li", "zhao")
    events = (turns.Began(False), turns.Late(), CheckedIn("worker:chen"), CheckedIn("worker:li"))
    for first_one in events:
        for second in events:
            for third in events:
                now, at = T0, turn
                for event in (first_one, second, third):
                    at, owed = turns.step(at, event, now, ASKED, ("ops",))
                    assert not (at.swapped and at.owner_at)
                    assert not (owed and any(one.template == "check_in_missed" for one in owed) and not at.swapped)
                    now += 5 * MINUTE
                if CheckedIn("worker:chen") in (first_one, second, third):
                    assert not at.swapped


# --- holes ahead ---------------------------------------------------------------------------------------------------


def test_holes_of_the_next_seven_days_are_told_once_a_day_and_an_hour_before(engine, store, tmp_path):
    shifts(engine, tmp_path / "s", TODAY, "g1,2026-11-21 12:00,2026-12-05 08:00,li,,")
    for minute in range(0, 61, 5):
        store.fire_due(T0 + minute * MINUTE)
    hole = [["g1", END.timestamp(), (END + 2 * HOUR).timestamp()]]
    for template in ("gaps", "gap_soon"):
        mine = [row for row in notices(engine) if row.template == template]
        assert sorted((row.recipient, row.created_at, row.params["gaps"]) for row in mine) == [
            ("ops", T0, hole), ("zhao", T0, hole)
        ]  # fmt: skip
    store.fire_due(T0 + 24 * HOUR)
    assert [at for _, at in told(engine, "gaps")] == [T0, T0], "tomorrow there is none"


def test_a_hole_that_was_filled_meanwhile_is_not_told(engine, store, tmp_path):
    shifts(engine, tmp_path / "s", TODAY)
    store.fire_due(T0)
    row = next(row for row in notices(engine) if row.template == "gaps")
    shifts(engine, tmp_path / "filled", TODAY, "g1,2026-11-21 10:00,2026-12-05 08:00,li,,")
    with engine.connect() as conn:
        turn = conn.execute(select(schema.turns).where(schema.turns.c.id == row.turn)).mappings().one()
        assert not duty_notices.holds(conn, row._mapping, turn, T0)


def test_hours_without_cover_and_ladders_without_a_shift_are_no_hole():
    zone = ZoneInfo("Asia/Shanghai")
    day = (T0, T0 + timedelta(days=1))
    night = Policy.load({"ladders": [{"hours": "08:00-20:00"}, {"hours": "20:00-08:00", "cover": False}]}).ladders
    found = gaps("g1", [(T0, T0 + 2 * HOUR)], night, ["g1"], zone, *day)
    assert [(gap.start, gap.end) for gap in found] == [
        (T0 + 2 * HOUR, T0 + 11 * HOUR), (T0 + 23 * HOUR, T0 + 24 * HOUR)
    ]  # fmt: skip
    telephones = (Ladder(rungs=("duty", "lead"), rung_wait_s=(300.0, 600.0), amber_rung_wait_s=(300.0, 600.0)),)
    assert gaps("g1", [], telephones, ["g1"], zone, *day) == []


# --- quiet hours ---------------------------------------------------------------------------------------------------

NIGHT = Policy(amber_quiet_hours="22:00-07:00")
LATE = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
MORNING = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)  # 07:00


def asked(store, case):
    return [offer.worker for offer in store.case("live", case).offers]


def test_an_amber_case_of_the_night_asks_the_family_and_no_worker_before_the_morning(engine):
    store = Store(engine, NIGHT)
    case = store.raise_finding(finding(severity="amber", at=LATE), LATE)
    assert {row.template for row in notices(engine)} == {"family_ask"}
    for hours in range(1, 8):
        store.fire_due(LATE + hours * HOUR)
    assert asked(store, case) == []
    store.fire_due(MORNING)
    assert asked(store, case) == ["wang"]


def test_a_red_case_never_waits_and_an_amber_one_that_turns_red_stops_waiting(engine):
    store = Store(engine, NIGHT)
    red = store.raise_finding(finding(at=LATE), LATE)
    amber = store.raise_finding(finding("f-2", "amber", household="h2", at=LATE), LATE)
    assert (asked(store, red), asked(store, amber)) == (["wang"], [])
    store.raise_finding(finding("f-3", "red", household="h2", at=LATE), LATE + HOUR)
    assert asked(store, amber) == ["wang"]


def test_the_next_rung_of_the_evening_waits_for_the_morning_and_a_refusal_too(engine):
    store, evening = Store(engine, NIGHT), LATE - 65 * MINUTE
    case = store.raise_finding(finding(severity="amber", at=evening), evening - 10 * MINUTE)
    store.fire_due(evening)
    assert asked(store, case) == ["wang"]
    store.act("live", case, Declined("worker:wang", "busy"), LATE, "no")
    store.fire_due(LATE + 2 * HOUR)
    assert asked(store, case) == ["wang"]
    store.fire_due(MORNING)
    assert asked(store, case) == ["wang", "li"]


def test_nobody_is_woken_for_a_device(engine, store):
    at = LATE - 22 * HOUR  # 01:00; 23 hours later it is midnight
    store.raise_finding(finding(severity="blue", kind="meter_silent", at=at), at)
    (row,) = notices(engine)
    assert (row.template, row.due_at) == ("operator_technical", MORNING)


@pytest.mark.parametrize(
    ("night", "until"),
    [
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), datetime(2026, 10, 25, 6, 0, tzinfo=UTC)),
        (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
        (datetime(2026, 6, 1, 22, 0, tzinfo=UTC), datetime(2026, 6, 2, 5, 0, tzinfo=UTC)),
    ],
    ids=["summer time ends", "summer time begins", "a usual night"],
)
def test_quiet_hours_end_when_the_clock_on_the_wall_says_so(night, until):
    zone = ZoneInfo("Europe/Berlin")
    local = night.astimezone(zone)
    roster = Roster(minute=local.hour * 60 + local.minute, zone=zone)
    assert NIGHT.quiet_until("amber", roster, night) == until
    assert NIGHT.quiet_until("red", roster, night) is None
    assert NIGHT.quiet_until("amber", roster.later(night, until), until) is None


def test_a_ladder_has_quiet_hours_of_its_own():
    policy = Policy.load(
        {"amber_quiet_hours": "22:00-07:00", "ladders": [{"areas": ["g1"], "amber_quiet": "", "quiet": "20:00-08:00"}]}
    )
    here, there = Roster(areas=("g1",), minute=23 * 60), Roster(areas=("g2",), minute=23 * 60)
    assert policy.quiet_until("amber", here, T0) is None
    assert policy.quiet_until("amber", there, T0) == T0 + 8 * HOUR
    assert policy.quiet_until("blue", here, T0) == T0 + 9 * HOUR
    assert Policy.load(policy.table()).id == policy.id


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("amber_quiet_hours", "00:00-24:00", "leave some of the day"), ("quiet_hours", "night", "want hours"),
        ("check_in", 1, "want true or false"), ("look_ahead", "9", "a time of the day such as 09:00"),
        ("ladders", [{"amber_quiet": "07:00-07:00"}], "leave some of the day"),
    ],
)  # fmt: skip
def test_a_setting_that_is_none_is_refused_with_an_example(setting, value, said):
    with pytest.raises(PolicyError, match=said):
        Policy.load({setting: value})
