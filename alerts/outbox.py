"""The dispatcher: takes owed notices from the database, tries to deliver them, and writes down every attempt.

How this works
--------------
Each notice goes through three steps.  *Claim* (`alerts.outbox_leases`): one transaction leases the notice, makes its
link, writes its words and inserts the attempt row; committed before anything leaves this machine.  *Send*: one call of a
channel, with a time limit below the lease, outside of any transaction.  *Record* (`alerts.outbox_results`): one
transaction writes the result, and those of all attempts that ended meanwhile.  Killed before the claim commits, nothing
happened.  Killed after it, nobody knows whether the message left: it goes to its person's next channel, or is sent again
under the same id, since a message twice does less harm than none.  A notice that asks for an answer and cannot arrive by
any channel moves its case on in the transaction that gives it up; the case never waits for one channel.

Beside that the dispatcher *sweeps*: what was not proved to arrive in time is tried by the next channel; and *polls*:
providers that can be asked are asked what became of a message.  `POINTS` names every place between which it can be killed.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from alerts import drill_down, metrics, receipts
from alerts.channels import Asked, Receipt, Result, Sender
from alerts.database import reading
from alerts.outbox_leases import MOST_AT_ONCE, Claimed, Leases, MakeLinks, Pointing
from alerts.outbox_polls import FIRST_S, Question, booked, questions
from alerts.outbox_results import BACK_OFF_S, Ended, Results
from alerts.policy import Policy
from alerts.schema import notices
from alerts.store import Store, nobody
from alerts.texts import Texts

__all__ = ["MOST_AT_ONCE", "POINTS", "Claimed", "Dispatcher", "MakeLinks", "Settings"]

log = logging.getLogger(__name__)

POINTS = (
    "take over: written", "take over: committed",
    "sweep: written", "sweep: committed",
    "claim: written", "claim: committed",
    "send: begins", "send: returned",
    "record: written", "record: committed",
    "poll: written", "poll: committed", "poll: begins", "poll: returned",
    "hear: written", "hear: committed",
)  # fmt: skip
"""Every place between two of which the dispatcher commits, or calls the network: before and after each of them."""


@dataclass(frozen=True)
class Settings:
    """How hard the dispatcher tries."""

    lease_s: float = 30.0
    """How long an attempt may go without a result."""
    send_s: float = 20.0
    """When a channel that does not return is given up; below the lease."""
    back_off_s: tuple[float, ...] = BACK_OFF_S
    """Pauses after failed attempts; the last one repeats while the notice is worth trying."""
    at_once: int = 16
    """Attempts in flight per channel that does not say itself: a slow channel takes no place of another."""
    ask_s: float = FIRST_S
    """When a provider that can be asked is asked first what became of a message."""
    gather_s: float = 0.01
    """How long claims and results wait for others while calls are under way; nothing waits when none is."""
    poll_s: float = 1.0
    """How often the table is looked at without being woken."""
    worker_link_s: float = 3600.0
    family_link_s: float = 86400.0
    """How long a link in a notice opens the door, once."""


def nowhere(_: str) -> None:
    """Pass a point and do nothing."""


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
    make_links : callable
        `alerts.access.new_links`.
    policy : Policy
        The one of the store: a case must go on when a notice cannot arrive.
    settings : Settings, optional
        How hard to try.
    on_commit : callable, optional
        Called after each recorded attempt with the households it is about, as by `alerts.store.Store`.
    passing : callable, optional
        Called at each of `POINTS`: a rehearsal kills the process there.
    """

    def __init__(
        self,
        engine: Engine,
        channels: Mapping[str, Sender],
        texts: Texts,
        base_url: str,
        clock: Callable[[], datetime],
        *,
        make_links: MakeLinks,
        policy: Policy,
        settings: Settings | None = None,
        on_commit: Callable[[frozenset[str]], None] = nobody,
        passing: Pointing = nowhere,
    ) -> None:
        self._engine, self.channels, self._clock = engine, channels, clock
        self._on_commit, self._passing = on_commit, passing
        self._settings = s = settings or Settings()
        self._asked = {name: one for name, one in channels.items() if isinstance(one, Asked)}
        self.results = Results(Store(engine, policy), policy, s.back_off_s, frozenset(self._asked), s.ask_s)
        """Writes down what becomes of notices; receipts that arrive by call go through it as well."""
        self._leases = Leases(
            channels, texts, base_url, make_links, self.results,
            lease_s=s.lease_s, worker_link_s=s.worker_link_s, family_link_s=s.family_link_s,
        )  # fmt: skip
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy: Counter[str] = Counter()
        self._played: Counter[str] = Counter()
        self._ended: list[tuple[Claimed, Result]] = []
        self._writing = asyncio.Lock()
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
                    claimed, asking = await self._look()
                    for one in claimed:
                        group.create_task(self._deliver(one))
                    for question in asking:
                        group.create_task(self._ask(question))
                    await self._pause(stopping)
                    await self._gather()
        finally:
            stopping.cancel()
            with suppress(asyncio.CancelledError):
                await stopping
            for channel in self.channels.values():
                await channel.close()

    async def step(self) -> int:
        """Deliver what is due now, once, and return how many attempts that took: for rehearsals without a clock."""
        claimed, asking = await self._look()
        await asyncio.gather(*map(self._deliver, claimed), *map(self._ask, asking))
        return len(claimed)

    async def _pause(self, stopping: asyncio.Task[Any]) -> None:
        woken = asyncio.create_task(self._woken.wait())
        await asyncio.wait({woken, stopping}, timeout=self._settings.poll_s, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()

    async def _gather(self) -> None:
        """While calls are under way, wait a moment for others: a commit for many costs what one for a single one does."""
        if self._settings.gather_s > 0 and self._busy.total() > len(self._ended):
            await asyncio.sleep(self._settings.gather_s)

    async def _look(self) -> tuple[list[Claimed], Sequence[Question]]:
        free = {name: self._places(name) - self._busy[name] for name in self.channels}
        try:
            found, asking = await asyncio.to_thread(self._found, free, self._free_for_drills())
        except Exception as error:
            log.exception("owed notices could not be read; it is tried again")
            self.trouble = f"owed notices cannot be read: {type(error).__name__}"
            return [], ()
        self.trouble = None
        self._busy.update(claimed.channel for claimed in found)
        self._played.update(claimed.channel for claimed in found if claimed.realm != "live")
        return found, asking

    def _places(self, channel: str) -> int:
        """Return how many attempts a channel may have in flight; one that lets messages wait needs more."""
        return int(getattr(self.channels[channel], "at_once", self._settings.at_once))

    def _free_for_drills(self) -> dict[str, int]:
        """Return how many more attempts drills may have in flight: half the places, so that life never waits for them."""
        return {name: max(1, self._places(name) // 2) - self._played[name] for name in self.channels}

    # --- claim -----------------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """What a dead process had leased is due again; on PostgreSQL others may be alive, so only what lapsed."""
        everything = self._engine.dialect.name == "sqlite"
        with self._engine.begin() as conn:
            self._leases.release(conn, self._clock(), notices.c.state == "leased" if everything else None)
            self._passing("take over: written")
        self._passing("take over: committed")

    def _found(
        self, free: Mapping[str, int], for_drills: Mapping[str, int]
    ) -> tuple[list[Claimed], Sequence[Question]]:
        """Sweep, claim and poll, each in a transaction of its own, and only where there is something to do."""
        now = self._clock()
        with reading(self._engine).connect() as conn:
            late, due = self.results.late(conn, now), self._leases.due(conn, now)
            asking = questions(conn, self._asked, now, MOST_AT_ONCE, self._settings.ask_s)
        if late:
            with self._engine.begin() as conn:
                self.results.sweep(conn, now, MOST_AT_ONCE)
                self._passing("sweep: written")
            self._passing("sweep: committed")
        claimed: list[Claimed] = []
        if late or due:
            with self._engine.begin() as conn:
                self._leases.release(conn, now)
                claimed = self._leases.take(conn, free, now, for_drills)
                self._passing("claim: written")
            self._passing("claim: committed")
        if asking:
            with self._engine.begin() as conn:
                booked(conn, asking)
                self._passing("poll: written")
            self._passing("poll: committed")
        return claimed, asking

    # --- send ------------------------------------------------------------------------------------------------------

    async def _deliver(self, claimed: Claimed) -> None:
        self._passing("send: begins")
        try:
            async with asyncio.timeout(self._settings.send_s):
                channel = self.channels[claimed.channel]
                result = drill_down.PLAYED if claimed.down else await channel.send(claimed.outgoing)
        except TimeoutError:
            result = Result("unknown", detail="no answer in time")
        except Exception as error:
            log.exception("a channel failed", extra={"channel": claimed.channel, "notice": claimed.notice})
            result = Result("unknown", detail=type(error).__name__)
        self._passing("send: returned")
        try:
            await self._settle(claimed, result)
        finally:
            self._busy[claimed.channel] -= 1
            self._played[claimed.channel] -= claimed.realm != "live"
            self._woken.set()

    # --- record ----------------------------------------------------------------------------------------------------

    async def _settle(self, claimed: Claimed, result: Result) -> None:
        """Write a result: whoever comes first writes, in one transaction, for all who came meanwhile."""
        self._ended.append((claimed, result))
        async with self._writing:
            if self._ended:
                await self._gather()
            batch, self._ended = self._ended, []
            if batch:
                await asyncio.to_thread(self._record_all, batch)

    def _record_all(self, batch: Sequence[tuple[Claimed, Result]]) -> None:
        try:
            self._record(batch)
        except Exception:
            log.exception("results could not be recorded together; each is tried by itself")
            for one in batch:
                try:
                    self._record([one])
                except Exception:  # the lease runs out and the notice goes out again
                    log.exception("a result could not be recorded", extra={"notice": one[0].notice})

    def _record(self, batch: Sequence[tuple[Claimed, Result]]) -> None:
        now = self._clock()
        with self._engine.begin() as conn:
            ended = [Ended(one.realm, one.notice, one.attempt, result) for one, result in batch]
            touched = self.results.record_all(conn, ended, now)
            self._passing("record: written")
        self._passing("record: committed")
        for claimed, result in batch:
            if claimed.realm != "live":
                continue
            metrics.ATTEMPTS.labels(claimed.channel, result.state).inc()
        if touched:
            self._on_commit(touched)

    # --- poll ------------------------------------------------------------------------------------------------------

    async def _ask(self, question: Question) -> None:
        self._passing("poll: begins")
        try:
            async with asyncio.timeout(self._settings.send_s):
                said = await self._asked[question.channel].ask(
                    question.notice, question.address, question.provider_id, question.sent_at
                )
        except Exception:
            log.exception("a provider could not be asked", extra={"channel": question.channel})
            return
        self._passing("poll: returned")
        if said is not None:
            try:
                await asyncio.to_thread(self.hear, question.channel, [said])
            except Exception:
                log.exception("a receipt could not be recorded", extra={"notice": question.notice})

    def hear(self, channel: str, said: Sequence[Receipt]) -> Counter[str]:
        """Carry out receipts in one transaction; return how many did what.  Blocks; from any thread."""
        now = self._clock()
        done: Counter[str] = Counter()
        counted: Counter[str] = Counter()
        touched: frozenset[str] = frozenset()
        with self._engine.begin() as conn:
            for receipt in said:
                taken = receipts.take(conn, self.results, channel, receipt, now)
                done[taken.effect] += 1
                counted[taken.effect] += taken.realm == "live"
                touched |= taken.homes
            self._passing("hear: written")
        self._passing("hear: committed")
        for what, times in counted.items():
            receipts.count(channel, what, times)
        if touched:
            self._on_commit(touched)
        self.wake()
        return done
