"""Components of a Shelly of the second generation and later: what each says of itself, whole or in part.

Source: Shelly's API documentation of the second generation (``ComponentsAndServices``: Flood, Smoke, Input, Switch,
Temperature, Humidity, DevicePower, PresenceZone, Sys, and the virtual components); home-assistant/core
``homeassistant/components/shelly`` (the virtual components of the water valve); ioBroker.shelly issue #1322.

How this works.  A component is ``type:id``.  Only keys that changed are sent, so each key stands for itself and a key that
is missing says nothing; null is a key that went away.  Virtual components (``number:200``) mean what their maker chose:
they are read for the water valve that is known, and for others as the configuration says (`ingest.key_map`).
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from ingest.devices._lorawan import Found, alive, battery
from ingest.measures import plain
from ingest.readings import WATER_VOLUME_TOTAL
from ingest.texts import number

_VALVES = ("watervalve", "neovalve")
"""In the names of devices whose ``number:200`` is the flow [m³/min, 0.075 at most], ``number:202`` the water's temperature,
``boolean:200`` the valve and ``object:200`` the register [m³]."""
_OTHER_VALVES = "frankever"
"""Their ``number:200`` is how far they are open."""
_MOST_FLOW = Decimal("0.2")
_PER_HOUR = 60_000
_YOUNG_S = 300
"""Up for less than this, a device that was switched on has just started. [s]"""

Component = Mapping[str, object]


def read(name: str, component: Component, device: str) -> list[Found]:
    """Return what `component` says under `name` (``flood:0``), nothing if it is none of our business."""
    lowered = device.lower()
    if name in _VIRTUAL and any(valve in lowered for valve in _VALVES) and _OTHER_VALVES not in lowered:
        return list(_VIRTUAL[name](component))
    reader = _KINDS.get(name.partition(":")[0])
    return list(reader(component, name)) if reader else []


def _flood(component: Component, name: str) -> Iterator[Found]:  # noqa: ARG001  every kind has the same signature
    errors = component.get("errors")
    fault = ("sensor_fault",) if isinstance(errors, list) and errors else ()
    if isinstance(component.get("alarm"), bool):
        yield Found("water_leak", component["alarm"] is True, "bool", fault)
    elif fault:
        yield alive(*fault)


def _smoke(component: Component, name: str) -> Iterator[Found]:  # noqa: ARG001
    if isinstance(component.get("alarm"), bool):
        yield Found("smoke", component["alarm"] is True, "bool")


def _presence(component: Component, name: str) -> Iterator[Found]:  # noqa: ARG001
    value = component.get("value", component.get("state"))
    if isinstance(value, bool):
        yield Found("presence", value, "bool")


def _switch(component: Component, name: str) -> Iterator[Found]:
    if isinstance(component.get("output"), bool):
        yield Found("switch", component["output"] is True, "bool", (), {"channel": name})


def _input(component: Component, name: str) -> Iterator[Found]:
    """Read what hangs on a wire: a contact of which nobody says what it is, or a counter of pulses."""
    if isinstance(component.get("state"), bool):
        yield Found("switch", component["state"] is True, "bool", ("meaning_unknown",), {"channel": name})
    counts = component.get("counts")
    total = number(counts.get("total")) if isinstance(counts, dict) else None
    if total is not None and 0 <= total < 10**12 and total == int(total):
        reset = () if total else ("counter_reset_possible",)
        yield Found("pulse_count_total", int(total), "count", ("pulse_factor_unknown", *reset))


def _unknown(component: Component, name: str) -> Iterator[Found]:
    if isinstance(component.get("value"), bool):
        yield Found("switch", component["value"] is True, "bool", ("meaning_unknown",), {"channel": name})


def _temperature(component: Component, name: str) -> Iterator[Found]:
    celsius, fahrenheit = number(component.get("tC")), number(component.get("tF"))
    if celsius is None and fahrenheit is not None:
        celsius = (fahrenheit - 32) * 5 / 9
    if celsius is not None and -60 <= celsius <= 100:
        yield Found("temperature", plain(celsius), "Cel", (), _further(name))


def _humidity(component: Component, name: str) -> Iterator[Found]:
    percent = number(component.get("rh"))
    if percent is not None and 0 <= percent <= 100:
        yield Found("humidity", plain(percent), "%RH", (), _further(name))


def _further(name: str) -> Mapping[str, str]:
    return {} if name.endswith(":0") else {"channel": name}


def _power(component: Component, name: str) -> Iterator[Found]:  # noqa: ARG001
    charge = component.get("battery")
    if not isinstance(charge, dict):
        return
    percent, volts = number(charge.get("percent")), number(charge.get("V"))
    yield from battery(plain(percent)) if percent is not None else ()
    if volts is not None and Decimal("0.5") <= volts <= 20:
        yield Found("battery_voltage", plain(volts), "V")


def _system(component: Component, name: str) -> Iterator[Found]:  # noqa: ARG001
    """Read the heartbeat; addresses and firmware are left out."""
    uptime, reason = number(component.get("uptime")), component.get("wakeup_reason")
    slept = isinstance(reason, dict) and reason.get("boot") == "deepsleep_wake"
    young = uptime is not None and 0 <= uptime < _YOUNG_S and not slept
    yield alive("device_restart") if young else alive()


def _flow(component: Component) -> Iterator[Found]:
    value = number(component.get("value"))
    if value is not None and 0 <= value <= _MOST_FLOW:
        yield Found("water_flow", plain(value * _PER_HOUR), "L/h")


def _water(component: Component) -> Iterator[Found]:
    celsius = number(component.get("value"))
    if celsius is not None and -25 <= celsius <= 80:
        yield Found("temperature", plain(celsius), "Cel", (), {"channel": "water"})


def _valve(component: Component) -> Iterator[Found]:
    if isinstance(component.get("value"), bool):
        yield Found("valve_open", component["value"] is True, "bool")


def _register(component: Component) -> Iterator[Found]:
    value = component.get("value")
    counter = value.get("counter") if isinstance(value, dict) else None
    total = number(counter.get("total")) if isinstance(counter, dict) else None
    if total is not None and 0 <= total < 10**7:
        yield Found(WATER_VOLUME_TOTAL, plain(total * 1000), "L")


_KINDS: dict[str, Callable[[Component, str], Iterator[Found]]] = {
    "flood": _flood,
    "smoke": _smoke,
    "presencezone": _presence,
    "switch": _switch,
    "input": _input,
    "temperature": _temperature,
    "humidity": _humidity,
    "devicepower": _power,
    "sys": _system,
    "boolean": _unknown,
    "bthomesensor": _unknown,  # a Bluetooth door or motion that is heard: only its configuration says which
}
_VIRTUAL: dict[str, Callable[[Component], Iterator[Found]]] = {
    "number:200": _flow,
    "number:202": _water,
    "boolean:200": _valve,
    "object:200": _register,
}
