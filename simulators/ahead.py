"""A source of chunks in a process of its own, some seconds ahead: whoever takes them never waits for their making."""

import multiprocessing
import queue
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.queues import Queue
from typing import Any, TypeVar

from simulators.memory import keep_freed

T = TypeVar("T")
CHUNKS_AHEAD = 60
"""Chunks that wait at most: with 500 messages each some ten megabytes."""
HEAD_START = 20
LOOK_S = 0.5
"""How often somebody who waits looks whether the source still lives. [s]"""


class SourceError(Exception):
    """The source failed: says how."""


@contextmanager
def ahead(
    source: Callable[..., Iterator[list[T]]], *arguments: Any, chunks: int = CHUNKS_AHEAD
) -> Iterator["Ahead[T]"]:
    """Run `source(*arguments)` in a process of its own for the time of the block.

    Function and arguments are handed to a new interpreter, so they must be importable and picklable.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy threads that hold locks
    waiting: Queue[Any] = context.Queue(chunks)
    process = context.Process(target=_make, args=(waiting, source, arguments), daemon=True)
    process.start()
    try:
        yield Ahead(waiting, process)
    finally:
        process.kill()
        process.join()
        waiting.close()


class Ahead(Iterator[list[T]]):
    """The chunks of a source, in order; an empty one where the next is not ready within `LOOK_S`.

    The first comes when `HEAD_START` are ready, so that whoever sends them is not at the source's heels from the beginning.
    """

    def __init__(self, waiting: "Queue[Any]", process: Any) -> None:
        self._waiting, self._process = waiting, process
        self._ready: deque[list[T]] = deque()
        self._started, self._ended = False, False

    def __next__(self) -> list[T]:
        """Return the next chunk, or an empty one.

        Raises
        ------
        SourceError
            The source failed, or its process is gone.
        """
        if not self._ended and (not self._ready or not self._started):
            self._take()
        self._started = self._started or self._ended or len(self._ready) >= HEAD_START
        if self._ready and self._started:
            return self._ready.popleft()
        if self._ended:
            raise StopIteration
        return []

    def _take(self) -> None:
        dead = not self._process.is_alive()  # asked first: what it said before it ended is still to come
        try:
            kind, what = self._waiting.get(timeout=LOOK_S)
        except queue.Empty:
            if dead:
                raise SourceError("the process that works the messages out is gone: too little memory?") from None
            return
        if kind == "failed":
            raise SourceError(what)
        if kind == "end":
            self._ended = True
        else:
            self._ready.append(what)


def _make(waiting: "Queue[Any]", source: Callable[..., Iterator[Any]], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; ours ends this one
    keep_freed()
    try:
        for chunk in source(*arguments):
            if not _put(waiting, ("chunk", chunk)):
                return
    except Exception:  # noqa: BLE001  told in the process that people look at
        _put(waiting, ("failed", traceback.format_exc()))
    else:
        _put(waiting, ("end", None))


def _put(waiting: "Queue[Any]", what: tuple[str, Any]) -> bool:
    """Hand on as soon as there is room; False: nobody is there any more."""
    taker = multiprocessing.parent_process()
    while taker is not None and taker.is_alive():
        with suppress(queue.Full):
            waiting.put(what, timeout=LOOK_S)
            return True
    waiting.cancel_join_thread()  # nobody empties the pipe: waiting until it is empty would last for ever
    return False
