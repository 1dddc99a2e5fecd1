"""The page of one device: what was understood, what is missing, and whose tap it hears."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts import audit, schema
from alerts.web.ports import Drawn, Fitted, Heard, Lack, Said
from tests.web.neighbourhood import NOW

SAID = (
    Said("water_volume_total", 82184.0, "L", NOW - timedelta(minutes=3)),
    Said("battery", 91.0, "%", None, ("time_missing",)),
)
WELL = Fitted(
    device="m1",
    household="h1",
    format="wmbusmeters",
    heard=(Heard(NOW - timedelta(minutes=3), "wmbusmeters", "wmbusmeters/m1", SAID, 2),),
    kept=SAID[:1],
    lacks=(),
    next_at=NOW + timedelta(minutes=57),
)


@pytest.fixture
def desk(community):
    community.fitting.known["m1"] = WELL
    return community.visitor("operator", "w9")


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_a_device_that_wants_nothing_shows_what_it_said(desk):
    page = text(desk.get("/c/device?id=m1"))
    assert "不缺什么" in page
    assert "82184 L" in page
    assert "91 %" in page
    assert "time_missing" in page
    assert "下一次上报" in page


def test_what_is_missing_says_how_it_is_set(community, desk):
    community.fitting.known["m1"] = replace(WELL, lacks=(Lack("litres_per_pulse", True),))
    page = desk.get("/c/device?id=m1").text
    assert 'class="edge stops"' in page
    assert "不知道一个脉冲是多少升" in page
    assert "litres_per_pulse" in page


def test_a_device_that_nobody_registered_shows_no_value_and_no_tap(community, desk):
    hidden = tuple(replace(said, value=None) for said in SAID)
    stranger = replace(WELL.heard[0], said=hidden, stored=0, refused=("unknown device: want …",))
    community.fitting.known["new"] = Fitted("new", None, None, (stranger,), (), (Lack("unknown", True),), None)
    community.fitting.heard = [("new", stranger)]
    answer = desk.get("/c/device?id=new")
    assert "82184" not in answer.text
    assert text(answer).count("不显示") == 2
    assert 'value="tap"' not in answer.text
    assert 'href="/c/device?id=new"' in desk.get("/c/meters").text


def test_a_tap_that_this_meter_tells_of_is_confirmed_once_and_written_down(community, desk):
    gone = desk.post("/c/device", id="m1", do="tap")
    assert gone.status_code == 303
    where = gone.headers["location"]
    assert "在等表的下一次上报" in text(desk.get(where))
    community.fitting.told["m1"] = Drawn(12.0, NOW - timedelta(minutes=3), NOW + timedelta(minutes=2))
    community.later(minutes=5)
    page = desk.get(where).text
    assert "走了 12 升" in page
    since = re.search(r'name="since" value="(\d+)"', page)[1]
    assert desk.post("/c/device", id="m1", do="confirm", since=since).status_code == 303
    assert "已确认是这一户的表" in desk.get("/c/device?id=m1").text
    with community.engine.connect() as conn:
        about = conn.execute(select(schema.audit).where(schema.audit.c.about == "device:m1")).all()
        assert audit.verify(conn).ok
    assert [(row.actor, "12.0" in row.data) for row in about] == [("operator:w9", False), ("operator:w9", True)]


def test_a_dry_meter_is_not_confirmed_and_the_one_that_ran_is_named(community, desk):
    where = desk.post("/c/device", id="m1", do="tap").headers["location"]
    community.fitting.told = {
        "m1": Drawn(0.0, NOW - timedelta(minutes=3), NOW + timedelta(minutes=57)),
        "m2": Drawn(9.0, NOW - timedelta(minutes=3), NOW + timedelta(minutes=57)),
    }
    community.later(minutes=58)
    page = desk.get(where).text
    assert "一点水也没有走" in page
    assert 'href="/c/device?id=m2"' in page
    since = where.rpartition("since=")[2]
    assert desk.post("/c/device", id="m1", do="confirm", since=since).status_code == 409


def test_a_confirmation_for_another_home_does_not_count_here(community, desk):
    where = desk.post("/c/device", id="m1", do="tap").headers["location"]
    community.fitting.told["m1"] = Drawn(12.0, NOW - timedelta(minutes=3), NOW)
    desk.post("/c/device", id="m1", do="confirm", since=where.rpartition("since=")[2])
    community.fitting.known["m1"] = replace(WELL, household="h2")
    assert "已确认" not in desk.get("/c/device?id=m1").text


@pytest.mark.parametrize("since", ["", "x", "-1", "9" * 40, "0", "٣"])
def test_a_moment_that_is_none_asks_for_nothing(desk, since):
    answer = desk.get(f"/c/device?id=m1&since={since}")
    assert answer.status_code == 200
    assert desk.post("/c/device", id="m1", do="confirm", since=since).status_code == 409


def test_a_tap_of_the_day_before_yesterday_is_over(community, desk):
    where = desk.post("/c/device", id="m1", do="tap").headers["location"]
    community.fitting.told["m1"] = Drawn(12.0, NOW, NOW)
    community.later(hours=27)
    assert "走了" not in desk.get(where).text


@pytest.mark.parametrize("name", ["", "x" * 257, "a\nb"])
def test_a_name_that_is_none_is_not_found(desk, name):
    assert desk.get(f"/c/device?id={name.replace(chr(10), '%0A')}").status_code == 404


def test_a_name_full_of_marks_stays_text(desk):
    page = desk.get("/c/device?id=%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "<script>alert" not in page
