"""Somebody was forgotten: their points at a server go, too.

The wish is written down before anything is erased here (`owe`), and is kept until a server has confirmed it (`settle`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ingest import stored_pages
from ingest.clocks import MOST_AHEAD
from ingest.erasure import Span
from ingest.influx_dialects import Speaker
from ingest.influx_state import FILE, InfluxState, Owed
from ingest.line_protocol import lines
from ingest.measures import milliseconds


def owe(folder: Path, spans: Sequence[Span], now: datetime) -> int:
    """Write down that these devices' points in these times are to be erased; return how many wishes that makes.

    Nothing is owed where nothing was ever copied.  A device that is open-ended now may be in another home tomorrow, so the
    time ends now (and as far ahead as a clock may be wrong).

    Raises
    ------
    StoreError
        The wish could not be written down.
    """
    if not spans or not (folder / FILE).exists():
        return 0
    until_ms = milliseconds(now + MOST_AHEAD + timedelta(minutes=1))
    state = InfluxState(folder)
    try:
        state.owe([(one.device, one.start_ms, min(one.end_ms, until_ms)) for one in spans], milliseconds(now))
    finally:
        state.close()
    return len(spans)


def settle(owed: Owed, speaker: Speaker, state: InfluxState, readings: Path, batch: int) -> None:
    """Erase at the server, then strike the wish off.

    Where a server can only erase all of a device, what is still stored of it (another home's) is written again.

    Raises
    ------
    SinkUnavailable, SinkRefused
        Not confirmed: it is still owed.
    """
    if speaker.erase(owed.device, owed.start_ms, owed.end_ms):
        for part in stored_pages.of_device(readings, owed.device, batch):
            speaker.write(lines(part))
    state.settle(owed)
