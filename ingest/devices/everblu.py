"""everblu: Itron EverBlu Cyble radio heads on water meters, read once a day by a small radio board.

Source: genestealer/everblu-meters-esp8266-improved ``docs/HISTORICAL_DATA.md``, ``README.md`` and ``src/`` (July 2026);
the programs it comes from: psykokwak-com/everblu-meters-esp8266, hallard/everblu-meters-esp32 (the same as one JSON).

Topics ``everblu/cyble[/<serial>]/{liters,json,liters_attributes,status,…}``, all retained.

How this works.  ``liters`` is the register in whole litres as text; for a gas meter the same topic carries m³ with decimals,
which are no litres; its discovery message says so, too.  ``counter`` counts read-outs, ``battery`` is months left, ``time_start`` and ``time_end`` are the hours
in which the head listens: none of them is a reading.  ``liters_attributes`` and ``history`` hold the registers of the last 12
or 13 month ends, the oldest first and 0 where there is none, without their days: the newest comes out as `month_end_history` with their ``count``, and is no second register.
Without the serial in the topic two meters overwrite each other: set it.
"""

import re
from datetime import datetime
from decimal import Decimal

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._clock import Stamp, stamp
from ingest.devices._discovery import meaning
from ingest.devices._plain import Kind, Message, name, number, reachable, read, text
from ingest.devices._units import convert, unit
from ingest.measures import plain
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse, show

_TOPIC = re.compile(r"((?:.*/)?everblu/cyble[^/]*)(?:/(?=[^/]*\d)([^/]+))?/([a-z_0-9/]+)", re.DOTALL)
_REGISTER = Kind(WATER_VOLUME_TOTAL, "L")
_MOST_MONTHS = 24


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of everblu's."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Return False: without its topic nobody knows whose message it is."""
    return False


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read the register, the month ends, or whether the board can be reached.

    Raises
    ------
    Unreadable
        With the device: not JSON, no number, or neither online nor offline.
    """
    message = Message(topic, payload, received_at, retain, memory)
    found = _TOPIC.fullmatch(topic)
    leaf = found[3] if found else ""
    if found is None or not payload.strip():
        return []
    device = name(found[2] or found[1])
    if leaf == "status":
        return reachable(device, message)
    if meaning(memory, topic).device_class == "gas" or meaning(memory, topic, "/liters").device_class == "gas":
        return []
    if leaf == "liters":
        said = text(payload, device)
        if "." in said and memory.unit(device, received_at) is None:
            return []  # a gas meter's cubic metres
        reading = read(_REGISTER, device, said, message)
        return [reading] if reading else []
    return _json(leaf, device, message) if leaf in ("json", "liters_attributes", "history") else []


def _json(leaf: str, device: str, message: Message) -> list[Reading]:
    try:
        fields = parse(message.payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device) from None
    if leaf != "json":
        return _month_ends(fields.get("history") if isinstance(fields, dict) else fields, device, message)
    if not isinstance(fields, dict):
        raise Unreadable(f"payload: want a JSON object, got {show(fields)}", device=device)
    when = stamp(fields.get("timestamp", fields.get("ts")), message.received_at)
    reading = read(_REGISTER, device, fields.get("liters"), message, when=when, pointer="/liters")
    return [reading] if reading else []


def _month_ends(months: object, device: str, message: Message) -> list[Reading]:
    """Return the newest month end of a list; their days are not known."""
    if not isinstance(months, list) or len(months) > _MOST_MONTHS:
        raise Unreadable(f"history: want a list of at most {_MOST_MONTHS} numbers, got {show(months)}", device=device)
    try:
        told = [number(one) for one in months]
    except ValueError as error:
        raise Unreadable(f"history: {error}", device=device) from None
    registered = unit(message.memory.unit(device, message.received_at) or "L")
    ends = [one for one in told if one]
    if not ends or told[-1] is None or registered is None:
        return []  # an older one in place of one that cannot be read would be no newest
    flags = ("history", *message.kept, *Stamp().flags)
    value = convert(ends[-1], registered)
    return [Reading(device, "month_end_history", value, "L", None, flags, {"count": len(ends)})]


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:  # noqa: ARG001  nothing says when
    """Write the register of the meter with serial `device` as whole litres [L]; there is no time in it.

    Returns
    -------
    topic, payload
    """
    return f"everblu/cyble/{device}/liters", str(int(plain(Decimal(str(litres))))).encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:  # noqa: ARG001  nothing says when
    return f"everblu/cyble/{device}/status", b"online"


FORMAT = Format(
    name="everblu",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    writes=("everblu/cyble/{device}/+",),
    played=Played(named=lambda home: f"{home:07d}", only_so=True, step_l=1.0, timed=False, alive=_alive),
    samples=(
        Sample(
            source="genestealer/everblu-meters-esp8266-improved: docs/HISTORICAL_DATA.md",
            topic="everblu/cyble/liters",
            payload=b"721390",
            readings=(Reading("everblu/cyble", WATER_VOLUME_TOTAL, 721390, "L", None, ("retained", "time_missing")),),
            retain=True,
        ),
        Sample(
            source="genestealer/everblu-meters-esp8266-improved: docs/HISTORICAL_DATA.md, the month ends",
            topic="everblu/cyble/1234567/liters_attributes",
            payload=b'{"history":[700917,713744],"monthly_usage":[0,12827],"current_month_usage":7646,"months_available":2}',
            readings=(
                Reading("1234567", "month_end_history", 713744, "L", None, ("history", "time_missing"), {"count": 2}),
            ),
        ),
        Sample(
            source="broken: a register that is a word",
            topic="everblu/cyble/1234567/liters",
            payload=b"many",
            rejected="want a number, got 'many'",
        ),
    ),
)
