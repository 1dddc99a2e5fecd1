"""CJ/T 188 frames as they come from a transparent gateway: bytes, hexadecimal text, base64, or a text inside a JSON object.

Source: as in `_cjt188`; the topic is the gateway's own, ``cjt188/…`` and ``dtu/…`` are subscribed to by default.

The device is the meter's address as printed on it, 14 digits.  Requests that the line echoes, heat and gas meters are none of
our business.  A frame whose check sum does not fit is refused; the others in the same message are read.  Frames also come
inside the messages of other formats, which are therefore asked first.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._cjt188 import Frame, answer, clock, fitting, frames, octets, said, texts, unable
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse

_NAME = "cjt188"
_TOPIC = re.compile(r"(?:.*/)?cj/?t?_?188(?:/.*)?", re.DOTALL | re.IGNORECASE)
_START = re.compile(rb"(?:\xfe)*\x68(?!(.)\1\x68)[\x10-\x4f]", re.DOTALL)
"""How a frame begins; ``68 L L 68`` begins one of wired M-Bus (EN 13757-2)."""
_MOST_SNIFFED = 2048


def matches(topic: str) -> bool:
    """Tell whether `topic` is named after the frame."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` holds a frame, whole or with a wrong check sum, or begins like one that is cut short."""
    if len(payload) > _MOST_SNIFFED:
        return False
    found, complaints = _found(payload)
    whole = any("check sum" in one for one in complaints)
    return bool(found) or whole or (bool(complaints) and _START.match(octets(payload)) is not None)


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:  # noqa: ARG001  every format has the same signature
    """Read all frames of a message.

    Raises
    ------
    Unreadable
        With what could be read: no frame at all, or none whose check sum fits.
    """
    found, complaints = _found(payload)
    kept = ("retained",) if retain else ()
    readings = []
    for frame in found:
        flags, extra = clock(frame, received_at)
        for one in said(frame, memory.unit(frame.address, received_at)):
            marks = (*kept, *one.flags, *flags)
            readings.append(
                Reading(frame.address, one.quantity, one.value, one.unit, None, marks, {**one.extra, **extra})
            )
    if not found:
        raise Unreadable(complaints[0] if complaints else "payload: want a CJ/T 188 frame (68 … 16), got none")
    return readings


def _found(payload: bytes) -> tuple[list[Frame], list[str]]:
    """Return frames and complaints, the worst first: a wrong check sum before a frame that is cut short."""
    parts = [payload]
    if payload.lstrip()[:1] in (b"{", b"["):
        try:
            parts = list(texts(parse(payload)))
        except Unreadable:
            parts = []
    both = [frames(octets(part)) for part in parts]
    complaints = sorted((one for _, told in both for one in told), key=lambda one: "check sum" not in one)
    return [frame for found, _ in both for frame in found], complaints


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the answer of a water meter to "read", as hexadecimal text.

    Parameters
    ----------
    device : str
        Address: 14 digits.
    at : datetime
        What the meter's clock shows; the frame does not say in which zone.
    litres : float
        Register [L]; sent in steps of 10 L, those that are full.

    Returns
    -------
    topic, payload

    Raises
    ------
    ValueError
        The address is no 14 digits, or the register does not fit.
    """
    return f"cjt188/{device}/up", answer(device, litres, at).hex().upper().encode()


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    return [encode(device, at, fitting(litres)) for at, litres in said]


def _alive(device: str, at: datetime) -> tuple[str, bytes]:  # noqa: ARG001  an answer without a register has no clock
    return f"cjt188/{device}/up", unable(device).hex().upper().encode()


_READ = b"6810670517240000008116901F01000300002C000300002C0000000000000000FFC316"
_ADDRESS = "00000024170567"

FORMAT = Format(
    name=_NAME,
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    rank=9,  # its frames also come inside the messages of other formats
    gateway=("cjt188/#", "dtu/#"),
    played=Played(named=lambda home: f"{home:014d}", only_so=True, step_l=10.0, alive=_alive, write=_write),
    samples=(
        Sample(
            source="paobo/M-CB-780, AMICO_YOMTEY/DC/mqtt_DC_SW.lua: a captured frame, as hexadecimal text",
            topic="dtu/meter/up",
            payload=_READ,
            readings=(
                Reading(_ADDRESS, WATER_VOLUME_TOTAL, 3000, "L", None, ("time_missing",)),
                Reading(_ADDRESS, "valve_open", True, "bool", None, ("time_missing",)),
            ),
        ),
        Sample(
            source="the same frame as bytes behind its echoed request",
            topic="cjt188/unit-7/up",
            payload=bytes.fromhex("FEFEFE6810AAAAAAAAAAAAAA0103901F01D216FEFE" + _READ.decode()),
            readings=(
                Reading(_ADDRESS, WATER_VOLUME_TOTAL, 3000, "L", None, ("time_missing",)),
                Reading(_ADDRESS, "valve_open", True, "bool", None, ("time_missing",)),
            ),
        ),
        Sample(
            source="paobo/M-CB-780, BA_SHANDONGLY/mqtt_BA.lua: a short answer without unit, settled total and clock",
            topic="dtu/meter/up",
            payload=b"6810076040020000008109901F010001000000FF5B16",
            readings=(
                Reading("00000002406007", WATER_VOLUME_TOTAL, 1000, "L", None, ("unit_assumed_m3", "time_missing")),
                Reading("00000002406007", "valve_open", True, "bool", None, ("time_missing",)),
            ),
        ),
        Sample(
            source="broken: the first frame with one byte changed",
            topic="dtu/meter/up",
            payload=_READ.replace(b"0003", b"0004", 1),
            rejected="frame: want the check sum C4, got C3",
        ),
    ),
)
