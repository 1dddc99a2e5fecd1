"""Who may look: one-time links, sessions, operators' passwords, and what each of them may see.

How this works
--------------
A notice carries a link with a random token.  Opening it changes nothing (messengers fetch links to draw previews); one
tap on the page redeems it once and gives the browser a session of its own.  The database keeps only SHA-256 hashes of
both, so a copy of it opens no door.  What a session may see is decided per household at every request, from the
registry as it is now: a worker who left the area or a relative whose consent was withdrawn sees nothing at once.
"""

import hashlib
import hmac
import re
import secrets
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, cast

from sqlalchemy import Connection, and_, delete, exists, insert, or_, select, update
from sqlalchemy.sql import ColumnElement, Select

from alerts import audit, drill_scope
from alerts.registry.agreed import holds
from alerts.schema import (
    area_events,
    area_members,
    areas,
    cases,
    consents,
    contacts,
    households,
    links,
    offers,
    residents,
    sessions,
    shifts,
    users,
    workers,
)

Role = Literal["worker", "family", "operator", "resident"]
ROLES: tuple[Role, ...] = ("worker", "family", "operator", "resident")

SESSION_LIFE: dict[Role, timedelta] = {
    "worker": timedelta(hours=12),  # a long shift
    "family": timedelta(days=30),
    "operator": timedelta(hours=12),
    "resident": timedelta(days=30),
}
TOKEN_BYTES = 24  # 192 bit; OWASP ASVS 5.0, 7.2.3 asks for at least 128
# OWASP password storage cheat sheet, scrypt with 16 MiB: N = 2^14, r = 8, p = 5.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 5
PASSWORD_LENGTH = (10, 200)
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\s\\]*")


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that may look, as `role` and `person` (worker id, contact id or operator name)."""

    token: str
    role: Role
    person: str
    expires_at: datetime
    realm: str = "live"
    """Of the notice whose link opened it; one of a drill acts only on what belongs to drills."""

    @property
    def actor(self) -> str:
        """The name under which acts and views are written down, such as ``worker:w7``."""
        return f"{'contact' if self.role == 'family' else self.role}:{self.person}"


@dataclass(frozen=True, slots=True)
class Link:
    """What a token of a link stands for; `state` tells whether it still opens the door."""

    state: Literal["fresh", "used", "expired", "ended"]
    role: Role
    person: str
    goto: str
    realm: str = "live"
    """Of the notice that brought it: what a drill brings opens only what belongs to drills."""


class NewLink(NamedTuple):
    """A link to be made: who it is for, where it leads, how long it can be redeemed, in which notice it is sent."""

    role: Role
    person: str
    goto: str
    life: timedelta
    realm: str | None = None
    notice: str | None = None


_LINK = insert(links)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- links and sessions --------------------------------------------------------------------------------------------


def new_link(
    conn: Connection, role: Role, person: str, goto: str, now: datetime, life: timedelta, *,
    realm: str | None = None, notice: str | None = None,
) -> str:  # fmt: skip
    """Write down a one-time link and return its token, which is kept nowhere.

    Parameters
    ----------
    conn : Connection
        Inside a transaction of the caller.
    role, person : str
        Who the link is for: worker id, contact id or operator name.
    goto : str
        The page to open, a path of ours such as ``/w/a/17``.
    life : timedelta
        For how long it can be redeemed.
    realm, notice : str, optional
        The notice in which it is sent: opening it proves that this was seen.

    Raises
    ------
    ValueError
        `role` is unknown or `goto` leads away from this site.
    """
    return new_links(conn, [NewLink(role, person, goto, life, realm, notice)], now)[0]


def new_links(conn: Connection, wanted: Sequence[NewLink], now: datetime) -> list[str]:
    """Write down one-time links, as `new_link` each, and return their tokens."""
    tokens, rows = [], []
    for link in wanted:
        if link.role not in ROLES:
            raise ValueError(f"want one of {ROLES}, got {link.role!r}")
        if not _LOCAL_PATH.fullmatch(link.goto):
            raise ValueError(f"want a path of this site such as /w, got {link.goto!r}")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        tokens.append(token)
        of_notice = {"realm": link.realm, "notice": link.notice}
        row = {"role": link.role, "person": link.person, "goto": link.goto, "expires_at": now + link.life}
        rows.append(row | of_notice | {"token_hash": _hash(token)})
    if rows:
        conn.execute(_LINK, rows)
    return tokens


def link(conn: Connection, token: str, now: datetime) -> Link | None:
    """Return what `token` stands for without changing anything, None when there is no such link."""
    row = conn.execute(select(links).where(links.c.token_hash == _hash(token))).one_or_none()
    if row is None:
        return None
    state: Literal["fresh", "used", "expired", "ended"] = "fresh"
    if row.ended_at is not None:
        state = "ended"
    elif row.used_at is not None:
        state = "used"
    elif row.expires_at <= now:
        state = "expired"
    return Link(state, cast(Role, row.role), row.person, row.goto, row.realm or "live")


def redeem(conn: Connection, token: str, now: datetime) -> Session | None:
    """Use up a link and return a new session; None when it is unknown, used or expired.

    Of two requests at the same moment one wins: the row is taken by a conditional UPDATE.
    """
    mine = update(links).where(
        links.c.token_hash == _hash(token),
        links.c.used_at.is_(None),
        links.c.ended_at.is_(None),
        links.c.expires_at > now,
    )
    if conn.execute(mine.values(used_at=now)).rowcount != 1:
        return None
    row = conn.execute(select(links).where(links.c.token_hash == _hash(token))).one()
    return new_session(conn, cast(Role, row.role), row.person, now, row.realm or "live")


def new_session(conn: Connection, role: Role, person: str, now: datetime, realm: str = "live") -> Session:
    """Open a session for `person` and forget those that have run out; one of a drill does nothing that is real."""
    conn.execute(delete(sessions).where(sessions.c.expires_at <= now))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session = Session(token, role, person, now + SESSION_LIFE[role], realm)
    row = {"token_hash": _hash(token), "role": role, "person": person, "expires_at": session.expires_at}
    conn.execute(insert(sessions).values(**row, realm=realm))
    audit.append(conn, now, "login", session.actor)
    return session


def session(conn: Connection, token: str, now: datetime) -> Session | None:
    """Return the live session of a browser's cookie, None when there is none or its person may no longer look."""
    found = select(sessions).where(
        sessions.c.token_hash == _hash(token), sessions.c.expires_at > now, sessions.c.ended_at.is_(None)
    )
    row = conn.execute(found).one_or_none()
    if row is None or not _still_known(conn, row.role, row.person):
        return None
    return Session(token, cast(Role, row.role), row.person, row.expires_at, row.realm)


def live_sessions(conn: Connection, tokens: Collection[str], now: datetime) -> dict[str, Session]:
    """Return the live sessions among many cookies at once, by cookie; the same question as `session` of each."""
    hashes = {_hash(token): token for token in tokens}
    found = select(sessions).where(
        sessions.c.token_hash.in_(hashes), sessions.c.expires_at > now, sessions.c.ended_at.is_(None)
    )
    rows = conn.execute(found).all()
    known = {who: _still_known(conn, *who) for who in {(row.role, row.person) for row in rows}}
    return {
        hashes[row.token_hash]: Session(
            hashes[row.token_hash], cast(Role, row.role), row.person, row.expires_at, row.realm
        )
        for row in rows
        if known[row.role, row.person]
    }


def ended_with_consent(conn: Connection, token: str) -> bool:
    """Whether the session of a browser's cookie ended because sharing with its person did."""
    ended = sessions.c.token_hash == _hash(token), sessions.c.ended_at.is_not(None)
    return conn.scalar(select(exists().where(*ended))) or False


def end_session(conn: Connection, token: str) -> None:
    """Log out: the cookie opens nothing from now on."""
    conn.execute(delete(sessions).where(sessions.c.token_hash == _hash(token)))


def form_token(session: Session) -> str:
    """Return the value that a form of this session must bring back (against forms of other sites)."""
    return _hash(f"form:{session.token}")[:32]


def _still_known(conn: Connection, role: str, person: str) -> bool:
    if role == "worker":
        return conn.scalar(select(exists().where(workers.c.id == person))) or False
    if role == "family":
        return conn.scalar(select(exists().where(contacts.c.id == person))) or False
    if role == "resident":
        return conn.scalar(select(exists().where(residents.c.id == person))) or False
    # An operator is an account with a password or a worker with that role; a disabled account ends its sessions at once.
    disabled = conn.scalar(select(users.c.disabled).where(users.c.name == person))
    on_desk = exists().where(workers.c.id == person, workers.c.role == "operator")
    return not disabled if disabled is not None else conn.scalar(select(on_desk)) or False


# --- operators' passwords ------------------------------------------------------------------------------------------


def set_password(conn: Connection, name: str, password: str) -> None:
    """Create the operator `name`, or give it a new password and end its sessions.

    Raises
    ------
    ValueError
        The name is empty or the password shorter than ten signs.
    """
    if not name.strip() or len(name) > 64:
        raise ValueError("want a name of 1 to 64 signs")
    shortest, longest = PASSWORD_LENGTH
    if not shortest <= len(password) <= longest:
        raise ValueError(f"want a password of {shortest} to {longest} signs, got {len(password)}")
    salt = secrets.token_bytes(16)
    stored = f"scrypt${salt.hex()}${_scrypt(password, salt).hex()}"
    conn.execute(delete(sessions).where(sessions.c.role == "operator", sessions.c.person == name))
    if conn.execute(update(users).where(users.c.name == name).values(password=stored, disabled=False)).rowcount == 0:
        conn.execute(insert(users).values(name=name, password=stored, disabled=False))


def password_fits(conn: Connection, name: str, password: str) -> bool:
    """Whether `password` is that of the operator `name`; takes as long for a name that does not exist."""
    row = conn.execute(select(users).where(users.c.name == name)).one_or_none()
    usable = row is not None and not row.disabled
    _, salt, wanted = row.password.split("$") if row is not None else ("", "00" * 16, "")
    fits = hmac.compare_digest(_scrypt(password[: PASSWORD_LENGTH[1]], bytes.fromhex(salt)).hex(), wanted)
    return fits and usable


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=64 * 2**20)


class WrongTries:
    """Counts wrong passwords per name: after `most` within `window`, nobody gets in under that name for a while."""

    def __init__(self, most: int = 5, window: timedelta = timedelta(minutes=15), names: int = 10_000) -> None:
        self._most, self._window, self._names = most, window, names
        self._wrong: dict[str, deque[datetime]] = {}

    def blocked(self, name: str, now: datetime) -> bool:
        """Whether `name` has used up its tries."""
        wrong = self._wrong.get(name.casefold(), deque())
        return sum(at > now - self._window for at in wrong) >= self._most

    def count(self, name: str, now: datetime) -> None:
        """Remember a wrong password; the least recently missed name makes room when there are too many."""
        wrong = self._wrong.pop(name.casefold(), deque(maxlen=self._most))
        wrong.append(now)
        self._wrong[name.casefold()] = wrong
        if len(self._wrong) > self._names:
            del self._wrong[next(iter(self._wrong))]

    def forgive(self, name: str) -> None:
        """Forget the wrong tries after a right one."""
        self._wrong.pop(name.casefold(), None)


# --- what a session may see ----------------------------------------------------------------------------------------


def areas_of_worker(conn: Connection, worker: str, now: datetime) -> frozenset[str]:
    """Return the areas, with everything below them, of a worker's own post and of their shift now."""
    on_shift = and_(
        or_(shifts.c.owner == worker, shifts.c.backup == worker, shifts.c.lead == worker),
        shifts.c.start <= now,
        shifts.c.end > now,
    )
    tops: Select[str] = (
        select(shifts.c.area)
        .where(on_shift)
        .union(  # type: ignore[assignment]
            select(workers.c.area).where(workers.c.id == worker)
        )
    )
    below = select(areas.c.id).where(areas.c.id.in_(tops.subquery().select())).cte("below", recursive=True)
    below = below.union(select(areas.c.id).where(areas.c.parent == below.c.id))
    return frozenset(conn.scalars(select(below.c.id)))


def areas_of_operator(conn: Connection, person: str) -> frozenset[str] | None:
    """Return the area of an operator's post with everything below it; None: an account, which is of the whole installation."""
    if conn.scalar(select(exists().where(users.c.name == person))):
        return None
    top = select(workers.c.area).where(workers.c.id == person, workers.c.role == "operator")
    below = select(areas.c.id).where(areas.c.id.in_(top)).cte("below", recursive=True)
    below = below.union(select(areas.c.id).where(areas.c.parent == below.c.id))
    return frozenset(conn.scalars(select(below.c.id)))


def cases_of_worker(worker: str, its_areas: Collection[str]) -> ColumnElement[bool]:
    """Return the condition on `cases` under which a worker may see a case: by area, by offer, by owning it or being next.

    One of a drill is seen by area only by who took part in a drill at that home.
    """
    in_area = and_(
        cases.c.household.in_(select(households.c.id).where(households.c.area.in_(its_areas))),
        or_(cases.c.realm == "live", drill_scope.shown_to(f"worker:{worker}", cases.c.household)),
    )
    offered = exists().where(offers.c.realm == cases.c.realm, offers.c.case_id == cases.c.id, offers.c.worker == worker)
    not_ended = cases.c.state.not_in(
        ("CONSENT_REVIEW", "CANCELLED_CONSENT")
    )  # nobody of the community is asked any more
    return or_(and_(or_(in_area, offered), not_ended), cases.c.owner == worker, cases.c.next_owner == worker)


def events_of_worker(worker: str, its_areas: Collection[str]) -> ColumnElement[bool]:
    """Return the condition on `area_events` under which a worker may see one: a home of their areas is part of it.

    One of a drill is seen only by who took part in a drill at such a home.
    """
    m = area_members.c
    of_event = m.realm == area_events.c.realm, m.event == area_events.c.id
    at_home = households.c.id == m.household, households.c.area.in_(its_areas)
    mine = or_(m.realm == "live", drill_scope.shown_to(f"worker:{worker}", m.household))
    return exists().where(*of_event, *at_home, mine)


def home_of_relative(conn: Connection, contact: str, now: datetime) -> str | None:
    """Return the household whose state this contact may see, None when nobody agreed (any more) to that.

    A home that is not watched any more has no state to share.
    """
    agreed = exists().where(
        consents.c.resident == residents.c.id, consents.c.recipient.in_(("", contact)), holds(now, "relative")
    )
    other = residents.alias("other").c
    watched = exists().where(
        other.household == residents.c.household, consents.c.resident == other.id, holds(now, "monitor")
    )
    home = select(residents.c.household).join(contacts, contacts.c.resident == residents.c.id)
    return conn.scalar(home.where(contacts.c.id == contact, agreed, watched))
