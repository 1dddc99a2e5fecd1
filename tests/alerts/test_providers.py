"""Text messages and robots over real sockets: what they take, what they tell afterwards, and who may tell it."""

import asyncio
import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from alerts import access, database, queries, texts
from alerts.casefile import State
from alerts.channels import RESERVE, Forged, Outgoing, Unreadable, email, sms, wecom
from alerts.outbox import Dispatcher, Settings
from alerts.policy import Policy
from alerts.store import Store
from alerts.web import app as web
from alerts.web.live import Hub
from alerts.web.ports import Check, Health
from alerts.web.settings import Settings as PageSettings
from simulators.gateways import Faults, Gateways, serving
from tests.alerts.neighbourhood import SHEETS, fill, finding, notices

SECRET, PHONE = "s3cret", "13900000001"
WORDS = texts.load()
QUICK = Settings(back_off_s=(0.1, 0.2, 0.4), poll_s=0.05, send_s=3.0, lease_s=5.0, ask_s=0.3)
TEXTS = {
    "offer": "SMS_1", "worker": "SMS_2", "family": "SMS_3", "operator": "SMS_4", "reply_accepted": "SMS_5",
    "drill_offer": "SMS_9",
}  # fmt: skip


def now():
    """Return now."""
    return datetime.now(UTC)


def notice(**other):
    """Return a notice to send by text message."""
    values = {"id": "0123456789abcdef0123", "address": PHONE, "template": "offer", "role": "worker"} | other
    values = {"params": {"level": "紧急", "code": "47", "number": "01234567"}, "realm": "live"} | values
    return Outgoing(
        subject="有 1 个紧急任务", text="紧急\n编号 01234567\n", link=None, language="zh_CN", created_at=now(),
        sent_at=now(), **values,
    )  # fmt: skip


def settings(gateways, **other):
    """Return the settings of the aggregator on this machine."""
    values = {"endpoint": f"http://127.0.0.1:{gateways.http_port}", "key_id": "demo", "secret": gateways.secret}
    values |= {"sign_name": "水安", "templates": TEXTS, "call_secret": gateways.secret, "loopback_only": True}
    return sms.Settings(**(values | other))


# --- pure ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "state", "permanent", "bad"),
    [
        ("OK", "accepted", False, False), ("isv.MOBILE_NUMBER_ILLEGAL", "failed", True, True),
        ("isv.SMS_TEMPLATE_ILLEGAL", "failed", True, False), ("isv.SMS_SIGNATURE_ILLEGAL", "failed", True, False),
        ("isv.BUSINESS_LIMIT_CONTROL", "failed", False, False), ("isv.AMOUNT_NOT_ENOUGH", "failed", False, False),
        ("isp.SYSTEM_ERROR", "failed", False, False), ("SignatureDoesNotMatch", "failed", False, False),
    ],
)  # fmt: skip
def test_what_the_aggregator_answers_means(code, state, permanent, bad):
    result = sms.said(httpx.Response(200, json={"Code": code, "BizId": "9^0"}))
    assert (result.state, result.permanent, result.bad_address) == (state, permanent, bad)
    assert result.provider_id == ("9^0" if code == "OK" else "")


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json=[])])
def test_an_answer_that_cannot_be_read_means_that_nobody_knows(answer):
    assert sms.said(answer).state == "unknown"
    assert wecom.said(answer).state == "unknown"


@pytest.mark.parametrize(
    ("code", "state", "permanent", "bad"),
    [(0, "accepted", False, False), (45009, "failed", False, False), (-1, "failed", False, False),
     (93000, "failed", True, True), (40058, "failed", True, False)],
)  # fmt: skip
def test_a_robots_error_stands_inside_a_success(code, state, permanent, bad):
    result = wecom.said(httpx.Response(200, json={"errcode": code, "errmsg": "x"}))
    assert (result.state, result.permanent, result.bad_address) == (state, permanent, bad)


@pytest.mark.parametrize(
    ("channel", "address", "fits"),
    [
        (sms, "13900000001", True), (sms, "+6591234567", True), (sms, "+8613900000001", False), (sms, "0571-1234", False),
        (sms, "139 0000 0001", False), (wecom, "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=a-b", True),
        (wecom, "https://qyapi.weixin.qq.com/cgi-bin/webhook/send", False), (wecom, "key=a", False),
    ],
)  # fmt: skip
def test_an_address_fits_its_channel(channel, address, fits):
    assert (channel.address_fault(address) is None) is fits


@pytest.mark.parametrize("given", ["13900000001", "8613900000001", "+8613900000001", "008613900000001"])
def test_a_number_is_the_same_however_the_provider_writes_it(given):
    assert sms.number(given) == "13900000001"


def test_a_drill_never_goes_out_in_the_words_of_a_real_case_and_leaves_the_reserve_alone():
    assert sms.template_of(notice(realm="drill"), TEXTS) == "SMS_9"
    assert sms.template_of(notice(realm="drill", template="taken"), TEXTS) is None
    assert sms.template_of(notice(template="taken"), TEXTS) == "SMS_2"
    quota = sms.Quota(per_hour=5, live_reserve=3)
    assert [quota.take(PHONE, "drill", 0.0) for _ in range(3)] == [True, True, False]
    assert [quota.take(PHONE, "live", 1.0) for _ in range(4)] == [True, True, True, False]
    assert quota.take("13900000002", "drill", 1.0)
    assert quota.take(PHONE, "live", 3600.0), "an hour later"


@pytest.mark.parametrize("body", [b"{", b"{}", b'[{"out_id": 1}]', b"[1]", b"[" * 5000])
def test_a_signed_call_that_says_nothing_is_unreadable_and_an_unsigned_one_is_forged(body):
    from alerts.signatures import signature

    channel = sms.Channel(sms.Settings(key_id="k", secret="s", sign_name="x", call_secret=SECRET))
    stamp = int(now().timestamp())
    signed = {"webhook-id": "c", "webhook-timestamp": str(stamp)}
    signed["webhook-signature"] = signature(SECRET.encode(), "c", stamp, body)
    with pytest.raises(Unreadable):
        channel.receipts(signed, body, now())
    for wrong in ({}, signed | {"webhook-timestamp": str(stamp - 301)}, signed | {"webhook-signature": "v1,é"}):
        with pytest.raises(Forged):
            channel.receipts(wrong, body, now())
    with pytest.raises(Forged):
        sms.Channel(sms.Settings(key_id="k", secret="s", sign_name="x")).replies(signed, body, now())
    asyncio.run(channel.close())


def test_what_does_not_fit_into_one_message_waits_for_the_next():
    long = [replace(notice(), text="水" * 500) for _ in range(5)]
    assert wecom.fitting(long) == 2
    assert len(wecom.content(long[:2]).encode()) <= wecom.MOST_BYTES
    assert wecom.fitting([replace(notice(), text="水" * 5000)]) == 1
    assert len(wecom.content([replace(notice(), text="水" * 5000)]).encode()) <= wecom.MOST_BYTES


# --- over sockets --------------------------------------------------------------------------------------------------


class Block:
    """One database, a dispatcher and its pages, and all providers."""

    def __init__(self, engine, gateways, policy, channels):
        self.engine, self.gateways = engine, gateways
        self.hub = Hub(engine, now)
        self.dispatcher = Dispatcher(
            engine, channels, WORDS, "https://shuian.example", now, make_links=access.new_links, policy=policy,
            settings=QUICK, on_commit=self.hub.changed,
        )  # fmt: skip
        self.store = Store(engine, policy, on_commit=lambda _: self.dispatcher.wake())
        health = Health((Check("all", True),))
        self.app = web.create(
            self.store, engine, None, WORDS, PageSettings(), now, lambda: health, self.hub, self.dispatcher
        )

    async def raised(self):
        return await asyncio.to_thread(self.store.raise_finding, finding(at=now()), now())

    def got(self, who):
        return [m for m in self.gateways.inbox.copies() if m.recipient == who]

    def states(self, template="offer"):
        mine = [n for n in notices(self.engine) if n.recipient == "wang" and n.template == template]
        return [(n.channel, n.state) for n in sorted(mine, key=lambda n: n.way)]

    async def until(self, true, seconds=8.0):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not within {seconds} s; {self.states()}, {self.gateways.sms.calls}"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def block(folder, *, faults=None, policy=None, called=True, **more):
    """Start everything on loopback; the worker has a telephone and then a mailbox."""
    async with Gateways(folder / "gateways", secret=SECRET, faults=faults) as gateways:
        engine = database.open(folder / "people.sqlite")
        wang = f"wang,王芳,worker,g1,sms;email,{PHONE};wang@example.org"
        fill(engine, folder / "in", workers=[wang if w.startswith("wang,") else w for w in SHEETS["workers"]])
        channels = {
            "email": email.Channel(email.Settings(port=gateways.smtp_port, loopback_only=True)),
            "sms": sms.Channel(settings(gateways, **more)),
        }
        here = Block(engine, gateways, policy or Policy(undo_s=0.2), channels)
        stop = asyncio.Event()
        async with serving(here.app) as port:
            gateways.sms.callback = f"http://127.0.0.1:{port}" if called else ""
            task = asyncio.create_task(here.dispatcher.run(stop))
            try:
                yield here
            finally:
                stop.set()
                here.dispatcher.wake()
                await task
                here.hub.close()
        engine.dispose()


@pytest.mark.slow
def test_an_offer_by_text_message_is_proved_answered_once_and_confirmed(tmp_path):
    async def scenario():
        async with block(tmp_path, faults=Faults(repeat=1, reorder=True)) as b:
            case = await b.raised()
            await b.until(lambda: b.states() == [("sms", "delivered")])
            text = b.got(PHONE)[0].text
            code = text.partition("回复 1 ")[2][:2]
            statuses = await b.gateways.sms.reply("86" + PHONE, f"１ {code}", copies=3)
            await b.until(lambda: len(b.got(PHONE)) >= 4)
            return text, statuses, b.store.case("live", case), b.got(PHONE)[-1].text, list(b.gateways.sms.calls)

    text, statuses, after, confirmed, calls = asyncio.run(scenario())
    assert text.startswith("【水安】有1个紧急任务。回复 1 ")
    assert "安和里" not in text, "who was only asked learns no address on a lock screen"
    assert statuses == [200] * 3
    assert (after.state, after.owner, after.version) == (State.ACCEPTED, "wang", 2)
    assert "安和里 2 栋" in confirmed
    assert {status for _, status in calls} == {200}


@pytest.mark.slow
def test_forged_stale_and_unreadable_calls_change_nothing(tmp_path):
    async def scenario():
        async with block(tmp_path, faults=Faults(receipt_s=60)) as b:
            await b.raised()
            await b.until(lambda: b.states() == [("sms", "accepted")])
            sent, path = b.gateways.sms.sent[0], "/gateway/sms/receipt"
            row = {"phone_number": PHONE, "success": True, "err_code": "DELIVERED", "out_id": sent.out_id}
            call = b.gateways.sms.call
            answers = [
                await call(path, [row], secret="another"), await call(path, [row], age_s=400),
                await call(path, [{"out_id": 1}]), await call("/gateway/nothing/receipt", [row]),
                await call("/gateway/email/receipt", [row]), await call("/gateway/email/reply", [row]),
                await call(path, [row | {"phone_number": "13900000002"}]),
            ]  # fmt: skip
            before = b.states()
            answers += [await call(path, [row]), await call(path, [row])]
            return answers, before, b.states()

    answers, before, after = asyncio.run(scenario())
    assert answers == [401, 401, 422, 404, 404, 404, 200, 200, 200]
    assert before == [("sms", "accepted")]
    assert after == [("sms", "delivered")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "ways", "bad"),
    [
        (Faults(reject_templates=("SMS_1",)), [("sms", "failed"), ("email", "accepted")], False),
        (Faults(bad_numbers=(PHONE,)), [("sms", "failed"), ("email", "accepted")], True),
        (Faults(dead_numbers=(PHONE,)), [("sms", "failed"), ("email", "accepted")], True),
        (Faults(lose=1.0, lie=1.0), [("sms", "delivered")], False),
        (Faults(down=True), [("sms", "pending"), ("email", "pending")], False),
    ],
    ids=["text not approved", "no such number", "out of service", "a lie", "everything down"],
)
def test_what_a_provider_does_ends_where_it_should(tmp_path, faults, ways, bad):
    async def scenario():
        async with block(tmp_path, faults=faults) as b:
            await b.raised()
            await b.until(lambda: b.states() == ways)
            with database.reading(b.engine).connect() as conn:
                return queries.bad_points(conn, "worker", "wang")

    assert bool(asyncio.run(scenario())) is bad


@pytest.mark.slow
def test_a_lost_message_without_any_receipt_goes_out_by_the_next_channel(tmp_path):
    async def scenario():
        async with block(tmp_path, faults=Faults(lose=1.0), policy=Policy(red_next_channel_s=0.4)) as b:
            await b.raised()
            await b.until(lambda: b.states() == [("sms", "accepted"), ("email", "accepted")])

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_provider_that_never_calls_is_asked(tmp_path):
    async def scenario():
        async with block(tmp_path, called=False) as b:
            await b.raised()
            await b.until(lambda: b.states() == [("sms", "delivered")])

    asyncio.run(scenario())


@pytest.mark.slow
def test_the_own_count_of_a_number_stops_before_the_provider_does(tmp_path):
    async def scenario():
        async with Gateways(tmp_path, secret=SECRET) as gateways:
            channel = sms.Channel(settings(gateways, quota_per_hour=3, live_reserve=2))
            results = [await channel.send(notice(id=f"n{n}")) for n in range(4)]
            drill = await channel.send(notice(id="d", realm="drill"))
            await channel.close()
            return [(r.state, r.detail) for r in results], drill, len(gateways.inbox.copies())

    results, drill, arrived = asyncio.run(scenario())
    assert results == [("accepted", "OK")] * 3 + [("failed", "quota of this number")]
    assert drill.permanent
    assert drill.detail == RESERVE
    assert arrived == 3


@pytest.mark.slow
def test_a_request_with_another_secret_is_refused(tmp_path):
    async def scenario():
        async with Gateways(tmp_path, secret=SECRET) as gateways:
            channel = sms.Channel(settings(gateways, secret="another"))
            result = await channel.send(notice())
            await channel.close()
            return result

    assert asyncio.run(scenario()).detail == "SignatureDoesNotMatch"


@pytest.mark.slow
def test_a_robot_speaks_no_more_often_than_it_may_and_what_waits_goes_out_together(tmp_path):
    async def scenario():
        async with Gateways(tmp_path, secret=SECRET) as gateways:
            robot = f"http://127.0.0.1:{gateways.http_port}/cgi-bin/webhook/send?key=k"
            channel = wecom.Channel(wecom.Settings(per_minute=100, at_once=3, loopback_only=True))
            text = "看看\n编号 {:08x}"
            many = [replace(notice(address=robot), id=f"n{n}", text=text.format(n)) for n in range(45)]
            drill = replace(notice(address=robot, realm="drill"), text=text.format(99))
            results = await asyncio.gather(*map(channel.send, [*many, drill]))
            await channel.close()
            return results, gateways.inbox.copies()

    results, posts = asyncio.run(scenario())
    assert {r.state for r in results} == {"accepted"}
    assert len(posts) <= 20
    said = [name for post in posts for name in post.notice.split(",")]
    assert sorted(said) == sorted(f"{n:08x}" for n in [*range(45), 99]), "each arrived, and once"
    assert [post.notice for post in posts if "00000063" in post.notice] == ["00000063"], "no drill with life"


@pytest.mark.slow
def test_a_robot_that_others_used_up_is_tried_again_later_and_a_removed_one_never(tmp_path):
    async def scenario():
        async with Gateways(tmp_path, secret=SECRET, faults=Faults(bad_numbers=("gone",))) as gateways:
            base = f"http://127.0.0.1:{gateways.http_port}/cgi-bin/webhook/send?key="
            async with httpx.AsyncClient(trust_env=False) as others:
                body = {"msgtype": "markdown", "markdown": {"content": "x"}}
                for _ in range(20):
                    await others.post(base + "k", json=body)
            channel = wecom.Channel(wecom.Settings(loopback_only=True))
            results = [await channel.send(notice(address=base + key)) for key in ("k", "k", "gone")]
            await channel.close()
            return [(r.state, r.permanent, r.detail) for r in results]

    assert asyncio.run(scenario()) == [
        ("failed", False, "45009"), ("failed", False, "this robot has spoken too often"), ("failed", True, "93000"),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_drill_leaves_a_robots_reserve_to_life_and_nothing_real_waits_behind_it(tmp_path):
    async def scenario():
        async with Gateways(tmp_path, secret=SECRET) as gateways:
            robot = f"http://127.0.0.1:{gateways.http_port}/cgi-bin/webhook/send?key=k"
            limits = {"per_minute": 6, "at_once": 4, "live_reserve": 4}
            channel = wecom.Channel(wecom.Settings(**limits, loopback_only=True))
            drills = [replace(notice(address=robot, realm="drill"), id=f"d{n}") for n in range(3)]
            word = notice(address=robot, realm="drill", template="drill_real")
            played = await asyncio.gather(*map(channel.send, drills))
            real = [await channel.send(one) for one in (notice(address=robot), word)]
            await channel.close()
            return [(r.state, r.permanent, r.detail) for r in played], [r.state for r in real]

    played, real = asyncio.run(scenario())
    assert played == [("accepted", False, "0"), *[("failed", True, RESERVE)] * 2]
    assert real == ["accepted"] * 2, "life, and the word of a drill that something is real"


@pytest.mark.parametrize("reserve", [-1, 19, 20])
def test_a_reserve_that_leaves_drills_or_life_nothing_is_refused(reserve):
    with pytest.raises(ValueError, match="want live_reserve below 19"):
        wecom.Channel(wecom.Settings(live_reserve=reserve))
