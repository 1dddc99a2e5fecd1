"""Tokens of programs: what each may do (scopes), within which area, until when.  Only their hashes are stored."""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from alerts import audit
from alerts.schema import api_tokens, areas

SCOPES = ("registry:read", "registry:write", "cases:read", "drills:run")
"""What a token may do; to write the registry includes to read it."""
PREFIX = "shuian_"
MOST_LIFE = timedelta(days=3650)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class BadToken(ValueError):
    """A token that cannot be made or revoked."""


@dataclass(frozen=True, slots=True)
class Token:
    """A program that asks: its name, what it may do, and the areas it may see (None: all)."""

    name: str
    scopes: frozenset[str]
    areas: frozenset[str] | None
    acts_for: str | None = None
    """Whose name stands in what it does: of a token that the service made for somebody's own act."""

    @property
    def actor(self) -> str:
        """Return the name under which its acts are written down."""
        return self.acts_for or f"token:{self.name}"

    def may(self, scope: str) -> bool:
        """Whether the token's scopes include this one."""
        return scope in self.scopes or (scope == "registry:read" and "registry:write" in self.scopes)


def add(
    conn: Connection, name: str, scopes: Collection[str], area: str | None, life: timedelta, by: str, now: datetime,
    acts_for: str | None = None,
) -> str:  # fmt: skip
    """Make a token and return it; it is shown this once.

    `acts_for`: what is done with it is written down under this name instead of its own.

    Raises
    ------
    BadToken
        The name is used or odd, a scope does not exist, there is no such area, or the life is not positive.
    """
    if not _NAME.fullmatch(name):
        raise BadToken(f"want a name of letters, digits, dots and dashes, at most 40, got {name!r}")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise BadToken(f"want scopes of {', '.join(SCOPES)}, got {', '.join(sorted(scopes)) or 'none'}")
    if area is not None and conn.execute(select(areas.c.id).where(areas.c.id == area)).first() is None:
        raise BadToken(f"want the id of an area, got {area!r}")
    if not timedelta(0) < life <= MOST_LIFE:
        raise BadToken("want a life of 1 to 3650 days")
    if conn.execute(select(api_tokens.c.id).where(api_tokens.c.id == name)).first() is not None:
        raise BadToken(f"there is a token {name!r} already: revoked or not, take another name")
    token = PREFIX + secrets.token_urlsafe(32)
    row = {"id": name, "token_hash": _hash(token), "scopes": sorted(set(scopes)), "area": area}
    row["acts_for"] = acts_for
    conn.execute(insert(api_tokens).values(**row, created_at=now, expires_at=now + life))
    audit.append(conn, now, "token", by, f"token:{name}", what="added", scopes=sorted(set(scopes)), area=area or "")
    return token


def revoke(conn: Connection, name: str, by: str, now: datetime) -> None:
    """Let a token open nothing from now on.

    Raises
    ------
    BadToken
        There is no such token, or it was revoked before.
    """
    mine = api_tokens.c.id == name, api_tokens.c.revoked_at.is_(None)
    if conn.execute(update(api_tokens).where(*mine).values(revoked_at=now)).rowcount != 1:
        raise BadToken(f"no token {name!r} that is in use")
    audit.append(conn, now, "token", by, f"token:{name}", what="revoked")


def of(conn: Connection, token: str, now: datetime) -> Token | None:
    """Return whom a token belongs to, None when it opens nothing (any more)."""
    t = api_tokens.c
    row = conn.execute(select(api_tokens).where(t.token_hash == _hash(token))).first()
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return None
    return Token(row.id, frozenset(row.scopes), None if row.area is None else below(conn, row.area), row.acts_for)


def below(conn: Connection, area: str) -> frozenset[str]:
    """Return an area with everything below it."""
    top = select(areas.c.id).where(areas.c.id == area).cte("below", recursive=True)
    found = top.union(select(areas.c.id).where(areas.c.parent == top.c.id))
    return frozenset(conn.scalars(select(found.c.id)))


def listed(conn: Connection) -> list[tuple[str, str, str, datetime, datetime | None]]:
    """Return (name, scopes, area, expires, revoked) of every token."""
    rows = conn.execute(select(api_tokens).order_by(api_tokens.c.id))
    return [(row.id, ",".join(row.scopes), row.area or "", row.expires_at, row.revoked_at) for row in rows]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
