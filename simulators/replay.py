"""Recorded households sent over MQTT again, as fast as wanted, in a format that the service reads."""

import time
from collections.abc import Callable, Iterator, Sequence

from simulators import encoding
from simulators.meters import Register
from simulators.publisher import Publisher

FORMATS = encoding.METERS


def messages(registers: Sequence[Register], fmt: str) -> Iterator[tuple[float, str, bytes]]:
    """Yield (moment in seconds since 1970, topic, payload) of all registers, in order of time."""
    moments = sorted((float(at), n, k) for n, r in enumerate(registers) for k, at in enumerate(r.at_s))
    for at, n, k in moments:
        reading = (encoding.moment(at), float(registers[n].litres[k]))
        for topic, payload in encoding.readings(fmt, _device(fmt, registers[n].household, n), [reading]):
            yield at, topic, payload


def _device(fmt: str, household: str, number: int) -> str:
    """Return the name of a meter: its household's, where a format does not want an address of its own."""
    return encoding.meter(fmt, number) if fmt == "chirpstack" else household


def replay(
    registers: Sequence[Register], publisher: Publisher, fmt: str, speed: float, told: Callable[[int, float], None]
) -> int:
    """Send all messages, one second of the record in 1/`speed` seconds (0: as fast as the broker takes them).

    `told(sent, moment)` is called about once a second.  Returns the number of messages that the broker confirmed.
    """
    sent, began, first, said, last = 0, time.monotonic(), None, 0.0, None
    for at, topic, payload in messages(registers, fmt):
        first = at if first is None else first
        ahead = (at - first) / speed - (time.monotonic() - began) if speed > 0 else 0.0
        if ahead > 0:
            time.sleep(ahead)
        last = publisher.publish(topic, payload)
        sent += 1
        if time.monotonic() - said >= 1:
            said = time.monotonic()
            told(sent, at)
    if last is not None:
        last.wait_for_publish(30)
    return sent
