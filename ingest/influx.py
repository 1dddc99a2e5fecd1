"""A copy of what is stored, for the dashboards and platforms that people already have.

How this works.  The embedded store stays the truth; the sink follows its journal with a cursor of its own, in order of
arrival.  It takes some thousand readings, writes them, and keeps the cursor once the server has answered.  Killed in
between, or answered by nobody, it writes them again: the same reading is the same point, so that changes nothing.  While a
server is away, the journal is held for it (`SqliteStore.hold`), for some days; if it was away for longer, or is new, the
month files are walked through as well (`Walk`), slowly, newest month first.

A batch that the server refuses is cut in halves until the points it does not want stand alone: those are kept for
inspection and counted, the rest is written.  Deletions that are owed (somebody was forgotten) come first in every round,
and a server that cannot erase just now is written to all the same.

The sink reads through its own connections or short looks at the journal and holds one batch in memory; nobody waits for it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter

from ingest import metrics, stored_pages
from ingest.errors import SinkRefused, SinkUnavailable, StoreError
from ingest.influx_dialects import DAY_MS, InfluxSettings, Speaker
from ingest.influx_erasure import settle
from ingest.influx_state import InfluxState, RefusedPoint, Walk
from ingest.line_protocol import line, lines
from ingest.measures import milliseconds
from ingest.readings import StoredReading
from ingest.store import SqliteStore

log = logging.getLogger(__name__)

HOUR_MS = 3_600_000
POLL_S = 1.0
"""How often the journal is looked at while there is nothing to do. [s]"""
ENTRIES = 20
"""Journal entries taken at once: some milliseconds in which nobody else looks at the journal."""
LEAST_POINTS = 100
"""A request is not made smaller than this because a server is slow."""
OLD_SHARE = 0.25
"""Share of the time in which old readings are copied and their hours made: what comes in now goes first."""
MARGIN_MS = HOUR_MS
"""How far before what was copied last a walk begins: clocks are set, and threads are not in step. [ms]"""
EDGE_MS = HOUR_MS
"""Readings this near to the end of the retention are not sent any more. [ms]"""
LATE_MS = DAY_MS
"""Readings older than this get their hourly values made anew; the server looks back only a little further itself. [ms]"""
SETTLED_MS = 600_000
"""A day whose hourly values are to be made anew waits for more that comes late. [ms]"""
AGAIN_S = 60.0
"""Pause after a deletion, or the making of hourly values, that failed. [s]"""


Wanted = Callable[[Sequence[StoredReading]], Sequence[StoredReading]]


def everything(rows: Sequence[StoredReading]) -> Sequence[StoredReading]:
    """Leave nothing out."""
    return rows


@dataclass(frozen=True, slots=True)
class Status:
    """How the copy is, for people who run the service."""

    trouble: str | None
    """Why nothing can be written at the moment; None: all is well."""
    lag_s: float
    """Age of the oldest stored reading that is not copied; 0: there is none. [s]"""
    behind: int
    """Journal entries not copied."""
    walking: bool
    """Whether older readings are being copied, too."""
    owed: int
    """Deletions not confirmed."""
    owed_s: float
    """How long the oldest of them has been owed. [s]"""
    owed_trouble: str | None
    missing: tuple[str, ...]
    """What the server could not set up."""
    written: int
    refused: int
    expired: int


class Sink:
    """Copies stored readings to one server; `work` is called again and again, on one thread at a time.

    Parameters
    ----------
    folder : path
        Where `InfluxState` keeps its file.
    readings : path
        The folder of `store`.
    wanted : callable, optional
        Which of some readings are for dashboards at all; the others are left out and counted.
    """

    def __init__(
        self, settings: InfluxSettings, speaker: Speaker, state: InfluxState, store: SqliteStore, readings: Path,
        wanted: Wanted = everything,
    ) -> None:  # fmt: skip
        self._settings, self._speaker, self._state = settings, speaker, state
        self._store, self._readings, self._wanted = store, readings, wanted
        self._size, self._pause_s = settings.batch, settings.retry_s[0]
        self._ready = False
        self._missing: tuple[str, ...] = ()
        self._trouble: str | None = None
        self._erase_trouble: str | None = None
        self._erase_at_ms = self._roll_up_at_ms = self._now_ms = 0
        self._oldest_ms: int | None = None
        self._lag_s = 0.0
        self._days: set[int] = set()
        self._hours: range | None = None
        cursor = state.mark("cursor")
        self._cursor = self._begin(0 if settings.backfill else None) if cursor is None else cursor
        store.hold(self._cursor)

    # --- one round -----------------------------------------------------------------------------------------------------

    def work(self, now: datetime) -> float:
        """Do a piece of work; return how long to wait before the next. [s]  Never raises."""
        self._now_ms = now_ms = milliseconds(now)
        try:
            pause_s = self._round(now_ms)
        except SinkUnavailable as error:
            return self._failed("server", str(error), error.after_s, slow=error.slow)
        except StoreError as error:
            return self._failed("store", str(error))
        except Exception as error:
            log.exception("copying to InfluxDB failed; it is tried again")
            return self._failed("ours", type(error).__name__)
        if self._trouble is not None:
            log.info("InfluxDB: working again")
        self._trouble, self._pause_s = None, self._settings.retry_s[0]
        return pause_s

    def _round(self, now_ms: int) -> float:
        entries = self._look(now_ms)
        self._prepare()
        self._erase(now_ms)
        wrote = self._write_news(entries, now_ms)
        began = perf_counter()
        if self._walk_on(now_ms) or (not wrote and self._roll_up(now_ms)):
            return (perf_counter() - began) * (1 / OLD_SHARE - 1)
        # many small requests would cost more than one of a second's readings
        return 0.0 if wrote >= self._settings.batch else POLL_S

    def _failed(self, part: str, trouble: str, after_s: float = 0.0, *, slow: bool = False) -> float:
        """Return how long to leave the server alone after a failed round [s]; it is logged once per change."""
        metrics.COPY_FAULTS.labels(part).inc()
        if trouble != self._trouble:
            log.warning("InfluxDB: %s; it is tried again", trouble)
        self._trouble, self._ready = trouble, False
        if slow:
            self._size = max(self._size // 2, min(LEAST_POINTS, self._settings.batch))
        pause_s, longest_s = self._pause_s, self._settings.retry_s[1]
        self._pause_s = min(2 * pause_s, longest_s)
        return min(max(pause_s, after_s), longest_s)

    def _prepare(self) -> None:
        if self._ready:
            return
        missing = tuple(self._speaker.prepare()) if self._settings.setup else ()
        if missing and missing != self._missing:
            log.warning("InfluxDB: not everything could be set up", extra={"missing": list(missing)})
        self._ready, self._missing = True, missing

    # --- the journal -----------------------------------------------------------------------------------------------------

    def _look(self, now_ms: int) -> list[tuple[int, list[StoredReading]]]:
        """Return what comes next in the journal, and note how far behind we are."""
        newest = self._store.newest_seq()
        entries = self._store.after(self._cursor, ENTRIES)
        if newest < self._cursor or (newest > self._cursor and (not entries or entries[0][0] != self._cursor + 1)):
            received = self._state.mark("received")
            copied_ms = received if received is not None else 0 if self._settings.backfill else now_ms
            self._cursor = self._begin(max(copied_ms - MARGIN_MS, 0))
            self._store.hold(self._cursor)
            entries = self._store.after(self._cursor, ENTRIES)
        first = next((rows[0].received_ms for _, rows in entries if rows), None)
        if first is not None or newest == self._cursor:
            self._oldest_ms = first
        self._note_lag(now_ms)
        return entries

    def _note_lag(self, now_ms: int) -> None:
        """Note the age of the oldest reading that was not copied, in the journal or (after a long outage) not any more."""
        age_s = 0.0 if self._oldest_ms is None else max(now_ms - self._oldest_ms, 0) / 1000
        if age_s > self._settings.hold_days * 86_400:
            self._store.hold(None)  # a disk that is full would stop the service itself
        walk = self._state.walk()
        gap_s = (now_ms - walk.since_ms - MARGIN_MS) / 1000 if walk is not None and walk.since_ms else 0.0
        self._lag_s = max(age_s, gap_s)
        metrics.COPY_LAG.set(self._lag_s)
        metrics.COPY_BEHIND.set(max(self._store.newest_seq() - self._cursor, 0))

    def _begin(self, since_ms: int | None) -> int:
        """Begin a walk over all received from `since_ms` on (None: no walk); return the cursor for what comes after it.

        What the journal does not hold any more has reached the month files before it was dropped.
        """
        newest = self._store.newest_seq()
        first = self._store.after(0, 1)
        cursor = first[0][0] - 1 if first else newest
        if since_ms is not None:
            before = self._state.walk()
            since = since_ms if before is None else min(since_ms, before.since_ms)
            self._state.save_walk(Walk(since, "9999-99"))
            log.info("InfluxDB: older readings are copied from the month files")
        self._state.save(cursor=cursor)
        return cursor

    def _write_news(self, entries: list[tuple[int, list[StoredReading]]], now_ms: int) -> int:
        """Write what the journal holds beyond the cursor, about one batch; return how many readings that was."""
        rows: list[StoredReading] = []
        done = self._cursor
        while entries and len(rows) < self._settings.batch:
            rows += [row for _, entry in entries for row in entry]
            done = entries[-1][0]
            entries = self._store.after(done, ENTRIES) if len(rows) < self._settings.batch else []
        if done == self._cursor:
            return 0
        self._copy(rows, now_ms)
        received = max((row.received_ms for row in rows), default=self._state.mark("received") or 0)
        self._state.save(cursor=done, received=received)
        self._cursor = done
        self._store.hold(done)
        if self._store.newest_seq() == done:
            self._oldest_ms = None
        self._note_lag(now_ms)
        return len(rows)

    # --- the month files -------------------------------------------------------------------------------------------------

    def _walk_on(self, now_ms: int) -> bool:
        """Copy one page of older readings; return whether there was one."""
        walk = self._state.walk()
        if walk is None:
            return False
        there, place = stored_pages.months(self._readings), (walk.device, walk.quantity, walk.measured_ms)
        rows: list[StoredReading] = []
        if walk.month in there:
            rows = stored_pages.page(self._readings, walk.month, place, self._settings.batch)
        if rows:
            self._copy([row for row in rows if row.received_ms >= walk.since_ms], now_ms)
            last = rows[-1]
            self._state.save_walk(Walk(walk.since_ms, walk.month, last.device, last.quantity, last.measured_ms))
            return True
        earlier = [month for month in there if month < walk.month]
        self._state.save_walk(Walk(walk.since_ms, earlier[-1]) if earlier else None)
        return bool(earlier)

    # --- writing ---------------------------------------------------------------------------------------------------------

    def _copy(self, rows: Sequence[StoredReading], now_ms: int) -> None:
        """Write readings; whatever of them the server will not have is kept for inspection.  All or raises."""
        wanted = self._wanted(rows)
        fresh = self._not_expired(wanted, now_ms)
        self._note_days(fresh, now_ms)
        for begin in range(0, len(fresh), self._size):
            self._write(fresh[begin : begin + self._size], now_ms)
        self._size = min(self._size + self._size // 4 + 1, self._settings.batch)
        metrics.COPIED.labels("left_out").inc(len(rows) - len(wanted))
        expired = len(wanted) - len(fresh)
        if expired:
            metrics.COPIED.labels("expired").inc(expired)
            self._state.save(add=[("expired", expired)])

    def _not_expired(self, rows: Sequence[StoredReading], now_ms: int) -> list[StoredReading]:
        if not (self._speaker.expires and self._settings.retention_days):
            return list(rows)
        begin = now_ms - self._settings.retention_days * DAY_MS + EDGE_MS
        return [row for row in rows if row.measured_ms >= begin]

    def _write(self, rows: Sequence[StoredReading], now_ms: int) -> None:
        parts, written = [rows], 0
        while parts:
            part = parts.pop()
            try:
                with metrics.COPY_SECONDS.time():
                    self._speaker.write(lines(part))
                written += len(part)
            except SinkRefused as refused:
                if len(part) == 1 or refused.dropped == len(part):
                    self._refuse(part, str(refused), now_ms)
                else:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
        metrics.COPIED.labels("written").inc(written)
        self._state.save(add=[("written", written)])

    def _refuse(self, rows: Sequence[StoredReading], reason: str, now_ms: int) -> None:
        new = self._state.refuse([RefusedPoint(now_ms, row.device, reason, line(row)) for row in rows])
        metrics.COPIED.labels("refused").inc(new)
        if new:
            log.warning("InfluxDB refuses points; they are kept in influx.sqlite", extra={"points": new})

    # --- hourly values ---------------------------------------------------------------------------------------------------

    def _note_days(self, rows: Sequence[StoredReading], now_ms: int) -> None:
        if not self._speaker.rolls_up:
            return
        late = {row.measured_ms // DAY_MS * DAY_MS for row in rows if row.measured_ms < now_ms - LATE_MS} - self._days
        if late:
            self._state.add_days(late, now_ms)
            self._days |= late

    def _roll_up(self, now_ms: int) -> bool:
        """Make one hour of a day whose readings came late anew; return whether there was one."""
        if not self._speaker.rolls_up or now_ms < self._roll_up_at_ms:
            return False
        if self._hours is None:
            day = self._state.day(now_ms - SETTLED_MS)
            if day is None:
                return False
            self._days.discard(day)
            self._hours = range(day, day + DAY_MS, HOUR_MS)
        hour = self._hours[0]
        try:
            self._speaker.roll_up(hour, hour + HOUR_MS)
        except (SinkRefused, SinkUnavailable) as error:
            metrics.COPY_FAULTS.labels("hourly").inc()
            log.warning("InfluxDB: hourly values cannot be made now", extra={"why": str(error)})
            self._roll_up_at_ms = now_ms + round(AGAIN_S * 1000)
            return False
        self._hours = self._hours[1:] or None
        if self._hours is None:
            self._state.done_day(hour // DAY_MS * DAY_MS)
        return True

    # --- deletions -------------------------------------------------------------------------------------------------------

    def _erase(self, now_ms: int) -> None:
        """Erase what is owed; a server that cannot do it now is asked again, and written to all the same."""
        owed = self._state.owed()
        metrics.COPY_OWED.set(len(owed))
        if not owed:
            self._erase_trouble = None
        if now_ms < self._erase_at_ms:
            return
        try:
            for one in owed:
                settle(one, self._speaker, self._state, self._readings, self._settings.batch)
        except (SinkRefused, SinkUnavailable) as error:
            metrics.COPY_FAULTS.labels("erase").inc()
            # a refusal repeats what was asked, devices too
            self._erase_trouble = str(error) if isinstance(error, SinkUnavailable) else "the server refuses to erase"
            self._erase_at_ms = now_ms + round(AGAIN_S * 1000)

    # --- for whoever runs the service --------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return how the copy is; callable from any thread."""
        owed = self._state.owed()
        counted = {name: self._state.mark(name) or 0 for name in ("written", "refused", "expired")}
        return Status(
            trouble=self._trouble,
            lag_s=self._lag_s,
            behind=max(self._store.newest_seq() - self._cursor, 0),
            walking=self._state.walk() is not None,
            owed=len(owed),
            owed_s=max((self._now_ms - one.since_ms) / 1000 for one in owed) if owed else 0.0,
            owed_trouble=self._erase_trouble,
            missing=self._missing,
            **counted,
        )

    def close(self) -> None:
        """Close the connection and the file; the journal is not held any more."""
        self._store.hold(None)
        self._speaker.close()
        self._state.close()
