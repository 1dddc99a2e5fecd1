"""Phones and mailboxes on this machine: they take mail, webhooks, text messages and a robot's words, and show them.

They stand in for the providers of messages in demonstrations, drills and tests, and fail on request: ``POST /faults`` with
any of `Faults` as JSON, or by a script, one fate a message (``POST /script``).  Chance is seeded.  Signatures are checked
here with code of our own, written from the Standard Webhooks specification, so that sender and receiver prove each other.
Text messages are in `gateway_sms`, the robot in `gateway_robot`.

Run it: ``python -m simulators.gateways --folder gateways --smtp-port 2525 --http-port 8025``
"""

import argparse
import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import random
import re
import signal
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from datetime import tzinfo
from email import message_from_bytes, policy
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import Body, FastAPI, HTTPException, Request
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from simulators import gateway_robot
from simulators.gateway_pages import pages
from simulators.gateway_sms import Aggregator, signing_key
from simulators.inbox import Inbox, Message

SKEW_S = 300
"""How old a signature may be: five minutes, as the Standard Webhooks specification suggests. [s]"""

Share = Annotated[float, Field(ge=0, le=1)]


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class Faults:
    """How the provider misbehaves; shares are of all messages."""

    lose: Share = 0.0
    """Says yes and forgets it."""
    error: Share = 0.0
    """Answers 500 (mail: 451) and keeps nothing."""
    refuse: bool = False
    """Refuses for good: 410 (mail: 550)."""
    repeat: Annotated[int, Field(ge=0, le=10)] = 0
    """Delivers so many further copies."""
    delay_s: Annotated[float, Field(ge=0, le=600)] = 0.0
    """Delivers at once, but answers only after this."""
    down: bool = False
    """Takes nothing: 503 (mail: 421)."""
    lie: Share = 0.0
    """Of lost messages: says that they arrived."""
    receipt_s: Annotated[float, Field(ge=0, le=600)] = 0.05
    """When a receipt follows."""
    reorder: bool = False
    """Receipts overtake each other."""
    quota: Annotated[int, Field(ge=0)] = 1000
    """Most text messages to one number within an hour."""
    reject_templates: tuple[str, ...] = ()
    """Texts that are not approved any more."""
    bad_numbers: tuple[str, ...] = ()
    """Numbers (keys of robots) that do not exist."""
    dead_numbers: tuple[str, ...] = ()
    """Numbers that are taken and then found to be out of service."""


FATES = ("take", "lose", "error", "refuse", "down")
"""What a script may say of one message, before chance and `Faults` are asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider says; ok, or `later` (try again), or never."""

    ok: bool
    later: bool = False


class Gateways:
    """Both servers on loopback; ports of 0 are replaced by free ones when they start.

    Parameters
    ----------
    folder : Path
        Where the received messages are kept.
    smtp_port, http_port : int
        On 127.0.0.1.
    secret : str
        The one that webhooks are signed with.
    zone : tzinfo, optional
        In which the page tells times; this machine's if not given.
    seed : int, optional
        Of all chance.
    """

    def __init__(
        self, folder: Path, smtp_port: int = 0, http_port: int = 0, secret: str = "", faults: Faults | None = None,
        zone: tzinfo | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        self.folder, self.smtp_port, self.http_port, self.secret = folder, smtp_port, http_port, secret
        self.faults, self.zone = faults or Faults(), zone
        self.chance = random.Random(seed)
        self.script: deque[str] = deque()
        """Fates of the next messages, one of `FATES` each; empty: `faults` decide."""
        self.sms = Aggregator(self, "demo", secret)
        self._ends = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Gateways":
        async with contextlib.AsyncExitStack() as ends:
            self.inbox = Inbox(self.folder / "gateways.sqlite")
            ends.callback(self.inbox.close)
            self.smtp_port = await ends.enter_async_context(_smtp(self, self.smtp_port))
            self.http_port = await ends.enter_async_context(serving(_app(self), self.http_port))
            ends.push_async_callback(self.sms.close)
            self._ends = ends.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._ends.aclose()

    async def take(self, message: Message) -> Answer:
        """Take one message, or misbehave."""
        faults, fate = self.faults, self.script.popleft() if self.script else None
        if fate == "refuse" or (fate is None and faults.refuse):
            return Answer(ok=False)
        if fate in ("error", "down") or (fate is None and (faults.down or self.chance.random() < faults.error)):
            return Answer(ok=False, later=True)
        if fate == "take" or (fate is None and self.chance.random() >= faults.lose):
            for _ in range(1 + faults.repeat):
                await asyncio.to_thread(self.inbox.put, message)
        await asyncio.sleep(faults.delay_s)
        return Answer(ok=True)


# --- mail ----------------------------------------------------------------------------------------------------------


class _Mailbox:
    """What aiosmtpd calls for each mail."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - as the library calls it
        """Answer the data of a mail with an SMTP reply."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        mail = message_from_bytes(content, policy=policy.default)
        body = mail.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        link = re.search(r"https?://\S+", text)
        for recipient in envelope.rcpt_tos:
            answer = await self._gateways.take(
                Message(
                    notice=str(mail["Message-ID"] or "").strip("<> ").partition("@")[0], channel="email",
                    recipient=recipient, subject=str(mail["Subject"] or ""), text=text.strip(),
                    link=link and link.group(), received_at=time.time(),
                )
            )  # fmt: skip
            if not answer.ok:
                return "451 4.3.0 try again later" if answer.later else "550 5.1.1 no such mailbox"
        return "250 2.0.0 taken"


@contextlib.asynccontextmanager
async def _smtp(gateways: Gateways, port: int) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    open_now: list[SMTP] = []

    def connection() -> SMTP:
        open_now.append(SMTP(_Mailbox(gateways), hostname="localhost", enable_SMTPUTF8=True, loop=loop))
        return open_now[-1]

    server = await loop.create_server(connection, "127.0.0.1", port)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for one in open_now:
            if one.transport is not None:
                one.transport.close()
        await server.wait_closed()
        await asyncio.sleep(0)  # let the broken connections be noticed


# --- webhooks and pages --------------------------------------------------------------------------------------------


def _app(gateways: Gateways) -> FastAPI:
    app = FastAPI(title="Shuian gateways", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(pages.router(gateways.inbox, gateways.zone))
    app.include_router(gateways.sms.router())
    app.include_router(gateway_robot.router(gateways))

    @app.post("/script")
    def set_script(request: Request, fates: Annotated[list[str], Body()]) -> list[str]:
        if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            raise HTTPException(403, "not from another page")
        if not set(fates) <= set(FATES):
            raise HTTPException(422, f"want some of {', '.join(FATES)}")
        gateways.script.extend(fates)
        return list(gateways.script)

    @app.post("/hook/{recipient}")
    async def hook(recipient: str, request: Request) -> dict[str, bool]:
        content = await request.body()
        notice = _verified(gateways.secret, request, content)
        try:
            data: dict[str, Any] = json.loads(content)["data"]
            message = Message(
                notice, "webhook", recipient, data["subject"], data["text"].strip(), data["link"], time.time()
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HTTPException(400, "want a notice as JSON") from error
        answer = await gateways.take(message)
        if not answer.ok:
            raise HTTPException(500 if answer.later else 410, "as asked for")
        return {"ok": True}

    @app.get("/messages")
    def messages() -> list[dict[str, Any]]:
        return [asdict(one.first) | {"repeats": one.repeats} for one in gateways.inbox.shown(1000)]

    @app.get("/faults")
    def faults() -> dict[str, Any]:
        return asdict(gateways.faults)

    @app.post("/faults")
    def set_faults(request: Request, changes: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            raise HTTPException(403, "not from another page")
        try:
            gateways.faults = TypeAdapter(Faults).validate_python(asdict(gateways.faults) | changes)
        except ValidationError as error:
            raise HTTPException(422, error.errors(include_url=False, include_context=False)) from error
        return asdict(gateways.faults)

    return app


def _verified(secret: str, request: Request, content: bytes) -> str:
    """Return the id of a webhook whose signature is right and fresh."""
    notice, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > SKEW_S:
        raise HTTPException(401, "want a timestamp of the last five minutes")
    want = hmac.new(signing_key(secret), f"{notice}.{stamp}.".encode() + content, hashlib.sha256).digest()
    for signature in request.headers.get("webhook-signature", "").split():
        version, _, encoded = signature.partition(",")
        with contextlib.suppress(binascii.Error):
            if version == "v1" and hmac.compare_digest(base64.b64decode(encoded), want):
                return notice
    raise HTTPException(401, "want a signature made with our secret")


class _Server(uvicorn.Server):
    """Signals belong to whoever started the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


@contextlib.asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[int]:
    """Serve an application on loopback meanwhile; yields its port."""
    # bound here, because uvicorn ends the process when it cannot have its port
    with socket.create_server(("127.0.0.1", port)) as listening:
        options = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        server = _Server(options)
        task = asyncio.create_task(server.serve([listening]))
        try:
            while not server.started and not task.done():
                await asyncio.sleep(0.01)
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            await task


# --- by hand -------------------------------------------------------------------------------------------------------


async def _run(gateways: Gateways) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with gateways:
        print(f"mail: 127.0.0.1:{gateways.smtp_port}   messages: http://127.0.0.1:{gateways.http_port}/", flush=True)  # noqa: T201 - for who started it
        await stop.wait()


def main() -> None:
    """Run both servers until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Phones and mailboxes on this machine.")
    parser.add_argument("--folder", type=Path, default=Path("gateways"))
    parser.add_argument("--smtp-port", type=int, default=2525)
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--secret", default="demo", help="the one that webhooks are signed with")
    parser.add_argument("--callback", default="", help="where the service listens, for receipts and answers")
    parser.add_argument("--seed", type=int, default=0, help="of all chance")
    given = parser.parse_args()
    gateways = Gateways(given.folder, given.smtp_port, given.http_port, given.secret, seed=given.seed)
    gateways.sms.callback = given.callback.rstrip("/")
    asyncio.run(_run(gateways))


if __name__ == "__main__":
    main()
