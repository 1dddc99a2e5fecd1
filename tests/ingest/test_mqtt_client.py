"""Reading packets ourselves: what paho would have understood, however the bytes are cut."""

import random
import struct
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from benchmarks.raw_publisher import packet
from ingest.mqtt_client import Client, MalformedError, Publication, publication

VERSIONS = {3: paho.MQTTv311, 5: paho.MQTTv5}
PINGRESP = b"\xd0\x00"


class Wire:
    """A socket that gives what it was given, in pieces."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        self._pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]

    def recv(self, size: int) -> bytes:
        if not self._pieces:
            raise BlockingIOError
        piece = self._pieces.pop(0)
        if len(piece) > size:
            self._pieces.insert(0, piece[size:])
        return piece[:size]

    def close(self) -> None:
        self._pieces.clear()


def publish(number: int, version: int) -> bytes:
    """A PUBLISH packet of every kind: both QoS, flags, lengths of one to three bytes, properties, topics that are no text."""
    dice = random.Random(number)
    qos = dice.randint(0, 1)
    topic = b"\xff\xfe" if number % 50 == 7 else f"t/水/{number}".encode()
    body = struct.pack("!H", len(topic)) + topic + (struct.pack("!H", number + 1) if qos else b"")
    if version == 5:
        body += dice.choice([b"\x00", b"\x05\x02\x00\x00\x00\x10", b"\x0a\x26\x00\x02ab\x00\x03cde"])
    body += bytes(dice.randrange(256) for _ in range(dice.choice([0, 1, 100, 127, 200, 20_000])))
    return packet(0x30 | dice.randint(0, 1) | qos << 1 | (dice.randint(0, 1) * qos) << 3, body)


def by_paho(data: bytes, version: int) -> list[Publication]:
    found: list[Publication] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, "a", protocol=VERSIONS[version], manual_ack=True)

    def on_message(_: Any, __: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(topic is not UTF-8)"
        found.append(
            Publication(
                topic, bytes(message.payload), message.qos, bool(message.retain), bool(message.dup), message.mid
            )
        )

    client.on_message = on_message
    client._sock = Wire(data, [])  # type: ignore[assignment]
    while client._packet_read() == MQTTErrorCode.MQTT_ERR_SUCCESS:
        pass
    return found


@pytest.mark.parametrize("version", [3, 5])
def test_what_is_read_is_what_paho_reads_wherever_the_bytes_are_cut(version: int) -> None:
    data = b"".join(PINGRESP * (n % 7 == 0) + publish(n, version) for n in range(120))
    wanted = by_paho(data, version)
    dice = random.Random(version)
    for pieces in (0, 5, 1_000):
        found: list[Publication] = []
        client = Client(CallbackAPIVersion.VERSION2, "a", protocol=VERSIONS[version], manual_ack=True)
        client.on_publications = found.extend
        client._sock = Wire(data, sorted(dice.randrange(len(data)) for _ in range(pieces)))  # type: ignore[assignment]
        for _ in range(2 * pieces + 500):
            assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
        assert found == wanted
    assert len(wanted) == 120


@pytest.mark.parametrize(
    ("first", "body"),
    [
        pytest.param(0x32, b"", id="nothing"),
        pytest.param(0x32, b"\x00\x09ab", id="a topic that ends too soon"),
        pytest.param(0x32, b"\x00\x01a\x00", id="half a packet number"),
        pytest.param(0x34, b"\x00\x01a\x00\x01\x00", id="QoS 2, which nobody subscribed to"),
        pytest.param(0x30, b"\x00\x01a\x7f", id="properties that end too soon"),
        pytest.param(0x30, b"\x00\x01a\xff\xff\xff\xff\x01", id="a length of five bytes"),
    ],
)
def test_a_packet_that_breaks_the_protocol_is_malformed(first: int, body: bytes) -> None:
    with pytest.raises(MalformedError, match="want"):
        publication(first, body, properties=True)


def test_acknowledgements_of_a_batch_are_one_write_in_order() -> None:
    client = Client(CallbackAPIVersion.VERSION2, "a", protocol=paho.MQTTv5, manual_ack=True)
    client.loop_write = lambda *_: MQTTErrorCode.MQTT_ERR_SUCCESS  # type: ignore[method-assign, assignment]
    client.ack_all([7, 8, 65_535])
    client.ack_all([])
    assert [bytes(one["packet"]) for one in client._out_packet] == [b"@\x02\x00\x07@\x02\x00\x08@\x02\xff\xff"]
