"""Proof that a meter hangs where the registry says: somebody opened a tap there, and this meter told of the water."""

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection, select

from alerts import audit
from alerts.schema import audit as chain

KIND = "device"
MOST_ID = 80
AT_A_TIME = 1_000
"""Devices that one query names."""


class Confirmed(NamedTuple):
    """When and by whom a meter was found to be this home's."""

    at: datetime
    by: str
    household: str


def asked(conn: Connection, device: str, household: str, by: str, now: datetime) -> None:
    """Note that somebody is asked to open a tap now."""
    audit.append(conn, now, KIND, by, about(device), did="tap_asked", household=household)


def confirm(conn: Connection, device: str, household: str, litres: float, by: str, now: datetime) -> None:
    """Note that a tap was opened in the home and the meter told of so many litres."""
    audit.append(conn, now, KIND, by, about(device), did="confirmed", household=household, litres=round(litres, 3))


def proofs(conn: Connection, devices: Sequence[str]) -> dict[tuple[str, str], datetime]:
    """Return when each of `devices` was last proved to be a home's, by device and household."""
    named = {about(device): device for device in devices}
    found: dict[tuple[str, str], datetime] = {}
    keys = list(named)
    for first in range(0, len(keys), AT_A_TIME):
        mine = chain.c.kind == KIND, chain.c.about.in_(keys[first : first + AT_A_TIME])
        for row in conn.execute(select(chain.c.about, chain.c.at, chain.c.data).where(*mine).order_by(chain.c.n)):
            data = json.loads(row.data)
            if data.get("did") == "confirmed":
                found[named[row.about], data["household"]] = row.at
    return found


def confirmed(conn: Connection, device: str) -> Confirmed | None:
    """Return the newest proof about a device, None: there is none."""
    said = select(chain).where(chain.c.kind == KIND, chain.c.about == about(device)).order_by(chain.c.n.desc())
    for row in conn.execute(said):
        data = json.loads(row.data)
        if data.get("did") == "confirmed":
            return Confirmed(row.at, row.actor, data["household"])
    return None


def about(device: str) -> str:
    """Return what the chain calls a device: by its id, or by a digest of one that is too long for it."""
    return f"device:{device}" if len(device) <= MOST_ID else f"device:sha256-{sha256(device.encode()).hexdigest()}"
