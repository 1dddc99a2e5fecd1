"""ChirpStack v3 in its three spellings, read as v4 is."""

import json
from datetime import UTC, datetime

import pytest

from ingest.devices import Decoded, decode

_EUI = "0202020202020202"
_V3 = {"applicationID": "123", "applicationName": "water", "deviceName": "garden-sensor"}


def v3(topic: str, **said: object) -> Decoded:
    return decode(topic, json.dumps({**_V3, **said}).encode(), datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC))


@pytest.mark.parametrize("eui", ["AgICAgICAgI=", _EUI, None])
@pytest.mark.parametrize("level", ["event/up", "rx"])
def test_an_uplink_of_v3_is_read_in_every_spelling_of_it(eui: str | None, level: str) -> None:
    said = {"fPort": 85, "data": "AXVk", "publishedAt": "2026-11-21T06:00:01.5Z", "rxInfo": None}
    (one,) = v3(f"application/123/device/{_EUI}/{level}", devEUI=eui, **said).readings
    assert (one.device, one.quantity, one.value) == (_EUI, "battery", 100)
    assert one.time == datetime(2026, 11, 21, 6, 0, 1, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("decoded", [{"objectJSON": '{"pulse":82184}'}, {"object": {"pulse": 82184}}])
def test_what_the_codec_of_v3_said_is_a_text_or_an_object(decoded: dict[str, object]) -> None:
    gateways = [{"gatewayID": "AwMDAwMDAwM=", "time": None}, {"time": "2026-11-21T06:00:00Z"}]
    (one,) = v3(f"application/123/device/{_EUI}/event/up", devEUI=_EUI, fPort=2, rxInfo=gateways, **decoded).readings
    assert (one.quantity, one.value) == ("pulse_count_total", 82184)
    assert one.time == datetime(2026, 11, 21, 6, tzinfo=UTC)


def test_status_and_join_of_v3_are_read_and_its_errors_left_out() -> None:
    place = f"application/123/device/{_EUI}"
    status = {"devEUI": "AgICAgICAgI=", "margin": -1, "externalPowerSource": False, "batteryLevel": 75.3}
    assert [r.value for r in v3(f"{place}/event/status", **status).readings] == [75.3]
    assert [r.value for r in v3(f"{place}/status", **status).readings] == [75.3]
    assert [r.flags[1] for r in v3(f"{place}/event/join", devEUI=_EUI, devAddr="AFE5Qg==").readings] == [
        "device_restart"
    ]
    for rest in ("event/ack", "event/error", "error", "ack", "location", "tx"):
        assert v3(f"{place}/{rest}", devEUI=_EUI, error="UPLINK_FCNT").readings == ()


def test_an_object_of_v3_that_is_no_json_is_named_and_a_bridge_may_carry_the_message_anywhere() -> None:
    wrong = v3(f"application/123/device/{_EUI}/event/up", devEUI=_EUI, objectJSON="{pulse")
    assert (wrong.device, wrong.readings) == (_EUI, ())
    assert "want JSON" in str(wrong.rejected)
    assert v3("site7/lora", devEUI="AgICAgICAgI=", fPort=85, data="AXVk").device == _EUI
