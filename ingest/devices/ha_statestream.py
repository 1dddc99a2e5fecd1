"""Home Assistant's state stream: a whole home, one topic a value; and its discovery messages, from which units are learnt.

Source: home-assistant/core ``homeassistant/components/mqtt_statestream/__init__.py``; home-assistant.io
``source/_integrations/mqtt_statestream.markdown`` and ``mqtt.markdown`` (discovery).

Topics ``<base>/<domain>/<object>/state`` (QoS 1, retained), one more for each attribute (JSON), ``last_changed`` and
``last_updated``; discovery on ``<prefix>/<component>/[<node>/]<object>/config``.

How this works.  States are text; ``unavailable`` and ``unknown`` are no values.  Unit and class are attributes, on topics of
their own, and are remembered.  State and time are two messages, which may be of two moments: the times are not used.  After a
reconnect the whole home comes again as retained, which is state and no event; live, a state is published again whenever an
attribute changes, so what is not new is marked `cached_state`.  Where somebody is (``person``, ``device_tracker``) is never
read.  ESPHome's topics have the same shape: a base called after Home Assistant, a domain or an attribute that only it has
or a small ``on`` decide here; for any other base say so in ``[formats]``.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample
from ingest.devices._discovery import CONFIG, Meaning, learn, meaning, note
from ingest.devices._names import measured, switched
from ingest.devices._plain import Kind, Message, name, read, text
from ingest.measures import plain
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse

_SHARED = "sensor|binary_sensor|switch|light|fan|cover|valve|climate|number|select|button|lock|event|text|update|siren"
_ALONE = (
    "alarm_control_panel|air_quality|automation|calendar|camera|conversation|counter|date|datetime|device_tracker|group"
    "|humidifier|image|input_boolean|input_button|input_datetime|input_number|input_select|input_text|lawn_mower"
    "|media_player|notify|person|persistent_notification|plant|proximity|remote|scene|schedule|script|stt|sun|tag|time"
    "|timer|todo|tts|vacuum|wake_word|water_heater|weather|zone"
)
"""Domains that no ESPHome board has."""
_ATTRIBUTES = (
    "last_changed|last_updated|unit_of_measurement|device_class|state_class|friendly_name|icon|attribution|entity_picture"
    "|supported_features|assumed_state|options|restored|last_reset|source|device_id"
)
_TOPIC = re.compile(rf"(.+)/({_SHARED}|{_ALONE})/([^/]+)/(.+)", re.DOTALL)
_BASE = re.compile(r".*(?:home[-_ ]?assistant|hass|state[-_]?stream).*|(?:.*/)?ha(?:/.*)?", re.IGNORECASE | re.DOTALL)
_BIRTH = re.compile(r"(?:.+/)?homeassistant/status")
_SWITCHES = frozenset({"switch", "light", "fan", "input_boolean", "siren"})
_SWITCHED = frozenset({"binary_sensor", "switch", "light", "fan"})
_WORDS = frozenset({b"on", b"off", b"unavailable", b"unknown"})
"""ESPHome writes ``ON`` and ``OFF``, a light's state as JSON, and says nothing where there is no state."""
_CONDITIONS = frozenset({"", "unavailable", "unknown", "none"})
_USUAL = {"humidity": "%", "battery": "%"}


def matches(topic: str) -> bool:
    """Tell whether `topic` is a discovery message, or lies below a base called after Home Assistant."""
    if CONFIG.fullmatch(topic) or _BIRTH.fullmatch(topic):
        return True
    found = _TOPIC.fullmatch(topic)
    return found is not None and _BASE.fullmatch(found[1]) is not None


def sniff(topic: str, payload: bytes) -> bool:
    """Tell whether a domain, an attribute or a word is one that only a state stream has, whatever the base."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        return False
    alone = re.fullmatch(_ALONE, found[2]) is not None
    said = found[2] in _SWITCHED and payload.strip() in _WORDS
    return (found[4] == "state" and (alone or said)) or re.fullmatch(_ATTRIBUTES, found[4]) is not None


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one state, or learn from an attribute or a discovery message.

    Raises
    ------
    Unreadable
        A discovery message or an attribute that is not JSON; with the device, a state that is neither number nor switch.
    """
    if CONFIG.fullmatch(topic):
        learn(payload, memory)
        return []
    found = _TOPIC.fullmatch(topic)
    if found is None or not payload.strip():
        return []
    base, domain, entity, leaf = found.groups()
    state_topic = f"{base}/{domain}/{entity}/state"
    if leaf in ("unit_of_measurement", "device_class", "state_class"):
        _attribute(leaf, payload, state_topic, memory)
    if leaf != "state":
        return []
    return _state(domain, entity, Message(topic, payload, received_at, retain, memory))


def _attribute(leaf: str, payload: bytes, state_topic: str, memory: DeviceMemory) -> None:
    said = parse(payload)
    if isinstance(said, str):
        known = meaning(memory, state_topic)._asdict()
        key = "unit" if leaf == "unit_of_measurement" else leaf
        note(memory, state_topic, "", Meaning(**{**known, key: said[:64].replace("\n", " ")}))


def _state(domain: str, entity: str, message: Message) -> list[Reading]:
    device = name(f"{domain}.{entity}")
    kind = _kind(domain, entity, meaning(message.memory, message.topic))
    if kind is None:
        return []
    word = text(message.payload, device).strip('"')  # releases of 2017 and 2018 sent states as JSON, too
    if word.lower() in _CONDITIONS:
        return []
    reading = read(kind, device, word, message)
    if reading is None:
        if kind.quantity == "sos" and not message.retain:
            message.memory.note(device, "sos", False)  # taken back: the next one is a new call
        return []
    if not isinstance(reading.value, bool):
        return [reading]
    return [_news(reading, message)]


def _kind(domain: str, entity: str, learnt: Meaning) -> Kind | None:
    if domain in _SWITCHES:
        return Kind("switch", flags=() if domain == "switch" else ("meaning_unknown",))
    if domain == "valve":
        return Kind("valve_open")
    if domain == "binary_sensor":
        quantity = switched(entity, learnt.device_class)
    elif domain == "sensor":
        quantity = measured(entity, learnt.device_class, learnt.unit, learnt.state_class)
    else:
        quantity = None
    return Kind(quantity, _USUAL.get(quantity, "")) if quantity else None


def _news(reading: Reading, message: Message) -> Reading:
    """Mark a state that only says again what it said before."""
    memory, before = message.memory, message.memory.state(reading.device, reading.quantity)
    if not message.retain or memory.fact(reading.device, reading.quantity) is None:
        memory.note(reading.device, reading.quantity, bool(reading.value))
    again = before == reading.value and not message.retain
    return replace(reading, flags=(*reading.flags, "cached_state")) if again else reading


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:  # noqa: ARG001  the time is another message
    """Write the state of a water register in litres; `encode_unit` writes what says so.

    Parameters
    ----------
    device : str
        Entity, such as ``sensor.water_total``.
    at : datetime
        Ignored: the time is another message.
    litres : float
        Register [L].

    Returns
    -------
    topic, payload
    """
    return f"homeassistant/{device.replace('.', '/')}/state", str(plain(Decimal(str(litres)))).encode()


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    """Write the unit before the state: whoever listens only now has not heard it."""
    return [encode_unit(device), *(encode(device, at, litres) for at, litres in said)]


def _alive(device: str, at: datetime) -> tuple[str, bytes]:  # noqa: ARG001  the time is another message
    return f"homeassistant/{device.replace('.', '/')}/state", b"unavailable"


def encode_unit(device: str) -> tuple[str, bytes]:
    """Write the attribute that says that the state of `device` is in litres.

    Returns
    -------
    topic, payload
    """
    return f"homeassistant/{device.replace('.', '/')}/unit_of_measurement", json.dumps("L").encode()


FORMAT = Format(
    name="ha_statestream",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("homeassistant/#",),
    played=Played(
        named=lambda home: f"sensor.water_meter_{home:06d}", only_so=True, timed=False, alive=_alive, write=_write
    ),
    samples=(
        Sample(
            source="home-assistant/home-assistant.io: source/_integrations/mqtt_statestream.markdown, found at subscribing",
            topic="homeassistant/light/master_bedroom_dimmer/state",
            payload=b"on",
            readings=(
                Reading(
                    "light.master_bedroom_dimmer",
                    "switch",
                    True,
                    "bool",
                    None,
                    ("meaning_unknown", "retained", "time_missing"),
                ),
            ),
            retain=True,
        ),
        Sample(
            source="home-assistant/core: mqtt_statestream, a water meter whose unit did not come yet",
            topic="homeassistant/sensor/water_meter_total/state",
            payload=b"82.184",
            readings=(
                Reading(
                    "sensor.water_meter_total",
                    WATER_VOLUME_TOTAL,
                    None,
                    "L",
                    None,
                    ("unit_unknown", "time_missing"),
                    {"raw": 82.184},
                ),
            ),
        ),
        Sample(
            source="broken: a discovery message that was cut off",
            topic="homeassistant/sensor/water/total/config",
            payload=b'{"state_topic":',
            rejected="want JSON",
        ),
    ),
)
