"""Units as people and programs write them, and what makes them ours.

Source: Home Assistant's units of device classes ``water``, ``volume_flow_rate`` and ``temperature`` (home-assistant.io
``source/_integrations/sensor.markdown``); rscada/libmbus, which prints a power before the unit ("Volume (m m^3)" is litres).
A gallon is the US gallon; CCF and MCF are a hundred and a thousand cubic feet.
"""

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from ingest.measures import FACTORS, plain
from ingest.strict_json import Number

_VOLUMES: dict[str, Decimal] = {
    "l": Decimal(1),
    "liter": Decimal(1),
    "litre": Decimal(1),
    "ltr": Decimal(1),
    "ml": Decimal("0.001"),
    "hl": Decimal(100),
    "m3": Decimal(1000),
    "cbm": Decimal(1000),
    "kl": Decimal(1000),
    "cubicmeter": Decimal(1000),
    "cubicmetre": Decimal(1000),
    "gal": FACTORS["gal_us"][1],
    "gallon": FACTORS["gal_us"][1],
    "usgal": FACTORS["gal_us"][1],
    "gal_us": FACTORS["gal_us"][1],
    "floz": FACTORS["gal_us"][1] / 128,
    "ft3": FACTORS["ft3"][1],
    "cf": FACTORS["ft3"][1],
    "cubicfeet": FACTORS["ft3"][1],
    "ccf": FACTORS["ft3"][1] * 100,
    "mcf": FACTORS["ft3"][1] * 1000,
}
"""Unit in small letters -> litres."""
_PER_HOUR = {"h": 1, "hr": 1, "hour": 1, "min": 60, "minute": 60, "s": 3600, "sec": 3600, "second": 3600}
_SHORT = {"lpm": "l/min", "lph": "l/h", "gpm": "gal/min", "gph": "gal/h", "cfm": "ft3/min", "cms": "m3/s"}
_OTHERS: dict[str, tuple[str, Decimal, Decimal]] = {
    "°c": ("Cel", Decimal(1), Decimal(0)),
    "c": ("Cel", Decimal(1), Decimal(0)),
    "cel": ("Cel", Decimal(1), Decimal(0)),
    "°f": ("Cel", Decimal(5) / 9, Decimal(-160) / 9),
    "f": ("Cel", Decimal(5) / 9, Decimal(-160) / 9),
    "k": ("Cel", Decimal(1), Decimal("-273.15")),
    "%": ("%", Decimal(1), Decimal(0)),
    "%rh": ("%", Decimal(1), Decimal(0)),
    "v": ("V", Decimal(1), Decimal(0)),
    "mv": ("V", Decimal("0.001"), Decimal(0)),
    "count": ("count", Decimal(1), Decimal(0)),
    "pulses": ("count", Decimal(1), Decimal(0)),
}
_POWERS = {"my": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(1000), "": Decimal(1)}
_M_BUS = re.compile(r"(?:.*\()?(my|m|k|1e-?\d|10{0,4})? *m\^3(?: */ *(h|min|s))?\)?", re.ASCII)


class Unit(NamedTuple):
    """Our unit, and how to come to it: times `factor`, plus `offset`."""

    ours: str
    factor: Decimal
    offset: Decimal = Decimal(0)


@lru_cache(maxsize=1024)
def unit(said: str) -> Unit | None:
    """Return what `said` means, None when it is no unit that is known here."""
    m_bus = _M_BUS.fullmatch(said.strip())
    if m_bus:
        power = m_bus[1] or ""
        factor = 1000 * (_POWERS[power] if power in _POWERS else Decimal(power))
        return Unit("L/h", factor * _PER_HOUR[m_bus[2]]) if m_bus[2] else Unit("L", factor)
    word = said.casefold().replace("³", "3").replace("^3", "3").replace("℃", "°c").replace("℉", "°f")
    word = re.sub(r"[\s.]+", "", word)
    word = _SHORT.get(word, word).replace("per", "/")
    volume, per, time = word.partition("/")
    litres = _VOLUMES.get(volume) or _VOLUMES.get(volume.removesuffix("s"))
    if litres is not None:
        if not per:
            return Unit("L", litres)
        if time in ("d", "day"):
            return Unit("L/h", litres / 24)
        return Unit("L/h", litres * _PER_HOUR[time]) if time in _PER_HOUR else None
    return Unit(*_OTHERS[word]) if word in _OTHERS else None


def convert(number: Number, known: Unit) -> int | float:
    """Return `number` in our unit: whole values as int, others rounded to three decimals."""
    return plain(Decimal(number) * known.factor + known.offset)
