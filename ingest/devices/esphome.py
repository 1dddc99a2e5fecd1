"""ESPHome: home-built pulse readers and sensors that speak MQTT themselves.

Source: esphome/esphome-docs ``components/mqtt.rst`` (topics, birth and last will, discovery); esphome/esphome
``mqtt_sensor.cpp`` (``nan`` is published as text).

Topics ``<prefix>/<component>/<object id>/state`` and ``<prefix>/status``; the prefix is a setting.  Payloads are bare words and
numbers, retained by default.

How this works.  What a sensor is stands in its discovery message, if that came, else in its object id, which its owner chose
(`_names`).  A water total whose unit nobody says is taken for m³, which Home Assistant's own water example has, and marked.
A pulse meter that was restarted begins at 0 unless its owner stores the total: the fall is seen beside the reading before.
"""

import re
from datetime import datetime
from decimal import Decimal

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample
from ingest.devices._discovery import meaning
from ingest.devices._names import measured, named_unit, switched
from ingest.devices._plain import Kind, Message, name, reachable, read, text
from ingest.measures import plain
from ingest.readings import WATER_VOLUME_TOTAL, Reading

_COMPONENTS = "sensor|binary_sensor|text_sensor|switch|light|fan|cover|valve|climate|number|select|button|lock|event|text|update|datetime"
_TOPIC = re.compile(rf"(.+)/({_COMPONENTS})/([^/]+)/(state|command)", re.DOTALL)
_STATUS = re.compile(r"(.+)/status", re.DOTALL)
_UNITS = {"temperature": "°C", "humidity": "%", "battery": "%", "battery_voltage": "V"}
"""What ESPHome's own components send where nothing else is said."""
_ASSUMED = {"L": ("unit_assumed_l",), "m³": ("unit_assumed_m3",)}


def matches(topic: str) -> bool:
    """Tell whether `topic` has the shape of ESPHome's; so has statestream's, which is asked before."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:
    """Tell whether this is a birth message or last will."""
    return _STATUS.fullmatch(topic) is not None and payload.strip() in (b"online", b"offline")


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one state.

    Raises
    ------
    Unreadable
        With the device: a number or a switch was wanted.
    """
    message = Message(topic, payload, received_at, retain, memory)
    status = _STATUS.fullmatch(topic)
    if status:
        return reachable(name(status[1]), message)
    found = _TOPIC.fullmatch(topic)
    if found is None or found[4] == "command":
        return []
    device = name(f"{found[1]}/{found[3]}")
    kind = _kind(found[2], found[3], message)
    reading = read(kind, device, text(payload, device), message) if kind else None
    return [reading] if reading else []


def _kind(component: str, identifier: str, message: Message) -> Kind | None:
    """Return what the state of a component is, None when it is none of ours."""
    learnt = meaning(message.memory, message.topic)
    if component == "binary_sensor":
        quantity = switched(identifier, learnt.device_class)
    elif component == "sensor":
        quantity = measured(identifier, learnt.device_class, learnt.unit, learnt.state_class)
    else:
        quantity = {"switch": "switch", "valve": "valve_open"}.get(component)
    if quantity == WATER_VOLUME_TOTAL:
        unit = named_unit(identifier) or "m³"
        return Kind(quantity, unit, _ASSUMED.get(unit, ()))
    return Kind(quantity, _UNITS.get(quantity, "")) if quantity else None


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:  # noqa: ARG001  nothing says when
    """Write the state of a water total: m³ with six decimals, which nothing in the message says.

    Parameters
    ----------
    device : str
        ``<prefix>/<object id>``, such as ``water-meter/water_total``.
    at : datetime
        Ignored: these messages have no time.
    litres : float
        Register [L].

    Returns
    -------
    topic, payload

    Raises
    ------
    ValueError
        `device` has no prefix.
    """
    prefix, _, identifier = device.rpartition("/")
    if not prefix:
        raise ValueError(f"want a device such as water-meter/water_total, got {device!r}")
    return f"{prefix}/sensor/{identifier}/state", f"{Decimal(str(plain(Decimal(str(litres))))) / 1000:f}".encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:  # noqa: ARG001  nothing says when
    prefix, _, identifier = device.rpartition("/")
    return f"{prefix}/sensor/{identifier}/state", b"nan"


FORMAT = Format(
    name="esphome",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    rank=1,
    gateway=(
        "+/sensor/+/state",
        "+/binary_sensor/+/state",
        "+/switch/+/state",
        "+/status",
        "homeassistant/+/+/+/config",
    ),
    played=Played(named=lambda home: f"wm-{home:06d}/water_total", only_so=True, unit="m3", timed=False, alive=_alive),
    samples=(
        Sample(
            source="esphome/esphome-docs: components/mqtt.rst (layout), a total found at subscribing",
            topic="water-meter/sensor/water_total/state",
            payload=b"12.345",
            readings=(
                Reading(
                    "water-meter/water_total",
                    WATER_VOLUME_TOTAL,
                    12345,
                    "L",
                    None,
                    ("unit_assumed_m3", "retained", "time_missing"),
                ),
            ),
            retain=True,
        ),
        Sample(
            source="esphome/esphome-docs: components/mqtt.rst (layout), a door",
            topic="hall/binary_sensor/front_door/state",
            payload=b"ON",
            readings=(Reading("hall/front_door", "contact_open", True, "bool", None, ("time_missing",)),),
        ),
        Sample(
            source="broken: a word where a number belongs",
            topic="water-meter/sensor/water_total/state",
            payload=b"twelve",
            rejected="want a number, got 'twelve'",
        ),
    ),
)
