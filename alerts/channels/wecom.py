"""A WeCom (企业微信) group robot: one message for everybody in the group, as Markdown.

A robot takes 20 messages a minute and refuses, with error 45009 inside an HTTP 200, what comes above that.  So the first
messages of a minute go out at once, and when those are used up what waits goes out together, one message every few
seconds.  Drills have fewer of both: the rest of each minute is kept for real messages.  Whether anybody read it a robot never
tells: there are no receipts, only links that are opened.
Source: WeCom developer centre, "group robot configuration" (path/91770): 20 messages a minute, markdown of at most 4,096
bytes, ``errcode`` 0 for success; "global error codes" (path/90313).
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from typing import NamedTuple

import httpx

from alerts.channels import RESERVE, Outgoing, Result, Sample, is_loopback

MOST_BYTES = 4096
BETWEEN = "\n\n----\n\n"
MINUTE_S = 60.0
BUSY, TOO_OFTEN = -1, 45009
NO_SUCH_ROBOT = frozenset({93000, 40001, 40014, 41001})
"""The key in the address is none, or is none any more: nobody is reached there."""


@dataclass(frozen=True)
class Settings:
    """How often one robot may speak."""

    per_minute: int = 20
    """Most messages of one robot within a minute."""
    at_once: int = 14
    """So many of them leave without waiting; the rest carries what comes above, together."""
    live_reserve: int = 8
    """So many of the messages of a minute are kept for real cases: a drill stops before."""
    wait_s: float = 12.0
    """The longest that a message may wait to go out with others; below the time limit of an attempt. [s]"""
    timeout_s: float = 6.0
    loopback_only: bool = False
    """Refuse robots that are not on this machine: for demonstrations and drills."""


def address_fault(address: str) -> str | None:
    """Return what was wanted of `address`; None: it is well-formed."""
    wanted = "a robot's address such as https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…"
    if not re.fullmatch(r"https?://[!-~]+", address):
        return wanted
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return wanted
    return None if url.host and not url.userinfo and url.params.get("key") else wanted


def content(waiting: Sequence[Outgoing]) -> str:
    """Return the Markdown of one or several notices: the subject in bold, the text below, no more than fits."""
    parts = [f"**{one.subject}**\n{one.text.strip()}" for one in waiting]
    whole = BETWEEN.join(parts).encode()
    return whole[:MOST_BYTES].decode("utf-8", "ignore")


def fitting(waiting: Sequence[Outgoing]) -> int:
    """Return how many of those that wait fit into one message; at least one."""
    n = len(waiting)
    while (
        n > 1
        and len(BETWEEN.join(f"**{one.subject}**\n{one.text.strip()}" for one in waiting[:n]).encode()) > MOST_BYTES
    ):
        n -= 1
    return n


class _Limits(NamedTuple):
    most: int
    """Within a minute, whoever spoke."""
    at_once: int


@dataclass(eq=False)
class _Robot:
    """What waits for one robot, of life or of drills; when it spoke within the last minute, for whomever."""

    spoke: deque[float]
    limits: _Limits
    full: Result
    """What becomes of a message that would have to wait for too long."""
    waiting: list[tuple[Outgoing, asyncio.Future[Result]]] = field(default_factory=list)
    speaking: asyncio.Task[None] | None = None


class Channel:
    """Lets robots speak, no more often than they may."""

    at_once = 64
    """Attempts in flight: many may wait for one message that carries them all."""

    def __init__(self, settings: Settings) -> None:
        if not 0 < settings.at_once < settings.per_minute:
            raise ValueError(f"want at_once from 1 to below per_minute, got {settings.at_once}, {settings.per_minute}")
        if not 0 <= settings.live_reserve < settings.per_minute - 1:
            raise ValueError(f"want live_reserve below {settings.per_minute - 1}, got {settings.live_reserve}")
        self._settings = settings
        self._client = httpx.AsyncClient(timeout=settings.timeout_s, follow_redirects=False, trust_env=False)
        self._robots: dict[tuple[str, bool], _Robot] = {}
        self._spoke: dict[str, deque[float]] = {}

    async def send(self, outgoing: Outgoing) -> Result:
        """Try once: at once, or together with others within a few seconds."""
        if self._settings.loopback_only and not is_loopback(httpx.URL(outgoing.address).host):
            return Result("failed", permanent=True, detail="not this machine (loopback_only)")
        robot = self._robot(outgoing.address, real=outgoing.may_use_reserve)
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        robot.waiting.append((outgoing, done))
        if robot.speaking is None or robot.speaking.done():
            robot.speaking = asyncio.create_task(self._speak(robot))
        try:
            return await done
        finally:
            robot.waiting = [one for one in robot.waiting if one[1] is not done]

    def _robot(self, address: str, *, real: bool) -> _Robot:
        """Return who speaks for life, or for drills: apart, so that nothing real waits behind something that is played."""
        known = self._robots.get((address, real))
        if known is not None:
            return known
        s = self._settings
        played = s.per_minute - s.live_reserve
        limits = _Limits(s.per_minute, s.at_once) if real else _Limits(played, min(s.at_once, max(1, played // 2)))
        full = Result("failed", detail="this robot has spoken too often") if real else Result("failed", True, RESERVE)
        robot = _Robot(self._spoke.setdefault(address, deque()), limits, full)
        self._robots[address, real] = robot
        return robot

    async def _speak(self, robot: _Robot) -> None:
        """Send what waits for one robot until nothing does."""
        while robot.waiting:
            pause_s = self._pause_s(robot, time.monotonic())
            if pause_s > self._settings.wait_s:
                for _, done in robot.waiting:
                    _tell(done, robot.full)
                return
            if pause_s > 0:
                await asyncio.sleep(pause_s)
                continue
            together = self._together(robot)
            robot.waiting = robot.waiting[len(together) :]
            robot.spoke.append(time.monotonic())
            result = await self._post([one for one, _ in together])
            if result.detail == str(TOO_OFTEN):  # others speak through it as well: its minute is used up
                robot.spoke.extend([time.monotonic()] * (self._settings.per_minute - len(robot.spoke)))
            for _, done in together:
                _tell(done, result)

    @staticmethod
    def _together(robot: _Robot) -> list[tuple[Outgoing, "asyncio.Future[Result]"]]:
        """Return what goes out in the next message: one while there is room, else all that fits; no drill with life."""
        if len(robot.spoke) < robot.limits.at_once:
            return robot.waiting[:1]
        realm = robot.waiting[0][0].realm
        same = list(takewhile(lambda one: one[0].realm == realm, robot.waiting))
        return same[: fitting([one for one, _ in same])]

    @staticmethod
    def _pause_s(robot: _Robot, now_s: float) -> float:
        """Return how long the robot keeps silent now."""
        (most, at_once), spoke = robot.limits, robot.spoke
        while spoke and spoke[0] <= now_s - MINUTE_S:
            spoke.popleft()
        if len(spoke) < at_once:
            return 0.0
        if len(spoke) >= most:
            return spoke[-most] + MINUTE_S - now_s
        return max(0.0, spoke[-1] + MINUTE_S / (most - at_once) - now_s)

    async def _post(self, waiting: Sequence[Outgoing]) -> Result:
        body = {"msgtype": "markdown", "markdown": {"content": content(waiting)}}
        try:
            answer = await self._client.post(waiting[0].address, json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Result("failed", detail=f"no connection: {type(error).__name__}")
        except httpx.HTTPError as error:
            return Result("unknown", detail=f"cut off: {type(error).__name__}")
        return said(answer)

    async def close(self) -> None:
        """Let what waits know that it was not sent, and close kept connections."""
        for robot in self._robots.values():
            if robot.speaking is not None:
                robot.speaking.cancel()
            for _, done in robot.waiting:
                _tell(done, Result("failed", detail="the service ends"))
        await self._client.aclose()


def said(answer: httpx.Response) -> Result:
    """Return what the robot's answer means: success is not HTTP 200, but error code 0 in it."""
    if not answer.is_success:
        later = answer.status_code >= 500 or answer.status_code in (408, 429)
        return Result("failed", permanent=not later, detail=str(answer.status_code))
    try:
        code = int(answer.json()["errcode"])
    except (ValueError, KeyError, TypeError):
        return Result("unknown", detail="an answer that cannot be read")
    if code == 0:
        return Result("accepted", detail="0")
    return Result("failed", code not in (BUSY, TOO_OFTEN), str(code), code in NO_SUCH_ROBOT)


def _tell(done: "asyncio.Future[Result]", result: Result) -> None:
    if not done.done():
        done.set_result(result)


SAMPLES = (
    Sample(
        Outgoing(
            id="0123456789abcdef0123", address="https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k",
            subject="有 1 个紧急任务", text="紧急\n编号 01234567\n", link="https://shuian.example/link/x", language="zh_CN",
            realm="live", created_at=datetime(2026, 11, 21, tzinfo=UTC), sent_at=datetime(2026, 11, 21, tzinfo=UTC),
        ),
        ("**有 1 个紧急任务**", "编号 01234567"),
    ),
)  # fmt: skip
