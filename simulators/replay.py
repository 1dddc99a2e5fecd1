"""Recorded households as messages again, in a format that the service reads."""

from collections.abc import Iterator, Sequence
from itertools import islice

from simulators import encoding
from simulators.encoding import Message
from simulators.meters import Register

FORMATS = encoding.METERS
CHUNK = 500
"""Messages that are handed on together."""


def messages(registers: Sequence[Register], fmt: str) -> Iterator[Message]:
    """Yield the messages of all registers, in order of time."""
    moments = sorted((float(at), n, k) for n, r in enumerate(registers) for k, at in enumerate(r.at_s))
    for at, n, k in moments:
        reading = (encoding.moment(at), float(registers[n].litres[k]))
        for topic, payload in encoding.readings(fmt, _device(fmt, registers[n].household, n), [reading]):
            yield Message(at, topic, payload)


def chunks(registers: Sequence[Register], fmt: str) -> Iterator[list[Message]]:
    """Yield the same, `CHUNK` at a time."""
    said = messages(registers, fmt)
    while some := list(islice(said, CHUNK)):
        yield some


def _device(fmt: str, household: str, number: int) -> str:
    """Return the name of a meter: its household's, where a format does not want an address of its own."""
    return encoding.meter(fmt, number) if encoding.played(fmt).only_so else household
