"""The settings under which cases were opened: kept by name, so that a case goes on as it began if they change tonight."""

import json
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, bindparam, insert, select

from alerts.policy import Policy
from alerts.schema import policies

_KNOWN = select(policies.c.id).where(policies.c.id == bindparam("name"))


def keep(conn: Connection, policy: Policy, now: datetime) -> str:
    """Keep the settings in force and return their name; in the caller's transaction."""
    if conn.execute(_KNOWN, {"name": policy.id}).first() is None:
        conn.execute(insert(policies).values(id=policy.id, first_used_at=now, settings=policy.table()))
    return policy.id


def of(conn: Connection, name: str | None) -> Policy:
    """Return the settings of that name; None (a case from before they were kept): the usual ones."""
    if name is None:
        return Policy()
    kept = conn.execute(select(policies.c.settings).where(policies.c.id == name)).scalar_one()
    return _read(json.dumps(kept, sort_keys=True))


@lru_cache(maxsize=32)
def _read(settings: str) -> Policy:
    return Policy.load(json.loads(settings))
