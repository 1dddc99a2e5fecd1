"""Households for the operator: found by what one knows of them, and one page with all that is written down."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from alerts import schema
from alerts.events import OutcomeRecorded
from alerts.web.ports import Water
from tests.web.buildings import DEAD, FALL, LEAK, TRIP
from tests.web.neighbourhood import LONG_AGO, NOW, ZONE


def listed(community, query=""):
    page = community.visitor("operator", "w9").get(f"/c/households{query}").text
    rows = page.split('<li class="row-home">')[1:]
    return [re.search(r'href="/c/households/([\w-]+)"', row).group(1) for row in rows], page


def seen(community, home):
    answer = community.visitor("operator", "w9").get(f"/c/households/{home}")
    assert answer.status_code == 200
    return answer.text.replace("\N{NO-BREAK SPACE}", " ")


def test_those_that_ask_most_of_people_stand_first(quarter):
    community, _ = quarter
    homes, page = listed(community)
    assert len(homes) == 65
    assert set(homes[:4]) == {"b1-201", "b1-301", "b1-401", "b1-601"}
    assert page.count('role="search"') == 1
    by_address, _ = listed(community, "?sort=address")
    assert by_address[:3] == ["b1-101", "b1-201", "b1-301"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("?building=幸福里 3 号楼", {"h1", "h2"}, id="a building"),
        pytest.param("?state=slow", {LEAK}, id="a state"),
        pytest.param("?q=陈秀英", {"h1"}, id="a name"),
        pytest.param("?q=安和里 1 1002", {"b1-1002"}, id="an address, word by word"),
        pytest.param("?building=安和里 2 栋&state=away", set(), id="nothing"),
        pytest.param("?q=%25", set(), id="a sign that databases take for any text"),
    ],
)
def test_the_form_narrows_the_list_down(quarter, query, found):
    community, _ = quarter
    homes, page = listed(community, query)
    assert set(homes) == found
    assert f"{len(found)} 户" in page


def test_a_chosen_building_is_drawn_whole_whatever_else_is_asked(quarter):
    community, _ = quarter
    homes, page = listed(community, "?building=安和里 1 栋&state=red")
    assert len(homes) == 4
    assert len(re.findall(r'<a class="home \w+"', page)) == 20
    assert listed(community)[1].count('class="building"') == 0


def test_words_of_the_form_come_back_escaped(community):
    page = listed(community, '?q="><script>&building=<b>')[1]
    assert "<script>" not in page
    assert "<b>" not in page


def test_one_page_holds_people_devices_absences_cases_and_water(quarter):
    community, cases = quarter
    page = seen(community, FALL)
    for words in (
        "安和里 1 栋 A 单元 3 层 301",
        "陈桂珍",
        "陈家女儿",
        "同意告诉",
        "m-b1-301",
        "网关 gw-1A",
        "最近四周",
    ):
        assert words in page, words
    assert f"/c/case/{cases[FALL]}" in page
    assert page.count('class="track"') == 28 + 1  # the days, and the bar of the share received
    assert 'href="tel:02155500700"' in page.split('<details id="phones">')[1].split("</details>")[0]
    assert "太久没有用水，一直没有人接单。" in page


@pytest.mark.parametrize(
    ("home", "says"),
    [
        (TRIP, "外出，到 14:40。"),
        (DEAD, "水表没有消息（最近 09:00），现在不知道有没有用水。"),
        (LEAK, "水管一直在漏。人的情况看不出异常。"),
        ("b3-101", "安和里 3 栋从 08:40 起停水，现在不能从用水看出情况。"),
        ("b3-702", "太久没有用水，李敏在路上。"),
        ("b1-101", "和平时一样。最后用水 09:40，已知到 10:15。"),
    ],
)
def test_the_present_is_one_sentence(quarter, home, says):
    community, _ = quarter
    community.readings.waters = {
        DEAD: Water(None, NOW - timedelta(minutes=100), NOW - timedelta(hours=3), None, ()),
    }
    assert f'<p class="big is">{says}</p>' in seen(community, home)


def test_without_readings_a_home_is_not_called_as_usual(community):
    community.readings.waters = {"h1": Water(None, None, None, None, ())}
    page = seen(community, "h1")
    assert "还没有读数，不知道有没有用水。" in page
    assert "和平时一样。" not in page


def test_a_home_that_is_not_watched_says_why(community):
    with community.engine.begin() as conn:
        conn.execute(update(schema.devices).where(schema.devices.c.household == "h2").values(valid_to=NOW))
        monitor = (schema.consents.c.resident == "r3") & (schema.consents.c.purpose == "monitor")
        conn.execute(update(schema.consents).where(monitor).values(withdrawn_at=NOW))
    assert '<p class="big is">没有登记水表</p>' in seen(community, "h2")
    assert '<p class="big is">没有看护的同意，不接收读数</p>' in seen(community, "h3")


def test_readings_that_cannot_be_had_take_nothing_else_from_the_page(community, monkeypatch, caplog):
    monkeypatch.setattr(community.readings, "days", lambda *_: 1 / 0)
    monkeypatch.setattr(community.readings, "meters", lambda *_: 1 / 0)
    page = seen(community, "h1")
    assert "现在拿不到读数。" in page
    assert "陈秀英" in page
    assert "m1" in page
    assert len(caplog.records) == 2


def test_history_tells_what_was_and_how_it_ended(community):
    case = community.red("h1")
    community.tap(case, OutcomeRecorded("operator:w9", "SAFE_AT_HOME", "guest"))
    page = seen(community, "h1")
    history = page.split('<h2 id="history"')[1]
    assert f"/c/case/{case}" in history
    assert "平安（有客或作客）" in history
    assert "虚惊" in history
    assert "判断记录（1）" in history


def test_a_relative_without_consent_is_named_but_not_called(community):
    with community.engine.begin() as conn:
        conn.execute(update(schema.contacts).where(schema.contacts.c.id == "c1").values(address="021 5550 0999"))
        relative = (schema.consents.c.resident == "r1") & (schema.consents.c.purpose == "relative")
        conn.execute(update(schema.consents).where(relative).values(withdrawn_at=NOW))
    page = seen(community, "h1")
    assert "没有同意，不告诉" in page
    assert "tel:02155500999" not in page
    assert "tel:02155500101" in page  # the resident's own


def test_who_looked_is_written_down_and_shown(community):
    community.visitor("family", "c1").get("/f")
    community.later(minutes=1)
    seen(community, "h1")
    looks = seen(community, "h1").split('<h2 id="seen"')[1]
    assert re.findall(r"<li[^>]*><span>([^<]+)<span", looks) == ["值班室", "家属1"]
    with community.engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(schema.view_log)) == 2


def press(community, home, do, **other):
    visitor = community.visitor("operator", "w9")
    return visitor.post(f"/c/households/{home}", **{"do": do, "tap": "tap-number-1"} | other)


def away(community, home):
    with community.engine.connect() as conn:
        rows = conn.execute(select(schema.absences).where(schema.absences.c.household == home))
        return [(row.start.astimezone(ZONE), row.end.astimezone(ZONE), row.by) for row in rows]


def test_an_operator_declares_a_home_away_and_it_holds_at_once(community):
    answer = press(community, "h1", "away:3d")
    assert (answer.status_code, answer.headers["location"]) == (303, "/c/households/h1")
    ((start, end, by),) = away(community, "h1")
    assert start == NOW
    assert f"{end:%m-%d %H:%M}" == "11-22 00:00"
    assert by == "operator:w9"
    page = seen(community, "h1")
    assert "外出，到" in page
    assert 'class="away"' in page  # marked in the chart
    assert press(community, "h1", "away:3d").status_code == 303  # the same tap sent twice
    assert len(away(community, "h1")) == 1


def test_an_absence_can_be_declared_from_a_day_to_a_day(community):
    dates = {"from": "2026-11-20", "until": "2026-11-22"}
    assert press(community, "h1", "away:date", **dates).status_code == 303
    ((start, end, _),) = away(community, "h1")
    assert (f"{start:%m-%d %H:%M}", f"{end:%m-%d %H:%M}") == ("11-20 00:00", "11-23 00:00")
    assert "和平时一样" in seen(community, "h1")  # not away yet


@pytest.mark.parametrize(
    "form",
    [
        {"do": "away:date", "until": "2026-11-01"},
        {"do": "away:date", "until": "never"},
        {"do": "away:forever"},
        {"do": "outcome:SAFE_AT_HOME"},
        {"do": "away:today", "tap": "short"},
    ],
)
def test_the_page_takes_no_other_buttons_and_no_days_that_do_not_fit(community, form):
    assert press(community, "h1", **form).status_code == 400
    assert away(community, "h1") == []


def test_what_a_relative_asked_for_is_confirmed_or_ended_here(quarter):
    community, _ = quarter
    with community.engine.connect() as conn:
        row = conn.execute(select(schema.absences).where(schema.absences.c.household == TRIP)).one()
    page = seen(community, TRIP)
    assert f'value="confirm:{row.id}"' in page
    assert f'value="back:{row.id}"' in page
    press(community, TRIP, f"confirm:{row.id}")
    assert away(community, TRIP)[0][1] == row.asked_until
    press(community, TRIP, f"back:{row.id}", tap="tap-number-2")
    assert "和平时一样" in seen(community, TRIP)


def test_an_absence_of_another_home_is_not_touched(quarter):
    community, _ = quarter
    before = away(community, TRIP)
    with community.engine.connect() as conn:
        row = conn.execute(select(schema.absences).where(schema.absences.c.household == TRIP)).one()
    press(community, "h1", f"back:{row.id}")
    assert away(community, TRIP) == before


def test_a_home_that_does_not_exist_is_not_found(community):
    visitor = community.visitor("operator", "w9")
    assert visitor.get("/c/households/nothing").status_code == 404
    assert visitor.post("/c/households/nothing", do="away:today", tap="tap-number-1").status_code == 404


def test_ids_from_the_sheets_are_safe_in_addresses(community):
    with community.engine.begin() as conn:
        conn.execute(
            insert(schema.households).values(
                id="楼 1?a&b", area="grid-1", building="新楼 & 旧楼", door="1", tz="Asia/Shanghai"
            )
        )
        conn.execute(insert(schema.residents).values(id="rx", household="楼 1?a&b", name="何"))
        conn.execute(
            insert(schema.consents).values(
                resident="rx", purpose="monitor", recipient="", version="1", given_at=LONG_AGO, given_by="何"
            )
        )
    page = community.visitor("operator", "w9").get("/c/households?q=新楼").text
    link = re.search(r'<li class="row-home">.*?href="([^"]+)"', page, re.DOTALL).group(1)
    assert community.visitor("operator", "w9").get(link).status_code == 200
    assert (
        "building=%E6%96%B0%E6%A5%BC%20%26%20%E6%97%A7%E6%A5%BC" in community.visitor("operator", "w9").get("/c").text
    )


def test_the_page_of_a_case_leads_to_its_home_and_building(quarter):
    community, cases = quarter
    page = community.visitor("operator", "w9").get(f"/c/case/{cases[FALL]}").text
    crumbs = page.split('<nav class="crumbs"')[1].split("</nav>")[0]
    assert f'href="/c/households/{FALL}"' in crumbs
    assert 'href="/c"' in crumbs
