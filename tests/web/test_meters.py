"""Meters: silent ones first, what is not known is never zero, and a gateway stands above its meters."""

import re
from datetime import timedelta

import pytest

from alerts import queries
from alerts.web.meters import gateway_rows, meter_rows
from tests.web.buildings import DEAD
from tests.web.neighbourhood import NOW, meter, meter_silent


def rows(community, fitted):
    with community.engine.connect() as conn:
        return meter_rows(fitted, queries.meter_facts(conn), community.now)


def shown(community, query=""):
    page = community.visitor("operator", "w9").get(f"/c/meters{query}").text.replace("\N{NO-BREAK SPACE}", " ")
    body = page.split("<tbody>")[1].split("</tbody>")[0] if "<tbody>" in page else ""
    return re.findall(r'<tr class="(\w+)"><th scope="row"><a href="/c/households/([\w-]+)"', body), page


def test_silent_meters_stand_first_and_then_those_that_are_late(quarter):
    community, _ = quarter
    found, page = shown(community)
    assert len(found) == 60
    assert found[0] == ("silent", DEAD)
    assert {state for state, _ in found[:11]} == {"silent"}
    assert found[11] == ("late", "b1-902")
    assert {state for state, _ in found[12:]} == {"heard"}
    assert found[12][1] == "b1-901"  # of those that are heard, who is heard least
    assert "60 个设备" in page


def test_a_gateway_that_is_silent_stands_above_everything(quarter):
    community, _ = quarter
    _, page = shown(community)
    assert page.index("网关 gw-2B 断线") < page.index("<tbody>")
    gateways = page.split('<h2 id="gateways"')[1].split("</section>")[0]
    first = gateways.split("<li")[1]
    assert "gw-2B" in first
    assert "10 个设备里 0 个有消息" in first
    assert 'class="bad"' in first


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?building=安和里 2 栋", 20),
        ("?gateway=gw-2B", 10),
        ("?state=late", 1),
        ("?building=安和里 3 栋&state=silent", 0),
    ],
)
def test_the_form_narrows_the_list_down(quarter, query, found):
    community, _ = quarter
    listed, page = shown(community, query)
    assert len(listed) == found
    assert f"{found} 个设备" in page


def test_what_is_not_known_is_said_and_never_zero(community):
    unknown = {"share_24h": None, "share_7d": None, "battery_percent": None, "heard_at": None}
    community.readings.fitted = [meter("h1", "m1", NOW, **unknown)]
    ((state, _),), page = shown(community)
    assert state == "never"
    row = page.split("<tbody>")[1].split("</tbody>")[0]
    assert row.count("不知道") == 3
    assert "0 %" not in row
    assert "从没有消息" in row


def test_a_sensor_has_no_step_and_is_not_silent_because_the_meter_is(community):
    silent = {"heard_at": NOW - timedelta(hours=5)}
    sensor = {"resolution_l": None, "format": "zigbee2mqtt", "period_s": 86400.0, "heard_at": NOW - timedelta(hours=1)}
    community.store.raise_finding(meter_silent("h1"), NOW)
    found = rows(community, [meter("h1", "m1", NOW, **silent), meter("h1", "door-1", NOW, **sensor)])
    assert [(row.meter.device, row.state) for row in found] == [("m1", "silent"), ("door-1", "heard")]
    community.readings.fitted = [row.meter for row in found]
    assert "不量水" in shown(community)[1]


def test_a_weak_battery_is_marked(community):
    found = rows(
        community, [meter("h1", "m1", NOW, battery_percent=19.0), meter("h2", "m2", NOW, battery_percent=20.0)]
    )
    assert {row.meter.device: row.low for row in found} == {"m1": True, "m2": False}


def test_a_device_of_no_registered_home_is_left_out(community):
    assert rows(community, [meter("gone", "m1", NOW)]) == []


def test_gateways_count_what_is_heard_through_them(community):
    fitted = [meter("h1", "m1", NOW, gateway="gw-2"), meter("h2", "m2", NOW, gateway="gw-2", heard_at=None),
        meter("h3", "m3", NOW, gateway="gw-10"), meter("h4", "m4", NOW)]  # fmt: skip
    found = gateway_rows(rows(community, fitted), ())
    assert [(one.name, one.heard, one.devices) for one in found] == [("gw-2", 1, 2), ("gw-10", 1, 1)]
    assert found[0].heard_at == NOW - timedelta(minutes=10)


def test_meters_that_cannot_be_had_are_not_called_well(community, monkeypatch, caplog):
    monkeypatch.setattr(community.readings, "meters", lambda _: 1 / 0)
    found, page = shown(community)
    assert found == []
    assert "现在拿不到设备的情况。" in page
    assert len(caplog.records) == 1
