"""What was understood of the last messages: nothing of who did not agree, and bounded."""

from datetime import UTC, datetime, timedelta

from ingest.bindings import Binding, FixedBindings
from ingest.devices import FORMATS, decode
from ingest.lately import MOST_DEVICES, MOST_MESSAGES, MOST_STRAYS, Lately
from ingest.quality import Memory, Message, judge

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=100)


class Nothing:
    def last(self, device, quantity):
        return None

    def arrival(self, device, quantity, ident):
        return None


def heard(lately, *messages, consented=True, bound=("meter-1",)):
    bindings = FixedBindings([Binding(name, "native", LONG_AGO, consented=consented) for name in bound])
    noted = []
    for topic, payload in messages:
        message = Message(topic, payload, NOW)
        decoded = decode(topic, payload, NOW)
        noted.append((message, decoded, judge(message, decoded, bindings, Memory(Nothing()))))
    lately.note(noted)


def register(device, litres, at=NOW):
    return FORMATS["native"].encode("shuian", "s1", device, f"{device}-{at:%H%M}", [(at, litres)])


def test_the_newest_message_stands_first_with_what_was_stored():
    lately = Lately()
    heard(lately, register("meter-1", 100.0, NOW - timedelta(hours=1)), register("meter-1", 112.0))
    newest, before = lately.of("meter-1")
    assert [reading.value for reading in newest.readings if reading.quantity == "water_volume_total"] == [112.0]
    assert newest.stored >= 1
    assert newest.refused == ()
    assert before.readings[0].time == NOW - timedelta(hours=1)


def test_of_a_device_that_nobody_agreed_to_no_value_is_held():
    lately = Lately()
    heard(lately, register("meter-1", 123.456), consented=False)
    (one,) = lately.of("meter-1")
    assert not one.ours
    assert {reading.value for reading in one.readings} == {None}
    assert "123.456" not in repr(one)
    assert lately.strangers() == []


def test_a_device_that_nobody_registered_is_a_stranger_without_values():
    lately = Lately()
    heard(lately, register("new-1", 123.456), register("meter-1", 7.0))
    ((name, one),) = lately.strangers()
    assert name == "new-1"
    assert one.format == "native"
    assert "123.456" not in repr(one)


def test_what_no_reader_knows_is_held_apart():
    lately = Lately()
    heard(lately, *[(f"somewhere/{n}", b"\x00\x01") for n in range(MOST_STRAYS + 5)])
    assert [one.topic for one in lately.strays()][:2] == [
        f"somewhere/{MOST_STRAYS + 4}",
        f"somewhere/{MOST_STRAYS + 3}",
    ]
    assert len(lately.strays()) == MOST_STRAYS


def test_memory_is_bounded_and_the_device_silent_longest_goes():
    lately = Lately()
    for n in range(MOST_DEVICES + 1):
        heard(lately, register(f"d-{n}", 1.0))
    assert lately.of("d-0") == ()
    assert len(lately.of("d-1")) == 1
    for _ in range(MOST_MESSAGES + 2):
        heard(lately, register("d-1", 1.0))
    assert len(lately.of("d-1")) == MOST_MESSAGES


def test_of_a_gateways_message_each_device_has_its_own_part():
    lately = Lately()
    records = b'[{"n":"m1","u":"l","v":7},{"n":"m2","u":"l","v":9},{"n":"m1","u":"l/s","v":0}]'
    message = Message("senml/gw", records, NOW)
    decoded = decode(message.topic, records, NOW)
    bindings = FixedBindings([Binding("m1", "senml", LONG_AGO)])
    lately.note([(message, decoded, judge(message, decoded, bindings, Memory(Nothing())))])
    (first,), (second,) = lately.of("m1"), lately.of("m2")
    assert [one.quantity for one in first.readings] == ["water_volume_total", "water_flow"]
    assert (first.stored, second.stored) == (2, 0)
    assert len(second.readings) == 1
