"""The report of a month: its sums worked out by hand, on plain rows; and a slow twin of its hours."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from alerts.ladders import Ladder
from alerts.policy import Policy
from alerts.report import FEW, MONTH_H, NOT_ADDED, REASONS, Intended, report, sums
from alerts.report_cases import proved_at, standing
from alerts.report_rows import (
    ApplicationRow,
    CallRow,
    CaseRow,
    HomeRow,
    Limits,
    Month,
    Rows,
    SpellRow,
    StepRow,
    down_between,
    limits,
)

SHANGHAI, AMSTERDAM = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Amsterdam")
OCTOBER = Month(2026, 10)
BEGIN = datetime(2026, 9, 30, 16, tzinfo=UTC)
"""Midnight of 1 October in Shanghai."""
NOW = datetime(2026, 11, 20, tzinfo=UTC)
MIN, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LIMITS = Limits(told=120, accepted=600, door=2400, outcome=9600)


def homes(count: int, area: str = "g1", zone: ZoneInfo = SHANGHAI) -> list[HomeRow]:
    return [HomeRow(f"{area}-h{n}", area, zone) for n in range(count)]


def rows(count: int = 1, **other) -> Rows:
    return Rows({"g1": "Grid 1", "g2": "Grid 2"}, SHANGHAI, **{"homes": homes(count), "down": ()} | other)


def case(home: str = "g1-h0", at: datetime = BEGIN + DAY, **other) -> CaseRow:
    values = {
        "stream": "care", "severity": "red", "state": "CLOSED", "kind": "quiet", "onset": at - 13 * HOUR, "raised_at": at,
        "opened_at": at, "closed_at": at + HOUR, "outcome": "SAFE_AT_HOME", "rungs": (0,), "owed": True, "limits": LIMITS,
    }  # fmt: skip
    return CaseRow(home, **values | other)


def went(at: datetime, accepted: int, arrived: int, who: str = "worker:w1") -> tuple[StepRow, ...]:
    """Return the log of somebody who accepted and arrived so many minutes after the finding."""
    return (
        StepRow(at, "finding_raised", "system", "AWAITING"),
        StepRow(at + accepted * MIN, "accepted", who, "ACCEPTED"),
        StepRow(at + arrived * MIN, "arrived", who, "ON_SITE"),
    )


def total(some: Rows, now: datetime = NOW, month: Month = OCTOBER):
    return sums(some, month, now)


# --- months ----------------------------------------------------------------------------------------------------------


def test_a_month_begins_and_ends_by_the_clocks_of_the_home():
    assert OCTOBER.span(SHANGHAI) == (BEGIN, datetime(2026, 10, 31, 16, tzinfo=UTC))
    hours = {str(m): (m.span(AMSTERDAM)[1] - m.span(AMSTERDAM)[0]) / HOUR for m in (Month(2026, 3), OCTOBER)}
    assert hours == {"2026-03": 31 * 24 - 1, "2026-10": 31 * 24 + 1}
    assert str(Month(2026, 1).later(-1)) == "2025-12"
    assert Month.of(datetime(2026, 10, 31, 16, tzinfo=UTC), SHANGHAI) == Month(2026, 11)


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "26-10", "october", "2026-10-01", "9999-12", ""])
def test_what_is_no_month_is_refused(text):
    with pytest.raises(ValueError, match="2026-10"):
        Month.read(text)


def test_a_case_belongs_to_the_month_in_which_its_home_saw_it_begin_however_late_it_ends():
    edge = OCTOBER.span(SHANGHAI)[1]
    late = case(at=edge - MIN, closed_at=edge + DAY, steps=went(edge - MIN, 5, 30))
    next_one = case(at=edge)
    october, november = (total(rows(cases=[late, next_one]), month=m) for m in (OCTOBER, OCTOBER.later(1)))
    assert october.count("outcome.SAFE_AT_HOME") == november.count("outcome.SAFE_AT_HOME") == 1
    assert october.spread("door.red").n == 1
    assert (october.count("visits"), november.count("visits")) == (0, 1)  # somebody arrived in November


def test_homes_of_two_zones_each_have_their_own_month():
    at = datetime(2026, 10, 31, 20, tzinfo=UTC)  # still October in Amsterdam, November in Shanghai
    both = [*homes(1), *homes(1, "g2", AMSTERDAM)]
    found = total(rows(homes=both, cases=[case(at=at), case("g2-h0", at=at)]))
    assert found.count("cases.quiet.red") == 1


# --- how long it took ------------------------------------------------------------------------------------------------


def test_times_of_five_homes_by_hand():
    accepted, arrived = (2, 4, 6, 8, 30), (20, 22, 35, 50, 60)
    found = total(rows(5, cases=[
        case(f"g1-h{n}", steps=went(BEGIN + DAY, a, d), proved_at=BEGIN + DAY + MIN)
        for n, (a, d) in enumerate(zip(accepted, arrived, strict=True))
    ]))  # fmt: skip
    taken = found.spread("accepted.red")
    assert (taken.n, taken.missing, taken.within, taken.of) == (5, 0, 4, 5)
    assert (taken.median_s, taken.p90_s) == (6 * 60, 30 * 60)
    door = found.spread("door.red")
    assert (door.within, door.of, door.median_s) == (3, 5, 35 * 60)
    assert found.spread("told.red").median_s == 60
    assert found.spread("outcome.red").median_s == 3600
    assert found.spread("delay.red").median_s == 13 * 3600
    assert found.count("unheard") == 0  # half an hour is not more than half an hour
    assert found.spread("accepted.amber").n == 0


def test_of_fewer_than_five_homes_only_counts_are_told():
    four = [case(f"g1-h{n}", steps=went(BEGIN + DAY, 5, 10)) for n in range(4)]
    again = [replace(one, opened_at=one.opened_at + DAY) for one in four]
    found = total(rows(4, cases=[*four, *again], spells=watched(4)))
    taken = found.spread("accepted.red")
    assert (taken.n, taken.within, taken.of, taken.median_s, taken.p90_s) == (8, 8, 8, None, None)
    assert found.count("nothing.all") == 8
    assert found.a_month("nothing.all") is None


def test_what_has_not_happened_is_counted_apart_and_judged_once_its_time_is_over():
    at = NOW - 9 * MIN
    waiting = case(at=at, state="AWAITING", closed_at=None, outcome=None, steps=went(at, 0, 0)[:1])
    early, late = (total(rows(cases=[waiting]), now, Month(2026, 11)) for now in (NOW, NOW + 2 * MIN))
    assert (early.spread("accepted.red").missing, early.spread("accepted.red").of) == (1, 0)
    assert (late.spread("accepted.red").missing, late.spread("accepted.red").of) == (1, 1)
    assert early.spread("door.red").missing == 0  # nobody accepted, so nobody is waited for at the door
    assert early.count("outcome.OPEN") == early.count("alarm.open.red") == 1
    assert early.count("nothing.all") == 0
    assert total(rows(cases=[waiting]), NOW + HOUR, Month(2026, 11)).count("unheard") == 1


def test_a_tap_that_was_taken_back_counts_for_nothing_but_that_somebody_knew():
    at = BEGIN + DAY
    raised, accepted, _ = went(at, 5, 9)
    other = StepRow(at + 6 * MIN, "timer", "system", "ACCEPTED")
    back = StepRow(at + 7 * MIN, "undone", "worker:w1", "AWAITING")
    again = StepRow(at + 20 * MIN, "accepted", "worker:w2", "ACCEPTED")
    one = case(steps=(raised, accepted, other, back, again))
    beside = StepRow(at + 6 * MIN, "emergency_called", "worker:w3", "ACCEPTED")
    assert standing((raised, accepted, beside, back)) == [raised, beside]
    assert standing(one.steps) == [raised, other, again]
    assert proved_at(one) == accepted.at
    assert total(rows(cases=[one])).spread("accepted.red").within == 0


def test_a_case_that_ended_by_itself_waits_for_no_outcome():
    alone = case(state="EXPLAINED", outcome=None, closed_at=BEGIN + DAY + 4 * HOUR)
    found = total(rows(cases=[alone]))
    assert "outcome.red" not in found.spreads
    assert (found.spread("accepted.red").missing, found.spread("accepted.red").of) == (1, 1)


def test_a_case_for_which_nobody_was_to_go_has_no_acceptance_to_wait_for():
    asked = case(severity="amber", state="EXPLAINED", outcome=None, rungs=(), proved_at=BEGIN + DAY + MIN)
    found = total(rows(cases=[asked]))
    assert found.spreads.keys() == {"told.amber", "delay.amber"}
    assert found.count("called_out") == 0


def test_limits_are_those_of_the_ladder_and_of_nobody_where_nobody_is_promised():
    policy = Policy()
    assert limits(policy, Ladder(), "red", ask_only=False) == Limits(120, 600, 2400, 9600)
    assert limits(policy, Ladder(), "amber", ask_only=False) == Limits(600, 2400, 4200, 11400)
    assert limits(policy, Ladder(family="first", head_start_s=300), "red", ask_only=False).accepted == 900
    nobody = Ladder(rungs=(), rung_wait_s=(), amber_rung_wait_s=(), cover=False)
    assert limits(policy, nobody, "red", ask_only=False) == Limits(told=120)
    assert limits(policy, Ladder(), "amber", ask_only=True) == Limits(told=600)
    assert limits(policy, Ladder(), "blue", ask_only=False) == Limits()


# --- alarms and work -------------------------------------------------------------------------------------------------


def watched(count: int) -> list[SpellRow]:
    return [
        SpellRow(home.id, kind, BEGIN - DAY)
        for home in homes(count)
        for kind in ("agreed", "metered")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "what", "false", "nothing"),
    [
        ({"outcome": "SAFE_AT_HOME"}, "false", 1, 1),
        ({"outcome": "SAFE_AT_HOME", "reason": "illness"}, "true", 0, 0),
        ({"outcome": "SAFE_AWAY", "kind": "surge"}, "false", 1, 0),
        ({"outcome": "HELPED"}, "true", 0, 0),
        ({"outcome": "DEVICE_FAULT"}, "other", 0, 0),
        ({"outcome": "NO_ENTRY_HANDED_TO_110"}, "unknown", 0, 0),
        ({"outcome": None, "state": "EXPLAINED"}, "passed", 0, 1),
        ({"outcome": None, "state": "CANCELLED_CONSENT"}, "unknown", 0, 0),
        ({"outcome": None, "closed_at": None, "state": "ON_SITE"}, "open", 0, 0),
        ({"outcome": "SOMETHING_NEW"}, "unknown", 0, 0),
    ],
)
def test_what_an_alarm_turned_out_to_be(other, what, false, nothing):
    found = total(rows(cases=[case(**other)]))
    assert found.count(f"alarm.{what}.red") == 1
    assert sum(found.count(f"alarm.{one}.red") for one in ("true", "false", "passed", "other", "unknown", "open")) == 1
    assert (found.count("false.red"), found.count("nothing.all"), found.count("nothing.red")) == (
        false,
        nothing,
        nothing,
    )


def test_false_alarms_are_held_against_the_household_months_that_were_watched():
    found = report(rows(10, cases=[case(), case("g1-h1", severity="amber")], spells=watched(10)), OCTOBER, NOW, None,
        Intended(1.0, 0.3)).total  # fmt: skip
    months = 10 * 31 * 24 / MONTH_H
    assert found.months == pytest.approx(months)
    assert found.a_month("nothing.all") == pytest.approx(2 / months)
    assert found.a_month("nothing.red") == found.a_month("false.red") == pytest.approx(1 / months)
    assert total(rows(10)).a_month("nothing.all") is None  # nothing was watched: not known, not zero


def test_visits_escalations_calls_and_applications_are_counted():
    at = BEGIN + DAY
    alone = StepRow(at + 40 * MIN, "timer", "system", "UNATTENDED")
    again = StepRow(at + 45 * MIN, "timer", "system", "UNATTENDED")
    back = at + 5 * DAY
    found = total(rows(
        cases=[
            case(steps=went(at, 5, 9)),
            case(rungs=(0, 1), steps=(went(at, 0, 0)[0], alone, again, *went(at, 50, 60)[1:]), emergency=True),
            case(stream="technical", severity="blue", kind="meter_silent", rungs=()),
        ],
        calls=[
            CallRow("g1-h0", at, at + DAY, at + HOUR, "well"), CallRow("g1-h0", at, at + DAY, back, "wrong"),
            CallRow("g1-h0", at, at + DAY), CallRow("g1-h0", at, NOW + DAY), CallRow("g1-h0", BEGIN - DAY, BEGIN),
        ],
        applications=[ApplicationRow("g1", "applied", at), ApplicationRow(None, "declined", at),
            ApplicationRow("g1", "covered", BEGIN - MIN)],
    ))  # fmt: skip
    assert {key: found.count(key) for key in ("visits", "workers", "escalated", "in_vain", "unheard", "emergency", "called_out")} == {
        "visits": 2, "workers": 1, "escalated": 1, "in_vain": 1, "unheard": 1, "emergency": 1, "called_out": 2,
    }  # fmt: skip
    calls = {key: found.count(f"calls.{key}") for key in ("owed", "made", "in_time", "without", "wrong")}
    assert calls == {"owed": 4, "made": 2, "in_time": 1, "without": 1, "wrong": 1}
    assert (found.count("applied"), found.count("applied.declined"), found.count("cases.meter_silent.blue")) == (
        2,
        1,
        1,
    )
    assert found.count("outcome.SAFE_AT_HOME") == 2  # of people, not of devices


# --- hours -----------------------------------------------------------------------------------------------------------


def test_hours_not_watched_by_the_first_reason_that_holds():
    spells = [
        SpellRow("g1-h0", "agreed", BEGIN + DAY),
        SpellRow("g1-h0", "metered", BEGIN, BEGIN + 11 * DAY),
        SpellRow("g1-h0", "silent", BEGIN + 2 * DAY, BEGIN + 4 * DAY),
        SpellRow("g1-h0", "away", BEGIN + 3 * DAY, BEGIN + 5 * DAY),
        SpellRow("g1-h0", "water_outage", BEGIN + 5 * DAY - HOUR, BEGIN + 5 * DAY + HOUR),
    ]
    found = total(rows(spells=spells, down=[(BEGIN, BEGIN + DAY + HOUR)]))
    expected = {
        "down": 1,
        "away": 48,
        "silent": 24,
        "water_outage": 1,
        "watched": 10 * 24 - 74,
        "paused": 0,
        "radio_outage": 0,
    }
    assert {key: found.count(f"hours.{key}") for key in expected} == expected
    assert (found.count("homes"), found.count("homes.covered"), found.count("meters")) == (1, 1, 0)


def test_whether_the_service_ran_is_not_known_without_a_sign_of_it_and_is_not_zero():
    found = total(rows(spells=watched(1), down=None))
    assert found.count("hours.down") is None
    assert found.count("hours.watched") == 31 * 24
    assert found.count("batteries.low") is None
    told = total(rows(2, batteries=[("g1-h0", 19.9), ("g1-h1", None), ("elsewhere", 1.0)]))
    assert [told.count(f"batteries.{one}") for one in ("low", "known", "unknown")] == [1, 1, 1]


def test_what_lies_between_two_signs_of_life_that_are_far_apart_counts_as_not_proved():
    start, end = BEGIN, BEGIN + DAY
    seen = [start - MIN, start + HOUR, start + 3 * HOUR, *(start + n * HOUR for n in range(4, 20))]
    assert down_between([], (start, end), 3900) is None
    assert down_between(seen, (start, end), 3900) == [(start + HOUR, start + 3 * HOUR), (start + 19 * HOUR, end)]
    assert down_between([start + 23 * HOUR], (start, end), 3900) == [(start, start + 23 * HOUR)]
    assert down_between([start - DAY], (start, end), 3900) == [(start, end)]


def test_a_month_that_is_not_over_is_counted_so_far():
    now = BEGIN + 10 * DAY
    found = report(rows(spells=watched(1)), OCTOBER, now)
    assert not found.over
    assert found.total.count("hours.watched") == 240
    assert report(rows(), OCTOBER, NOW).over


def test_meters_and_silences_at_the_end_of_the_month():
    end = OCTOBER.span(SHANGHAI)[1]
    spells = [
        *watched(3), SpellRow("g1-h0", "silent", BEGIN - DAY, BEGIN + DAY), SpellRow("g1-h1", "silent", end - DAY),
        SpellRow("g1-h1", "silent", BEGIN + DAY, BEGIN + 2 * DAY), SpellRow("g1-h2", "silent", end + DAY),
    ]  # fmt: skip
    found = total(rows(3, spells=spells))
    assert [found.count(key) for key in ("meters", "silences", "silent")] == [3, 2, 1]


def by_quarters(home: HomeRow, some: Rows, now: datetime) -> Counter[str]:
    """Return the hours of a home by asking at each quarter of an hour what holds: the plain twin."""
    found: Counter[str] = Counter()
    at, end = OCTOBER.span(home.zone)
    while at < min(end, now):
        holds = {
            one.kind
            for one in some.spells
            if one.household == home.id and one.start <= at and (one.end is None or at < one.end)
        }
        if {"agreed", "metered"} <= holds:
            if any(a <= at < b for a, b in some.down or ()):
                holds.add("down")
            found[next((why for why in REASONS if why in holds), "watched")] += 1
        at += 15 * MIN
    return found


def random_rows(seed: int) -> Rows:
    draw = Random(seed)

    def when(most: int = 34) -> datetime:
        return BEGIN - DAY + draw.randrange(most * 96) * 15 * MIN

    def span() -> tuple[datetime, datetime | None]:
        start = when()
        return start, None if draw.random() < 0.3 else start + draw.randrange(1, 700) * 15 * MIN

    some = [*homes(4), *homes(3, "g2"), *homes(2, "g3", AMSTERDAM)]
    kinds = ("agreed", "metered", *REASONS[1:])
    cases = []
    for _ in range(40):
        at = when()
        outcome = draw.choice([None, "SAFE_AT_HOME", "HELPED", "OUTAGE"])
        closed = None if outcome is None and draw.random() < 0.5 else at + draw.randrange(1, 400) * MIN
        steps = went(at, draw.randrange(60), draw.randrange(60, 90), f"worker:w{draw.randrange(3)}")[
            : draw.randrange(4)
        ]
        cases.append(case(draw.choice(some).id, at, severity=draw.choice(["red", "amber", "blue"]), kind=draw.choice(["quiet", "sos"]),
            stream=draw.choice(["care", "care", "technical"]), outcome=outcome, closed_at=closed, steps=steps,
            state="CLOSED" if outcome else "EXPLAINED" if closed else "AWAITING", rungs=tuple(range(draw.randrange(4)))))  # fmt: skip
    return rows(
        homes=some,
        cases=cases,
        calls=[CallRow(draw.choice(some).id, at, at + DAY, draw.choice([None, at + HOUR, at + 2 * DAY])) for at in [when() for _ in range(20)]],
        spells=[SpellRow(draw.choice(some).id, draw.choice(kinds), *span()) for _ in range(60)],
        applications=[ApplicationRow(draw.choice(["g1", "g2", None]), draw.choice(["applied", "covered"]), when()) for _ in range(9)],
        down=draw.choice([None, [(BEGIN + 2 * DAY, BEGIN + 3 * DAY)]]),
        batteries=draw.choice([None, [(home.id, draw.choice([None, 5.0, 80.0])) for home in some]]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_the_total_is_the_sum_of_the_grids(seed):
    found = report(random_rows(seed), OCTOBER, BEGIN + DAY * (seed + 25))
    keys = found.total.counts.keys() | {key for one in found.columns for key in one.sums.counts}
    for key in keys - NOT_ADDED:
        parts = [one.sums.count(key) for one in found.columns]
        if found.total.count(key) is None:
            assert set(parts) == {None}
        else:
            assert sum(parts) == pytest.approx(found.total.count(key)), key
    assert found.total.count("workers") <= sum(one.sums.count("workers") for one in found.columns)
    for key, spread in found.total.spreads.items():
        for part in ("n", "missing", "within", "of"):
            assert sum(getattr(one.sums.spread(key), part) for one in found.columns) == getattr(spread, part), (
                key,
                part,
            )


@pytest.mark.parametrize("seed", range(3))
def test_hours_agree_with_looking_at_each_quarter_of_an_hour(seed):
    some, now = random_rows(seed), BEGIN + 28 * DAY
    slow: Counter[str] = sum((by_quarters(home, some, now) for home in some.homes), Counter())
    found = sums(some, OCTOBER, now)
    for why in ("watched", *REASONS):
        if why != "down" or some.down is not None:
            assert found.count(f"hours.{why}") == pytest.approx(slow[why] / 4), why
    assert slow["watched"] > 0


def test_what_is_told_of_few_is_never_more_than_a_count():
    found = report(random_rows(1), OCTOBER, NOW)
    for column in found.columns:
        if column.sums.count("homes") < FEW:
            assert all(one.median_s is None and one.p90_s is None for one in column.sums.spreads.values())
            assert column.sums.a_month("nothing.all") is None
