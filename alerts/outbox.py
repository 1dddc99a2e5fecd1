"""The dispatcher: takes owed notices from the database, tries to deliver them, and writes down every attempt.

How this works
--------------
Each notice goes through three steps.  *Claim*: one transaction leases the notice, makes its link, writes its words and
inserts the attempt row; committed before anything leaves this machine.  *Send*: one call of a channel, with a time
limit below the lease, outside of any transaction.  *Record*: one transaction writes the result.  Killed before the
claim commits, nothing happened.  Killed after it, nobody knows whether the message left: it is sent again under the
same id, since a message twice does less harm than none.  A notice that asks for an answer and cannot arrive moves its
case on in the transaction that gives it up; the case never waits for one channel.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, insert, select, update
from sqlalchemy import case as sql_case

from alerts import case_rows, metrics, registry
from alerts.casefile import Case
from alerts.channels import Outgoing, Result, Sender
from alerts.database import reading
from alerts.notices import TEMPLATES, Role, role, write
from alerts.policy import Policy
from alerts.schema import area_events, attempts, cases, notices, offers
from alerts.store import Store, nobody
from alerts.texts import Texts

log = logging.getLogger(__name__)

MOST_AT_ONCE = 64
"""Notices looked at in one transaction."""

MakeLink = Callable[[Connection, Role, str, str, datetime, timedelta], str]
"""(connection, role, person, goto, now, life) -> token of a one-time link."""


@dataclass(frozen=True)
class Settings:
    """How hard the dispatcher tries."""

    lease_s: float = 30.0
    """How long an attempt may go without a result."""
    send_s: float = 20.0
    """When a channel that does not return is given up; below the lease."""
    back_off_s: tuple[float, ...] = (5.0, 15.0, 45.0, 120.0, 300.0)
    """Pauses after failed attempts; the last one repeats while the notice is worth trying."""
    at_once: int = 8
    """Attempts in flight per channel: a slow channel takes no place of another."""
    poll_s: float = 1.0
    """How often the table is looked at without being woken."""
    worker_link_s: float = 3600.0
    family_link_s: float = 86400.0
    """How long a link in a notice opens the door, once."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice on its way, its attempt already written."""

    realm: str
    notice: str
    attempt: int
    channel: str
    outgoing: Outgoing


class Dispatcher:
    """Delivers what is owed until it is told to stop.

    Parameters
    ----------
    engine : Engine
        From `alerts.database.open`.
    channels : mapping of str to Sender
        The channels that are set up, by name.
    texts : Texts
        The catalogues.
    base_url : str
        Where the pages are, without a slash at the end.
    clock : callable
        The time, aware UTC.
    make_link : callable
        `alerts.access.new_link`.
    policy : Policy
        The one of the store: a case must go on when a notice cannot arrive.
    settings : Settings, optional
        How hard to try.
    on_commit : callable, optional
        Called after each recorded attempt with the households it is about, as by `alerts.store.Store`.
    """

    def __init__(
        self,
        engine: Engine,
        channels: Mapping[str, Sender],
        texts: Texts,
        base_url: str,
        clock: Callable[[], datetime],
        *,
        make_link: MakeLink,
        policy: Policy,
        settings: Settings | None = None,
        on_commit: Callable[[frozenset[str]], None] = nobody,
    ) -> None:
        self._engine, self._channels, self._texts = engine, channels, texts
        self._base_url, self._clock, self._make_link = base_url.rstrip("/"), clock, make_link
        self._store, self._on_commit = Store(engine, policy), on_commit
        self._settings = settings or Settings()
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy: Counter[str] = Counter()
        self.trouble: str | None = None
        """Why nothing can be delivered at the moment, whatever the channels say; None: all is well."""

    # --- the loop --------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look at the table now; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; what is then in flight is finished first."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._take_over)
        stopping = asyncio.create_task(stop.wait())
        try:
            async with asyncio.TaskGroup() as group:
                while not stop.is_set():
                    self._woken.clear()
                    for claimed in await self._claimed():
                        group.create_task(self._deliver(claimed))
                    await self._pause(stopping)
        finally:
            stopping.cancel()
            with suppress(asyncio.CancelledError):
                await stopping
            for channel in self._channels.values():
                await channel.close()

    async def _pause(self, stopping: asyncio.Task[Any]) -> None:
        woken = asyncio.create_task(self._woken.wait())
        await asyncio.wait({woken, stopping}, timeout=self._settings.poll_s, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()

    async def _claimed(self) -> list[Claimed]:
        free = {name: self._settings.at_once - self._busy[name] for name in self._channels}
        try:
            found = await asyncio.to_thread(self._claim, free)
        except Exception as error:
            log.exception("owed notices could not be read; it is tried again")
            self.trouble = f"owed notices cannot be read: {type(error).__name__}"
            return []
        self.trouble = None
        self._busy.update(claimed.channel for claimed in found)
        return found

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            async with asyncio.timeout(self._settings.send_s):
                result = await self._channels[claimed.channel].send(claimed.outgoing)
        except TimeoutError:
            result = Result("unknown", detail="no answer in time")
        except Exception as error:
            log.exception("a channel failed", extra={"channel": claimed.channel, "notice": claimed.notice})
            result = Result("unknown", detail=type(error).__name__)
        try:
            if touched := await asyncio.to_thread(self._record, claimed, result):
                self._on_commit(touched)
        except Exception:  # the lease runs out and the notice goes out again
            log.exception("a result could not be recorded", extra={"notice": claimed.notice})
        finally:
            self._busy[claimed.channel] -= 1
            self._woken.set()

    # --- claim -----------------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """What a dead process had leased is due again; on PostgreSQL others may be alive, so only what lapsed."""
        everything = self._engine.dialect.name == "sqlite"
        with self._engine.begin() as conn:
            self._release(conn, self._clock(), notices.c.state == "leased" if everything else None)

    def _release(self, conn: Connection, now: datetime, which: ColumnElement[bool] | None = None) -> None:
        """Make lapsed leases due again; what became of those attempts is not known."""
        lapsed = (notices.c.state == "leased") & (notices.c.lease_until <= now) if which is None else which
        for row in conn.execute(select(notices.c.realm, notices.c.id).where(lapsed)).all():
            unheard = attempts.c.realm == row.realm, attempts.c.notice == row.id, attempts.c.result.is_(None)
            conn.execute(update(attempts).where(*unheard).values(result="unknown", detail="never heard of again"))
            mine = notices.c.realm == row.realm, notices.c.id == row.id
            conn.execute(update(notices).where(*mine).values(state="pending", due_at=now, lease_until=None))
            log.warning("an attempt was never heard of again", extra={"notice": row.id})

    def _claim(self, free: Mapping[str, int]) -> list[Claimed]:
        """Lease what is due, live before drill and longest waiting first; each with its attempt row, committed."""
        now, n = self._clock(), notices.c
        due = ((n.state == "pending") & (n.due_at <= now)) | ((n.state == "leased") & (n.lease_until <= now))
        with reading(self._engine).connect() as conn:
            if conn.execute(select(n.id).where(due).limit(1)).first() is None:
                return []
        with self._engine.begin() as conn:
            self._release(conn, now)
            return self._lease(conn, dict(free), now)

    def _lease(self, conn: Connection, free: dict[str, int], now: datetime) -> list[Claimed]:
        n, full = notices.c, [name for name, places in free.items() if places <= 0]
        order = n.realm.desc(), sql_case((cases.c.severity == "red", 0), else_=1), n.due_at, n.id
        ready = (
            select(notices)
            .outerjoin(cases, (cases.c.realm == n.realm) & (cases.c.id == n.case_id))
            .where(n.state == "pending", n.due_at <= now, n.channel.not_in(full))
            .order_by(*order)
            .limit(MOST_AT_ONCE)
            .with_for_update(skip_locked=True, of=notices)
        )
        claimed: list[Claimed] = []
        for notice in conn.execute(ready).mappings().all():
            if free.get(notice["channel"], 1) <= 0:
                continue
            try:
                with conn.begin_nested():
                    one = self._start(conn, notice, now)
            except Exception as error:
                log.exception("a notice could not be written", extra={"notice": notice["id"]})
                self._give_up(conn, notice, "failed", f"not writable: {type(error).__name__}", now)
                continue
            if one is not None:
                claimed.append(one)
                free[one.channel] -= 1
        return claimed

    def _start(self, conn: Connection, notice: RowMapping, now: datetime) -> Claimed | None:
        """Write the words, the lease and the attempt; None: there is nothing to send."""
        about = self._about(conn, notice)
        if about is None or not self._still_true(conn, notice, about, now):
            return None
        if notice["channel"] not in self._channels:
            self._give_up(conn, notice, "failed", f"channel {notice['channel']} is not set up", now)
            return None
        outgoing = self._written(conn, notice, about, now)
        lease = now + timedelta(seconds=self._settings.lease_s)
        leased = {"state": "leased", "lease_until": lease, "attempts": notice["attempts"] + 1}
        conn.execute(update(notices).where(*_is(notice)).values(**leased))
        row = {"realm": notice["realm"], "notice": notice["id"], "started_at": now}
        attempt = conn.execute(insert(attempts).values(**row)).inserted_primary_key
        assert attempt is not None
        return Claimed(notice["realm"], notice["id"], attempt[0], notice["channel"], outgoing)

    @staticmethod
    def _about(conn: Connection, notice: RowMapping) -> Case | RowMapping | None:
        """Return the case, or the row of the area event, that a notice is about."""
        if notice["case_id"] is not None:
            return case_rows.load(conn, notice["realm"], notice["case_id"])
        e = area_events.c
        asked = select(area_events).where(e.realm == notice["realm"], e.id == notice["area_event"])
        return conn.execute(asked).mappings().first()

    def _still_true(self, conn: Connection, notice: RowMapping, about: Case | RowMapping, now: datetime) -> bool:
        """Cancel a notice that is no longer true; while the tap that made it so may be undone, only put it off."""
        case = about if isinstance(about, Case) else None
        agreed = case is not None and case.closed_at is not None  # the end of what somebody was told of is told
        agreed = agreed or notice["recipient_kind"] != "contact"
        true = _true_of(conn, notice, about) and (agreed or registry.still_agreed(conn, notice["recipient"], now))
        if not true:
            undo = None if case is None else case.undo
            off = {"due_at": undo.until} if undo and now < undo.until else {"state": "cancelled", "done_at": now}
            conn.execute(update(notices).where(*_is(notice)).values(**off))
        return true

    def _written(self, conn: Connection, notice: RowMapping, about: Case | RowMapping, now: datetime) -> Outgoing:
        reader = role(notice["recipient_kind"])
        goto = TEMPLATES[notice["template"]].goto.format(case=notice["case_id"]) if reader != "operator" else "/c"
        seconds = self._settings.family_link_s if reader == "family" else self._settings.worker_link_s
        token = self._make_link(conn, reader, notice["recipient"], goto, now, timedelta(seconds=seconds))
        link = f"{self._base_url}/link/{token}"
        words = write(conn, self._texts, notice, about, link, now)
        return Outgoing(
            id=notice["id"], address=notice["address"], subject=words.subject, text=words.text, link=link,
            language=notice["lang"], realm=notice["realm"], created_at=notice["created_at"], sent_at=now,
        )  # fmt: skip

    # --- record ----------------------------------------------------------------------------------------------------

    def _record(self, claimed: Claimed, result: Result) -> frozenset[str]:
        """Write the result; return the household whose pages show it, none: it was about many."""
        now = self._clock()
        metrics.ATTEMPTS.labels(claimed.channel, result.state).inc()
        with self._engine.begin() as conn:
            finished = {"finished_at": now, "result": result.state, "detail": result.detail or None}
            conn.execute(update(attempts).where(attempts.c.id == claimed.attempt).values(**finished))
            key = notices.c.realm == claimed.realm, notices.c.id == claimed.notice
            notice = conn.execute(select(notices).where(*key, notices.c.state == "leased")).mappings().first()
            if notice is None:
                return frozenset()  # its lease had lapsed: another attempt is under way
            if result.state == "accepted":
                done = {"state": "accepted", "done_at": now, "lease_until": None, "last_error": None}
                conn.execute(update(notices).where(*key).values(**done))
                if notice["tap"] is None:  # a held one waits on purpose
                    metrics.WAIT.labels(claimed.channel).observe((now - notice["created_at"]).total_seconds())
            elif result.permanent:
                self._give_up(conn, notice, "failed", result.detail, now)
            else:
                self._again(conn, notice, result, now)
            case = cases.c.realm == claimed.realm, cases.c.id == notice["case_id"]
            return frozenset(conn.scalars(select(cases.c.household).where(*case)))

    def _again(self, conn: Connection, notice: RowMapping, result: Result, now: datetime) -> None:
        """Book the next attempt, or give up when it would come too late to be of use."""
        pauses = self._settings.back_off_s
        pause = 0.0 if result.state == "unknown" and notice["attempts"] == 1 else None
        if pause is None:
            pause = pauses[min(notice["attempts"], len(pauses)) - 1]
        due = now + timedelta(seconds=pause)
        if notice["expires_at"] is not None and due >= notice["expires_at"]:
            self._give_up(conn, notice, "expired", result.detail, now)
            return
        values = {"state": "pending", "due_at": due, "lease_until": None, "last_error": result.detail}
        conn.execute(update(notices).where(*_is(notice)).values(**values))

    def _give_up(self, conn: Connection, notice: RowMapping, state: str, why: str, now: datetime) -> None:
        """Record that a notice does not arrive; nobody is made to wait for its answer any longer."""
        done = {"state": state, "done_at": now, "lease_until": None, "last_error": why}
        conn.execute(update(notices).where(*_is(notice)).values(**done))
        metrics.GIVEN_UP.labels(notice["channel"], state).inc()
        log.warning("a notice was given up", extra={"notice": notice["id"], "channel": notice["channel"], "why": why})
        self._store.undeliverable(conn, notice, now)


def _true_of(conn: Connection, notice: RowMapping, about: Case | RowMapping) -> bool:
    """Whether a notice says what is so: of the case it is about, or of the area event."""
    template = TEMPLATES[notice["template"]]
    if not isinstance(about, Case):
        return bool((about["ended_at"] is None) == (template.area == "begun"))
    if not template.offer:
        return about.state in template.states
    o = offers.c
    offered = conn.execute(
        select(o.state).where(o.realm == notice["realm"], o.id == notice["params"]["offer"])
    ).scalar()
    return about.state in template.states and offered == "offered"


def _is(notice: RowMapping) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return notices.c.realm == notice["realm"], notices.c.id == notice["id"]
