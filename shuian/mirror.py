"""The copy of readings at an InfluxDB, as one more task of the service; without a section ``[influx]`` there is none.

What goes wrong here is told (`checks`, `/metrics`) and ends nothing: people are watched by the data folder alone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from alerts.web.ports import Check
from ingest import influx_erasure
from ingest.erasure import Span
from ingest.errors import SinkRefused, SinkUnavailable, StoreError
from ingest.influx import Sink, Status, Wanted, everything
from ingest.influx_dialects import InfluxSettings, connect
from ingest.influx_state import FILE, InfluxState
from ingest.store import SqliteStore
from shuian.errors import Trouble

log = logging.getLogger(__name__)

BEHIND_S = 900.0
"""A copy that lags by more is not well: whoever looks at a dashboard takes it for the present. [s]"""
OWED_S = 86_400.0
"""Somebody who was forgotten is still there after this: not well. [s]"""


class Mirror:
    """The sink of a service, or nothing."""

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink

    async def keep(self, clock: Callable[[], datetime], stop: asyncio.Event) -> None:
        """Copy until `stop` is set; a request that is on its way is waited for."""
        if self._sink is None:
            return
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "influx") as own:  # a server that does not answer takes nobody else's thread
            while not stop.is_set():
                pause_s = await loop.run_in_executor(own, self._sink.work, clock())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause_s)

    def checks(self) -> list[Check]:
        """Return what `/healthz` and the operator's page say of the copy."""
        if self._sink is None:
            return []
        try:
            status = self._sink.status()
        except StoreError as trouble:
            return [Check("influx", False, str(trouble))]
        return [Check("influx", status.lag_s < BEHIND_S and status.owed_s < OWED_S, said(status))]

    def counts(self) -> dict[str, int]:
        """Return totals by code."""
        if self._sink is None:
            return {}
        with contextlib.suppress(StoreError):
            status = self._sink.status()
            return {
                "influx_written": status.written,
                "influx_refused": status.refused,
                "influx_expired": status.expired,
                "influx_behind": status.behind,
                "influx_lag_s": round(status.lag_s),
                "influx_deletions_owed": status.owed,
            }
        return {}


def said(status: Status) -> str:
    """Return in words how the copy is."""
    words = [status.trouble or "ok"]
    if status.lag_s >= 1:
        words.append(f"{status.lag_s:.0f} s behind")
    if status.walking:
        words.append("older readings are being copied")
    if status.refused:
        words.append(f"{status.refused} points refused (docs/influx.md)")
    if status.owed:
        words.append(f"{status.owed} deletions owed: {status.owed_trouble or 'under way'}")
    words += [f"not set up: {one}" for one in status.missing]
    return "; ".join(words)


@contextlib.contextmanager
def running(
    settings: InfluxSettings | None, folder: Path, store: SqliteStore, wanted: Wanted = everything
) -> Iterator[Mirror]:
    """Open the copy of a data folder for the time of the block; `wanted`: as of `ingest.influx.Sink`.

    Raises
    ------
    Trouble
        The dialect needs a package that is not installed, or our own file is damaged.
    """
    if settings is None:
        yield Mirror(None)
        return
    with contextlib.ExitStack() as held:
        try:
            speaker = held.enter_context(contextlib.closing(connect(settings)))
            state = held.enter_context(contextlib.closing(InfluxState(folder)))
            sink = Sink(settings, speaker, state, store, folder / "readings", wanted)
        except SinkUnavailable as trouble:
            raise Trouble(f"[influx]: {trouble}", "install that, or take the section out") from None
        except StoreError as trouble:
            raise Trouble(f"[influx]: {trouble}", f"mend that, or move {FILE} away: all is copied again") from None
        held.callback(sink.close)
        yield Mirror(sink)


def forget(settings: InfluxSettings | None, folder: Path, spans: Sequence[Span], now: datetime) -> int:
    """Write down that these devices' points are to be erased at the server; return how many wishes that makes."""
    owed = influx_erasure.owe(folder, spans, now)
    if owed and settings is None:
        log.warning("points at an InfluxDB are to be erased, but there is no section [influx] that says where")
    return owed


def settle(settings: InfluxSettings | None, folder: Path) -> str:
    """Try once to erase what is owed, with the service stopped; return for the proof what became of it."""
    if not (folder / FILE).exists():
        return "nothing was copied"
    with contextlib.closing(InfluxState(folder)) as state:
        try:
            if settings is None:
                raise SinkUnavailable("there is no section [influx] that says where")
            with contextlib.closing(connect(settings)) as speaker:
                for owed in state.owed():
                    influx_erasure.settle(owed, speaker, state, folder / "readings", settings.batch)
        except (SinkRefused, SinkUnavailable) as trouble:
            return f"owed, the service tries again: {trouble}" if state.owed() else "nothing is owed"
    return "erased, and confirmed by the server"
