"""The duty desk: what waits, what arrived, what is not watched, how the service is."""

import re
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert, select, update

from alerts import queries, schema
from alerts.events import Accepted, OutcomeRecorded
from alerts.web.ports import Check, Health
from tests.web.neighbourhood import NOW, meter_silent, quiet


def tiles(page: str) -> dict[str, int]:
    found = re.findall(
        r'<li class="tile \w+"><strong>(\d+)(?:<small>[^<]*</small>)?</strong><span>([^<]+)</span>', page
    )
    return {label: int(number) for number, label in found}


def section(page: str, name: str) -> str:
    return page.split(f'<h2 id="{name}"')[1].split("</section>", maxsplit=1)[0]


def test_the_tiles_count_what_they_say(community):
    community.red("h1")
    community.accepted("h3")
    community.store.raise_finding(meter_silent("h4"), NOW)
    with community.engine.begin() as conn:
        conn.execute(
            insert(schema.absences).values(household="h5", start=NOW, end=NOW + timedelta(days=1), by="孙玉珍")
        )
    page = community.visitor("operator", "w9").get("/c").text
    assert tiles(page) == {
        "没有人接": 1,
        "叫不到人": 0,
        "大片停水或断讯": 0,
        "没送到（24 小时）": 0,
        "看护中的住户": 3,
        "外出": 1,
        "水表离线": 1,
    }
    assert "<strong>刚刚</strong><span>没人接的，最久已等</span>" in page


def test_the_queue_has_first_what_nobody_has_and_then_what_falls_due(community):
    taken = community.red("h1")
    community.tap(taken, Accepted("worker:w1"))
    amber = community.amber("h2")
    later = community.red("h3")
    community.later(minutes=1)
    latest = community.red("h4")
    page = community.visitor("operator", "w9").get("/c").text
    assert re.findall(r'class="headline" href="/c/case/(\w+)"', page) == [later, latest, amber, taken]


def test_taken_by_a_gateway_is_not_called_delivered(community):
    community.red("h1")
    visitor = community.visitor("operator", "w9")
    words = {"pending": "待发送", "accepted": "对方服务器已收，未确认送达", "delivered": "已送达", "failed": "没有送到"}
    for state, word in words.items():
        with community.engine.begin() as conn:
            conn.execute(update(schema.notices).values(state=state))
        page = visitor.get("/c/log").text
        assert re.findall(r'class="delivery \w+">([^<]+?)</span>', page) == [word, word]  # worker and family
        assert tiles(visitor.get("/c").text)["没送到（24 小时）"] == (2 if state == "failed" else 0)


def test_a_notice_that_waits_for_more_than_a_minute_counts_as_not_delivered(community):
    community.red("h1")
    community.later(seconds=61)
    assert tiles(community.visitor("operator", "w9").get("/c").text)["没送到（24 小时）"] == 2


def test_what_was_not_delivered_is_listed_with_what_the_channel_said(community):
    case = community.red("h1")
    visitor = community.visitor("operator", "w9")
    assert "没送到的通知</h2>" not in visitor.get("/c").text
    with community.engine.begin() as conn:
        failed = update(schema.notices).where(schema.notices.c.recipient == "w1")
        conn.execute(failed.values(state="failed", last_error="550 no such mailbox"))
    lost = section(visitor.get("/c").text, "lost")
    assert "王丽" in lost
    assert "请接单" in lost
    assert "没有送到 (550 no such mailbox)" in lost
    assert f'href="/c/case/{case}"' in lost
    assert "家属1" not in lost


def test_the_queue_says_who_was_asked_and_what_follows_when(community):
    community.red("h1")
    community.later(minutes=11)
    community.store.fire_due(community.now)
    page = community.visitor("operator", "w9").get("/c").text
    assert "已问 王丽、李敏" in page
    assert "<strong>10 分钟后</strong>" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert '11:01</time><span class="below">请下一位：赵刚</span>' in page


def test_a_home_that_cannot_be_watched_is_shown_with_the_reason(community):
    with community.engine.begin() as conn:
        conn.execute(update(schema.devices).where(schema.devices.c.household == "h2").values(valid_to=NOW))
        monitor = (schema.consents.c.resident == "r3") & (schema.consents.c.purpose == "monitor")
        conn.execute(update(schema.consents).where(monitor).values(withdrawn_at=NOW))
    page = community.visitor("operator", "w9").get("/c").text
    blind = section(page, "blind-homes")
    assert re.findall(r'<a [^>]+>([^<]+)</a><span class="sub">([^<]+)</span>', blind) == [
        ("幸福里 3 号楼 1 单元 2 层 201", "没有登记水表"),
        ("幸福里 5 号楼 1 层 101", "没有看护的同意，不接收读数"),
    ]
    assert tiles(page)["看护中的住户"] == 3


def test_an_area_with_nobody_on_shift_is_said_at_the_top(community):
    visitor = community.visitor("operator", "w9")
    assert "现在没有排班：第二网格。" in visitor.get("/c").text
    with community.engine.begin() as conn:
        everywhere = {"area": "community", "start": NOW - timedelta(hours=1), "end": NOW + timedelta(hours=1)}
        conn.execute(insert(schema.shifts).values(owner="w2", **everywhere))
    assert "现在没有排班" not in visitor.get("/c").text
    community.later(hours=7)
    assert "现在没有排班：第一网格、第二网格。" in visitor.get("/c").text


def test_a_device_case_is_kept_apart_from_people(community):
    case = community.store.raise_finding(meter_silent("h4"), NOW)
    page = community.visitor("operator", "w9").get("/c").text
    assert "现在没有要处理的事件" in page
    assert f'href="/c/case/{case}"' in page
    assert case not in community.visitor("worker", "w1").get("/w").text


def test_a_finding_held_back_is_shown_with_its_reason(community):
    with community.engine.begin() as conn:
        conn.execute(insert(schema.absences).values(household="h1", start=NOW, end=NOW + timedelta(days=1), by="x"))
    assert community.store.raise_finding(replace(quiet("h1"), raised_at=NOW), NOW) is None
    page = community.visitor("operator", "w9").get("/c").text
    assert "已声明外出" in page


def test_trouble_of_the_service_is_told_at_the_top(community):
    visitor = community.visitor("operator", "w9")
    assert "服务有一部分不正常" not in visitor.get("/c").text
    assert visitor.get("/healthz").json() == {
        "ok": True,
        "checks": [{"name": "broker", "ok": True, "detail": ""}, {"name": "store", "ok": True, "detail": ""}],
        "counts": {"stored": 12, "rejected": 1},
    }
    community.health = Health((Check("broker", False, "refused"), Check("store", True)))
    assert "服务有一部分不正常" in visitor.get("/c").text
    assert visitor.get("/healthz").status_code == 503


def test_what_was_never_measured_is_not_healthy(community):
    community.health = Health(())
    assert community.visitor().get("/healthz").status_code == 503
    assert "什么都没有测到" in community.visitor("operator", "w9").get("/c").text


def test_metrics_name_nobody(community):
    community.red("h1")
    text = community.visitor().get("/metrics").text
    assert "shuian_cases_opened_total" in text
    assert "陈秀英" not in text
    assert "h1" not in text.split()


def test_a_thousand_cases_do_not_break_the_list(community):
    many = queries.cases.PAGE + 5
    with community.engine.begin() as conn:
        for n in range(many):
            conn.execute(
                insert(schema.cases).values(
                    realm="live", id=f"old{n}", household="h1", stream="care", severity="red", state="CLOSED",
                    version=1, onset=NOW, opened_at=NOW, closed_at=NOW - timedelta(minutes=n), rung=0, loop=0,
                )
            )  # fmt: skip
    page = community.visitor("worker", "w1").get("/w?tab=done").text
    shown = re.findall(r'href="/w/a/old(\d+)"', page)
    assert len(shown) == queries.cases.PAGE
    assert shown[0] == "0"
    with community.engine.connect() as conn:
        assert len(conn.execute(select(schema.cases.c.id)).all()) == many


def test_a_call_is_owed_after_an_outcome_and_made_once(community):
    case = community.accepted("h3")
    community.tap(case, OutcomeRecorded("worker:w1", "SAFE_AT_HOME"))
    operator = community.visitor("operator", "w9")
    assert section(operator.get("/c").text, "calls").count("called:") == 3
    for _ in range(2):
        operator.post("/c", do=f"called:wrong:{case}", tap="0" * 16)
    assert 'id="calls"' not in operator.get("/c").text
    with community.engine.connect() as conn:
        made = conn.execute(select(schema.call_backs.c.answer, schema.call_backs.c.by)).all()
        noted = conn.execute(select(schema.audit.c.about).where(schema.audit.c.kind == "call_back")).all()
    assert made == [("wrong", "operator:w9")]
    assert noted == [(f"case:{case}",)]
    assert operator.post("/c", do=f"called:perhaps:{case}", tap="0" * 16).status_code == 400


def test_nobody_is_called_about_a_death(community):
    case = community.accepted("h3")
    community.tap(case, OutcomeRecorded("worker:w1", "DECEASED"))
    assert 'id="calls"' not in community.visitor("operator", "w9").get("/c").text


def test_a_home_gone_to_for_nothing_three_times_in_two_weeks_is_looked_at_together(community):
    def desk():
        return community.visitor("operator", "w9").get("/c").text

    for n in range(3):
        assert 'id="often"' not in desk()
        case = community.store.raise_finding(replace(quiet("h3", "red", community.now), id=f"often-{n}"), community.now)
        community.tap(case, Accepted("worker:w1"))
        community.tap(case, OutcomeRecorded("worker:w1", "SAFE_AT_HOME"))
        community.later(minutes=3 * 24 * 60)
    assert "/c/households/h3" in section(desk(), "often")
    community.later(minutes=9 * 24 * 60)
    assert 'id="often"' not in desk()
