"""Channels against real servers: what counts as accepted, as failed, as unknown, and what is on the wire."""

import asyncio
import contextlib
import hashlib
import hmac
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alerts.channels import CHANNELS, Outgoing, email, is_loopback, sms, webhook, wecom
from alerts.signatures import form, key, signature
from simulators.gateways import Faults, Gateways

NOTICE = Outgoing(
    id="0123456789abcdef0123", address="wang@example.org", subject="有 1 个紧急任务", text="紧急\n编号 01234567\n",
    link="https://shuian.example/link/x", language="zh_CN", realm="live", created_at=datetime.now(UTC),
    sent_at=datetime.now(UTC),
)  # fmt: skip


def wire(name, outgoing):
    """Return what a channel would send, as text."""
    match name:
        case "email":
            return email.message(outgoing, "shuian@localhost").as_string()
        case "sms":
            return form(sms.fields(outgoing, "水安", "SMS_1")).decode()
        case "wecom":
            return wecom.content([outgoing])
        case _:
            return webhook.body(outgoing).decode()


@pytest.mark.parametrize(("name", "sample"), [(n, s) for n, kind in CHANNELS.items() for s in kind.SAMPLES])
def test_every_sample_is_what_goes_out(name, sample):
    assert CHANNELS[name].address_fault(sample.outgoing.address) is None
    said = wire(name, sample.outgoing)
    assert [part for part in sample.contains if part not in said] == []


@pytest.mark.parametrize(
    ("channel", "address", "fits"),
    [
        (email, "a@b.example", True), (email, "a", False), (email, "a@b@c", False), (email, "a@b\nBcc: x@y", False),
        (email, "A <a@b>", False), (webhook, "https://b.example/hook", True), (webhook, "http://127.0.0.1:1/x", True),
        (webhook, "b.example", False), (webhook, "file:///etc/x", False), (webhook, "https://u:p@b.example", False),
        (webhook, "https://", False), (webhook, "https://b.example/\nx", False),
    ],
)  # fmt: skip
def test_an_address_fits_its_channel(channel, address, fits):
    assert (channel.address_fault(address) is None) is fits


def test_this_machine_is_known_without_asking_the_network():
    assert [is_loopback(h) for h in ("127.0.0.1", "::1", "[::1]", "localhost", "127.1.2.3")] == [True] * 5
    assert [is_loopback(h) for h in ("10.0.0.1", "example.org", "localhost.example.org", "0.0.0.0")] == [False] * 4


def test_a_demo_sends_nowhere_else():
    with pytest.raises(ValueError, match="on this machine"):
        email.Channel(email.Settings(host="mail.example.org", loopback_only=True))

    async def scenario():
        channel = webhook.Channel(webhook.Settings("s", loopback_only=True))
        result = await channel.send(replace(NOTICE, address="https://example.org/hook"))
        await channel.close()
        return result

    result = asyncio.run(scenario())
    assert (result.state, result.permanent) == ("failed", True)


def test_webhooks_are_never_sent_unsigned():
    with pytest.raises(ValueError, match="want a secret"):
        webhook.Channel(webhook.Settings())
    with pytest.raises(ValueError, match="base64"):
        webhook.Channel(webhook.Settings("whsec_%%%"))


def test_the_signature_is_the_one_of_the_standard():
    # the specification's own scheme, computed here by hand: HMAC-SHA256 over id.timestamp.body
    want = b64encode(hmac.new(b"key", b"msg_1.1614265330.{}", hashlib.sha256).digest()).decode()
    assert signature(b"key", "msg_1", 1614265330, b"{}") == f"v1,{want}"
    assert key("whsec_a2V5") == b"key"


async def both(gateways, timeout_s=1.0):
    """Send one notice by each channel; return the results."""
    notice = replace(NOTICE, sent_at=datetime.now(UTC))  # a receiver believes no old signature
    mail = email.Channel(email.Settings(port=gateways.smtp_port, timeout_s=timeout_s))
    hook = webhook.Channel(webhook.Settings("s3cret", timeout_s=timeout_s))
    try:
        return [
            await mail.send(notice),
            await hook.send(replace(notice, address=f"http://127.0.0.1:{gateways.http_port}/hook/wang")),
        ]
    finally:
        await hook.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "state", "permanent"),
    [
        (Faults(), "accepted", False),
        (Faults(error=1.0), "failed", False),
        (Faults(refuse=True), "failed", True),
        (Faults(delay_s=3.0), "unknown", False),
    ],
    ids=["taken", "later", "never", "no answer"],
)
def test_every_channel_tells_taken_from_later_never_and_unknown(tmp_path, faults, state, permanent):
    async def scenario():
        async with Gateways(tmp_path, secret="s3cret", faults=faults) as gateways:
            return await both(gateways)

    results = asyncio.run(scenario())
    assert [(r.state, r.permanent) for r in results] == [(state, permanent)] * 2


@pytest.mark.slow
def test_nobody_listening_means_surely_not_sent(tmp_path):
    async def scenario():
        async with Gateways(tmp_path, secret="s3cret") as gateways:
            pass
        return await both(gateways)

    assert [(r.state, r.permanent) for r in asyncio.run(scenario())] == [("failed", False)] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "state", "permanent"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", "accepted", False),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", "failed", True),
        (b"HTTP/1.1 429 Slow Down\r\ncontent-length: 0\r\n\r\n", "failed", False),
        (b"HTTP/1.1 408 Late\r\ncontent-length: 0\r\n\r\n", "failed", False),
        (b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", "failed", True),
        (b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", "failed", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nhalf", "accepted", False),
        (b"", "unknown", False),
        (b"SSH-2.0-hello\r\n", "unknown", False),
    ],
    ids=["204", "redirect", "429", "408", "404", "503", "half a body", "cut off", "not HTTP"],
)
def test_a_webhook_answer_means(answer, state, permanent):
    async def scenario():
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        channel = webhook.Channel(webhook.Settings("s3cret", timeout_s=2.0))
        async with server:
            result = await channel.send(replace(NOTICE, address=f"http://127.0.0.1:{port}/"))
            await channel.close()
        return result

    result = asyncio.run(scenario())
    assert (result.state, result.permanent) == (state, permanent)
