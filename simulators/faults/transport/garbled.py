"""Messages are spoiled on their way: cut off, overwritten, or with a number that cannot be.

At the broker: 0.01 to 1 % of the messages are no JSON any more, or say NaN, a register below zero, or 10^9 L.
The service must: refuse what it cannot read, keep it with a reason, count it, and read on; a register that no pipe could
have brought is stored with a doubt and makes no use.

Garbled bytes are never legible: radio frames carry checksums, so that a wrong digit that looks right comes from software,
not from noise (`meter.unit` and its like).
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from simulators import encoding
from simulators.faults import Fault
from simulators.faults.transport import a_meter
from simulators.reports import Report

SHARE = (0.0001, 0.01)
"""Messages that are spoiled; rare and frequent ones are as likely."""
WRONG = (b"NaN", b"-Infinity", b"-1", b"-4711.5", b"1000000000")
"""What stands in place of the register."""
_NUMBER = re.compile(rb"(?<=[:,\[ ])-?\d+(?:\.\d+)?(?=[,}\] \n])")


def written(report: Report) -> bytes:
    """Return the payload of a report in our own format, of a sensor's in that of Zigbee2MQTT."""
    return encoding.report(report, "native")[-1][1]


def garbled(
    reports: Sequence[Report],
    device: str,
    at: float,
    share: float,
    rng: np.random.Generator,
    encode: Callable[[Report], bytes] = written,
) -> list[Report]:
    """Return the reports with a `share` of those of `device` spoiled from `at` (seconds since 1970) on.

    Parameters
    ----------
    share : float
        Of its messages.
    encode : callable
        Writes a report as the device would: what is spoiled are bytes.

    Raises
    ------
    ValueError
        `share` is no share.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"want a share of messages from 0 to 1, got {share}")
    came = []
    for one in reports:
        hit = one.device == device and one.at >= at and rng.random() < share
        came.append(one._replace(payload=_spoiled(one, encode(one), rng)) if hit else one)
    return came


def cut_off(payload: bytes, rng: np.random.Generator) -> bytes:
    """Return the beginning of `payload`, at least one byte short."""
    return payload[: int(rng.integers(len(payload)))] if payload else payload


def overwritten(payload: bytes, rng: np.random.Generator) -> bytes:
    """Return `payload` with up to eight bytes in a row that no text holds."""
    first = int(rng.integers(max(len(payload), 1)))
    length = min(int(rng.integers(1, 9)), len(payload) - first)
    return payload[:first] + rng.integers(0xF8, 0x100, length, np.uint8).tobytes() + payload[first + length :]


def misread(payload: bytes, litres: float, wrong: bytes, rng: np.random.Generator) -> bytes:
    """Return `payload` with `wrong` in place of the number that is the register, in litres or cubic metres.

    A payload without such a number (a binary frame) is overwritten.
    """
    numbers = list(_NUMBER.finditer(payload))
    if not numbers:
        return overwritten(payload, rng)

    def apart(found: re.Match[bytes]) -> float:
        return min(abs(float(found[0]) - litres), abs(float(found[0]) * 1000 - litres))

    register = min(numbers, key=apart)
    return payload[: register.start()] + wrong + payload[register.end() :]


def _spoiled(report: Report, payload: bytes, rng: np.random.Generator) -> bytes:
    way = int(rng.integers(3))
    if way == 0:
        return cut_off(payload, rng)
    if way == 1 or not isinstance(report.said, int | float):
        return overwritten(payload, rng)
    return misread(payload, float(report.said), WRONG[int(rng.integers(len(WRONG)))], rng)


def strike(
    reports: Sequence[Report],
    at: float,
    rng: np.random.Generator,
    encode: Callable[[Report], bytes] = written,
) -> list[Report]:
    """Let messages of the home's meter be spoiled from `at` on; `encode` writes them in its format."""
    share = float(np.exp(rng.uniform(*np.log(SHARE))))
    return garbled(reports, a_meter(reports, rng), at, share, rng, encode)


FAULT = Fault("M14", "transport", strike, never=("quiet", "surge", "leak", "meter_silent"), wants=("encode",))
