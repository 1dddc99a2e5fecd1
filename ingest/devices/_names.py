"""What the names and classes of home-built sensors mean: ESPHome's object ids, Home Assistant's entities.

Source: home-assistant.io ``source/_integrations/{sensor,binary_sensor}.markdown`` (device classes); names of water meters in
public ESPHome configurations, in the languages in which they are found.

How this works.  A device class decides where there is one.  Without one the words of the name do, and only those that leave
no doubt: a count since midnight, a price or a pressure of water is no register, however much "water" its name has.
"""

import re

from ingest.devices._units import unit
from ingest.readings import WATER_VOLUME_TOTAL

_CLASSES = {
    "volume_flow_rate": "water_flow",
    "temperature": "temperature",
    "humidity": "humidity",
    "battery": "battery",
}
_BINARY = {
    "door": "contact_open",
    "window": "contact_open",
    "garage_door": "contact_open",
    "opening": "contact_open",
    "motion": "motion",
    "moving": "motion",
    "occupancy": "occupancy",
    "presence": "presence",
    "moisture": "water_leak",
    "smoke": "smoke",
    "vibration": "vibration",
    "connectivity": "available",
}
_WATER = re.compile(
    r"water|wasser|hydro|shui ?biao|\b(?:eau|agua|acqua|aqua|woda|wody|vatten|vand|vann|vesi|voda|vody|su|水)\b"
)
_FLOW = re.compile(
    r"flow|\brate\b|durchfluss|d[eé]bit|caudal|portata|przeplyw|\bl ?(?:per )?(?:min|h)\b|per min|lpm|gpm"
)
_PERIOD = re.compile(
    r"today|yesterday|dai?ly|\bday\b|week|month|year|annual|hour|\blast\b|previous|session|current|\bheute\b|gestern|\btag\b"
    r"|tages|woche|monat|jahr|stunde|\bjour\b|jour$|mois|semaine|\bdia\b|diario|cycle|since|\bper\b|delta|interval|partial"
)
_NOT_WATER = re.compile(
    r"heater|heating|boiler|price|cost|tarif|rssi|signal|uptime|level|quality|pressure|hardness|\bph\b|tds|duration|runtime"
    r"|energy|power|\bgas\b|rain|pool|tank|softener|leak|alarm|time\b|date|offset|initial|calibrat|setpoint|target|status"
    r"|version|temp|humid|batter|pulse|impuls|index_digit|limit|threshold|factor|valve|pump"
)
_TOTAL = re.compile(
    r"total|meter|count|register|reading|index|z[aä]e?hl|\buhr\b|wasseruhr|stand|compteur|contador|contatore|contator|volume"
    r"|\bm3\b|\bm³|lit(?:er|re)|\bl$|gallon|main|cumul|usage total|licznik|gesamt|totaal|celk[eo]|ca[lł]kowit|biao|m[aä]tare"
)
_BINARY_WORDS = (
    ("sos", re.compile(r"\bsos\b|panic|emergency|notruf|help button")),
    ("water_leak", re.compile(r"leak|flood|moisture|\bwet\b|leck|fuite")),
    ("smoke", re.compile(r"smoke|rauch|fum[eé]e")),
    ("vibration", re.compile(r"vibration")),
    ("presence", re.compile(r"presence|mmwave|radar|still target|anwesen|pr[aä]senz")),
    ("occupancy", re.compile(r"occupancy|occupied")),
    ("motion", re.compile(r"motion|\bpir\b|movement|bewegung|mouvement")),
    ("contact_open", re.compile(r"door|window|contact|\breed\b|t[uü]e?r\b|fenster|porte\b|fen[eê]tre")),
)
_NOT_BINARY = re.compile(
    r"batter|tamper|problem|lock|update|enabled|timeout|status led|fault|valid|alarm armed|bell|outdoor|indoor|light"
)


def words(identifier: str) -> str:
    """Return a name as small words: ``Water_Total`` and ``water-total`` are "water total"."""
    return re.sub(r"[\W_]+", " ", identifier).strip().lower()


def measured(
    identifier: str, device_class: str = "", unit_of_measurement: str = "", state_class: str = ""
) -> str | None:
    """Return the quantity of a sensor with a number, None when it is none of ours, or nobody can tell.

    Parameters
    ----------
    identifier : str
        Its name.
    device_class, unit_of_measurement, state_class : str
        What is known of it, empty where nothing is.
    """
    said = words(identifier)
    known = unit(unit_of_measurement) if unit_of_measurement else None
    ours = known.ours if known else ""
    wet = bool(_WATER.search(said)) and not _NOT_WATER.search(said)
    if device_class == "voltage":
        return "battery_voltage" if "batter" in said else None
    if device_class == "water" or (device_class == "volume" and wet):
        if ours == "L/h":
            return "water_flow"
        grows = state_class.lower() in ("", "total", "total_increasing") and not _PERIOD.search(said)
        return WATER_VOLUME_TOTAL if grows else None
    if device_class:
        return _CLASSES.get(device_class)
    if ours == "L/h" and not re.search(r"\bgas\b|\bair\b|fan", said):
        return "water_flow"
    return _by_name(said, ours, wet=wet)


def _by_name(said: str, ours: str, *, wet: bool) -> str | None:
    if wet and ours in ("", "L", "L/h"):
        if _FLOW.search(said) or ours == "L/h":
            return "water_flow" if ours != "L" else None
        return WATER_VOLUME_TOTAL if _register(said, ours) else None
    if (
        re.search(r"temperatur|\btemp\b|temp[eé]rature", said)
        and ours in ("", "Cel")
        and not re.search("cpu|chip|core|esp", said)
    ):
        return "temperature"
    if re.search(r"humidity|feuchte|humidit[eé]", said) and ours in ("", "%"):
        return "humidity"
    if "batter" in said:
        return "battery_voltage" if ours == "V" or "volt" in said else "battery" if ours in ("", "%") else None
    pulses = re.search(r"puls|impuls", said) and re.search(r"total|count|zaehl", said)
    return "pulse_count_total" if pulses and _WATER.search(said) and not _PERIOD.search(said) else None


def _register(said: str, ours: str) -> bool:
    if _PERIOD.search(said):
        return False
    return ours == "L" or _TOTAL.search(said) is not None or _WATER.fullmatch(said) is not None


def switched(identifier: str, device_class: str = "") -> str | None:
    """Return the quantity of a sensor that is on or off, None when it is none of ours, or nobody can tell."""
    if device_class:
        return _BINARY.get(device_class)
    said = words(identifier)
    if _NOT_BINARY.search(said):
        return None
    return next((quantity for quantity, pattern in _BINARY_WORDS if pattern.search(said)), None)


def named_unit(identifier: str) -> str:
    """Return the unit of a volume that a name says: ``water_total_liters``; empty: it says none."""
    said = words(identifier)
    for word, pattern in (
        ("L", r"\blit(?:er|re)s?\b|\bl$"),
        ("m³", r"\bm3\b|\bm³|cubic"),
        ("gal", r"\bgal(?:lons?)?\b"),
    ):
        if re.search(pattern, said):
            return word
    return ""
