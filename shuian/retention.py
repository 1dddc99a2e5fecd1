"""Old readings go by themselves, every night, but for those that an open case rests on."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select

from alerts import audit, database
from alerts.schema import cases, devices
from ingest import retention
from ingest.retention import Expired, Retention
from ingest.store import SqliteStore
from shuian.judge import said

log = logging.getLogger(__name__)
EVERY_S = 600.0
"""How often the service looks whether the night has come; and after a failure. [s]"""
FROM_HOUR = 3
"""By the operator's clock: when people, and most pages, sleep."""
BEFORE_ONSET = timedelta(days=8)
"""What the page of a case shows before it began: a week, and the register before that."""


def needed(conn: Connection) -> dict[str, int]:
    """Return device -> moment [ms] from which on an open case of its household needs what it told."""
    began = (
        select(cases.c.household, func.min(cases.c.onset).label("onset"))
        .where(cases.c.closed_at.is_(None))
        .group_by(cases.c.household)
        .subquery()
    )
    found: dict[str, int] = {}
    for device, onset in conn.execute(
        select(devices.c.id, began.c.onset).join(began, began.c.household == devices.c.household)
    ):
        since = round((onset - BEFORE_ONSET).timestamp() * 1000)
        found[device] = min(found.get(device, since), since)
    return found


class Keeper:
    """Deletes what is old once a day, and once after the service has started.

    Parameters
    ----------
    store : SqliteStore
    engine : Engine
        The people's database: which cases are open, and the audit chain, in which each night's deletion stands.
    settings : Retention
    zone : ZoneInfo
        The operator's.
    """

    def __init__(self, store: SqliteStore, engine: Engine, settings: Retention, zone: ZoneInfo) -> None:
        self._store, self._engine, self._settings, self._zone = store, engine, settings, zone
        self._done: date | None = None
        self._stopping = threading.Event()
        self.trouble: str | None = None

    def work_if_due(self, now: datetime) -> Expired | None:
        """Delete what is old if that was not done today; None: it was, or the night has not come."""
        local = now.astimezone(self._zone)
        if self._done is not None and (local.date() <= self._done or local.hour < FROM_HOUR):
            return None
        with database.reading(self._engine).connect() as conn:
            keep = needed(conn)
        gone = retention.expire(self._store, self._settings, now, keep, self._stopping.wait)
        if some := gone.some():
            with self._engine.begin() as conn:
                audit.append(conn, now, "expired", "system", "", **some)
            log.info("what was old is deleted", extra=some)
        self._done = local.date()
        return gone

    async def keep(self, clock: Callable[[], datetime], stop: asyncio.Event, trusted: Callable[[], bool]) -> None:
        """Work every night until `stop` is set; nothing that fails here ends the service.

        Not in the first minutes, and not while `trusted` says that the clock of this machine jumped: by a clock that is a
        year ahead everything would be old.
        """
        while not await _waited(stop, EVERY_S):
            try:
                if trusted():
                    await self._work(clock(), stop)
                self.trouble = None
            except Exception as trouble:
                log.exception("what is old could not be deleted; it is tried again")
                self.trouble = f"what is old cannot be deleted: {said(trouble)}"

    async def _work(self, now: datetime, stop: asyncio.Event) -> None:
        working = asyncio.create_task(asyncio.to_thread(self.work_if_due, now))
        ending = asyncio.create_task(stop.wait())
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            self._stopping.set()  # the transaction at hand is finished, the rest waits for the next start
        ending.cancel()
        await working


async def _waited(stop: asyncio.Event, seconds: float) -> bool:
    """Wait; return whether `stop` was set meanwhile."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()
