"""A worker's way through a case, tap by tap, without any script."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts import schema
from alerts.events import Accepted, Arrived, OutcomeRecorded, SetOff
from alerts.web import actions
from tests.web.neighbourhood import NOW, ZONE, meter_silent, quiet, water


def tap(visitor, case, do, number="1"):
    return visitor.post(f"/w/a/{case}", do=do, tap=f"tap-number-{number}")


def buttons(page: str) -> list[str]:
    return re.findall(r'<button[^>]* name="do" value="([^"]+)"', page)


def filled(page: str) -> list[str]:
    return re.findall(r'class="button filled"[^>]*>([^<]+)<', page)


def test_from_acceptance_to_outcome_there_is_one_next_step(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    for do, next_word, state in (
        ("accept", "已出发", "ACCEPTED"),
        ("set_off", "已到场", "EN_ROUTE"),
        ("arrived", "结果", "ON_SITE"),
        ("outcome:SAFE_AT_HOME", "回到列表", "CLOSED"),
    ):
        answer = tap(visitor, case, do)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/w/a/{case}")
        assert community.state(case) == state
        assert filled(visitor.get(f"/w/a/{case}").text) == [next_word]


def test_the_page_says_what_where_who_and_why(community):
    case = community.red("h1")
    page = community.visitor("worker", "w1").get(f"/w/a/{case}").text.replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "紧急",
        "太久没有用水",
        "13 小时 20 分",
        "幸福里 3 号楼 2 单元 5 层 502",
        "陈秀英",
        "耳背，请用力敲门",
    ):
        assert words in page
    assert 'href="tel:02155500101"' in page
    assert "还没有人接单" in page
    assert (
        page.index("太久没有用水") < page.index("幸福里 3 号楼") < page.index("谁在处理") < page.index('class="days"')
    )


def plain(answer) -> str:
    return answer.text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_sentence_stays_true_while_the_hours_pass(community):
    case = community.red("h1")
    last = NOW - timedelta(hours=13, minutes=20)
    visitor = community.visitor("worker", "w1")
    community.later(hours=3)
    community.readings.waters = {"h1": water(community.now, used=last)}
    page = plain(visitor.get(f"/w/a/{case}"))
    assert "已有 16 小时 20 分没有用水，最后一次：昨天 21:20。" in page
    assert "（最近 13:30）" in page
    assert "10:40 发现" in page
    community.readings.waters = {"h1": water(community.now, used=last, known_until=NOW + timedelta(minutes=35))}
    assert "已有 14 小时 20 分没有用水" in plain(visitor.get(f"/w/a/{case}"))  # it does not grow over what is not known
    community.readings.waters = {"h1": water(community.now, used=community.now - timedelta(hours=1))}
    page = plain(visitor.get(f"/w/a/{case}"))
    assert "已有 13 小时 20 分没有用水" in page
    assert "这是 10:40 发现时的情况" in page


def test_a_case_that_has_ended_keeps_the_sentence_it_was_found_with(community):
    case = community.accepted("h1")
    community.later(hours=3)
    community.tap(case, OutcomeRecorded("worker:w1", "HELPED"))
    community.readings.waters = {"h1": water(community.now, used=NOW - timedelta(hours=13, minutes=20))}
    assert "已有 13 小时 20 分没有用水" in plain(community.visitor("worker", "w1").get(f"/w/a/{case}"))


def test_a_meter_that_stays_silent_is_silent_for_longer(community):
    case = community.store.raise_finding(meter_silent("h4"), NOW)
    community.readings.waters = {"h4": replace(water(NOW, None), heard_at=NOW - timedelta(hours=5))}
    community.later(hours=2)
    page = plain(community.visitor("operator", "w9").get(f"/c/case/{case}"))
    assert "水表已有 7 小时没有消息，最后一次：05:40" in page


def test_the_next_step_is_said_with_its_time_in_every_state(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    page = visitor.get(f"/w/a/{case}").text
    assert "10:50 前没有人接单，就请下一位" in page
    assert "已问 王丽" in page
    for do, step in (
        ("accept", "应在 10:50 前出发"),
        ("set_off", "应在 11:00 前有新进展"),
        ("arrived", "应在 12:40 前报结果"),
    ):
        tap(visitor, case, do)
        page = visitor.get(f"/w/a/{case}").text
        assert step in page
        assert "已问" not in page


def test_who_was_told_also_says_what(community):
    case = community.red("h1")
    told = community.visitor("worker", "w1").get(f"/w/a/{case}").text.split('class="told"')[1].split("</ul>")[0]
    assert sorted(re.findall(r"<strong>(.*?)</strong>.*?</span></span><span>(.*?)</span>", told)) == [
        ("家属1", "已请人去看"),
        ("王丽", "请接单"),
    ]


def test_a_tap_sent_twice_acts_once(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    assert [tap(visitor, case, "accept").status_code for _ in range(2)] == [303, 303]
    with community.engine.connect() as conn:
        kinds = conn.scalars(select(schema.case_events.c.kind).where(schema.case_events.c.case_id == case)).all()
    assert kinds.count("accepted") == 1


def test_who_taps_too_late_is_told_who_has_it(community):
    case = community.red("h1")
    community.tap(case, Accepted("worker:w2"))
    answer = tap(community.visitor("worker", "w1"), case, "accept")
    assert answer.status_code == 409
    assert "这一下没有生效" in answer.text
    assert "李敏 在 10:40 已接单" in answer.text
    assert filled(answer.text) == []
    assert community.state(case) == "ACCEPTED"


def test_a_tap_on_a_closed_case_shows_how_it_ended(community):
    case = community.accepted("h1", "w2")
    community.tap(case, OutcomeRecorded("worker:w2", "SAFE_AT_HOME", "guest"))
    answer = tap(community.visitor("worker", "w1"), case, "accept")
    assert answer.status_code == 409
    assert "平安（有客或作客）" in answer.text


def test_undo_is_offered_for_ten_seconds_and_takes_the_tap_back(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    tap(visitor, case, "accept")
    assert 'value="undo"' in visitor.get(f"/w/a/{case}").text
    assert 'value="undo"' not in community.visitor("worker", "w2").get(f"/w/a/{case}").text
    assert tap(visitor, case, "undo").status_code == 303
    assert community.state(case) == "AWAITING"
    tap(visitor, case, "accept", "2")
    community.later(seconds=10)
    assert 'value="undo"' not in visitor.get(f"/w/a/{case}").text
    assert tap(visitor, case, "undo", "2").status_code == 409
    assert community.state(case) == "ACCEPTED"


def test_who_cannot_go_says_why_in_one_tap_and_the_next_person_is_asked(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    assert {b for b in buttons(visitor.get(f"/w/a/{case}").text) if b.startswith("decline")} == {
        f"decline:{reason}" for reason in actions.DECLINE_REASONS
    }
    assert tap(visitor, case, "decline:too_far").status_code == 303
    with community.engine.connect() as conn:
        asked = conn.execute(select(schema.offers.c.worker, schema.offers.c.state).order_by(schema.offers.c.id)).all()
    assert asked == [("w1", "declined"), ("w2", "offered")]
    assert "王丽：不能去（太远）" in visitor.get(f"/w/a/{case}").text


def test_the_owner_can_hand_the_case_on(community):
    case = community.accepted("h1")
    visitor = community.visitor("worker", "w1")
    assert "decline:unsafe" in buttons(visitor.get(f"/w/a/{case}").text)
    tap(visitor, case, "decline:unsafe")
    assert community.state(case) == "AWAITING"


@pytest.mark.parametrize(
    "do", ["", "acept", "decline", "decline:lazy", "outcome:FINE", "outcome:SAFE_AWAY:guest", "accept:x"]
)
def test_what_is_no_button_of_ours_is_refused(community, do):
    case = community.red("h1")
    assert tap(community.visitor("worker", "w1"), case, do).status_code in (400, 422)
    assert community.state(case) == "AWAITING"


def test_every_button_on_every_page_means_something(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    seen = set()
    for do in ("accept", "set_off", "arrived"):
        seen |= set(buttons(visitor.get(f"/w/a/{case}").text))
        tap(visitor, case, do)
    seen |= set(buttons(visitor.get(f"/w/a/{case}").text)) | set(buttons(visitor.get(f"/w/a/{case}/help").text))
    assert {f"outcome:{code}" for code in actions.OUTCOMES} <= seen
    assert all(actions.parse(do, "worker:w1", NOW, ZONE) is not None for do in seen)


def test_help_puts_the_ambulance_first(community):
    case = community.accepted("h1")
    page = community.visitor("worker", "w1").get(f"/w/a/{case}/help").text
    assert re.findall(r'href="(tel:[^"]+)"', page)[0] == "tel:120"
    assert "幸福里社区 幸福里 3 号楼 2 单元 5 层 502" in page  # without our own grids, which no ambulance knows


def test_the_list_has_the_urgent_first_and_then_the_longest_waiting(community):
    amber = community.amber("h2")
    community.later(minutes=2)
    first = community.red("h1")
    community.later(minutes=3)
    second = community.red("h3")
    page = community.visitor("worker", "w1").get("/w").text
    assert re.findall(r'href="/w/a/(\w+)"', page) == [first, second, amber]
    assert "（3）待处理" in page
    mine = community.visitor("worker", "w1")
    tap(mine, second, "accept")
    assert re.findall(r'href="/w/a/(\w+)"', mine.get("/w?tab=mine").text) == [second]
    tap(mine, second, "outcome:SAFE_AWAY")
    assert re.findall(r'href="/w/a/(\w+)"', mine.get("/w?tab=done").text) == [second]


def test_an_empty_list_says_so_and_since_when_it_knows(community):
    page = community.visitor("worker", "w5").get("/w").text
    assert "现在没有要处理的任务" in page
    assert "更新于 10:40" in page


def test_the_live_part_is_the_same_block_without_the_page_around_it(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    page, part = visitor.get(f"/w/a/{case}").text, visitor.get(f"/w/a/{case}?part=1").text
    assert part.lstrip().startswith('<div id="part"')
    assert "<html" not in part

    def without_tap(html):
        return re.sub(r'name="tap" value="[^"]*"', "", html).strip()

    assert without_tap(part) in without_tap(page)
    answer = visitor.post(f"/w/a/{case}", do="accept", tap="t" * 16, part="1")
    assert answer.headers["location"] == f"/w/a/{case}?part=1"


def test_signs_of_several_kinds_are_named_once_each(community):
    community.amber("h1")
    case = community.red("h1")
    rule = replace(quiet("h1", name="rule"), kind="rule:12h-10l", reason="rule_little", evidence={
        "rule": "12h-10l", "limit_s": 43200, "measured_l": 2.0, "limit_l": 10.0, "last_use_at": 0.0, "heard_at": 0.0,
    })  # fmt: skip
    community.store.raise_finding(rule, community.now)
    page = community.visitor("worker", "w1").get(f"/w/a/{case}").text
    signs, history = page.split('id="history"')
    assert signs.count("太久没有用水") == 3  # title of the page, of its live part, headline
    assert signs.count("<li>用水很少</li>") == 1
    assert re.findall(r"发现“(.*?)）", history) == ["太久没有用水”（关注", "太久没有用水”（紧急", "用水很少”（紧急"]


def test_water_that_runs_again_does_not_read_as_all_clear(community):
    case = community.accepted("h1")
    community.store.clear_finding("h1-quiet-red", community.now, community.now)
    page = community.visitor("worker", "w1").get(f"/w/a/{case}").text
    assert "用水只说明有人，不说明老人平安" in page
    assert filled(page) == ["已出发"]


def test_a_sign_whose_words_are_missing_still_sends_somebody(community):
    case = community.store.raise_finding(replace(quiet("h1"), reason="not_in_any_catalogue"), community.now)
    page = community.visitor("worker", "w1").get(f"/w/a/{case}")
    assert page.status_code == 200
    assert "用水情况和平时不一样" in page.text
    assert "502" in page.text


def test_the_address_shows_even_when_readings_cannot_be_had(community, monkeypatch):
    def broken(*_):
        raise OSError("disk")

    case = community.red("h1")
    monkeypatch.setattr(community.readings, "days", broken)
    monkeypatch.setattr(community.readings, "water", broken)
    page = community.visitor("worker", "w1").get(f"/w/a/{case}")
    assert page.status_code == 200
    assert "502" in page.text
    assert "现在拿不到读数" in page.text
    assert "不知道" in page.text


def test_when_the_database_breaks_the_page_says_so_kindly(community):
    visitor = community.visitor("worker", "w1")
    with community.engine.begin() as conn:
        conn.exec_driver_sql("ALTER TABLE sessions RENAME TO lost")
    answer = visitor.get("/w")
    assert answer.status_code == 500
    assert "我们这边出了问题" in answer.text
    assert "content-security-policy" in answer.headers


def test_the_operator_sees_all_and_records_what_the_telephone_told(community):
    case = community.red("h1")
    community.tap(case, Accepted("worker:w1"))
    community.tap(case, SetOff("worker:w1"))
    community.tap(case, Arrived("worker:w1"))
    visitor = community.visitor("operator", "w9")
    page = visitor.get(f"/c/case/{case}").text
    for line in ("发现“太久没有用水”（紧急）", "王丽：接单", "王丽：已出发", "王丽：已到场"):
        assert line in page
    assert "accept" not in buttons(page)
    assert visitor.post(f"/c/case/{case}", do="accept", tap="t" * 16).status_code == 400
    assert visitor.post(f"/c/case/{case}", do="outcome:HELPED", tap="t" * 16).status_code == 303
    assert "值班室：记下结果（已协助）" in visitor.get(f"/c/case/{case}").text
    assert visitor.post(f"/c/case/{case}", do="undo", tap="u" * 16).status_code == 303
    assert community.state(case) == "ON_SITE"
