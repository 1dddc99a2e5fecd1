"""What the monthly report reads of lived months, and that it is made by itself, once."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, update

from alerts import call_backs, consent, schema
from alerts.cases import Accepted, Arrived, OutcomeRecorded, Undone
from alerts.policy import Policy
from alerts.queries.monthly import month_rows
from alerts.report import Intended
from alerts.report_rows import Limits, Month
from alerts.reports import Reports, trail
from tests.alerts.neighbourhood import cut, finding, rehearse

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOVEMBER = Month(2026, 11)
T = datetime(2026, 11, 10, 1, tzinfo=UTC)
END = datetime(2026, 11, 30, 16, tzinfo=UTC)
LATER = END + timedelta(days=2)
MIN, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def reports(engine, tmp_path):
    return Reports(engine, SHANGHAI, tmp_path / "data", None, Intended(1.0, 0.3))


def lived(store, name="f-1", at=T, household="h1", **other):
    """Let a red case be accepted after 4 minutes, visited after 20 and ended after an hour; returns its id."""
    case = store.raise_finding(finding(name, at=at, household=household, **other), at)
    realm = other.get("realm", "live")
    for minutes, event in (
        (4, Accepted("worker:wang")),
        (20, Arrived("worker:wang")),
        (60, OutcomeRecorded("worker:wang", "HELPED")),
    ):
        assert store.act(realm, case, event, at + minutes * MIN, f"{name}-{minutes}").done
    return case


def test_a_lived_case_is_read_with_its_proof_steps_and_limits(engine, store, reports):
    case = lived(store)
    n = schema.notices
    with engine.begin() as conn:
        mine = n.c.case_id == case
        conn.execute(update(n).where(mine, n.c.recipient_kind == "worker").values(delivered_at=T + 2 * MIN))
        conn.execute(update(n).where(mine, n.c.recipient_kind == "contact").values(seen_at=T + MIN))
        read = month_rows(conn, NOVEMBER, LATER, SHANGHAI)
    (row,) = read.cases
    assert (row.kind, row.severity, row.rungs, row.owed, row.proved_at) == ("quiet", "red", (0,), True, T + MIN)
    assert row.limits == Limits(120, 600, 2400, 9600)
    found = reports.made(NOVEMBER, LATER)
    assert [(one.area, one.name) for one in found.columns] == [("g1", "第三网格")]
    assert found.total.count("outcome.HELPED") == found.total.count("visits") == found.total.count("calls.owed") == 1
    assert found.total.count("calls.without") == 1
    assert {key: (one.n, one.within, one.of) for key, one in found.total.spreads.items() if one.of} == {
        f"{step}.red": (1, 1, 1) for step in ("told", "accepted", "door", "outcome")
    }


def test_a_drill_is_never_counted(store, reports):
    before = reports.made(NOVEMBER, LATER).total
    rehearse(store.engine, now=T, lasts=timedelta(hours=4))
    case = lived(store, realm="drill")
    away = store.raise_finding(finding("f-2", at=T + DAY, realm="drill"), T + DAY)
    store.act("drill", away, OutcomeRecorded("operator:ops", "SAFE_AWAY"), T + DAY + MIN, "t-1")
    store.raise_finding(finding("m", "blue", kind="meter_silent", realm="drill", at=T), T)
    store.begin_area(cut(at=T, realm="drill"), T)
    with store.engine.begin() as conn:
        call_backs.made(conn, "drill", case, "operator:ops", "well", T + 2 * HOUR)
    assert reports.made(NOVEMBER, LATER).total == before


def test_a_case_over_the_end_of_a_month_is_counted_in_the_first_and_its_visit_when_it_was(store, reports):
    lived(store, at=END - 10 * MIN)
    november, december = (reports.made(month, LATER).total for month in (NOVEMBER, NOVEMBER.later(1)))
    assert (november.count("outcome.HELPED"), december.count("outcome.HELPED")) == (1, 0)
    assert november.spread("door.red").n == 1
    assert (november.count("visits"), december.count("visits")) == (0, 1)
    assert (november.count("calls.owed"), december.count("calls.owed")) == (0, 1)


def test_what_was_not_known_yet_is_not_told_and_an_open_case_is_open(store, reports):
    case = store.raise_finding(finding(at=T), T)
    found = reports.made(NOVEMBER, T + 5 * MIN)
    assert (found.over, found.total.count("outcome.OPEN"), found.total.spread("accepted.red").missing) == (False, 1, 1)
    store.act("live", case, Accepted("worker:wang"), T + 6 * MIN, "t-1")
    store.act("live", case, Undone("worker:wang"), T + 6 * MIN + timedelta(seconds=5), "t-2")
    assert reports.made(NOVEMBER, T + 7 * MIN).total.spread("accepted.red").n == 0


def test_hours_follow_consents_pauses_meters_absences_and_silences(engine, store, reports):
    hours = {
        one: reports.made(NOVEMBER, LATER).total.count(f"hours.{one}")
        for one in ("watched", "paused", "away", "silent")
    }
    assert hours == {"watched": 720, "paused": 0, "away": 0, "silent": 0}  # h2 lost its meter in June
    with engine.begin() as conn:
        consent.pause(conn, "r1", "monitor", "", T + 2 * DAY, T, Policy(), by="operator:ops")
        consent.give(
            conn, "r1", "monitor", "", T + DAY, Policy(), by="operator:ops", given_by="resident", evidence="form"
        )
        consent.withdraw(conn, "r1", "monitor", "", END - 2 * DAY, Policy(), by="operator:ops")
        gone = {"household": "h1", "start": T + DAY, "end": T + 3 * DAY, "by": "resident"}
        conn.execute(insert(schema.absences).values(**gone))
    store.raise_finding(finding("m", "blue", kind="meter_silent", at=T + 5 * DAY, reason="meter_silent"), T + 5 * DAY)
    store.clear_finding("m", T + 5 * DAY + 10 * HOUR, T + 5 * DAY + 10 * HOUR)
    found = reports.made(NOVEMBER, LATER).total
    assert [found.count(f"hours.{one}") for one in ("paused", "away", "silent")] == [24, 48, 24]
    assert found.count("hours.watched") == 720 - 48 - 24 - 48 - 24
    assert found.count("silences") == 1


@pytest.mark.parametrize(("code", "away_h"), [("HELPED", 0), ("SAFE_AWAY", 24), ("TAKEN_TO_CARE", 72)])
def test_a_home_was_watched_until_somebody_said_what_it_was(store, reports, code, away_h):
    case = store.raise_finding(finding(at=T), T)
    store.act("live", case, OutcomeRecorded("operator:ops", code), T + HOUR, "t-1")
    assert reports.made(NOVEMBER, LATER).total.count("hours.away") == away_h


def test_a_newer_text_parks_what_was_said_to_the_old_one(engine, reports):
    with engine.begin() as conn:
        consent.publish(conn, "monitor", "2", "新", "new", T, "operator:ops", T - DAY)
    assert (
        reports.made(NOVEMBER, LATER).total.count("hours.watched")
        == (T - datetime(2026, 10, 31, 16, tzinfo=UTC)) / HOUR
    )


def test_an_area_is_reported_with_all_below_it_and_nothing_beside_it(engine, store, reports):
    lived(store)
    with engine.begin() as conn:
        conn.execute(insert(schema.areas).values(id="x1", parent=None, kind="grid", name="别处"))
        for name, area in (("a1", "c1"), ("a2", "x1"), ("a3", None)):
            said = {} if area is None else {"area": area}
            row = {"created_at": T, "state": "applied", "by": "resident", "said": said, "changed_at": T}
            conn.execute(insert(schema.applications).values(id=name, **row))
    whole, street, other = (reports.made(NOVEMBER, LATER, area) for area in (None, "s1", "x1"))
    assert [one.area for one in whole.columns] == ["x1", "c1", "g1", None]
    assert [one.area for one in street.columns] == ["c1", "g1"]
    assert [one.total.count("applied") for one in (whole, street, other)] == [3, 1, 1]
    assert [one.total.count("visits") for one in (whole, street, other)] == [1, 1, 0]


def test_no_id_of_a_home_a_person_or_a_case_and_no_name_is_in_a_kept_report(store, reports, tmp_path):
    lived(store)
    assert reports.keep(reports.made(NOVEMBER, LATER))
    said = (tmp_path / "data" / "reports" / "2026-11.json").read_text("utf-8")
    for private in ("李秀英", "王芳", "wang", "女儿", "0755", "安和里", "301", "h1", "r1"):
        assert f'"{private}' not in said
        assert not private.isdigit() or f"{private}," not in said
    assert "第三网格" in said


def test_the_report_of_a_month_is_made_once_and_stays_as_it_was(store, reports):
    open_case = store.raise_finding(finding(at=T), T)
    assert reports.keep_if_due(END - MIN, lambda: None) == Month(2026, 10)
    assert reports.keep_if_due(END, lambda: [("h1", 12.0)]) == NOVEMBER
    assert reports.keep_if_due(END + HOUR, lambda: None) is None
    store.act("live", open_case, OutcomeRecorded("operator:ops", "SAFE_AT_HOME"), END + DAY, "t-1")
    kept, is_kept = reports.of(NOVEMBER, LATER)
    assert is_kept
    assert kept == reports.kept(NOVEMBER)
    assert (kept.made_at, kept.over, kept.total.count("outcome.OPEN"), kept.total.count("batteries.low")) == (
        END,
        True,
        1,
        1,
    )
    assert reports.made(NOVEMBER, LATER).total.count("outcome.SAFE_AT_HOME") == 1
    assert [one.month for one in trail(reports, NOVEMBER, 3, LATER)] == ["2026-09", "2026-10", "2026-11"]


def test_a_month_is_over_when_it_is_over_at_every_home(engine, reports):
    with engine.begin() as conn:
        conn.execute(update(schema.households).where(schema.households.c.id == "h2").values(tz="Europe/Amsterdam"))
    assert reports.newest_over(END) == Month(2026, 10)
    assert reports.newest_over(END + 7 * HOUR) == NOVEMBER


def test_a_damaged_report_is_worked_out_again_and_never_shown(reports, tmp_path):
    (tmp_path / "data" / "reports").mkdir(parents=True)
    (tmp_path / "data" / "reports" / "2026-11.json").write_text("{", "utf-8")
    assert reports.kept(NOVEMBER) is None
    assert not reports.of(NOVEMBER, LATER)[1]


def test_whether_the_service_ran_is_read_from_the_anchors_it_wrote(engine, tmp_path):
    file = tmp_path / "anchors.jsonl"
    reports = Reports(engine, SHANGHAI, None, file)
    assert reports.made(NOVEMBER, LATER).total.count("hours.down") is None
    begin = NOVEMBER.span(SHANGHAI)[0]
    seen = [begin - MIN + n * HOUR for n in range(721) if not 100 < n < 110]
    file.write_text("".join(f'{{"n": 1, "hash": "x", "at": "{at.isoformat()}"}}\n' for at in seen), "utf-8")
    found = reports.made(NOVEMBER, LATER).total
    assert (found.count("hours.down"), found.count("hours.watched")) == (10, 710)
    assert not reports.keep(reports.made(NOVEMBER, LATER))
    file.write_text("no anchor\n", "utf-8")
    assert reports.made(NOVEMBER, LATER).total.count("hours.down") is None
