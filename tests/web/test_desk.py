"""The desk with everything going on at once: each thing is seen as what it is, and as nothing else."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select, update

from alerts import queries, schema
from alerts.events import OutcomeRecorded
from alerts.web.words import Words
from tests.web import buildings
from tests.web.buildings import CUT_FALL, DEAD, FALL, GONE, LEAK, PLACES, RUNNING, SOS, TAP, TRIP
from tests.web.neighbourhood import LONG_AGO, NOW, quiet
from tests.web.test_console import section, tiles


def desk(community, part=""):
    return community.visitor("operator", "w9").get("/c" + part).text.replace("\N{NO-BREAK SPACE}", " ")


def cells(page):
    """Return the state of each home in the schematic, by its link."""
    return {home: state for state, home in re.findall(r'<a class="home (\w+)" href="/c/households/([\w-]+)"', page)}


def test_every_home_is_one_cell_in_its_state(quarter):
    community, _ = quarter
    shown = cells(desk(community))
    assert len(shown) == 65
    expected = dict.fromkeys((place.home for place in PLACES if place.building == 3), "outage")
    expected |= dict.fromkeys((place.home for place in PLACES if buildings.gateway(place) == "gw-2B"), "silent")
    expected |= {FALL: "red", RUNNING: "red", SOS: "red", "b1-201": "red", TAP: "amber", GONE: "amber"}
    expected |= {CUT_FALL: "taken", DEAD: "silent", LEAK: "slow", TRIP: "away"}
    assert {home: state for home, state in shown.items() if state != "usual"} == expected


def test_a_cell_says_in_words_what_it_shows(quarter):
    community, _ = quarter
    page = desk(community)
    assert 'aria-label="301：紧急，没人接"' in page
    assert 'aria-label="802：外出"' in page
    for state in queries.states.STATES:
        assert f"page.c.state.{state}" not in page


def test_a_building_without_water_is_one_event_and_no_personal_case_but_the_one_from_before(quarter):
    community, cases = quarter
    page = desk(community)
    area = section(page, "areas")
    assert "安和里 3 栋 停水" in area
    assert "因此不派人的 2 户" in area
    assert re.findall(r'其中 1 户停水以前就有情况，照样派人： <a href="/c/case/(\w+)">', area) == [cases[CUT_FALL]]
    queue = section(page, "queue")
    assert cases[CUT_FALL] in queue
    for home in ("b3-201", "b3-502"):
        assert cases[home] not in queue


def test_a_dead_gateway_is_one_event_and_its_meters_are_not_listed_one_by_one(quarter):
    community, _ = quarter
    page = desk(community)
    assert "网关 gw-2B 断线" in section(page, "areas")
    assert tiles(page)["水表离线"] == 11
    assert re.findall(r"/c/households/([\w-]+)", section(page, "blind-homes")) == [DEAD]


def test_the_queue_calls_things_by_their_names_and_says_what_follows(quarter):
    community, cases = quarter
    queue = section(desk(community), "queue")
    rows = re.findall(r'href="/c/case/(\w+)">([^<]+)</a>', queue)
    assert [case for case, _ in rows][-1] == cases[CUT_FALL]  # somebody has it
    assert {case for case, _ in rows[:3]} == {cases[FALL], cases[RUNNING], cases[SOS]}  # everybody was asked in vain
    titles = dict(rows)
    assert titles[cases[SOS]] == "按了求助键"
    assert titles[cases[GONE]] == "可能出门了"
    assert len({titles[cases[home]] for home in (FALL, RUNNING, TAP, GONE, SOS)}) == 5
    assert "再请" in queue
    assert "李敏" in queue


def test_nobody_answering_is_the_loudest_thing_on_the_desk(quarter):
    community, cases = quarter
    page = desk(community)
    siren = page.split('class="banner siren"')[1].split("</p>")[0]
    assert 'role="alert"' in siren
    assert set(re.findall(r"/c/case/(\w+)", siren)) == {cases[FALL], cases[RUNNING], cases[SOS]}
    assert tiles(page)["叫不到人"] == 3


def test_whatever_is_on_hold_has_an_owner_and_an_end(quarter):
    community, _ = quarter
    held = section(desk(community), "held").split("<li ")[1:]
    assert len(held) == 4
    away, gateway, water, finding = held
    for words, row in (
        (("外出", "昨天 14:40 到 14:40", "家属说到", "等确认", "郭家女儿"), away),
        (("网关 gw-2B", "到有信号为止", "赵刚"), gateway),
        (("安和里 3 栋", "停水，20 户；其中 2 户暂不派人", "到来水为止", "赵刚"), water),
        (("有迹象，没有派人", "到外出结束为止", "已声明外出"), finding),
    ):
        for word in words:
            assert word in row, word


def row_of_absence(community):
    with community.engine.connect() as conn:
        return conn.execute(select(schema.absences).where(schema.absences.c.household == TRIP)).first()


def press(community, do, tap="tap-number-1", **other):
    return community.visitor("operator", "w9").post("/c", do=do, tap=tap, **other)


def test_an_unconfirmed_absence_is_confirmed_from_the_desk(quarter):
    community, _ = quarter
    row = row_of_absence(community)
    answer = press(community, f"confirm:{row.id}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/c")
    after = row_of_absence(community)
    assert after.end == row.asked_until
    assert after.asked_until is None
    assert f"confirm:{row.id}" not in desk(community)


def test_an_absence_is_ended_from_the_desk_and_the_second_tap_changes_nothing(quarter):
    community, _ = quarter
    row = row_of_absence(community)
    assert press(community, f"back:{row.id}").status_code == 303
    assert TRIP not in section(desk(community), "held").split("有迹象")[0]
    assert press(community, f"back:{row.id}", tap="tap-number-2").status_code == 303
    assert press(community, "back:99999").status_code == 303


@pytest.mark.parametrize("do", ["away:today", "accept", "confirm", "drop:1"])
def test_the_desk_takes_no_other_buttons(quarter, do):
    community, _ = quarter
    assert press(community, do).status_code in (303, 400)
    assert row_of_absence(community).asked_until is not None


def test_only_operators_settle_absences(quarter):
    community, _ = quarter
    row = row_of_absence(community)
    for role, person in (("worker", "w1"), ("family", f"{TRIP}-c")):
        answer = community.visitor(role, person).post("/c", do=f"confirm:{row.id}", tap="tap-number-1")
        assert answer.status_code == 403
    stranger = community.visitor("operator", "w9")
    assert stranger.post("/c", headers={}, do=f"confirm:{row.id}", tap="tap-number-1").status_code == 403
    assert row_of_absence(community).asked_until is not None


def test_after_the_water_is_back_the_folded_homes_are_still_seen(quarter):
    community, cases = quarter
    community.store.end_area("cut-3", community.now, community.now)
    page = desk(community)
    assert "安和里 3 栋 停水" not in page
    held = section(page, "held")
    assert held.count("来水了，还没有用水") == 2
    assert cases["b3-201"] in held


def test_an_absence_that_a_visit_found_out_says_so(community):
    case = community.red("h1")
    community.tap(case, OutcomeRecorded("operator:w9", "SAFE_AWAY"))
    held = section(desk(community), "held")
    assert "外出" in held
    assert "上门的结果" in held


@pytest.mark.parametrize(
    ("left", "said"),
    [(timedelta(minutes=9, seconds=59), "9 分钟后"), (timedelta(seconds=59), "不到 1 分钟"), (timedelta(0), "马上")],
)
def test_the_countdown_never_says_less_than_nothing(catalogues, left, said):
    words = Words(catalogues, "zh_CN", NOW)
    assert words.left(NOW + left).replace("\N{NO-BREAK SPACE}", " ") == said
    assert words.left(NOW - timedelta(hours=1)) == "马上"


def test_a_finding_that_is_over_says_when(quarter):
    community, _ = quarter
    with community.engine.begin() as conn:
        over = update(schema.findings).where(schema.findings.c.suppressed == "away")
        conn.execute(over.values(cleared_at=NOW - timedelta(minutes=10)))
    assert "10:30 已解除" in section(desk(community), "held")


def test_the_number_of_questions_does_not_grow_with_the_homes(quarter):
    community, _ = quarter

    def asked() -> int:
        statements: list[str] = []

        def count(*args: object) -> None:
            statements.append(str(args[2]))

        with community.engine.connect() as conn:
            event.listen(community.engine, "before_cursor_execute", count)
            queries.overview(conn, community.now)
            event.remove(community.engine, "before_cursor_execute", count)
        return len(statements)

    before = asked()
    for home in ("b2-401", "b2-501", "b2-601", "b2-701"):
        community.store.raise_finding(quiet(home, "red", NOW), NOW)
    assert asked() == before <= 36


def test_many_homes_are_one_tile_a_building(community):
    with community.engine.begin() as conn:
        homes = [
            {"id": f"x{n}", "area": "grid-1", "building": f"长宁 {n // 100} 号", "door": str(n), "tz": "Asia/Shanghai"}
            for n in range(600)
        ]
        conn.execute(insert(schema.households), homes)
    community.red("h1")
    page = desk(community)
    assert cells(page) == {}
    tile = next(block for block in page.split('<a class="block"')[1:] if "幸福里 3 号楼" in block).split("</a>")[0]
    assert "2 户" in tile
    assert '<span class="unseen">紧急，没人接</span> 1' in tile


def test_notices_of_an_area_stand_in_the_log_with_their_place(quarter):
    community, _ = quarter
    with community.engine.connect() as conn:
        about = conn.scalars(select(schema.notices.c.id).where(schema.notices.c.area_event == "cut-3")).all()
    assert about
    page = community.visitor("operator", "w9").get("/c/log?state=pending").text
    assert '<span class="sub">安和里 3 栋</span>' in page


def test_the_log_shows_one_state_at_a_time(quarter):
    community, _ = quarter
    with community.engine.begin() as conn:
        first = conn.scalar(select(schema.notices.c.id).where(schema.notices.c.recipient == "w1").limit(1))
        conn.execute(update(schema.notices).values(state="delivered", created_at=LONG_AGO))
        failed = update(schema.notices).where(schema.notices.c.id == first)
        conn.execute(failed.values(state="failed", created_at=NOW, last_error="refused"))
    visitor = community.visitor("operator", "w9")
    for state in ("failed", "lost"):
        assert re.findall(r'class="delivery (\w+)"', visitor.get(f"/c/log?state={state}").text) == ["failed"]
    assert "没有这样的通知" in visitor.get("/c/log?state=cancelled").text
    assert set(re.findall(r'class="delivery (\w+)"', visitor.get("/c/log?state=nonsense").text)) == {
        "failed",
        "delivered",
    }


def test_without_a_session_every_page_of_the_desk_leads_to_the_login(community):
    for path in ("/c", "/c/log", "/c/households", "/c/households/h1", "/c/meters", "/c/case/x"):
        answer = community.visitor().get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
        assert community.visitor("family", "c1").get(path).status_code == 403
        assert community.visitor("worker", "w1").get(path).status_code == 403
