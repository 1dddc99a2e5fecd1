"""A notice as a row: what is owed is written before it is done, once, and what it replaces is put away.

The first notice with some content to a person is the *root*; what goes on from it by that person's next channel is a
notice of its own, with an id of its own, that people know by the same short number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, insert, select, update

from alerts import drill_scope
from alerts.registry import Person, Way
from alerts.schema import notices

WAITING = ("pending", "leased")
HOPEFUL = (*WAITING, "accepted", "delivered", "seen")
"""States in which a notice may still reach, or has reached, its person."""
PROVED = ("delivered", "seen")
"""States that somebody other than the provider's front door vouches for: only these count as told."""


_SAME = (
    "realm", "case_id", "area_event", "turn", "recipient_kind", "recipient", "template", "params", "lang", "tap", "root",
)  # fmt: skip
_N = notices.c
# Built once: building a statement costs more than carrying it out.
_KNOWN = select(_N.id).where(_N.realm == bindparam("realm"), _N.id == bindparam("id"))
_INSERT = insert(notices)
_MINE = update(notices).where(_N.realm == bindparam("b_realm"), _N.id == bindparam("b_id"))
_OLDER = {
    column: update(notices)
    .where(
        _N.realm == bindparam("b_realm"), about == bindparam("b_about"), _N.template == bindparam("b_template"),
        _N.recipient_kind == bindparam("b_kind"), _N.recipient == bindparam("b_who"), _N.state == "pending",
    )
    .values(state="cancelled", done_at=bindparam("b_now"), last_error="superseded by a newer one", next_at=None)
    for column, about in (("case_id", _N.case_id), ("area_event", _N.area_event), ("turn", _N.turn))
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Owed:
    """One notice to one person, about a case, an area event, or a turn of duty."""

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
    turn: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    tap: str | None = None
    """The tap whose taking back cancels it."""
    next_after: timedelta | None = None
    """How long it may be without proof that it arrived until the person's next channel is tried; None: that waits for a
    failure."""

    @property
    def about(self) -> tuple[str, str | None]:
        """Return the column that names what it is about, and that name."""
        if self.case is not None:
            return "case_id", self.case
        return ("area_event", self.area_event) if self.area_event is not None else ("turn", self.turn)

    @property
    def id(self) -> str:
        """Return the id: the same notice written twice is one."""
        name = f"{self.realm}|{self.about[1]}|{self.key}|{self.to.actor}|{self.to.channel}|{self.template}"
        return sha256(name.encode()).hexdigest()[:20]


def number(root: str) -> str:
    """Return the short number by which people see that two messages are one."""
    return root[:8]


def write(conn: Connection, owed: Owed, now: datetime) -> None:
    """Write a notice; one that is there already stays as it is.

    An older one of the same kind to the same person that never left is superseded: when a channel is down for hours, a
    case that calls again every few minutes must not make that person's phone ring a hundred times at once afterwards.
    """
    if conn.execute(_KNOWN, {"realm": owed.realm, "id": owed.id}).first() is not None:
        return
    if owed.realm == "drill" and not drill_scope.takes_part(conn, owed.to.actor):
        return  # nobody hears of a drill who takes no part in it
    of = {"b_realm": owed.realm, "b_template": owed.template, "b_kind": owed.to.kind, "b_who": owed.to.id, "b_now": now}
    column, name = owed.about
    conn.execute(_OLDER[column], of | {"b_about": name})
    conn.execute(_INSERT, _row(owed, now))


def insert_all(conn: Connection, owed: Iterable[Owed], now: datetime) -> None:
    """Write notices of life, of which none is there already, and none replaces an older one."""
    if rows := [_row(one, now) for one in owed]:
        conn.execute(_INSERT, rows)


def _row(owed: Owed, now: datetime) -> dict[str, Any]:
    several = owed.next_after is not None and len(owed.to.ways) > 1
    return {
        "realm": owed.realm, "id": owed.id, "case_id": owed.case, "area_event": owed.area_event, "turn": owed.turn,
        "recipient_kind": owed.to.kind, "recipient": owed.to.id, "channel": owed.to.channel, "address": owed.to.address,
        "template": owed.template, "params": dict(owed.params), "lang": owed.lang, "created_at": now,
        "due_at": owed.due_at, "expires_at": owed.due_at + owed.life, "state": "pending", "attempts": 0, "tap": owed.tap,
        "root": owed.id, "way": 0, "next_at": owed.due_at + owed.next_after if several and owed.next_after else None,
    }  # fmt: skip


def write_next(
    conn: Connection, before: RowMapping, number_of_way: int, by: Way, now: datetime, life: timedelta,
    next_after: timedelta | None,
) -> None:  # fmt: skip
    """Write the same content to the same person once more, by another channel; due at once."""
    name = f"{before['root']}|{by.channel}|{number_of_way}"
    kept = {column: before[column] for column in _SAME}
    due = {"created_at": now, "due_at": now, "expires_at": now + life, "state": "pending", "attempts": 0}
    by_that = {"channel": by.channel, "address": by.address, "way": number_of_way}
    after = {"next_at": None if next_after is None else now + next_after}
    conn.execute(_INSERT, kept | due | by_that | after | {"id": sha256(name.encode()).hexdigest()[:20]})


def change(conn: Connection, notice: RowMapping, **values: Any) -> None:
    """Change columns of a notice."""
    conn.execute(_MINE, {"b_realm": notice["realm"], "b_id": notice["id"], **values})


def same_content(notice: RowMapping) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the condition that a row has the same content for the same person, by whatever channel."""
    return notices.c.realm == notice["realm"], notices.c.root == notice["root"]


def reached(conn: Connection, notice: RowMapping, now: datetime) -> None:
    """Put away what still waits of the same content: its person has it by another channel."""
    others = (*same_content(notice), notices.c.id != notice["id"])
    off = {"state": "cancelled", "done_at": now, "last_error": "arrived by another channel"}
    conn.execute(update(notices).where(*others, notices.c.state == "pending").values(**off))
    conn.execute(update(notices).where(*same_content(notice)).values(next_at=None))
