"""Application first: nobody is watched who did not ask to be, or whose wish nobody has confirmed.

::

    applied ──accept──► consented ──fit──► fitted ──a tap was opened, the meter told──► verified ──► covered
       └───decline(reason)──► declined

Each step is one tap of the operator's and needs what stands in `Step.lacks` to be empty.  Accepting creates household,
resident, contact and consents out of what was filled in: nothing is typed twice.  Whoever applies for somebody else says
what that person wants; it counts as consent only with the evidence that the operator writes down.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, func, insert, or_, select, update

from alerts import audit, channels, consent, registry
from alerts.errors import BadApplication
from alerts.policy import Policy
from alerts.registry.agreed import PURPOSES
from alerts.registry.changes import bump
from alerts.registry.sheets import Wanted, phone
from alerts.schema import applications, areas, contacts, devices, households, residents

By = Literal["resident", "relative", "worker"]
BY: tuple[By, ...] = ("resident", "relative", "worker")
STATES = ("applied", "consented", "fitted", "verified", "covered", "declined")
REASONS = ("not_here", "not_wanted", "no_meter", "duplicate", "other")
"""Why an application is declined."""
MOST_AN_HOUR = 60
"""Applications that are taken within an hour, whoever sends them."""
TEST_FOR = timedelta(minutes=30)
"""How long after "open a tap now" water counts as that tap."""
LENGTHS = {"name": 60, "building": 100, "riser": 20, "floor": 20, "door": 40, "contact_name": 60, "contact_email": 200}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True)
class Said:
    """What a form said, checked: `wants` are purposes, `area` the community that was chosen."""

    by: By
    name: str
    phone: str
    area: str
    building: str
    door: str
    riser: str = ""
    floor: str = ""
    contact_name: str = ""
    contact_phone: str = ""
    contact_email: str = ""
    wants: tuple[str, ...] = ()

    def row(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {name: getattr(self, name) for name in self.__slots__} | {"wants": list(self.wants)}


def read(form: Mapping[str, str], wants: tuple[str, ...], known: frozenset[str]) -> tuple[Said | None, tuple[str, ...]]:
    """Return what a form says, or which fields are wrong.

    Parameters
    ----------
    form : mapping
        Field to what was typed.
    wants : tuple of str
        The purposes that were ticked.
    known : frozenset of str
        Ids of the areas that can be chosen.
    """
    given = {name: form.get(name, "").strip() for name in Said.__slots__ if name != "wants"}
    wrong = [name for name in ("name", "building", "door") if not given[name]]
    wrong += [name for name, most in LENGTHS.items() if len(given[name]) > most or not given[name].isprintable()]
    wrong += [name for name in ("phone", "contact_phone") if given[name] and not _is_phone(given[name])]
    if not given["phone"]:
        wrong.append("phone")
    if given["contact_email"] and not _EMAIL.fullmatch(given["contact_email"]):
        wrong.append("contact_email")
    if given["area"] not in known:
        wrong.append("area")
    if given["by"] not in BY:
        wrong.append("by")
    if "monitor" not in wants or not set(wants) <= set(PURPOSES):
        wrong.append("wants")
    if "relative" in wants and not (given["contact_name"] and (given["contact_phone"] or given["contact_email"])):
        wrong.append("contact_name")
    if wrong:
        return None, tuple(dict.fromkeys(wrong))
    return Said(**given, wants=tuple(p for p in PURPOSES if p in wants)), ()  # type: ignore[arg-type]


def _is_phone(text: str) -> bool:
    try:
        phone(text)
    except Wanted:
        return False
    return True


def apply(conn: Connection, said: Said, name: str, now: datetime) -> bool:
    """Take an application under the id `name`; the same one twice is one.  False: too many within an hour."""
    a = applications.c
    if conn.execute(select(a.id).where(a.id == name)).first() is not None:
        return True
    recent = select(func.count()).where(a.created_at > now - timedelta(hours=1))
    if (conn.scalar(recent) or 0) >= MOST_AN_HOUR:
        return False
    values = {"id": name, "created_at": now, "state": "applied", "by": said.by, "said": said.row(), "changed_at": now}
    conn.execute(insert(applications).values(**values))
    audit.append(conn, now, "application", "public", f"application:{name}", state="applied", by=said.by)
    return True


# --- the operator's steps --------------------------------------------------------------------------------------------


def decline(conn: Connection, name: str, reason: str, by: str, now: datetime) -> None:
    """Decline an application; what was filled in is emptied, since nobody needs it any more.

    Raises
    ------
    BadApplication
        It is not one that waits, or there is no such reason.
    """
    _in_state(conn, name, "applied")
    if reason not in REASONS:
        raise BadApplication(f"want a reason of {', '.join(REASONS)}, got {reason!r}")
    _move(conn, name, "declined", by, now, reason=reason, said={})


def accept(
    conn: Connection, name: str, area: str, zone: ZoneInfo, by: str, now: datetime, policy: Policy, evidence: str = ""
) -> str:
    """Create household, resident, contact and consents of an application; return the resident's id.

    Parameters
    ----------
    area : str
        The grid in which the home lies.
    zone : ZoneInfo
        In which the household's day is told.
    evidence : str
        Where it can be looked up that the resident agrees; wanted when somebody else applied.

    Raises
    ------
    BadApplication
        It does not wait to be accepted, there is no such area, or the evidence is missing.
    """
    row = _in_state(conn, name, "applied")
    if conn.execute(select(areas.c.id).where(areas.c.id == area)).first() is None:
        raise BadApplication(f"want the id of an area, got {area!r}")
    if row["by"] != "resident" and not evidence.strip():
        raise BadApplication("somebody else applied: want where it can be looked up that the resident agrees")
    said, key = row["said"], secrets.token_hex(5)
    home, person = f"h-{key}", f"r-{key}"
    place = {part: said[part] or None for part in ("riser", "floor")}
    at = {"id": home, "area": area, "building": said["building"], "door": said["door"], "tz": zone.key}
    conn.execute(insert(households).values(**at, **place))
    conn.execute(insert(residents).values(id=person, household=home, name=said["name"], phone=said["phone"]))
    contact = _contact(conn, said, person, f"c-{key}")
    for purpose in said["wants"]:
        to = contact if purpose == "relative" else ""
        if to is None:
            continue
        signed = evidence.strip()[:200] or f"application {name[:12]}"
        consent.give(conn, person, purpose, to, now, policy, by=by, given_by="resident", evidence=signed)
    bump(conn)
    _move(conn, name, "consented", by, now, household=home, resident=person)
    return person


def _contact(conn: Connection, said: Mapping[str, Any], resident: str, name: str) -> str | None:
    """Create the relative of an application; None: none was named, or by no way that this installation has."""
    way = "sms" if said["contact_phone"] and "sms" in channels.CHANNELS else "email" if said["contact_email"] else None
    if not said["contact_name"] or way is None:
        return None
    address = said["contact_phone"] if way == "sms" else said["contact_email"]
    if channels.CHANNELS[way].address_fault(address) is not None:
        return None
    row = {"id": name, "resident": resident, "name": said["contact_name"], "position": 1}
    conn.execute(insert(contacts).values(**row, channel=way, address=address))
    return name


@dataclass(frozen=True, slots=True)
class Fitted:
    """A meter that was put in."""

    device: str
    format: str
    resolution_l: float = 1.0
    period_s: int = 3600


def fit(conn: Connection, name: str, meter: Fitted, formats: Mapping[str, bool], by: str, now: datetime) -> None:
    """Bind a meter to the household of an application.

    Raises
    ------
    BadApplication
        It is not at that step, the format does not exist, or the device belongs to a household now.
    """
    row = _in_state(conn, name, "consented", "fitted")
    if not meter.device.strip() or len(meter.device) > 128 or not meter.device.isprintable():
        raise BadApplication("want the meter's name in its messages, at most 128 signs")
    if meter.format not in formats:
        raise BadApplication(f"want a format of {', '.join(sorted(formats))}, got {meter.format!r}")
    d = devices.c
    held = (d.id == meter.device) | ((d.household == row["household"]) & d.resolution_l.is_not(None))
    if conn.execute(select(d.n).where(held, or_(d.valid_to.is_(None), d.valid_to > now))).first() is not None:
        raise BadApplication("that meter belongs to a household, or this household has one: end that binding first")
    zone = conn.scalar(select(households.c.tz).where(households.c.id == row["household"]))
    values = {
        "id": meter.device,
        "format": meter.format,
        "household": row["household"],
        "valid_from": now,
        "zone": zone,
    }
    conn.execute(insert(devices).values(**values, resolution_l=meter.resolution_l, period_s=meter.period_s))
    bump(conn)
    _move(conn, name, "fitted", by, now)


def ask_for_tap(conn: Connection, name: str, by: str, now: datetime) -> None:
    """Note that somebody is asked to open a tap now.

    Raises
    ------
    BadApplication
        No meter was fitted.
    """
    _in_state(conn, name, "fitted", "verified")
    _move(conn, name, "fitted", by, now, test_at=now)


def verify(conn: Connection, name: str, used_at: datetime | None, by: str, now: datetime) -> None:
    """Count the meter as verified: it told of water since the tap was asked for.

    Raises
    ------
    BadApplication
        Nobody was asked for a tap, or no water was seen since, or only much later.
    """
    row = _in_state(conn, name, "fitted")
    if not seen(row["test_at"], used_at):
        raise BadApplication("no water seen by the meter since the tap was asked for")
    _move(conn, name, "verified", by, now)


def seen(test_at: datetime | None, used_at: datetime | None) -> bool:
    """Whether water was used soon after a tap was asked for."""
    return test_at is not None and used_at is not None and test_at <= used_at <= test_at + TEST_FOR


def cover(conn: Connection, name: str, by: str, now: datetime) -> None:
    """Count the home as covered: verified, agreed to, and somebody is there to go.

    Raises
    ------
    BadApplication
        What is lacking (`lacking`).
    """
    row = _in_state(conn, name, "verified")
    if lacks := lacking(conn, row["household"], now):
        raise BadApplication(f"not covered: {', '.join(lacks)}")
    _move(conn, name, "covered", by, now)


def lacking(conn: Connection, household: str, now: datetime) -> tuple[str, ...]:
    """Return what a household lacks to be covered: ``monitor``, ``community`` (consents), ``shift``."""
    found = [purpose for purpose in ("monitor", "community") if not registry.consented(conn, household, purpose, now)]
    area = conn.scalar(select(households.c.area).where(households.c.id == household))
    roster = registry.area_roster(conn, area, now)
    if roster.owner is None:
        found.append("shift")
    return tuple(found)


def _in_state(conn: Connection, name: str, *states: str) -> RowMapping:
    row = conn.execute(select(applications).where(applications.c.id == name)).mappings().first()
    if row is None:
        raise BadApplication(f"no application {name!r}")
    if row["state"] not in states:
        raise BadApplication(f"want an application that is {' or '.join(states)}, got one that is {row['state']}")
    return row


def _move(conn: Connection, name: str, state: str, by: str, now: datetime, **values: Any) -> None:
    changed = {"state": state, "changed_at": now, "changed_by": by} | values
    conn.execute(update(applications).where(applications.c.id == name).values(**changed))
    ids = {key: value for key, value in values.items() if key in ("household", "resident", "reason")}
    audit.append(conn, now, "application", by, f"application:{name}", state=state, **ids)
