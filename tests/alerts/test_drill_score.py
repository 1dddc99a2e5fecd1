"""The score of a drill says of everything that had to happen whether it did, when, and by whom."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts import drill_runs, drill_score, schema
from alerts.errors import DrillError
from alerts.events import Accepted, Arrived, OutcomeRecorded, SetOff
from alerts.policy import Policy
from tests.alerts.neighbourhood import T0, cut, delivered, finding, rehearse

MIN = timedelta(minutes=1)


def want(step, within_s, part="home h1", who="", after="start", *, never=False):
    """Return one thing that must happen, as a script says it."""
    return {"step": step, "within_s": within_s, "part": part, "who": who, "after": after, "never": never}


def lines(engine, name, now):
    """Return (step, who, took, verdict) of each line."""
    with engine.connect() as conn:
        return [(x.step, x.who, x.took_s, x.verdict) for x in drill_score.score(conn, name, now).lines]


def test_a_drill_that_goes_well_is_met_in_every_line(engine, store):
    wanted = [
        want("case", 60), want("told", 60, who="owner", after="case"), want("told", 60, who="family", after="case"),
        want("accepted", 300, who="owner", after="case"), want("on_site", 900, who="owner", after="accepted"),
        want("outcome", 3600, after="case"), want("unattended", 0, never=True), want("meter_case", 0, never=True),
    ]  # fmt: skip
    name = rehearse(engine, wanted=wanted)
    case = store.raise_finding(finding("d", realm="drill", at=T0 + MIN), T0 + MIN)
    delivered(engine, T0 + MIN)
    with engine.begin() as conn:
        n = schema.notices
        conn.execute(n.update().where(n.c.state == "accepted").values(done_at=T0 + 2 * MIN))
    for n, event in enumerate((Accepted, SetOff, Arrived)):
        store.act("drill", case, event("worker:wang"), T0 + (3 + n) * MIN, f"t-{n}")
    assert lines(engine, name, T0 + 9 * MIN)[-3:] == [
        ("outcome", "", None, "waits"), ("unattended", "", None, "waits"), ("meter_case", "", None, "waits"),
    ]  # fmt: skip
    store.act("drill", case, OutcomeRecorded("worker:wang", "HELPED"), T0 + 10 * MIN, "t-9")
    with engine.begin() as conn:
        drill_runs.end(conn, name, T0 + 11 * MIN, "operator:ops", "finished", Policy())
    assert lines(engine, name, T0 + 99 * MIN) == [
        ("case", "", 60.0, "met"), ("told", "owner", 60.0, "met"), ("told", "family", 60.0, "met"),
        ("accepted", "owner", 120.0, "met"), ("on_site", "owner", 120.0, "met"), ("outcome", "", 540.0, "met"),
        ("unattended", "", None, "kept"), ("meter_case", "", None, "kept"),
    ]  # fmt: skip


def test_what_is_late_is_late_and_what_never_comes_is_missed(engine, store):
    wanted = [want("case", 30), want("accepted", 60, who="owner", after="case"), want("outcome", 60, after="accepted")]
    name = rehearse(engine, wanted=wanted)
    assert lines(engine, name, T0 + timedelta(seconds=20)) == [
        ("case", "", None, "waits"), ("accepted", "owner", None, "waits"), ("outcome", "", None, "waits"),
    ]  # fmt: skip
    assert lines(engine, name, T0 + MIN)[0] == ("case", "", None, "missed")
    store.raise_finding(finding("d", realm="drill", at=T0 + MIN), T0 + MIN)
    assert lines(engine, name, T0 + 3 * MIN) == [
        ("case", "", 60.0, "late"), ("accepted", "owner", None, "missed"), ("outcome", "", None, "waits"),
    ]  # fmt: skip


def test_what_had_to_stay_away_and_came_is_broken(engine, store):
    name = rehearse(engine, wanted=[want("case", 0, never=True)])
    store.raise_finding(finding("d", realm="drill"), T0)
    assert lines(engine, name, T0 + MIN) == [("case", "", 0.0, "broken")]


def test_each_home_of_a_part_has_its_line_and_life_has_none(engine, store):
    name = rehearse(engine, wanted=[want("area", 60, part=""), want("case", 60, part="")])
    store.raise_finding(finding("f-1", "amber"), T0)
    store.begin_area(cut("dry", realm="drill", homes=["h2"]), T0)
    with engine.connect() as conn:
        found = drill_score.score(conn, name, T0 + 2 * MIN)
    assert [(x.step, x.home, x.verdict) for x in found.lines] == [
        ("area", "home h1", "missed"), ("area", "home h2", "met"), ("case", "home h1", "missed"), ("case", "home h2", "missed"),
    ]  # fmt: skip
    assert found.good == 1


@pytest.mark.parametrize("why", ["asked", "reserve", "real"])
def test_what_a_stopped_drill_did_not_wait_for_is_neither_good_nor_missed(engine, store, why):
    wanted = [
        want("case", 90), want("told", 30, who="owner", after="case"), want("accepted", 300, who="owner", after="case"),
        want("outcome", 60, after="accepted"), want("area", 60), want("unattended", 0, never=True), want("case", 0, never=True),
    ]  # fmt: skip
    name = rehearse(engine, wanted=wanted)
    store.raise_finding(finding("d", realm="drill", at=T0 + MIN), T0 + MIN)
    with engine.begin() as conn:
        drill_runs.end(conn, name, T0 + 2 * MIN, "operator:ops", why, Policy())
    with engine.connect() as conn:
        found = drill_score.score(conn, name, T0 + 99 * MIN)
    assert [(x.step, x.verdict) for x in found.lines] == [
        ("case", "met"), ("told", "missed"), ("accepted", "stopped"), ("outcome", "stopped"), ("area", "missed"),
        ("unattended", "stopped"), ("case", "broken"),
    ]  # fmt: skip
    assert (found.good, found.stopped, len(found.lines)) == (1, 3, 7)


@pytest.mark.parametrize("why", ["finished", "time"])
def test_a_drill_that_came_to_its_end_leaves_nothing_open(engine, why):
    name = rehearse(engine, wanted=[want("case", 600), want("outcome", 60, after="case"), want("area", 0, never=True)])
    with engine.begin() as conn:
        drill_runs.end(conn, name, T0 + MIN, "operator:ops", why, Policy())
    assert [verdict for *_, verdict in lines(engine, name, T0 + MIN)] == ["missed", "missed", "kept"]


def test_who_was_taken_out_stands_in_the_score(engine, store):
    name = rehearse(engine, ["h2"], ["worker:wang", "worker:li"])
    store.raise_finding(finding("f-1"), T0)
    with engine.connect() as conn:
        assert drill_score.score(conn, name, T0 + MIN).out == ("worker:wang",)
        assert conn.scalar(select(schema.drills.c.state)) == "running"


def test_a_drill_that_there_is_not_has_no_score(engine):
    with engine.connect() as conn, pytest.raises(DrillError, match="want the id of a drill"):
        drill_score.score(conn, "nothing", T0)
