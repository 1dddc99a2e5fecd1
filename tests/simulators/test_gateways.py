"""The simulated providers: what they take, show, refuse, and remember."""

import asyncio
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from alerts.channels import Outgoing, email, webhook
from simulators.gateways import Gateways
from simulators.inbox import Inbox, Message

pytestmark = pytest.mark.slow


def notice(name="0123456789abcdef0123", **other):
    """Return a notice to send."""
    values = {
        "address": "wang@example.org",
        "subject": "有 1 个紧急任务",
        "text": "去看看 <b>\n\n打开：https://s.example/link/x\n",
    }
    values |= {"created_at": datetime.now(UTC), "sent_at": datetime.now(UTC)}
    return Outgoing(id=name, link="https://s.example/link/x", language="zh_CN", realm="live", **(values | other))


async def post(gateways, outgoing, secret="s3cret", who="wang"):
    """Post a signed notice."""
    channel = webhook.Channel(webhook.Settings(secret))
    address = f"http://127.0.0.1:{gateways.http_port}/hook/{who}"
    result = await channel.send(replace(outgoing, address=address))
    await channel.close()
    return result


def test_what_arrived_is_shown_once_with_its_repeats_and_is_there_after_a_restart(tmp_path):
    async def scenario():
        async with Gateways(tmp_path, secret="s3cret") as gateways:
            await email.Channel(email.Settings(port=gateways.smtp_port)).send(notice())
            await email.Channel(email.Settings(port=gateways.smtp_port)).send(notice())
            await post(gateways, notice("fedcba"))
        async with Gateways(tmp_path, secret="s3cret") as again, httpx.AsyncClient(trust_env=False) as client:
            base = f"http://127.0.0.1:{again.http_port}"
            return (
                (await client.get(f"{base}/messages")).json(),
                await client.get(f"{base}/?lang=zh"),
                await client.get(f"{base}/?lang=en"),
            )

    messages, chinese, english = asyncio.run(scenario())
    assert [(m["notice"], m["channel"], m["recipient"], m["repeats"]) for m in messages] == [
        ("fedcba", "webhook", "wang", 0), ("0123456789abcdef0123", "email", "wang@example.org", 1),
    ]  # fmt: skip
    assert messages[1]["link"] == "https://s.example/link/x"
    assert "同一条消息重复 1 次" in chinese.text
    assert "Same message repeated 1 times" in english.text
    assert "&lt;b&gt;" in chinese.text
    assert 'href="https://s.example/link/x"' in chinese.text
    assert "default-src 'none'" in chinese.headers["content-security-policy"]
    assert not re.search(r"<script(?! src)|<style|style=|onclick", chinese.text), "the policy would block it"


@pytest.mark.parametrize("secret", ["another", "whsec_c2FtZQ=="])
def test_a_webhook_with_another_secret_is_refused(tmp_path, secret):
    async def scenario():
        async with Gateways(tmp_path, secret="s3cret") as gateways:
            return await post(gateways, notice(), secret), gateways.inbox.copies()

    result, copies = asyncio.run(scenario())
    assert (result.detail, result.permanent, copies) == ("401", True, [])


def test_an_old_signature_is_refused(tmp_path):
    async def scenario():
        async with Gateways(tmp_path, secret="s3cret") as gateways:
            return await post(gateways, notice(sent_at=datetime(2026, 1, 1, tzinfo=UTC)))

    assert asyncio.run(scenario()).detail == "401"


def test_faults_are_switched_over_http_and_bad_ones_are_refused(tmp_path):
    async def scenario():
        async with Gateways(tmp_path, secret="s3cret") as gateways, httpx.AsyncClient(trust_env=False) as client:
            url = f"http://127.0.0.1:{gateways.http_port}/faults"
            set_to = (await client.post(url, json={"repeat": 2, "error": 0.0})).json()
            wrong = [
                (await client.post(url, json=j)).status_code for j in ({"lose": 2}, {"loose": 1}, {"delay_s": "x"})
            ]
            other_page = await client.post(url, json={}, headers={"sec-fetch-site": "cross-site"})
            await post(gateways, notice())
            return set_to, wrong, other_page.status_code, len(gateways.inbox.copies())

    set_to, wrong, other_page, copies = asyncio.run(scenario())
    assert set_to["repeat"] == 2
    assert wrong == [422, 422, 422]
    assert other_page == 403
    assert copies == 3


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_behind(tmp_path):
    async def scenario():
        async with Gateways(tmp_path / "a", secret="s") as first:
            with pytest.raises(OSError, match=str(first.smtp_port)):
                await Gateways(tmp_path / "b", smtp_port=first.smtp_port, secret="s").__aenter__()
            with pytest.raises(OSError, match="in use"):
                await Gateways(tmp_path / "c", http_port=first.http_port, secret="s").__aenter__()

    asyncio.run(scenario())


def test_it_runs_by_hand_and_ends_on_request(tmp_path):
    command = [
        sys.executable,
        "-m",
        "simulators.gateways",
        "--folder",
        str(tmp_path),
        "--smtp-port",
        "0",
        "--http-port",
        "0",
    ]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline()
        page = re.search(r"http://127\.0\.0\.1:\d+/", said).group()
        assert httpx.get(page, trust_env=False).status_code == 200
        process.terminate()
        assert process.wait(10) == 0


def test_the_inbox_shows_the_newest_first(tmp_path):
    inbox = Inbox(tmp_path / "x.sqlite")
    for n in range(3):
        inbox.put(Message(f"n{n}", "email", "a", "s", "t", None, time.time()))
    assert [one.first.notice for one in inbox.shown(2)] == ["n2", "n1"]
    inbox.close()
