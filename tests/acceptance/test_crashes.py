"""The service killed again and again, seen from outside: Mosquitto and the gateways live on."""

import json

import pytest

from benchmarks import crash
from benchmarks.load import Talk
from benchmarks.world import until, world
from simulators.publisher import Publisher

pytestmark = pytest.mark.slow


def test_five_kills_lose_no_reading_and_no_notice_and_repeats_carry_their_first_id(tmp_path):
    with world(tmp_path, homes=20) as at:
        sent = crash.ordeal(at, kills=5)
        verdict = crash.judge(at, sent, kills=5)
        assert at.service.stop() == 0, "Ctrl-C ends it in order"
    assert verdict.confirmed > 300
    assert verdict.missing == 0
    assert verdict.cases == 20
    assert verdict.owed == verdict.arrived >= 40
    assert verdict.strangers == 0


def test_a_broker_that_is_down_at_start_is_waited_for_and_said(tmp_path):
    with world(tmp_path, homes=1) as at:
        at.service.kill()
        at.mosquitto.kill()
        at.start_service(wait=False)
        health = until(at.health, 40, "the pages without a broker")
        broker = next(check for check in health["checks"] if check["name"] == "broker")
        assert not health["ok"]
        assert "waiting" in broker["detail"]
        at.start_mosquitto()
        until(lambda: at.health()["ok"], 60, "the service to recover")


def test_junk_between_good_readings_loses_nothing_else_and_names_nobody(tmp_path):
    with world(tmp_path, homes=2) as at:
        talk = Talk(at)
        topic = "shuian/v1/test/wm-0000/up"
        with Publisher(f"mqtt://127.0.0.1:{at.mqtt_port}") as out:
            talk.say(out, 0)
            for junk in (b"\x00\xff\xfe", b"{", b'{"v": NaN}', b"[" * 5000, b"x" * 600_000, "水".encode() * 99):
                out.publish_and_wait(topic, junk)
            out.publish_and_wait("shuian/v1/test/stranger/up", json.dumps({"device": "stranger"}).encode())
            talk.surge(out, 0)
            talk.say(out, 1)
        until(lambda: at.health()["counts"]["stored"] >= 4, 20, "the good readings")
        until(lambda: len(at.messages()) >= 2, 20, "the notices")
        counts = at.health()["counts"]
        log = (tmp_path / "service.log").read_text("utf-8")
    assert counts["stored"] == 4
    assert counts["rejected"] >= 6
    for private in ("住户", "家属", "test.invalid", "甲"):
        assert private not in log
