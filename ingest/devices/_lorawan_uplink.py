"""What one LoRaWAN uplink says, from all that came with it: words of the network, bytes, the operator's keys.

How this works.  Four may speak of the same thing and the first one is believed: the network's own vocabulary (The Things
Stack's normalized payload), the bytes where a maker's module knows them, the fields that the configuration explains
(`ingest.key_map`), and, where nobody knows the bytes, the fields by their names (`_lorawan_fields`).  What one of them does
not say is taken from the next.  In one case bytes come first: a state.  They are the device's own words, and some public
normalizers write "leak" for a dry sensor.  What lies in the past has its own time and is never a second word for now.
What nobody understands says that the device lives, and nothing of the person.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence

from ingest import key_map
from ingest.devices import _axioma_w1, _dragino, _lorawan_fields, _milesight, _netvox, _quandify
from ingest.devices._lorawan import Found, Uplink, alive
from ingest.strict_json import show

MAKERS = (_axioma_w1.read, _milesight.read, _netvox.read, _quandify.read, _dragino.read)


def read(uplink: Uplink, normalized: Sequence[Found] = ()) -> list[Found]:
    """Return what `uplink` says.

    Parameters
    ----------
    uplink : Uplink
        Its `complaints` get what could not be read.
    normalized : sequence of Found, optional
        What the network says in its own vocabulary.

    Returns
    -------
    list of Found
        Never empty: `available` at least.
    """
    known = next(filter(None, (maker(uplink) for maker in MAKERS)), [])
    mapped = key_map.read(uplink.meanings, uplink.fields)
    uplink.complaints.extend(mapped.complaints)
    said = [one for one in normalized if not _denied(one, known)]
    said += _unsaid(known, said)
    said += _unsaid((Found(*one) for one in mapped.values), said)
    if not known:
        said += _unsaid(_lorawan_fields.read(uplink), said)
    return _once(said) or [alive("raw_payload") if uplink.data and not uplink.fields else alive()]


def _denied(one: Found, known: Iterable[Found]) -> bool:
    """Tell whether the bytes say the opposite of a state."""
    same = (other.value for other in known if other.quantity == one.quantity and "history" not in other.flags)
    return isinstance(one.value, bool) and any(value is (not one.value) for value in same)


def _unsaid(more: Iterable[Found], said: Iterable[Found]) -> list[Found]:
    """Return what nobody has said yet; whoever only says that the device lives adds nothing but its alarms."""
    quantities = {one.quantity for one in said if "history" not in one.flags}
    return [one for one in more if "history" in one.flags or one.quantity not in quantities]


def _once(said: list[Found]) -> list[Found]:
    """Return each state of now once: two probes of one device that differ are wet, open or moving."""
    kept: list[Found] = []
    places: dict[object, int] = {}  # of what is a state: a message may hold thousands
    for one in said:
        state = isinstance(one.value, bool)
        key = (one.quantity, one.time, one.extra.get("channel"))
        twin = places.get(key) if state and one.unit == "bool" else None
        if twin is None:
            places |= {key: len(kept)} if state and key not in places else {}
            kept.append(one)
        elif one.value:
            kept[twin] = one
    return kept


def frame(port: object, text: object, names: tuple[str, str], complaints: list[str]) -> tuple[int, bytes]:
    """Return the port and the bytes of an uplink; a network server's `names` for both stand in the complaints."""
    data = b""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        wrong = not isinstance(text, str)
    except (binascii.Error, ValueError):
        wrong = True
    if wrong:
        complaints.append(f"{names[1]}: want base64, got {show(text)}")
    if isinstance(port, int) and not isinstance(port, bool):
        return port, data
    complaints.append(f"{names[0]}: want a whole number, got {show(port)}")
    return 0, data
