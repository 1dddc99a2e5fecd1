"""NGSI-LD: an entity in its many wrappings, its unit, its time and its alarms."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.devices import Decoded, DeviceMemory, decode, fiware_ngsi_ld

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
AT = "2026-11-21T05:00:00Z"
DEVICE = "urn:ngsi-ld:Consumer:Consumer01"


def entity(value: object = 191051, **more: Any) -> dict[str, Any]:
    register = {"type": "Property", "value": value, "unitCode": "LTR", "observedAt": AT}
    return {"id": DEVICE, "type": "WaterConsumptionObserved", "waterConsumption": register} | more


def read(message: object, **memory: Any) -> Decoded:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return decode("city/water", payload, NOW, False, DeviceMemory(**memory))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda one: one,
        lambda one: [one],
        lambda one: {"type": "Notification", "notifiedAt": AT, "data": [one]},
        lambda one: {"metadata": {}, "body": {"type": "Notification", "data": [one]}},
        lambda one: one | {"type": "https://smartdatamodels.org/dataModel.WaterConsumption/WaterConsumptionObserved"},
        lambda one: one | {"dateObserved": "2020-01-01T00:00:00Z"},
    ],
)
def test_an_entity_is_found_wherever_a_broker_put_it(wrap: Any) -> None:
    (reading,) = read(wrap(entity())).readings
    assert (reading.device, reading.value, reading.time) == (DEVICE, 191051, datetime(2026, 11, 21, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    ("register", "unit", "litres", "flags"),
    [
        ({"value": 12.5, "unitCode": "MTQ", "observedAt": AT}, None, 12500, ()),
        ({"value": 12.5, "observedAt": AT}, "m3", 12500, ()),
        ({"value": 12.5, "observedAt": AT}, None, 12.5, ("unit_assumed_l",)),
        ({"value": 12.5, "metadata": {"unitCode": {"value": "MTQ"}, "TimeInstant": {"value": AT}}}, None, 12500, ()),
        ({"value": "12.5", "unitCode": "LTR", "metadata": {"TimeInstant": {"value": AT}}}, None, 12.5, ()),
        (12.5, None, 12.5, ("time_missing", "unit_assumed_l")),
        ({"value": 1, "unitCode": "LTR", "observedAt": "1970-01-01T00:00:00Z"}, None, 1, ("implausible_time",)),
    ],
)
def test_a_register_is_in_its_unit_and_else_in_the_registry_s(
    register: object, unit: str | None, litres: float, flags: tuple[str, ...]
) -> None:
    (reading,) = read(entity() | {"waterConsumption": register}, unit=lambda *_: unit).readings
    assert (reading.value, reading.flags) == (litres, flags)


@pytest.mark.parametrize(
    ("name", "value", "flags"),
    [
        ("alarmStopsLeaks", 1, ("meter_alarm:leak",)),
        ("alarmWaterQuality", {"value": 1}, ("meter_alarm:backflow",)),
        ("alarmTamper", 1, ("tamper",)),
        ("acquisitionStageFailure", 1, ("read_error",)),
        ("alarmInProgress", 1, ()),
        ("alarmFlowPersistence", "In progress persistence", ("meter_alarm:continuous_flow",)),
        ("alarmFlowPersistence", "Past Persistence during the period", ()),
        ("alarmFlowPersistence", "No persistence", ()),
        ("maxFlow", 620, ()),
    ],
)
def test_alarms_of_now_are_flags(name: str, value: object, flags: tuple[str, ...]) -> None:
    (reading,) = read(entity(**{name: value})).readings
    assert reading.flags == flags


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (entity() | {"id": 7}, "id: want a URI"),
        (entity(-1), "waterConsumption: want a number of at least 0, got -1"),
        (entity() | {"waterConsumption": {"value": 1, "unitCode": "KWH"}}, "unitCode: want one of LTR"),
        (b'{"type":"WaterConsumptionObserved","id":"x"', "payload: want JSON"),
    ],
)
def test_what_is_no_consumption_is_refused(message: object, complaint: str) -> None:
    decoded = read(message)
    assert complaint in (decoded.rejected or "")
    assert not any(one.quantity == "water_volume_total" and one.value is not None for one in decoded.readings)


def test_other_entities_and_places_are_left_out() -> None:
    decoded = decode("fiware/notify", b'{"id":"x","type":"AirQualityObserved","no2":22}', NOW)
    assert (decoded.readings, decoded.rejected) == ((), None)
    assert "50.95" not in repr(read(entity(location={"type": "Point", "coordinates": [-4.128871, 50.95822]})))


def test_what_the_simulators_write_is_read_again() -> None:
    topic, payload = fiware_ngsi_ld.encode(DEVICE, NOW, 12.5, leak=True)
    (reading,) = decode(topic, payload, NOW).readings
    assert (reading.value, reading.time, reading.flags) == (12.5, NOW, ("meter_alarm:leak",))
    with pytest.raises(ValueError, match="want a URI"):
        fiware_ngsi_ld.encode("a b", NOW, 1)
