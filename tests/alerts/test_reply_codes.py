"""Answers by text message: what people type, whose code it is, and that each acts once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts import reply_codes, schema
from alerts.casefile import State
from alerts.cases import Accepted
from alerts.channels import Reply
from alerts.reply_codes import Said, answer, issue, parse
from tests.alerts.neighbourhood import SHEETS, T0, fill, finding, notices

PHONE = "13900000001"


@pytest.fixture
def offered(engine, store, tmp_path):
    """Return an open case whose owner has a telephone, and the notice that offers it."""
    sms = f"wang,王芳,worker,g1,sms,{PHONE}"
    fill(engine, tmp_path / "sms", workers=[sms if w.startswith("wang,") else w for w in SHEETS["workers"]])
    case = store.raise_finding(finding(), T0)
    return case, next(n for n in notices(engine) if n.template == "offer")


def code_of(engine, notice, now=T0):
    """Return the code that a message about this offer carries."""
    with engine.begin() as conn:
        return issue(conn, notice._mapping, now)


def say(store, text, name="up-1", now=T0, phone=PHONE):
    """Answer by text message."""
    return answer(store, "sms", Reply(name, phone, text), now).done


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("1 47", Said(True, "47")), ("2 47", Said(False, "47")), ("147", Said(True, "47")), ("１　４７", Said(True, "47")),
        (" 1，47。", Said(True, "47")), ("1-47", Said(True, "47")), ("2：08", Said(False, "08")), ("1\n47", Said(True, "47")),
        ("3 47", None), ("1 4", None), ("1 477", None), ("47", None), ("好的", None), ("", None), ("1 47 谢谢", None),
        ("TD", None), ("1 4 7", None), ("11347", None), ("1a47", None),
    ],
)  # fmt: skip
def test_people_type_it_in_many_ways(text, means):
    assert parse(text) == means


def test_a_one_accepts_and_a_repeat_of_the_message_does_nothing(engine, store, offered):
    case, notice = offered
    code = code_of(engine, notice)
    assert say(store, f"1 {code}") == "done"
    assert store.case("live", case).owner == "wang"
    assert say(store, f"1 {code}") == "repeated"
    assert say(store, f"2 {code}", "up-2") == "late", "the code was used; who changes their mind opens the page"
    assert store.case("live", case).state == State.ACCEPTED


def test_a_two_declines_that_offer_and_the_next_person_is_asked(engine, store, offered):
    case, notice = offered
    assert say(store, f"2 {code_of(engine, notice)}") == "done"
    after = store.case("live", case)
    assert [(o.worker, o.state) for o in after.offers] == [("wang", "declined"), ("li", "offered")]


def test_who_answered_is_told_what_it_did_where_they_answered_from(engine, store, offered):
    _, notice = offered
    code = code_of(engine, notice)
    say(store, f"1 {code}")
    say(store, f"1 {code}", "up-2")
    told = [(n.template, n.channel, n.address) for n in notices(engine) if n.template.startswith("reply_")]
    assert sorted(told) == [("reply_accepted", "sms", PHONE), ("reply_late", "sms", PHONE)]


def test_a_code_is_good_only_from_the_number_it_was_sent_to(engine, store, offered):
    case, notice = offered
    code = code_of(engine, notice)
    assert say(store, f"1 {code}", phone="13900000002") == "wrong"
    assert store.case("live", case).owner is None


def test_a_code_is_good_for_a_short_while(engine, store, offered):
    _, notice = offered
    code = code_of(engine, notice)
    assert say(store, f"1 {code}", now=T0 + reply_codes.LIFE) == "late"


def test_an_answer_that_somebody_else_was_faster_than_changes_nothing(engine, store, offered):
    case, notice = offered
    code = code_of(engine, notice)
    store.act("live", case, Accepted("worker:li"), T0, "tap-1")
    assert say(store, f"1 {code}") == "late"
    assert store.case("live", case).owner == "li"


def test_after_five_wrong_codes_a_number_is_not_heard_for_an_hour(engine, store, offered):
    case, notice = offered
    code = code_of(engine, notice)
    others = [c for c in reply_codes.CODES if c != code][:5]
    assert [say(store, f"1 {c}", f"up-{c}") for c in others] == ["wrong"] * 5
    assert say(store, f"1 {code}", "up-right") == "blocked"
    assert store.case("live", case).owner is None
    assert say(store, "好的", "up-words") == "not_ours", "words are no attempt"
    later = T0 + timedelta(hours=1)
    code_of(engine, notice, later)
    assert say(store, f"1 {code}", "up-later", later) == "done"


def test_sent_again_an_offer_keeps_its_code_and_two_offers_never_share_one(engine, store, offered):
    _, notice = offered
    assert code_of(engine, notice) == code_of(engine, notice, T0 + timedelta(minutes=5))
    store.raise_finding(finding("f-2", household="h2"), T0)
    other = next(n for n in notices(engine) if n.template == "offer" and n.id != notice.id and n.recipient == "wang")
    assert code_of(engine, other) != code_of(engine, notice)
    with engine.connect() as conn:
        assert len(conn.execute(select(schema.reply_codes)).all()) == 2


def test_a_code_that_was_given_lately_is_not_given_again_to_another_offer(engine, store, offered):
    _, notice = offered
    row = dict(notice._mapping)
    with engine.begin() as conn:
        conn.execute(
            schema.offers.insert(),
            [
                {"realm": "live", "id": f"o-{n}", "case_id": notice.case_id, "worker": "wang", "rung": 0,
                 "state": "lapsed", "offered_at": T0} for n in range(90)
            ],
        )  # fmt: skip
        codes = [issue(conn, row | {"params": {"offer": f"o-{n}"}}, T0) for n in range(90)]
    assert sorted(codes) == sorted(reply_codes.CODES)
