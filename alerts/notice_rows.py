"""A notice as a row: what is owed is written before it is done, once, and what it replaces is put away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select, update

from alerts.registry import Person
from alerts.schema import notices


@dataclass(frozen=True, slots=True)
class Owed:
    """One notice to one person, about a case or about an area event."""

    realm: str
    to: Person
    template: str
    key: str
    """What makes it this one: together with realm, subject, recipient and template, the same key gives the same id."""
    due_at: datetime
    life: timedelta
    lang: str
    case: str | None = None
    area_event: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    tap: str | None = None
    """The tap whose taking back cancels it."""

    @property
    def id(self) -> str:
        """Return the id: the same notice written twice is one."""
        name = (
            f"{self.realm}|{self.case or self.area_event}|{self.key}|{self.to.actor}|{self.to.channel}|{self.template}"
        )
        return sha256(name.encode()).hexdigest()[:20]


def write(conn: Connection, owed: Owed, now: datetime) -> None:
    """Write a notice; one that is there already stays as it is.

    An older one of the same kind to the same person that never left is superseded: when a channel is down for hours, a
    case that calls again every few minutes must not make that person's phone ring a hundred times at once afterwards.
    """
    n = notices.c
    if conn.execute(select(n.id).where(n.realm == owed.realm, n.id == owed.id)).first() is not None:
        return
    older = (
        n.realm == owed.realm, n.case_id == owed.case, n.area_event == owed.area_event, n.template == owed.template,
        n.recipient_kind == owed.to.kind, n.recipient == owed.to.id, n.state == "pending",
    )  # fmt: skip
    superseded = {"state": "cancelled", "done_at": now, "last_error": "superseded by a newer one"}
    conn.execute(update(notices).where(*older).values(**superseded))
    conn.execute(
        insert(notices).values(
            realm=owed.realm, id=owed.id, case_id=owed.case, area_event=owed.area_event, recipient_kind=owed.to.kind,
            recipient=owed.to.id, channel=owed.to.channel, address=owed.to.address, template=owed.template,
            params=dict(owed.params), lang=owed.lang, created_at=now, due_at=owed.due_at,
            expires_at=owed.due_at + owed.life, state="pending", attempts=0, tap=owed.tap,
        )
    )  # fmt: skip
