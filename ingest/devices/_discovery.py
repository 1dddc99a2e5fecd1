"""What Home Assistant discovery messages say of other messages: the unit, the class, whether a number only grows.

Source: home-assistant.io ``source/_integrations/mqtt.markdown`` (topics, the base topic ``~``, short keys, messages of a whole
device); esphome/esphome ``mqtt_component.cpp`` and jomjol/AI-on-the-edge-device ``server_mqtt.cpp``, which send short keys.

How this works.  A retained message on ``<prefix>/<component>/[<node>/]<object>/config`` names a state topic; what it says is
remembered under that topic and the place in its payload.  Nothing is executed: a ``value_template`` is believed where it is a
plain path, perhaps times or through a constant (``{{ value_json.volume | float / 1000 }}``); behind any other template the
unit would be that of another number, so nothing is learnt.  Whoever may publish discovery messages may say units: a unit in
the registry is stronger than these.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from ingest.device_memory import DeviceMemory
from ingest.strict_json import parse_object

COMPONENTS = (
    "sensor|binary_sensor|switch|device|light|fan|cover|valve|climate|number|select|button|lock|event|text|update|siren"
    "|humidifier|water_heater|vacuum|camera|image|scene|tag|device_automation|device_tracker|alarm_control_panel|lawn_mower"
)
CONFIG = re.compile(rf"(?:.+/)?({COMPONENTS})/(?:[^/]+/){{0,4}}[^/]+/config", re.DOTALL)
_TEMPLATE = re.compile(
    r"\{\{-?\s*value(?:_json)?((?:\.[A-Za-z_]\w{0,63}|\[(?:'[^']{1,64}'|\"[^\"]{1,64}\"|\d{1,3})\]){0,6})\s*"
    r"(?:\|\s*(?:float|int|is_defined)(?:\(\s*[\w.]*\s*\))?\s*)*"
    r"(?:([*/])\s*(\d{1,6}(?:\.\d{1,6})?)\s*)?(?:\|\s*(?:round|float|int)(?:\(\s*[\w.]*\s*\))?\s*)*-?\}\}"
)
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(?:'([^']+)'|\"([^\"]+)\"|(\d+))\]")
_SHORT = {
    "stat_t": "state_topic",
    "unit_of_meas": "unit_of_measurement",
    "dev_cla": "device_class",
    "stat_cla": "state_class",
    "val_tpl": "value_template",
    "cmps": "components",
    "p": "platform",
}
_MOST_ENTITIES = 200
_MOST_TEXT, _MOST_TEMPLATE, _MOST_TOPIC = 64, 300, 256


class Meaning(NamedTuple):
    """What is known of a value: texts as they came, empty where nothing was said; the value times `factor` is in `unit`."""

    unit: str = ""
    device_class: str = ""
    state_class: str = ""
    factor: Decimal = Decimal(1)


NOTHING = Meaning()


def learn(payload: bytes, memory: DeviceMemory) -> None:
    """Tell `memory` what a discovery message says; an empty one takes an entity away and says nothing.

    Raises
    ------
    Unreadable
        Not JSON.
    """
    if not payload.strip():
        return
    for entity in _entities(parse_object(payload)):
        topic, template = entity.get("state_topic"), entity.get("value_template", "{{ value }}")
        template = template.strip() if isinstance(template, str) else ""
        found = _TEMPLATE.fullmatch(template) if len(template) <= _MOST_TEMPLATE else None
        if not isinstance(topic, str) or not 0 < len(topic) <= _MOST_TOPIC or found is None:
            continue
        unit, device_class = _text(entity.get("unit_of_measurement")), _text(entity.get("device_class"))
        said = Meaning(unit, device_class, _text(entity.get("state_class")))
        constant = Decimal(found[3] or 1)
        if any(said[:3]) and constant:
            factor = constant if found[2] == "*" else 1 / constant
            note(memory, topic, _path(found[1]), said._replace(factor=factor))


def note(memory: DeviceMemory, topic: str, path: str, meaning: Meaning) -> None:
    """Remember what a value means: on which topic, at which place (a JSON pointer) of its payload."""
    memory.note(f"topic:{topic}", f"meaning:{path}", "\n".join((*meaning[:3], str(meaning.factor))))


def meaning(memory: DeviceMemory, topic: str, path: str = "") -> Meaning:
    """Return what is known of a value, `NOTHING` if that is so."""
    fact = memory.fact(f"topic:{topic}", f"meaning:{path}")
    if not isinstance(fact, str):
        return NOTHING
    unit, device_class, state_class, factor = fact.split("\n")
    try:
        return Meaning(unit, device_class, state_class, Decimal(factor))
    except InvalidOperation:
        return NOTHING


def _entities(message: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Return each entity that a message describes: itself, or the components of a device with what they share."""
    whole = _long(message)
    components = whole.get("components")
    if not isinstance(components, dict):
        yield whole
        return
    for component in list(components.values())[:_MOST_ENTITIES]:
        if isinstance(component, dict):
            base = {key: value for key, value in whole.items() if key in ("~", "state_topic")}
            yield _long({**base, **component})


def _long(message: Mapping[str, object]) -> dict[str, object]:
    """Return `message` with long keys and its base topic written out."""
    entity = {_SHORT.get(key, key): value for key, value in message.items()}
    base, topic = entity.get("~"), entity.get("state_topic")
    if isinstance(base, str) and isinstance(topic, str):
        if topic.startswith("~"):
            topic = base + topic[1:]
        elif topic.endswith("~"):
            topic = topic[:-1] + base
        entity["state_topic"] = topic
    return entity


def _text(said: object) -> str:
    return said[:_MOST_TEXT].replace("\n", " ") if isinstance(said, str) else ""


def _path(steps: str) -> str:
    """Return a template's path as a JSON pointer."""
    names = ("".join(found) for found in _STEP.findall(steps))
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
