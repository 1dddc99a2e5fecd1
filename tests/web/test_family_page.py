"""What the family reads: one sentence, never more than was agreed."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert

from alerts import schema
from alerts.events import Accepted, Arrived, OutcomeRecorded, SetOff
from alerts.web.family import part_of_day
from tests.web.neighbourhood import NOW, ZONE, meter_silent, water


def read(community, contact="c1", lang="zh_CN"):
    page = community.visitor("family", contact, lang).get("/f").text
    return re.search(r'<h1 id="state">(.*?)</h1>', page).group(1), page


def at(hour: int, minute: int = 0, days: int = 0):
    return (NOW.astimezone(ZONE) + timedelta(days=days)).replace(hour=hour, minute=minute)


@pytest.mark.parametrize(
    ("now", "used", "sentence"),
    [
        pytest.param(at(10, 40), at(9, 30), "今天一切正常，上午已确认", id="used this morning"),
        pytest.param(at(20), at(12, 10), "今天一切正常，中午已确认", id="used at noon"),
        pytest.param(at(7), at(21, days=-1), "今天还没有看到用水，现在还早", id="not yet the usual hour"),
        pytest.param(at(8, 30), at(21, days=-1), "今天比平时晚一些", id="past the usual hour"),
        pytest.param(at(8, 30), at(2, 30), "今天比平时晚一些", id="a visit at night is not the morning"),
        pytest.param(
            at(1, 30), at(21, days=-1), "昨天一切正常，晚上已确认", id="after midnight it is still yesterday's day"
        ),
    ],
)
def test_the_sentence_of_an_ordinary_day(community, now, used, sentence):
    community.now = now
    community.readings.waters = {"h1": water(now, used)}
    assert read(community)[0] == sentence


def test_a_meter_that_reports_once_a_day_speaks_of_yesterday(community):
    community.readings.waters = {"h1": water(NOW, at(20, days=-1), known_until=at(1))}
    assert read(community)[0] == "到昨天为止一切正常，晚上已确认"


def test_not_knowing_is_never_calm(community):
    community.readings.waters = {"h1": replace(water(NOW, at(9)), known_until=None)}
    assert read(community)[0] == "现在无法判断：水表离线"
    community.readings.waters = {}
    community.store.raise_finding(meter_silent("h1"), NOW)
    assert read(community)[0] == "现在无法判断：水表离线"


def test_a_declared_absence_is_said(community):
    with community.engine.begin() as conn:
        conn.execute(insert(schema.absences).values(household="h1", start=NOW, end=NOW + timedelta(days=1), by="x"))
    assert read(community)[0] == "已声明外出"


def test_during_a_case_the_family_reads_who_has_it(community):
    case = community.red("h1")
    assert read(community)[0] == "正在确认，已通知社区工作人员"
    for event, sentence in (
        (Accepted("worker:w1"), "正在确认，社区工作人员王丽已接单"),
        (SetOff("worker:w1"), "社区工作人员王丽正在路上"),
        (Arrived("worker:w1"), "社区工作人员王丽已到场"),
        (OutcomeRecorded("worker:w1", "SAFE_AT_HOME"), "已确认，老人平安"),
    ):
        before = read(community)[0]
        community.tap(case, event)
        assert read(community)[0] == before, "a tap that can be taken back is not told yet"
        community.later(seconds=11)
        assert read(community)[0] == sentence
    community.later(hours=25)
    assert read(community)[0].startswith("今天一切正常")


def test_the_family_reads_what_follows_and_when(community):
    community.amber("h1")
    visitor = community.visitor("family", "c1")
    assert "10:50 前没有您的消息，我们就请社区工作人员去看看。" in visitor.get("/f").text
    community.later(minutes=11)
    community.store.fire_due(community.now)
    assert "11:21 前没有人接单，就请下一位。" in visitor.get("/f").text
    case = community.red("h2")
    community.tap(case, Accepted("worker:w1"))
    community.later(seconds=11)
    assert "没有新消息的话，11:01 我们会再跟进。" in community.visitor("family", "c2").get("/f").text


def test_that_nobody_has_accepted_is_said_plainly(community):
    community.red("h1")
    for _ in range(4):
        community.later(minutes=11)
        community.store.fire_due(community.now)
    sentence, page = read(community)
    assert sentence == "还没有人接单，请直接打电话"
    assert 'href="tel:02155500000"' in page


def test_the_page_shows_no_litres_no_times_of_use_and_no_red(community):
    for person, home in (("c1", "h1"), ("c2", "h2")):
        if person == "c1":
            community.red(home)
        for lang in ("zh_CN", "en"):
            _, page = read(community, person, lang)
            assert not re.search(r"\d ?(升|L\b)", page)
            assert not re.search(r'class="[^"]*(red|danger|urgent)', page)
            clocks = set(re.findall(r"\b\d{1,2}:\d{2}\b", page.replace(page.split('id="unsent"')[0], "")))
            assert clocks <= {"10:50"}  # when the next step follows, not when water was used
    assert "用水正常不代表身体没有问题" in read(community)[1]


def test_a_death_is_never_told_by_a_page_nor_covered_up_by_water(community):
    case = community.accepted("h1")
    community.tap(case, OutcomeRecorded("worker:w1", "DECEASED"))
    community.later(seconds=11)
    for _ in range(2):
        sentence, page = read(community)
        assert sentence == "社区会派人与您联系"
        assert "离世" not in page
        assert "正常，" not in sentence
        community.later(days=3)


def test_the_family_can_answer_when_asked_and_take_it_back(community):
    case = community.amber("h1")
    visitor = community.visitor("family", "c1")
    assert "您联系到老人了吗" in visitor.get("/f").text
    assert visitor.post("/f", do="outcome:SAFE_AT_HOME", tap="t" * 16, case=case).status_code == 303
    assert community.state(case) == "CLOSED"
    assert 'value="undo"' in visitor.get("/f").text
    assert visitor.post("/f", do="undo", tap="u" * 16, case=case).status_code == 303
    assert community.state(case) == "SUSPECTED"


def test_the_family_cannot_end_an_urgent_case(community):
    case = community.red("h1")
    visitor = community.visitor("family", "c1")
    assert "您联系到老人了吗" not in visitor.get("/f").text
    assert visitor.post("/f", do="outcome:SAFE_AT_HOME", tap="t" * 16, case=case).status_code == 409
    assert visitor.post("/f", do="accept", tap="t" * 16, case=case).status_code == 400
    assert community.state(case) == "AWAITING"


def test_every_hour_has_a_part_of_day():
    parts = [part_of_day(at(hour)) for hour in range(24)]
    assert parts[0] == "night"
    assert parts[7] == "early"
    assert parts[23] == "evening"
    assert len(set(parts)) == 6


def test_who_is_in_a_hospital_is_not_said_to_be_on_a_journey(community):
    case = community.accepted("h1")
    community.tap(case, OutcomeRecorded("worker:w1", "TAKEN_TO_CARE"))
    for _ in range(3):
        community.later(hours=20)
        sentence, page = read(community)
        assert "就医" in sentence
        assert "外出" not in page
        assert "正在就医" in page
