"""Plain values on topics of somebody's own, as the rules of ``shuian.toml`` say (``[[plain]]``, `ingest.rules`).

Source: the installation itself.  A rule says which topics, what the value is, where it stands, in which unit.

How this works.  Every rule whose topic fits makes one reading, by the mapper of the other plain-value formats (`_plain`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._clock import NONE, stamp
from ingest.devices._plain import Kind, Message, at, name, read, text
from ingest.measures import plain
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.rules import PlainRule, ReaderRules
from ingest.strict_json import parse


def matches(topic: str) -> bool:  # noqa: ARG001  every format has the same signature
    """Return False: a topic is given to this format by the configuration only."""
    return False


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Return False, as `matches`."""
    return False


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read what the rules say of this topic.

    Raises
    ------
    Unreadable
        With the device and what could be read: not JSON, or not the value that a rule wants.
    """
    message = Message(topic, payload, received_at, retain, memory)
    readings: list[Reading] = []
    complaints: list[str] = []
    owner: str | None = None
    for rule in memory.rules.plain if payload.strip() else ():
        device = rule.names(topic)
        if device is None:
            continue
        owner = name(device)
        try:
            readings += _read(rule, device, message)
        except Unreadable as error:
            complaints.append(str(error))
    if complaints:
        raise Unreadable("; ".join(dict.fromkeys(complaints)), device=owner, readings=readings)
    return readings


def _read(rule: PlainRule, device: str, message: Message) -> list[Reading]:
    kind = Kind(rule.quantity, rule.unit or _USUAL.get(rule.quantity, ""), interval=rule.interval)
    if rule.pointer or rule.time:
        document = parse(message.payload)
        said = at(document, rule.pointer)
        when = stamp(at(document, rule.time), message.received_at) if rule.time else NONE
    else:
        said, when = text(message.payload, device), NONE
    reading = read(kind, device, said, message, when=when, pointer=rule.pointer)
    return [reading] if reading else []


_USUAL = {"temperature": "°C", "humidity": "%", "battery": "%", "battery_voltage": "V"}
"""Units that need not be said."""


def encode(topic: str, at: datetime, litres: float) -> tuple[str, bytes]:  # noqa: ARG001  nothing says when
    """Write a register [L] as bare text on `topic`, for a rule of the unit ``L``.

    Returns
    -------
    topic, payload
    """
    return topic, str(plain(Decimal(str(litres)))).encode()


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    return [encode(f"plain/{device}/litres", at, litres) for at, litres in said]


def _alive(device: str, at: datetime) -> tuple[str, bytes]:  # noqa: ARG001  nothing says when
    return f"plain/{device}/litres", b"nan"


_FLEET = ReaderRules(plain=(PlainRule("plain/{device}/litres", WATER_VOLUME_TOTAL, unit="L"),))
"""What ``shuian.toml`` must say so that simulated devices are read."""


_RULES = ReaderRules(
    plain=(
        PlainRule("cellar/{device}/meter", WATER_VOLUME_TOTAL, pointer="/water/total", unit="m³", time="/at"),
        PlainRule("cellar/{device}/meter", "battery", pointer="/battery"),
    )
)

FORMAT = Format(
    name="plain",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    played=Played(timed=False, alive=_alive, write=_write, rules=_FLEET),
    samples=(
        Sample(
            source="a JSON of somebody's own, and two rules for it",
            topic="cellar/m-12/meter",
            payload=b'{"at":"2026-11-21T06:00:00Z","water":{"total":"82.184"},"battery":91}',
            readings=(
                Reading("m-12", WATER_VOLUME_TOTAL, 82184, "L", datetime(2026, 11, 21, 6, tzinfo=UTC)),
                Reading("m-12", "battery", 91, "%", None, ("time_missing",)),
            ),
            rules=_RULES,
        ),
        Sample(
            source="broken: no JSON, where a rule wants a place in it",
            topic="cellar/m-12/meter",
            payload=b"82.184.5",
            rejected="payload: want JSON",
            rules=_RULES,
        ),
    ),
)
