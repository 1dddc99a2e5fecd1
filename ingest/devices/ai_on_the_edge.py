"""AI-on-the-edge-device: a camera that reads the dial of an old meter.

Source: jomjol/AI-on-the-edge-device ``code/components/jomjol_flowcontroll/{ClassFlowMQTT,ClassFlowPostProcessing}.cpp`` and
``jomjol_mqtt/server_mqtt.cpp`` (July 2026), its documentation ``docs/MQTT-API.md``, issues #556, #709, #1739, #4118.

Topics ``<main>/<number>/{value,json,rate,error,raw,timestamp,…}`` and ``<main>/connection``; with one number called
``default`` its level is left out.

How this works.  All numbers are text; an empty value is no reading, and so is one beside an error: the camera misread a digit
and kept the old value.  ``raw`` holds what it saw (``N``: unreadable), ``pre`` the last good value, ``changeabsolut`` is sent
even with an error, ``rate_per_…`` say again what ``rate`` says: none of them is read.  ``rate`` is per minute always.  The
unit stands in the discovery message of ``value`` alone; without one, and without one in the registry, m³ is assumed and
marked.  ``timestamp`` is when the last good value was read, local with an offset.  Meters of gas or power are left out.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._clock import NONE, Stamp, stamp
from ingest.devices._discovery import meaning
from ingest.devices._plain import Kind, Message, name, reachable, read, text
from ingest.devices._units import unit
from ingest.measures import plain
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse_object

_LEAVES = frozenset(
    [
        "value",
        "json",
        "rate",
        "error",
        "changeabsolut",
        "connection",
        "freemem",
        "wifirssi",
        "cputemp",
        "raw",
        "timestamp",
    ]
)
_BELOW_A_NUMBER = frozenset(["raw", "timestamp"])
"""What too many others have, too: believed two levels below the top only."""
_STATUS = re.compile(r".+/[Ss]tatus", re.DOTALL)
_STATES = (
    b"Initialization", b"Initialization (delayed)", b"Take Image", b"Take image", b"Aligning", b"Digitization of ROIs",
    b"Digitalization of ROIs", b"Digitization", b"Analog ROIs", b"Digital ROIs", b"Post-Processing", b"Postprocessing",
    b"Sending MQTT", b"Sending InfluxDB", b"Sending InfluxDBv2", b"Sending Webhook", b"Flow finished", b"Setup mode",
)  # fmt: skip
"""What the board is doing, on ``<main>/status``."""
_NOT_WATER = re.compile(r"(?<![a-z])gas(?![ts])|strom|power|electri|energy|heat|w[aä]rme|solar", re.IGNORECASE)
_OTHER_CLASSES = frozenset({"gas", "energy", "power", "temperature"})
_ERRORS = (("rate too high", "rate_too_high"), ("neg. rate", "negative_rate"), ("rate negative", "negative_rate"))
_MOST_WORD = 40


def matches(topic: str) -> bool:
    """Tell whether the last level of `topic` is one of this device's; that level is all there is to go by."""
    device, leaf = _place(topic)
    known = leaf in _LEAVES or leaf.startswith("rate_per_")
    return known and bool(device) and ("/" in device or leaf not in _BELOW_A_NUMBER)


def _place(topic: str) -> tuple[str, str]:
    """Return the device and the last level in small letters, which releases write in two ways."""
    device, _, leaf = topic.rpartition("/")
    return device, leaf.lower()


def sniff(topic: str, payload: bytes) -> bool:
    """Tell whether this is what the board says it is doing."""
    return _STATUS.fullmatch(topic) is not None and payload.strip().startswith(_STATES)


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read a value, its rate, an error, or whether the camera can be reached.

    Raises
    ------
    Unreadable
        With the device: not JSON, no number, or a word that is none of this device's.
    """
    if not matches(topic):
        return []  # what the board is doing
    device, leaf = _place(topic)
    device = name(device)
    message = Message(topic, payload, received_at, retain, memory)
    if leaf == "connection":
        return reachable(device, message, yes="connected", no="connection lost")
    if _NOT_WATER.search(device) or meaning(memory, f"{device}/value").device_class in _OTHER_CLASSES:
        return []
    if leaf == "json":
        return _json(device, message) if payload.strip() else []
    if leaf == "error":
        return _status(device, text(payload, device), message)
    if leaf not in ("value", "rate"):
        return []
    reading = read(_kind(leaf, device, message), device, text(payload, device), message)
    return [reading] if reading else []


def _kind(leaf: str, device: str, message: Message) -> Kind:
    """Return what ``value`` or ``rate`` is; both are in the unit of the value."""
    registered = message.memory.unit(device, message.received_at)
    learnt = meaning(message.memory, f"{device}/value").unit
    said = next((one for one in (registered, learnt) if one and (known := unit(one)) and known.ours == "L"), None)
    flags = () if said else ("unit_assumed_m3",)
    if leaf == "value":
        return Kind(WATER_VOLUME_TOTAL, said or "m³", flags)
    return Kind("water_flow", f"{said or 'm³'}/min", flags)


def _json(device: str, message: Message) -> list[Reading]:
    try:
        fields = parse_object(message.payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device) from None
    trouble = fields.get("error")
    if isinstance(trouble, str) and _word(trouble) not in ("", "ok"):
        return _status(device, trouble, message)
    when = stamp(fields.get("timestamp"), message.received_at)
    return _values(fields, device, message, when)


def _values(fields: Mapping[str, object], device: str, message: Message, when: Stamp) -> list[Reading]:
    readings: list[Reading] = []
    complaints = []
    for leaf in ("value", "rate"):
        try:
            reading = read(_kind(leaf, device, message), device, fields.get(leaf), message, when=when)
        except Unreadable as error:
            complaints.append(str(error))
            continue
        readings += [reading] if reading else []
    if complaints:
        raise Unreadable("; ".join(complaints), device=device, readings=readings)
    return readings


def _status(device: str, said: str, message: Message) -> list[Reading]:
    word = _word(said)
    if not word:
        return []
    wrong = () if word == "ok" else ("read_error",)
    return [Reading(device, "read_status", word, "text", None, (*wrong, *message.kept, *NONE.flags))]


def _word(said: str) -> str:
    """Return what an error text says, as one word; the numbers behind it are misread ones."""
    small = said.strip().lower()
    if small == "no error":
        return "ok"
    known = next((word for start, word in _ERRORS if small.startswith(start)), None)
    return known or re.sub(r"[^a-z0-9]+", "_", small.split(" - ")[0])[:_MOST_WORD].strip("_")


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the JSON of a meter whose dial showed `litres` at `at`: m³ as text, which the registry must say.

    Parameters
    ----------
    device : str
        ``<main>/<number>``, such as ``watermeter/main``.
    at : datetime
        When it was read (aware), whole seconds.
    litres : float
        Register [L].

    Returns
    -------
    topic, payload
    """
    value = f"{Decimal(str(plain(Decimal(str(litres))))) / 1000:f}"
    fields = {"value": value, "raw": value, "pre": value, "error": "no error", "rate": ""}
    fields["timestamp"] = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}+0000"
    return f"{device}/json", json.dumps(fields, separators=(",", ":")).encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:  # noqa: ARG001  nothing says when
    """Write that the camera works, and nothing of what it read."""
    return f"{device}/error", b"no error"


_READ = datetime(2022, 3, 9, 12, 48, 38, tzinfo=UTC)

FORMAT = Format(
    name="ai_on_the_edge",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    rank=2,
    writes=("{device}/+",),
    played=Played(named=lambda home: f"wm-{home:06d}/main", only_so=True, unit="m3", alive=_alive),
    samples=(
        Sample(
            source="jomjol/AI-on-the-edge-device issue #709, as the one JSON of ClassFlowMQTT.cpp",
            topic="wasserzaehler/main/json",
            payload=b'{"value":"679.2415","raw":"00679.2415","pre":"679.2415","error":"no error","rate":"0.000000",'
            b'"timestamp":"2022-03-09T13:48:38+0100"}',
            readings=(
                Reading("wasserzaehler/main", WATER_VOLUME_TOTAL, 679241.5, "L", _READ, ("unit_assumed_m3",)),
                Reading("wasserzaehler/main", "water_flow", 0, "L/h", _READ, ("unit_assumed_m3",)),
            ),
        ),
        Sample(
            source="jomjol/AI-on-the-edge-device issue #1739: a misread digit",
            topic="wasserzaehler/main/error",
            payload=b"Rate too high - Read: 11711.6735 - Pre: 1385.6687 - Rate: 2065.2010",
            readings=(
                Reading(
                    "wasserzaehler/main", "read_status", "rate_too_high", "text", None, ("read_error", "time_missing")
                ),
            ),
        ),
        Sample(
            source="broken: a JSON that was cut off",
            topic="wasserzaehler/main/json",
            payload=b'{"value":"679.2415","raw":',
            rejected="want JSON",
        ),
    ),
)
