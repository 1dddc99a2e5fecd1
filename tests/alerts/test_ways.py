"""Several channels a person: which is tried when, what proves that a message arrived, and when the case moves on.

The dispatcher steps by hand, over a clock that the tests turn; channels are simple senders that do as they are told.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import update

from alerts import access, queries, receipts, schema, texts
from alerts.cases import Accepted, OutcomeRecorded
from alerts.channels import Receipt, Result
from alerts.outbox import Dispatcher, Settings
from alerts.policy import Policy
from alerts.store import Store
from tests.alerts.neighbourhood import SHEETS, T0, fill, finding, notices

WORDS = texts.load()
BOTH = "wang,王芳,worker,g1,sms;email,13900000001;wang@example.org"
THREE = "wang,王芳,worker,g1,wecom;sms;email,https://robot.example/send?key=k;13900000001;wang@example.org"
OK, LATER, NEVER = Result("accepted"), Result("failed", detail="503"), Result("failed", permanent=True, detail="550")
UNKNOWN = Result("unknown", detail="no answer in time")


@dataclass
class Sender:
    """A channel that answers with what it was told to, and keeps what it got."""

    answer: Result = OK
    got: list = field(default_factory=list)

    async def send(self, outgoing):
        self.got.append(outgoing)
        return self.answer

    async def close(self):
        pass


class Home:
    """One home with one worker in several ways; a clock turned by hand."""

    def __init__(self, engine, folder, runner, worker, policy=None, **senders):
        self.loop = runner
        lines = [worker if line.startswith("wang,") else line for line in SHEETS["workers"]]
        fill(engine, folder / "ways", workers=lines)
        self.engine, self.now, self.policy = engine, T0, policy or Policy()
        self.senders = {"email": Sender(), "sms": Sender(), "wecom": Sender()} | senders
        self.store = Store(engine, self.policy)
        self.restart()

    def restart(self):
        self.dispatcher = Dispatcher(
            self.engine, self.senders, WORDS, "https://shuian.example", lambda: self.now,
            make_links=access.new_links, policy=self.policy, settings=Settings(back_off_s=(5.0, 15.0, 45.0)),
        )  # fmt: skip

    def red(self, severity="red"):
        return self.store.raise_finding(finding(severity=severity), self.now)

    def run(self, seconds=0.0):
        """Turn the clock by seconds and let the dispatcher do all that is due."""
        self.now += timedelta(seconds=seconds)

        async def steps():
            while await self.dispatcher.step():
                pass

        self.loop.run(steps())

    def said(self, channel, state, **more):
        """Let the provider of a channel say what became of the last message it got."""
        last = self.senders[channel].got[-1]
        return self.dispatcher.hear(channel, [Receipt(last.id, last.address, state, **more)])

    def offers(self):
        """Return (channel, state) of the offer to wang, in order of the ways."""
        mine = [n for n in notices(self.engine) if n.recipient == "wang" and n.template == "offer"]
        return [(n.channel, n.state) for n in sorted(mine, key=lambda n: n.way)]


@pytest.fixture
def home(engine, tmp_path):
    """Return a maker of homes."""
    with asyncio.Runner() as runner:
        yield lambda worker=BOTH, **more: Home(engine, tmp_path, runner, worker, **more)


def test_a_red_offer_without_proof_goes_to_the_next_channel_after_two_minutes_under_the_same_number(home):
    h = home()
    h.red()
    h.run()
    h.run(119)
    assert h.offers() == [("sms", "accepted")]
    h.run(1)
    assert h.offers() == [("sms", "accepted"), ("email", "accepted")]
    by_sms, by_mail = h.senders["sms"].got[0], h.senders["email"].got[-1]
    assert by_sms.id != by_mail.id
    assert by_sms.params["number"] == by_sms.id[:8]
    assert f"编号 {by_sms.id[:8]}" in by_mail.text, "people see that the two are one"
    assert h.store.open_cases()[0].rung == 0, "the case did not move"
    h.run(600)
    assert len(h.offers()) == 2


def test_an_amber_one_waits_ten_minutes(home):
    h = home(policy=Policy(ask_first_s=1))
    h.red("amber")
    h.now += timedelta(seconds=2)
    h.store.fire_due(h.now)
    h.run()
    h.run(590)
    assert h.offers() == [("sms", "accepted")]
    h.run(10)
    assert h.offers() == [("sms", "accepted"), ("email", "accepted")]


@pytest.mark.parametrize("proof", ["delivered", "seen"])
def test_proof_that_it_arrived_keeps_the_next_channel_still(home, proof):
    h = home()
    h.red()
    h.run()
    assert h.said("sms", proof) == {"applied": 1}
    h.run(600)
    assert h.offers() == [("sms", proof)]


@pytest.mark.parametrize("answer", [NEVER, LATER], ids=["for good", "for now"])
def test_a_refused_attempt_goes_to_the_next_channel_at_once(home, answer):
    h = home(sms=Sender(answer))
    h.red()
    h.run()
    assert h.offers() == [("sms", "failed" if answer.permanent else "pending"), ("email", "accepted")]


def test_what_was_refused_for_now_is_tried_on_beside_the_next_channel_until_one_is_proved(home):
    h = home(sms=Sender(LATER))
    h.red()
    h.run()
    h.senders["sms"].answer = OK
    h.run(6)
    assert h.offers() == [("sms", "accepted"), ("email", "accepted")]


def test_an_attempt_of_which_nobody_knows_goes_to_the_next_channel_at_once_and_is_awaited(home):
    h = home(sms=Sender(UNKNOWN))
    h.red()
    h.run()
    assert h.offers() == [("sms", "unknown"), ("email", "accepted")]
    assert len(h.senders["sms"].got) == 1, "it is not sent again"
    assert h.said("sms", "delivered") == {"applied": 1}
    assert h.offers()[0] == ("sms", "delivered")


def test_what_stays_in_doubt_is_given_up_in_the_end(home):
    h = home(sms=Sender(UNKNOWN))
    h.red()
    h.run()
    h.run(121)
    assert h.offers() == [("sms", "expired"), ("email", "accepted")]
    assert h.store.open_cases()[0].rung == 0


def test_with_every_other_channel_gone_what_was_in_doubt_goes_out_again(home):
    h = home(sms=Sender(UNKNOWN), email=Sender(NEVER))
    h.red()
    h.run()
    assert [o.id for o in h.senders["sms"].got] == [h.senders["sms"].got[0].id] * 2, "the same notice, twice"


def test_only_when_all_channels_failed_the_case_moves_on(home):
    h = home(THREE, sms=Sender(NEVER), wecom=Sender(NEVER))
    h.red()
    h.run()
    assert h.offers() == [("wecom", "failed"), ("sms", "failed"), ("email", "accepted")]
    assert h.store.open_cases()[0].rung == 0
    assert h.said("email", "failed", detail="bounced") == {"applied": 1}
    case = h.store.open_cases()[0]
    assert (case.rung, [(o.worker, o.state) for o in case.offers]) == (1, [("wang", "lapsed"), ("li", "offered")])


def test_who_was_stood_down_is_not_called_by_the_next_channel(home):
    h = home()
    case = h.red()
    h.run()
    h.store.act("live", case, OutcomeRecorded("operator:ops", "SAFE_AT_HOME", "guest"), h.now, "tap")
    h.run(130)
    assert h.offers() == [("sms", "accepted")]


@pytest.mark.parametrize(
    ("answer", "ways"),
    [
        (OK, [("sms", "accepted")]),
        (LATER, [("sms", "cancelled"), ("email", "accepted")]),
        (NEVER, [("sms", "failed"), ("email", "accepted")]),
        (UNKNOWN, [("sms", "unknown"), ("email", "accepted")]),
    ],
    ids=["taken", "refused for now", "refused for good", "nobody knows"],
)
def test_news_take_the_next_channel_only_when_one_fails_and_then_once(home, answer, ways):
    h = home()
    case = h.red()
    h.run()
    h.senders["sms"].answer = answer
    h.store.act("live", case, Accepted("worker:li"), h.now, "tap")
    h.run(11)
    h.run(3600)
    mine = [n for n in notices(h.engine) if (n.recipient, n.template) == ("wang", "taken")]
    assert [(n.channel, n.state) for n in sorted(mine, key=lambda n: n.way)] == ways


def test_the_crash_of_a_process_is_an_attempt_of_which_nobody_knows(home):
    class Dies(Exception):
        pass

    h = home()
    h.red()

    def dies(point):
        if point == "send: begins":
            raise Dies

    h.dispatcher._passing = dies
    with contextlib.suppress(Dies):
        h.run()
    h.restart()
    h.dispatcher._take_over()
    h.run()
    assert h.offers() == [("sms", "unknown"), ("email", "accepted")]


def test_a_list_that_was_shortened_meanwhile_ends_where_it_ends(home):
    h = home()
    h.red()
    h.run()
    w = schema.workers
    with h.engine.begin() as conn:
        conn.execute(update(w).where(w.c.id == "wang").values(channel="sms", address="13900000001"))
    h.run(130)
    assert h.offers() == [("sms", "accepted")]


# --- receipts ------------------------------------------------------------------------------------------------------

STATES = ("pending", "leased", "unknown", "accepted", "delivered", "seen", "failed", "expired", "cancelled")


@pytest.mark.parametrize("state", STATES)
def test_proof_only_rises_and_a_failure_counts_only_while_nobody_knows_better(state):
    told = {said: receipts.after(state, said) for said in ("delivered", "seen", "failed")}
    assert told["seen"] == (("repeated", "seen") if state == "seen" else ("applied", "seen"))
    assert told["delivered"][1] == ("seen" if state == "seen" else "delivered")
    assert (told["failed"] == ("applied", "failed")) is (state in ("accepted", "unknown"))
    again = [receipts.after(after, said) for said, (_, after) in told.items()]
    assert {effect for effect, _ in again} <= {"repeated", "late", "contradicted"}, "a second one changes nothing"


@pytest.mark.parametrize(
    "order", [("delivered", "seen"), ("seen", "delivered"), ("seen", "failed", "delivered", "seen")]
)
def test_in_whatever_order_receipts_come_the_end_is_the_same(home, order):
    h = home()
    h.red()
    h.run()
    for state in order:
        h.said("sms", state)
    assert h.offers() == [("sms", "seen")]


def test_a_strangers_receipt_changes_nothing(home):
    h = home()
    h.red()
    h.run()
    mine = h.senders["sms"].got[0]
    wrong = [
        Receipt("no-such-notice", mine.address, "seen"), Receipt(mine.id, "13900000002", "seen"),
        Receipt(h.senders["email"].got[0].id, mine.address, "seen"),
    ]  # fmt: skip
    assert h.dispatcher.hear("sms", wrong) == {"stranger": 3}
    assert h.dispatcher.hear("email", [Receipt(mine.id, mine.address, "seen")]) == {"stranger": 1}
    assert h.offers() == [("sms", "accepted")]


def test_what_was_given_up_and_arrives_all_the_same_has_arrived(home):
    h = home(sms=Sender(UNKNOWN))
    h.red()
    h.run()
    h.run(121)
    assert h.said("sms", "delivered") == {"applied": 1}
    assert h.offers()[0] == ("sms", "delivered")


def test_a_number_that_is_none_is_shown_until_something_arrives_there(home):
    h = home(sms=Sender(Result("failed", permanent=True, detail="isv.MOBILE_NUMBER_ILLEGAL", bad_address=True)))
    h.red()
    h.run()
    with h.engine.connect() as conn:
        (bad,) = queries.bad_points(conn, "worker", "wang")
    assert (bad.channel, bad.why) == ("sms", "isv.MOBILE_NUMBER_ILLEGAL")
    h.said("sms", "delivered")
    with h.engine.connect() as conn:
        assert queries.bad_points(conn, "worker", "wang") == ()


# --- seen ----------------------------------------------------------------------------------------------------------


def token_of(outgoing):
    """Return the token of a message's link."""
    return outgoing.link.rpartition("/")[2]


def test_opening_the_link_of_a_message_proves_that_it_was_seen(home):
    h = home()
    h.red()
    h.run()
    with h.engine.begin() as conn:
        assert receipts.opened(conn, token_of(h.senders["sms"].got[0]), h.now) == {"h1"}
        assert receipts.opened(conn, token_of(h.senders["sms"].got[0]), h.now) == frozenset(), "once"
        assert receipts.opened(conn, "another", h.now) == frozenset()
    assert h.offers() == [("sms", "seen")]
    h.run(130)
    assert h.offers() == [("sms", "seen")]


def test_who_looks_at_the_case_has_seen_what_was_sent_about_it_and_nobody_else_has(home):
    h = home()
    case = h.red()
    with h.engine.begin() as conn:
        assert receipts.looked(conn, "live", case, "worker:wang", h.now) == frozenset(), "nothing was sent yet"
    h.run()
    with h.engine.begin() as conn:
        assert receipts.looked(conn, "live", case, "worker:wang", h.now) == {"h1"}
    assert {n.recipient for n in notices(h.engine) if n.state == "seen"} == {"wang"}


def test_what_the_console_counts_as_lost_was_lost_by_every_channel(home):
    h = home(sms=Sender(NEVER))
    h.red()
    h.run()
    with h.engine.connect() as conn:
        assert queries.undelivered(conn, h.now) == 0, "it went out by mail"
    h.senders["email"].answer = NEVER
    h.store.raise_finding(finding("f-2", household="h2"), h.now)
    h.run()
    roots = {n.root for n in notices(h.engine) if n.state == "failed"}
    delivered = {n.root for n in notices(h.engine) if n.state == "accepted"}
    with h.engine.connect() as conn:
        lost = {row.number for row in queries.lost(conn, h.now, 50)}
        assert queries.undelivered(conn, h.now) == len(roots - delivered) > 0
        assert lost == {root[:8] for root in roots - delivered}


def test_two_ways_in_the_sheet_come_back_as_they_were(engine, tmp_path):
    from alerts.registry import person, writing

    odd = "wang,王芳,worker,g1,wecom ；sms,https://robot.example/send?key=k ; 13900000001"
    fill(engine, tmp_path / "in", workers=[odd if w.startswith("wang,") else w for w in SHEETS["workers"]])
    with engine.connect() as conn:
        wang = person(conn, "worker:wang")
        lines = writing.lines(conn)
    assert [tuple(way) for way in wang.ways] == [
        ("wecom", "https://robot.example/send?key=k"), ("sms", "13900000001"),
    ]  # fmt: skip
    line = next(line for line in lines["workers"] if line[0] == "wang")
    assert line[4:6] == ["wecom;sms", "https://robot.example/send?key=k;13900000001"]
    again = [",".join(line) for line in lines["workers"]]
    fill(engine, tmp_path / "again", workers=[SHEETS["workers"][0], *again])
    with engine.connect() as conn:
        assert writing.lines(conn) == lines
