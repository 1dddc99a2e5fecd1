"""What the configuration says of fields that nobody else can know."""

from decimal import Decimal
from typing import Any

import pytest

from ingest.key_map import KeyMap, KeyRule, read


def values(said: str, value: object) -> list[tuple[Any, ...]]:
    mapped = read(KeyMap([KeyRule(("*",), {"x": said})]).of("device"), {"x": value})
    assert mapped.complaints == ()
    return [one[:4] for one in mapped.values]


@pytest.mark.parametrize(
    ("said", "value", "wanted"),
    [
        ("water_volume_total m3", Decimal("12.345"), ("water_volume_total", 12345, "L", ())),
        ("water_volume_total L", "0012.5 L", ("water_volume_total", 12.5, "L", ())),
        ("water_flow m3/min", Decimal("0.002"), ("water_flow", 120, "L/h", ())),
        ("temperature degF", 212, ("temperature", 100, "Cel", ())),
        ("battery_voltage mV", 3600, ("battery_voltage", 3.6, "V", ())),
        ("battery %", 12, ("battery", 12, "%", ("battery_low",))),
        ("pulse_count_total count", 7, ("pulse_count_total", 7, "count", ("pulse_factor_unknown",))),
        ("contact_open", "open", ("contact_open", True, "bool", ())),
        ("contact_open inverted", True, ("contact_open", False, "bool", ())),
        ("water_leak", 0, ("water_leak", False, "bool", ())),
        ("sos", 1, ("sos", True, "event", ())),
        ("button", "short press", ("button", "short_press", "event", ())),
    ],
)
def test_a_field_is_what_the_operator_says(said: str, value: object, wanted: tuple[Any, ...]) -> None:
    assert values(said, value) == [wanted]


@pytest.mark.parametrize(
    ("said", "value"), [("water_volume_total m3", None), ("sos", False), ("button", ""), ("sos", "off")]
)
def test_a_field_that_says_nothing_is_nothing(said: str, value: object) -> None:
    assert values(said, value) == []


def test_a_delta_carries_its_interval() -> None:
    mapped = read(KeyMap([KeyRule(("*",), {"x": "water_volume_delta L PT1H"})]).of("d"), {"x": 4})
    assert mapped.values == (("water_volume_delta", 4, "L", (), {"interval": "PT1H"}),)


@pytest.mark.parametrize("value", ["nan", "unavailable", [1], True, Decimal(10) ** 13])
def test_a_value_that_is_no_number_is_complained_of(value: object) -> None:
    mapped = read(KeyMap([KeyRule(("*",), {"total": "water_volume_total m3"})]).of("d"), {"total": value})
    assert mapped.values == ()
    assert "total: want a number" in mapped.complaints[0]


def test_dots_lead_into_objects_and_lists_but_a_whole_name_comes_first() -> None:
    meanings = KeyMap([KeyRule(("*",), {"a.1.v": "temperature Cel", "b.c": "humidity %RH"})]).of("d")
    mapped = read(meanings, {"a": [{}, {"v": 21}], "b.c": 40, "b": {"c": 99}})
    assert [one[:2] for one in mapped.values] == [("temperature", 21), ("humidity", 40)]
    assert read(meanings, {"a": {"1": 4}, "b": 3}).values == ()


def test_the_first_rule_that_names_a_field_wins_and_patterns_know_no_capitals() -> None:
    table = KeyMap([KeyRule(("Elvaco*",), {"x": "sos"}), KeyRule(("*cmi*",), {"x": "button", "y": "motion"})])
    assert {name: one.quantity for name, one in table.of("ELVACO CMi4110", None).items()} == {"x": "sos", "y": "motion"}
    assert table.of("other") == {}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("water", "want one of water_volume_total"),
        ("", "want one of"),
        ("water_volume_total", "with one of L, m3"),
        ("water_volume_total furlong", "with one of L, m3"),
        ("water_volume_delta L", "an interval such as PT1H"),
        ("motion L", "want one of"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(said: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="x: want") as wrong:
        KeyRule(("*",), {"x": said})
    assert complaint in str(wrong.value)
    with pytest.raises(ValueError, match="at least one pattern"):
        KeyRule((), {"x": "sos"})
