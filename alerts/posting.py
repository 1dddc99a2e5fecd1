"""POST requests over HTTP/1.1 on connections that are kept: what a webhook needs, and no more.

A general client decides much for every request that is always the same here (proxies, cookies, redirects, pools of any
async library), which costs more processor time than the message itself.  The protocol is h11's, TLS is Python's with the
certificates of httpx.  A connection is used by one message at a time, and again only if its answer was read to the end and
it is younger than receivers usually allow.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from ssl import SSLContext
from time import monotonic

import h11
import httpx

KEPT, KEPT_S = 64, 2.0
"""Connections that are kept for one receiver, and how long unused: many receivers close theirs after 5 s. [s]"""
MOST_READ = 65_536
"""So much of an answer is read for the sake of its connection. [bytes]"""
CHUNK = 8_192

Origin = tuple[str, str, int]


class NotSent(Exception):
    """There was no connection: nothing has left this machine."""


class CutOff(Exception):
    """The connection broke, or what came back is no HTTP: the message may have been taken."""


@dataclass(eq=False)
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    state: h11.Connection
    since: float
    """When it was last used, by a clock that only rises. [s]"""

    def usable(self) -> bool:
        """Whether the next message may go this way."""
        closed = self.reader.at_eof() or self.reader.exception() is not None or self.writer.is_closing()
        return not closed and monotonic() - self.since < KEPT_S


class Poster:
    """Posts, each with a time limit [s] for the connection and one for the answer; of one event loop."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._kept: defaultdict[Origin, deque[Line]] = defaultdict(deque)
        self._retiring: set[Origin] = set()
        self._tls: SSLContext | None = None

    async def post(self, url: httpx.URL, headers: Mapping[str, str], content: bytes) -> int:
        """Post once and return the code of the answer; redirects are not followed.

        Raises
        ------
        NotSent
            No connection within the time limit.
        CutOff
            The message, or a part of it, was sent, and no answer came.
        """
        origin = url.scheme, url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
        line = self._again(origin) or await self._connected(origin)
        try:
            async with asyncio.timeout(self._timeout_s):
                code = await self._exchanged(line, url, headers, content)
        except (OSError, h11.ProtocolError) as error:  # a time-out is an OSError
            raise CutOff(type(error).__name__) from error
        finally:
            self._over(origin, line)
        return code

    def _again(self, origin: Origin) -> Line | None:
        kept = self._kept[origin]
        while kept:
            line = kept.pop()
            if line.usable():
                return line
            line.writer.close()
        return None

    async def _connected(self, origin: Origin) -> Line:
        scheme, host, port = origin
        if scheme == "https" and self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
        try:
            async with asyncio.timeout(self._timeout_s):
                tls = self._tls if scheme == "https" else None
                reader, writer = await asyncio.open_connection(host.strip("[]"), port, ssl=tls)
        except (OSError, ValueError) as error:  # ValueError: a name that can be no host's
            raise NotSent(type(error).__name__) from error
        return Line(reader, writer, h11.Connection(h11.CLIENT), monotonic())

    async def _exchanged(self, line: Line, url: httpx.URL, headers: Mapping[str, str], content: bytes) -> int:
        said = [("host", url.netloc.decode("ascii")), ("content-length", str(len(content))), *headers.items()]
        request = h11.Request(method="POST", target=url.raw_path, headers=said)
        parts = (line.state.send(request), line.state.send(h11.Data(content)), line.state.send(h11.EndOfMessage()))
        line.writer.write(b"".join(part for part in parts if part))
        await line.writer.drain()
        while not isinstance(event := await self._next(line), h11.Response):
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("closed without an answer")
        await self._drained(line)
        return event.status_code

    async def _next(self, line: Line) -> h11.Event:
        while not isinstance(event := line.state.next_event(), h11.Event):
            if event is h11.PAUSED:  # it speaks on after its answer
                return h11.ConnectionClosed()
            line.state.receive_data(await line.reader.read(CHUNK))
        return event

    async def _drained(self, line: Line) -> None:
        """Read a short answer to its end; the code is known, and nothing after it takes that back."""
        read = 0
        try:
            async with asyncio.timeout(1.0):
                while read < MOST_READ:
                    event = await self._next(line)
                    if not isinstance(event, h11.Data):
                        return
                    read += len(event.data)
        except (OSError, h11.ProtocolError):
            return

    def _over(self, origin: Origin, line: Line) -> None:
        """Keep a connection whose exchange is complete; close any other."""
        kept = self._kept[origin]
        if line.state.our_state is h11.DONE and line.state.their_state is h11.DONE and len(kept) < KEPT:
            line.state.start_next_cycle()
            line.since = monotonic()
            kept.append(line)
            if origin not in self._retiring:
                self._retiring.add(origin)
                asyncio.get_running_loop().call_later(KEPT_S, self._retire, origin)
        else:
            line.writer.close()

    def _retire(self, origin: Origin) -> None:
        """Close what was not used for so long: the last one kept is the first one used, so that the oldest stand in front."""
        kept = self._kept[origin]
        self._retiring.discard(origin)
        while kept and not kept[0].usable():
            kept.popleft().writer.close()
        if kept:
            self._retiring.add(origin)
            in_s = max(0.0, kept[0].since + KEPT_S - monotonic())
            asyncio.get_running_loop().call_later(in_s, self._retire, origin)
        else:
            del self._kept[origin]

    async def close(self) -> None:
        """Close what is kept."""
        lines = [line for kept in self._kept.values() for line in kept]
        self._kept.clear()
        for line in lines:
            line.writer.close()
        await asyncio.gather(*(line.writer.wait_closed() for line in lines), return_exceptions=True)
