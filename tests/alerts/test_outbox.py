"""The dispatcher over real sockets: what is owed arrives once if it can, twice if it must, and never not at all."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from alerts import access, database, queries, schema, texts
from alerts.cases import Accepted, OutcomeRecorded, State, Undone
from alerts.channels import Outgoing, Result, email, webhook
from alerts.outbox import Dispatcher, Settings
from alerts.policy import Policy
from alerts.store import Store
from simulators.gateways import Faults, Gateways
from tests.alerts.neighbourhood import SHEETS, cut, fill, finding, notices, rehearse

pytestmark = pytest.mark.slow

SECRET = "whsec_c2h1aWFuIHRlc3Qgc2VjcmV0"
QUICK = Settings(back_off_s=(0.1, 0.2, 0.4), poll_s=0.05, send_s=2.0, lease_s=4.0)
WORDS = texts.load()


def wall_clock():
    """Return now."""
    return datetime.now(UTC)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with an empty database file's place and the gateways' place."""
    return tmp_path


def hook_workers(http_port):
    """Return the workers sheet with wang on a webhook."""
    line = f"wang,王芳,worker,g1,webhook,http://127.0.0.1:{http_port}/hook/wang"
    return [line if w.startswith("wang,") else w for w in SHEETS["workers"]]


class Street:
    """One database, one dispatcher, one pair of gateways."""

    def __init__(self, engine, gateways, policy, settings, channels):
        self.engine, self.gateways = engine, gateways
        self.touched = []
        self.dispatcher = Dispatcher(
            engine, channels, WORDS, "https://shuian.example", wall_clock,
            make_links=access.new_links, policy=policy, settings=settings, on_commit=self.touched.append,
        )  # fmt: skip
        self.store = Store(engine, policy, on_commit=lambda _: self.dispatcher.wake())

    @contextlib.asynccontextmanager
    async def dispatching(self):
        """Run the dispatcher meanwhile."""
        stop = asyncio.Event()
        task = asyncio.create_task(self.dispatcher.run(stop))
        try:
            yield
        finally:
            stop.set()
            self.dispatcher.wake()
            await task

    async def raised(self, severity="red", name="f-1"):
        """Open a case now."""
        return await asyncio.to_thread(self.store.raise_finding, finding(name, severity, at=wall_clock()), wall_clock())

    async def act(self, case, event, tap):
        """Tap now."""
        return await asyncio.to_thread(self.store.act, "live", case, event, wall_clock(), tap)

    def got(self, who):
        """Return the copies that arrived at `who`."""
        return [m for m in self.gateways.inbox.copies() if m.recipient.startswith(who)]

    async def until(self, true, seconds=8.0):
        """Wait until `true()` holds."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not within {seconds} s; got {self.gateways.inbox.copies()}"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def street(folder, *, faults=None, policy=None, settings=QUICK, channels=None, running=True):
    """Start everything on loopback."""
    async with Gateways(folder / "gateways", secret=SECRET, faults=faults) as gateways:
        engine = database.open(folder / "people.sqlite")
        fill(engine, folder / "sheets", workers=hook_workers(gateways.http_port))
        made = channels or {
            "email": email.Channel(email.Settings(port=gateways.smtp_port, timeout_s=2.0, loopback_only=True)),
            "webhook": webhook.Channel(webhook.Settings(SECRET, timeout_s=1.0, loopback_only=True)),
        }
        here = Street(engine, gateways, policy or Policy(undo_s=0.5), settings, made)
        try:
            async with here.dispatching() if running else contextlib.nullcontext():
                yield here
        finally:
            engine.dispose()


def test_a_red_finding_reaches_worker_and_family_and_what_was_sent_is_on_record(folder):
    async def scenario():
        async with street(folder) as s:
            begun = time.monotonic()
            case = await s.raised()
            await s.until(lambda: s.got("wang") and s.got("daughter") and s.got("son"))
            took = time.monotonic() - begun
            await s.until(lambda: {n.state for n in notices(s.engine)} == {"accepted"})
            await s.until(lambda: set(s.touched) == {frozenset({"h1"})})
            with s.engine.connect() as conn:
                tried = conn.execute(select(schema.attempts)).all()
            return case, s.got("wang")[0], s.got("daughter")[0], tried, notices(s.engine), took

    case, to_worker, to_family, tried, owed, took = asyncio.run(scenario())
    assert took < 5.0
    assert len(tried) == 3
    assert all(a.result == "accepted" and a.started_at <= a.finished_at for a in tried)
    assert {to_worker.notice, to_family.notice} <= {n.id for n in owed}
    assert to_worker.subject == "有 1 个紧急任务", "the lock screen tells neither who nor where"
    assert "安和里 2 栋" in to_worker.text
    assert "301" in to_worker.text
    assert to_worker.notice[:8] in to_worker.text.splitlines()[-1]
    assert re.fullmatch(r"https://shuian\.example/link/\S{20,}", to_worker.link)
    assert "安和里" not in to_family.text + to_family.subject
    assert not re.search(r"\d+ ?(升|小时|L\b|:)", to_family.text.replace(to_family.link, "")), "no litres, no times"
    engine = database.open(folder / "people.sqlite")
    with engine.begin() as conn:
        token = to_worker.link.rpartition("/")[2]
        assert access.redeem(conn, token, wall_clock()).actor == "worker:wang"
        link = conn.execute(select(schema.links.c.goto).where(schema.links.c.person == "wang")).scalar()
    engine.dispose()
    assert link == f"/w/a/{case}"


def test_an_accepted_message_is_not_called_delivered(folder):
    async def scenario():
        async with street(folder, faults=Faults(lose=1.0)) as s:
            await s.raised()
            await s.until(lambda: {n.state for n in notices(s.engine)} == {"accepted"})
            return s.gateways.inbox.copies()

    assert asyncio.run(scenario()) == [], "the provider said yes and lost it: nobody may call this delivered"


def test_a_gateway_that_fails_for_a_while_is_tried_again_with_the_same_id(folder):
    async def scenario():
        async with street(folder, faults=Faults(error=1.0)) as s:
            await s.raised()
            await s.until(lambda: all(n.last_error for n in notices(s.engine)))
            s.gateways.faults = Faults()
            await s.until(lambda: s.got("wang") and s.got("daughter"))
            await s.until(lambda: {n.state for n in notices(s.engine) if n.recipient == "wang"} == {"accepted"})
            return s.got("wang"), notices(s.engine)

    got, owed = asyncio.run(scenario())
    offers = [n for n in owed if n.template == "offer"]
    assert [m.notice for m in got] == [n.id for n in offers]
    assert offers[0].attempts >= 2


def test_an_offer_that_is_refused_for_good_goes_to_the_next_person_at_once(folder):
    async def scenario():
        async with street(folder, faults=Faults(refuse=True)) as s:
            case = await s.raised()
            await s.until(lambda: s.store.case("live", case).state == State.UNATTENDED)
            return s.store.case("live", case), notices(s.engine)

    case, owed = asyncio.run(scenario())
    assert [(o.worker, o.state) for o in case.offers] == [("wang", "lapsed"), ("li", "lapsed"), ("zhao", "lapsed")]
    assert {"failed"} == {n.state for n in owed if n.template == "offer"}
    assert any(n.recipient == "ops" for n in owed)


def test_when_nothing_at_all_gets_through_the_case_goes_up_to_the_end_and_the_console_says_so(folder):
    async def scenario():
        policy = Policy(red_offer_life_s=0.4, news_life_s=0.4, unattended_repeat_s=0.5)
        async with street(folder, faults=Faults(error=1.0), policy=policy) as s:
            case = await s.raised()
            await s.until(lambda: s.store.case("live", case).state == State.UNATTENDED)
            await asyncio.sleep(0.6)
            await asyncio.to_thread(s.store.fire_due, wall_clock())
            with database.reading(s.engine).connect() as conn:
                console = queries.overview(conn, wall_clock())
            return s.store.case("live", case), console, notices(s.engine)

    case, console, owed = asyncio.run(scenario())
    assert [(o.worker, o.rung) for o in case.offers[:3]] == [("wang", 0), ("li", 1), ("zhao", 2)]
    assert case.loop >= 2
    assert console.unowned == 1
    assert console.undelivered >= 3
    assert sum(n.template == "operator_unattended" for n in owed) >= 2


def test_an_offer_whose_time_is_over_is_given_up_and_the_next_person_asked(folder):
    async def scenario():
        policy = Policy(red_offer_life_s=0.5)
        async with street(folder, faults=Faults(error=1.0), policy=policy) as s:
            case = await s.raised()
            await s.until(lambda: len(s.store.case("live", case).offers) >= 2)
            return notices(s.engine)

    owed = asyncio.run(scenario())
    assert ("wang", "expired") in {(n.recipient, n.state) for n in owed if n.template == "offer"}


def test_a_provider_that_does_not_answer_may_have_sent_it_so_it_goes_again_with_the_same_id(folder):
    async def scenario():
        async with street(folder, faults=Faults(delay_s=3.0)) as s:
            await s.raised()
            await s.until(lambda: len(s.got("wang")) >= 2)
            with s.engine.connect() as conn:
                results = conn.scalars(
                    select(schema.attempts.c.result).join(schema.notices, schema.notices.c.id == schema.attempts.c.notice)
                    .where(schema.notices.c.recipient == "wang").order_by(schema.attempts.c.id)
                ).all()  # fmt: skip
            s.gateways.faults = Faults()
            return s.got("wang"), results, [m for m in s.gateways.inbox.shown() if m.first.recipient == "wang"]

    got, results, shown = asyncio.run(scenario())
    assert len({m.notice for m in got}) == 1
    assert results[0] == "unknown"
    assert shown[0].repeats >= 1


def test_a_slow_channel_takes_no_place_of_another(folder):
    class Stuck:
        async def send(self, outgoing: Outgoing) -> Result:
            await asyncio.sleep(60)
            raise AssertionError("unreachable")

        async def close(self) -> None:
            pass

    async def scenario():
        async with Gateways(folder / "probe") as probe:
            mail = email.Channel(email.Settings(port=probe.smtp_port))
            settings = Settings(poll_s=0.05, send_s=2.0, at_once=1)
            async with street(folder, settings=settings, channels={"webhook": Stuck(), "email": mail}) as s:
                begun = time.monotonic()
                await s.raised()
                await s.until(lambda: len(probe.inbox.copies()) >= 2)
                return time.monotonic() - begun

    assert asyncio.run(scenario()) < 2.0


def test_a_channel_that_is_not_set_up_is_trouble_at_once(folder):
    async def scenario():
        async with Gateways(folder / "probe") as probe:
            mail = email.Channel(email.Settings(port=probe.smtp_port))
            async with street(folder, channels={"email": mail}) as s:
                await s.raised()
                await s.until(lambda: any(m.recipient.startswith("li@") for m in probe.inbox.copies()))
                return [n for n in notices(s.engine) if n.recipient == "wang"]

    (owed,) = asyncio.run(scenario())
    assert (owed.state, owed.last_error) == ("failed", "channel webhook is not set up")


def test_a_tap_taken_back_is_never_heard_of(folder):
    async def scenario():
        async with street(folder, policy=Policy(undo_s=1.5)) as s:
            case = await s.raised()
            await s.until(lambda: s.got("daughter"))
            await s.act(case, Accepted("worker:wang"), "tap-1")
            assert (await s.act(case, Undone("worker:wang"), "tap-2")).done
            await asyncio.sleep(1.8)
            return s.got("daughter"), notices(s.engine)

    got, owed = asyncio.run(scenario())
    assert len(got) == 1
    assert {n.state for n in owed if n.template == "family_accepted"} == {"cancelled"}


def test_an_offer_withdrawn_before_it_left_is_not_sent_and_comes_back_with_the_undo(folder):
    async def scenario():
        async with street(folder, policy=Policy(undo_s=0.6), running=False) as s:
            case = await s.raised()
            await s.act(case, Accepted("worker:li"), "tap-1")
            async with s.dispatching():
                await asyncio.sleep(0.2)
                before = list(s.got("wang"))
                await s.act(case, Undone("worker:li"), "tap-2")
                await s.until(lambda: s.got("wang"))
                await s.act(case, Accepted("worker:li"), "tap-3")
                await s.until(lambda: any("李强" in m.text for m in s.got("wang")))
            return before

    assert asyncio.run(scenario()) == []


def test_who_was_told_is_stood_down_and_who_was_not_hears_nothing(folder):
    async def scenario():
        async with street(folder) as s:
            case = await s.raised()
            await s.until(lambda: s.got("wang") and s.got("son"))
            await s.act(case, OutcomeRecorded("operator:ops", "SAFE_AT_HOME", "guest"), "tap-1")
            await s.until(lambda: len(s.got("wang")) == 2 and len(s.got("son")) == 2)
            return notices(s.engine)

    assert {n.recipient for n in asyncio.run(scenario())} == {"wang", "f1", "f2"}


def test_who_was_asked_hears_that_somebody_took_it_even_if_it_was_over_in_seconds(folder):
    async def scenario():
        async with street(folder) as s:
            case = await s.raised()
            await s.until(lambda: s.got("wang"))
            await s.act(case, Accepted("worker:li"), "tap-1")
            await s.act(case, OutcomeRecorded("worker:li", "SAFE_AT_HOME", "guest"), "tap-2")
            await s.until(lambda: any("李强 已接单，您不用去" in m.text for m in s.got("wang")))
            return [n.template for n in notices(s.engine) if n.recipient == "wang"]

    assert asyncio.run(scenario()) == ["offer", "taken"]


def test_family_whose_resident_withdrew_consent_hear_nothing_more(folder):
    async def scenario():
        async with street(folder, running=False) as s:
            await s.raised()
            with s.engine.begin() as conn:
                c = schema.consents.c
                conn.execute(update(schema.consents).where(c.purpose == "relative").values(withdrawn_at=wall_clock()))
            async with s.dispatching():
                await s.until(lambda: {n.state for n in notices(s.engine)} == {"accepted", "cancelled"})
            return {n.recipient: n.state for n in notices(s.engine)}

    assert asyncio.run(scenario()) == {"wang": "accepted", "f1": "cancelled", "f2": "cancelled"}


def test_one_notice_that_cannot_be_written_does_not_hold_up_the_others(folder):
    async def scenario():
        async with street(folder, running=False) as s:
            await s.raised()
            n = schema.notices
            with s.engine.begin() as conn:
                conn.execute(update(n).where(n.c.recipient == "f1").values(lang="xx"))
            async with s.dispatching():
                await s.until(lambda: s.got("wang") and s.got("son"))
                await s.until(lambda: "leased" not in {n.state for n in notices(s.engine)})
            return {n.recipient: n.state for n in notices(s.engine)}

    assert asyncio.run(scenario()) == {"wang": "accepted", "f1": "failed", "f2": "accepted"}


def test_drills_say_so_first_and_wait_behind_life(folder):
    async def scenario():
        async with street(folder, running=False) as s:
            now = wall_clock() - timedelta(seconds=5)
            rehearse(s.engine, ["h2"], ["worker:wang", "contact:f3"], now)
            await asyncio.to_thread(s.store.raise_finding, finding("d-1", realm="drill", household="h2", at=now), now)
            await s.raised(severity="amber")
            async with s.dispatching():
                await s.until(lambda: len(s.gateways.inbox.copies()) == 4)
            return s.got("wang"), s.got("other")

    to_worker, to_family = asyncio.run(scenario())
    drills = [m for m in (*to_worker, *to_family) if m.subject.startswith("【演练】") and m.text.startswith("【演练】")]
    assert len(drills) == 2
    assert len(to_worker) == 1


KILLED = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from alerts import access, database, texts
from alerts.channels import Result, webhook, email
from alerts.outbox import Dispatcher
from alerts.policy import Policy

class Dies:
    def __init__(self, inner): self.inner = inner
    async def send(self, outgoing):
        result = await self.inner.send(outgoing) if sys.argv[3] == "after" else Result("accepted")
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    async def close(self): pass

engine = database.open(sys.argv[1])
hook = Dies(webhook.Channel(webhook.Settings(sys.argv[4])))
mail = Dies(email.Channel(email.Settings(port=int(sys.argv[2]))))
d = Dispatcher(engine, {"webhook": hook, "email": mail}, texts.load(), "https://shuian.example",
    lambda: datetime.now(UTC), make_links=access.new_links, policy=Policy())
asyncio.run(d.run(asyncio.Event()))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_the_network_call_nothing_is_lost_and_a_repeat_carries_the_same_id(folder, when):
    async def scenario():
        async with street(folder, running=False) as s:
            await s.raised()
            for _ in range(2):
                killed = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", KILLED, str(folder / "people.sqlite"), str(s.gateways.smtp_port), when, SECRET,
                    env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                assert await asyncio.wait_for(killed.wait(), 30) == -signal.SIGKILL
            with s.engine.connect() as conn:
                unheard = conn.scalars(select(schema.attempts.c.result)).all()
            async with s.dispatching():
                await s.until(lambda: {n.state for n in notices(s.engine)} == {"accepted"})
            with s.engine.connect() as conn:
                results = conn.scalars(select(schema.attempts.c.result)).all()
            return unheard, results, s.gateways.inbox.copies(), [n.id for n in notices(s.engine)]

    unheard, results, copies, ids = asyncio.run(scenario())
    assert None in unheard, "the attempt was on record before the call"
    assert results.count("accepted") == 3
    assert set(results) == {"accepted", "unknown"}
    assert {m.notice for m in copies} == set(ids), "nothing is lost, and a repeat is the same notice"
    assert len(copies) <= 3 + 2 * 3, "at most one repeat of each notice for each time it was killed"


def test_an_outage_is_told_once_to_each_and_so_is_its_end(folder):
    async def scenario():
        async with street(folder) as s:
            await asyncio.to_thread(s.store.begin_area, cut(at=wall_clock()), wall_clock())
            await s.until(lambda: all(s.got(who) for who in ("wang", "zhao", "ops", "daughter", "son", "other")))
            assert all("安和里 2 栋" in m.text for m in s.gateways.inbox.copies())
            await s.until(lambda: {n.state for n in notices(s.engine)} == {"accepted"})
            await asyncio.to_thread(s.store.end_area, "cut", wall_clock(), wall_clock())
            await s.until(lambda: len(s.got("wang")) == len(s.got("other")) == 2)
            await s.until(lambda: {n.state for n in notices(s.engine)} == {"accepted"})
            assert len(notices(s.engine)) == 12
            assert s.touched == [], "no page of one home shows these"
            assert "水来了" in s.got("other")[-1].text

    asyncio.run(scenario())


def test_an_outage_that_is_over_before_anybody_could_be_told_is_never_told(folder):
    async def scenario():
        async with street(folder, running=False) as s:
            s.store.begin_area(cut(at=wall_clock()), wall_clock())
            s.store.end_area("cut", wall_clock(), wall_clock())
            async with s.dispatching():
                await asyncio.sleep(0.3)
            assert {n.state for n in notices(s.engine)} == {"cancelled"}
            assert s.gateways.inbox.copies() == []

    asyncio.run(scenario())


def test_a_relative_who_is_not_to_be_told_any_more_hears_of_no_outage(folder):
    async def scenario():
        async with street(folder, running=False) as s:
            s.store.begin_area(cut(at=wall_clock()), wall_clock())
            fill(s.engine, folder / "less", consents=[c for c in SHEETS["consents"] if "r2,relative" not in c])
            async with s.dispatching():
                await s.until(lambda: s.got("daughter") and s.got("son"))
            assert s.got("other") == []

    asyncio.run(scenario())
