"""Events of ChirpStack v3 (until 2022, and still in many a cellar) in the shape of v4.

Source: brocaar/chirpstack-docs (release 3) ``content/application-server/integrations/events.md`` and ``…/mqtt.md``.

How this works.  v3 has three spellings of the same: its protobuf rules (``devEUI`` in base64, the codec's object as a text in
``objectJSON``), ``json_v3`` (``devEUI`` in hex, ``object``), and topics without ``event/`` (``…/device/{devEUI}/rx``).  Names stand
beside each other and not in ``deviceInfo``; the server's own moment is ``publishedAt``, else a gateway's is taken, which is
often null.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping

from ingest.errors import Unreadable
from ingest.strict_json import parse, show

KINDS = {"rx": "up", "join": "join", "status": "status"}
"""Last level of an old topic -> event."""
_MOST_GATEWAYS = 50


def is_v3(fields: Mapping[str, object]) -> bool:
    """Tell whether an event is one of v3."""
    return "deviceInfo" not in fields and ("devEUI" in fields or "applicationID" in fields)


def as_v4(fields: Mapping[str, object]) -> dict[str, object]:
    """Return an event of v3 under the names of v4.

    Raises
    ------
    Unreadable
        The codec's object is a text that is no JSON.
    """
    info = {"devEui": _eui(fields.get("devEUI"))} | {
        name: fields[name] for name in ("deviceProfileName", "deviceName") if name in fields
    }
    said = {key: value for key, value in fields.items() if value is not None}
    if info["devEui"] is None:
        del info["devEui"]
    text = fields.get("objectJSON")
    if isinstance(text, str) and text.strip():
        said["object"] = parse(text.encode("utf-8", "replace"))
        if not isinstance(said["object"], dict):
            raise Unreadable(f"objectJSON: want an object, got {show(said['object'])}")
    if "time" not in said and (time := next(_times(fields), None)) is not None:
        said["time"] = time
    return {**said, "deviceInfo": info}


def _eui(said: object) -> object:
    """Return an EUI in hex; eight bytes in base64 have twelve letters."""
    if not isinstance(said, str) or len(said) != 12:
        return said
    try:
        return base64.b64decode(said, validate=True).hex()
    except binascii.Error:
        return said


def _times(fields: Mapping[str, object]) -> Iterator[object]:
    """Yield what an event says of its time, the server's own first."""
    gateways = fields.get("rxInfo")
    said = [fields.get("publishedAt")]
    said += [
        one.get("time")
        for one in (gateways[:_MOST_GATEWAYS] if isinstance(gateways, list) else [])
        if isinstance(one, dict)
    ]
    return (one for one in said if one not in (None, ""))
