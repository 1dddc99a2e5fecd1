"""What `shuian simulate` and `shuian replay` have in common: messages to a broker at their moments, shown and accounted for."""

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from types import FrameType
from typing import TextIO
from zoneinfo import ZoneInfo

from shuian.errors import BadInput, Trouble
from simulators import publisher
from simulators.encoding import Message
from simulators.pacing import Sending, Sent
from simulators.publisher import Publisher, PublishError

QUIET_EVERY_S = 30.0
"""How often a run that no terminal shows says how far it is. [s]"""
BEHIND_S = 1.0
"""Later than this is said. [s]"""


def one_of(name: str, names: Iterable[str], what: str) -> str:
    """Return `name` if it is one of `names`."""
    if name not in names:
        raise BadInput(f"no {what} {name!r}", f"take one of: {', '.join(names)}")
    return name


def address(broker: str) -> str:
    """Return the broker's address if it has a scheme, a host and, if any, a port that can be."""
    try:
        publisher.address(broker)
    except ValueError as wrong:
        raise BadInput(
            str(wrong), "such as mqtt://127.0.0.1:1883; in user and password write @ as %40, : as %3A, / as %2F"
        ) from None
    return broker


def pace(speed: float) -> float:
    """Return a speed that is one."""
    if not 0 <= speed < float("inf"):
        raise BadInput(f"want a speed from 0 up, got {speed}", "1 is life's speed, 0 as fast as the broker takes it")
    return speed


def send(
    source: AbstractContextManager[Iterable[list[Message]]], broker: str, start_s: float, speed: float, shown: "Shown"
) -> Sent:
    """Send all messages of a source, or those until Ctrl-C, and return how it went.

    Raises
    ------
    Trouble
        The broker cannot be reached.
    """
    try:
        with _signals() as stop, Publisher(broker) as out, source as chunks:
            return Sending(out, start_s, speed, stop, shown.told).run(chunks)
    except PublishError as trouble:
        raise Trouble(str(trouble), "then run this again") from None
    finally:
        shown.end()


def summary(sent: Sent, speed: float) -> list[str]:
    """Return what became of the messages."""
    lines = [f"{sent.messages} messages sent, {sent.confirmed} confirmed by the broker, {sent.rate:.1f}/s"]
    if speed and sent.messages:
        late = sent.lateness
        median, far = (late.quantile(share) * 1000 for share in (0.5, 0.99))
        lines.append(f"lateness: median {median:.1f} ms, p99 {far:.1f} ms, most {late.most_s * 1000:.1f} ms")
    return lines


def all_confirmed(sent: Sent) -> None:
    """Raise Trouble if the broker did not take every message."""
    if sent.refused:
        raise Trouble(f"the broker refused {sent.refused} messages", "let its rules allow these topics")
    if sent.confirmed < sent.messages:
        raise Trouble(
            f"{sent.messages - sent.confirmed} messages were not confirmed", "see whether the broker still runs"
        )


class Shown:
    """The progress of a run: a line that renews itself on a terminal, else one every half minute."""

    def __init__(self, zone: ZoneInfo, out: TextIO, before: str) -> None:
        """Show times in `zone`; `before` is said until the first message."""
        self._zone, self._out, self._line, self._text = zone, out, out.isatty(), before
        self._next, self._before = 0.0 if self._line else time.monotonic() + QUIET_EVERY_S, (0.0, 0)
        self._width = 0

    def told(self, sent: Sent) -> None:
        """Show how far it is, if it is time for it."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now if self._line else now + QUIET_EVERY_S
        took, count = sent.took_s - self._before[0], sent.messages - self._before[1]
        self._before = sent.took_s, sent.messages
        text = f"{clock(sent.at, self._zone)}  {sent.messages} messages  {count / took if took > 0 else 0:.0f}/s"
        if not sent.messages:
            text = self._text
        if not sent.connected:
            text += "  no broker: waiting"
        if sent.behind_s > BEHIND_S:
            text += f"  {sent.behind_s:.0f} s behind: the broker, or this machine, is slower than asked"
        self._width = max(self._width, len(text))
        self._out.write(f"\r{text:<{self._width}}" if self._line else f"{text}\n")
        self._out.flush()

    def end(self) -> None:
        """End the line."""
        if self._line and self._width:
            self._out.write("\n")


def clock(seconds: float, zone: ZoneInfo) -> str:
    """Return local time, such as ``2026-03-02 08:00:00``, of `seconds` since 1970; NaN: nothing was sent."""
    if seconds != seconds:  # noqa: PLR0124
        return "nothing"
    return f"{datetime.fromtimestamp(seconds, zone):%Y-%m-%d %H:%M:%S}"


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Let the first Ctrl-C or SIGTERM set an event, and a second one end the process."""
    stop = threading.Event()

    def ask(_: int, __: FrameType | None) -> None:
        if stop.is_set():
            raise SystemExit(130)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
