"""Sixty homes with everything going on at once: the worker and each family read what it is in their case."""

import re

from alerts.events import OutcomeRecorded
from tests.web import buildings
from tests.web.buildings import CUT_FALL, DEAD, FALL, GONE, LEAK, RUNNING, SOS, TAP, TRIP


def read(community, role, person, path, lang="zh_CN") -> str:
    page = community.visitor(role, person, lang).get(path)
    assert page.status_code == 200
    return re.sub(r"\s+", " ", page.text.split('id="part"')[1].split("</main>")[0].replace("\N{NO-BREAK SPACE}", " "))


def cards(page: str) -> list[str]:
    return re.findall(r'<strong class="headline">(.*?)</strong>', page)


def test_the_workers_list_names_each_by_what_it_is(quarter):
    community, _ = quarter
    first = read(community, "worker", "w1", "/w")
    assert cards(first) == [
        "太久没有用水", "水一直在流", "按了求助键", "太久没有用水", "可能出门了", "水一直没有停",
    ]  # fmt: skip
    assert "网关 gw-2B 断线" in first
    assert "等 6" not in first
    slow = read(community, "worker", "w1", "/w?tab=slow")
    assert cards(slow) == ["水管一直在漏", "水表没有消息"]
    assert "10 只水表里有 10 只收不到" in slow
    assert "安和里 1 栋 B 单元 8 层 802" in slow  # away


def test_of_the_home_without_water_only_the_fall_is_a_persons_case(quarter):
    community, cases = quarter
    page = read(community, "worker", "w2", "/w")
    assert cards(page) == ["太久没有用水"]
    assert "安和里 3 栋 停水</strong> 从 08:40 起，20 户。" in page
    assert f'href="/w/a/{cases[CUT_FALL]}">安和里 3 栋 B 单元 7 层 702 更早就没有用水' in page
    case = read(community, "worker", "w2", f"/w/a/{cases[CUT_FALL]}")
    assert "这一户不能用停水来解释，请照常处理。" in case
    folded = read(community, "worker", "w2", f"/w/a/{cases['b3-201']}")
    assert "来水后还不用水，就会派人去看" in folded
    assert 'name="do" value="accept"' not in folded
    assert "整片停水或刚来水，先等一等，现在不用去。" in folded


def test_each_family_reads_what_it_is(quarter):
    community, _ = quarter
    expected = {
        FALL: ("还没有人接单，请直接打电话", "比平时更久没有用水"),
        RUNNING: ("还没有人接单，请直接打电话", "用水比平时多得多"),
        SOS: ("还没有人接单，请直接打电话", "老人按了求助键"),
        "b1-201": ("正在确认，已通知社区工作人员", "比平时更久没有用水"),
        TAP: ("正在确认，已通知社区工作人员", "水流得比平时久"),
        GONE: ("正在确认，已通知社区工作人员", "可能出门了"),
        LEAK: ("今天一切正常，上午已确认", "不是急事"),
        TRIP: ("已声明外出", "外出到14:40。"),
        DEAD: ("现在无法判断：水表离线", "这不说明老人有事"),
        "b2-402": ("这一片的信号断了，暂时看不到用水", "这不说明老人有事"),
        "b3-301": ("大楼停水，暂时不能从用水看出情况", "不是只有这一家"),
        "b3-201": ("大楼停水，暂时不能从用水看出情况", "不是只有这一家"),
        CUT_FALL: ("社区工作人员李敏正在路上", "到了会在这里告诉您"),
        "b1-101": ("今天一切正常，上午已确认", "和平时一样在用水"),
    }
    for home, (sentence, more) in expected.items():
        page = read(community, "family", f"{home}-c", "/f")
        assert re.search(r'<h1 id="state">(.*?)</h1>', page)[1] == sentence, home
        assert more in page, home


def test_a_press_is_said_before_anybody_had_time_to_answer(community):
    at = community.now
    pressed = {"pressed_at": at.timestamp(), "battery_percent": 80.0}
    sos = buildings.finding("h1", "sos", "red", "sos", at, buildings.NO_READING, **pressed)
    case = community.store.raise_finding(sos, at)
    assert "老人按了求助键，已通知社区工作人员" in read(community, "family", "c1", "/f")
    community.tap(case, OutcomeRecorded("operator:w9", "HELPED"))
    community.later(seconds=11)
    assert "求助键" not in read(community, "family", "c1", "/f")


def test_a_family_answers_running_water_by_what_it_can_know(quarter):
    community, cases = quarter
    visitor = community.visitor("family", f"{TAP}-c")
    answers = re.findall(r'value="(outcome:[^"]+)"', visitor.get("/f").text)
    assert answers == ["outcome:SAFE_AT_HOME", "outcome:TAP_LEFT_OPEN"]
    assert visitor.post("/f", do=answers[1], tap="t" * 16, case=cases[TAP]).status_code == 303
    assert community.state(cases[TAP]) == "CLOSED"
    assert "水龙头已关好" in visitor.get("/f").text


def test_where_water_runs_the_tap_and_the_leak_are_among_the_first_outcomes(quarter):
    community, cases = quarter
    community.visitor("worker", "w1").post(f"/w/a/{cases[TAP]}", do="accept", tap="t" * 16)
    page = read(community, "worker", "w1", f"/w/a/{cases[TAP]}")
    first = page.split('id="more"')[0]
    for code in ("TAP_LEFT_OPEN", "LEAK_FIXED"):
        assert f'value="outcome:{code}"' in first
        assert page.count(f'value="outcome:{code}"') == 1


def test_when_the_water_is_back_the_family_reads_that_we_wait(quarter):
    community, _ = quarter
    community.later(minutes=5)
    community.store.end_area("cut-3", community.now, community.now)
    assert "刚恢复供水，正在等家里重新用水" in read(community, "family", "b3-201-c", "/f")
    assert "今天一切正常" in read(community, "family", "b3-301-c", "/f")
    assert "安和里 3 栋 停水" not in read(community, "worker", "w2", "/w")


def test_no_family_page_shows_litres_or_anything_red(quarter):
    community, _ = quarter
    for place in buildings.PLACES[::4]:
        for lang in ("zh_CN", "en"):
            page = read(community, "family", f"{place.home}-c", "/f", lang)
            words = re.sub(r"<[^>]*>", " ", page)  # attributes carry random ids, which may end in "7L"
            assert not re.search(r"\d ?(升|L\b|litre)", words)
            assert not re.search(r'class="[^"]*(red|danger|urgent)', page)
