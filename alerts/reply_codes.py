"""Answering an offer by a text message: ``1 47`` accepts, ``2 47`` declines the offer that carried the code 47.

The same answers, to the question at the beginning of a shift, say "I am here" and "I cannot".

A code selects one offer of one telephone number for a short while; it is no password and opens no page.  It acts only
from the number it was sent to, once; a message that the provider brings twice acts once; and who sends wrong codes is not
listened to for the rest of an hour, so that nobody finds one by trying.
"""

import re
import secrets
import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from alerts import duty_rounds, notice_rows, reach_tests, registry
from alerts.channels import Reply
from alerts.errors import UnknownCase
from alerts.events import Accepted, Declined
from alerts.policy import Policy
from alerts.schema import notices, offers, replies, reply_codes
from alerts.store import Store
from alerts.turns import CannotCome, CheckedIn

LIFE = timedelta(minutes=45)
"""How long a code is good: what an amber offer waits for an answer (half an hour), and a little."""
KEPT = timedelta(days=1)
"""How long a code is not given again to the same number: a late answer must not meet another offer."""
MOST_WRONG = 5
HOUR = timedelta(hours=1)
CODES = tuple(str(n) for n in range(10, 100))

Done = Literal["done", "repeated", "late", "wrong", "blocked", "not_ours"]
"""done: the case moved, or a test message was answered.  repeated: this message was counted before.  late: the offer is over, or the code was used.
wrong: no such code for this number.  blocked: too many wrong ones.  not_ours: not an answer to an offer at all."""


class Said(NamedTuple):
    """What a text means."""

    accepts: bool
    code: str


class Outcome(NamedTuple):
    """What a reply did, and the household whose case moved."""

    done: Done
    household: str | None = None
    realm: str = "live"
    """Of the offer that the code belongs to: answers to what is played are counted nowhere."""


def parse(text: str) -> Said | None:
    """Return what a person typed; ``1 47``, ``147``, ``１，４７`` and ``1.47`` mean the same.  None: something else."""
    plain = unicodedata.normalize("NFKC", text).strip()
    found = re.fullmatch(r"([12])[^0-9A-Za-z]{0,3}([0-9]{2})[.。!]?", plain)
    return Said(found[1] == "1", found[2]) if found else None


def issue(conn: Connection, notice: RowMapping, now: datetime) -> str:
    """Return the code of the notice's offer for the notice's number: the same again when it is sent again."""
    c = reply_codes.c
    address, what = notice["address"], {"offer": notice["params"].get("offer"), "turn": notice["turn"]}
    recent = conn.execute(
        select(c.n, c.code, c.realm, c.offer, c.turn, c.used_at).where(c.address == address, c.expires_at > now - KEPT)
    ).all()
    asked = (notice["realm"], what["offer"], what["turn"])
    same = next((row for row in recent if (row.realm, row.offer, row.turn) == asked and not row.used_at), None)
    if same is not None:
        conn.execute(update(reply_codes).where(c.n == same.n).values(expires_at=now + LIFE))
        return str(same.code)
    taken = {row.code for row in recent}
    free = [code for code in CODES if code not in taken] or list(CODES)  # ninety offers to one number in a day
    code = secrets.choice(free)
    conn.execute(
        insert(reply_codes).values(address=address, code=code, realm=notice["realm"], expires_at=now + LIFE, **what)
    )
    return code


def answer(store: Store, channel: str, reply: Reply, now: datetime) -> Outcome:
    """Carry out a reply: the message's id, the code and the case change in one transaction."""
    done = store.within(lambda conn: _answered(conn, store, channel, reply, now))
    if done.household is not None:
        store.on_commit(frozenset({done.household}))
    return done


def _answered(conn: Connection, store: Store, channel: str, reply: Reply, now: datetime) -> Outcome:
    name = reply.id if len(reply.id) <= 64 else sha256(reply.id.encode()).hexdigest()
    reply = replace(reply, id=name)
    key = replies.c.channel == channel, replies.c.id == reply.id
    if conn.execute(select(replies.c.id).where(*key)).first() is not None:
        return Outcome("repeated", realm=_realm(conn, reply, now))
    outcome = _acted(conn, store, channel, reply, now)._replace(realm=_realm(conn, reply, now))
    row = {"channel": channel, "id": reply.id, "address": reply.address, "at": now, "result": outcome.done}
    conn.execute(insert(replies).values(**row))
    return outcome


def _acted(conn: Connection, store: Store, channel: str, reply: Reply, now: datetime) -> Outcome:
    said = parse(reply.text)
    if said is None:
        return Outcome("not_ours")
    r, c = replies.c, reply_codes.c
    wrong = select(func.count()).where(r.address == reply.address, r.result == "wrong", r.at > now - HOUR)
    if (conn.scalar(wrong) or 0) >= MOST_WRONG:
        return Outcome("blocked")
    code = _code(conn, reply, said, now)
    if code is None:
        return Outcome("wrong")
    if code["turn"] is not None:
        return _on_duty(conn, store.policy, code, said, now)
    o = offers.c
    offer = conn.execute(select(offers).where(o.realm == code["realm"], o.id == code["offer"])).mappings().one()
    if code["used_at"] is not None or code["expires_at"] <= now or offer["state"] != "offered":
        _tell(conn, store.policy, offer, channel, reply, "reply_late", now)
        return Outcome("late")
    conn.execute(update(reply_codes).where(c.n == code["n"]).values(used_at=now))
    by = f"worker:{offer['worker']}"
    event = Accepted(by) if said.accepts else Declined(by, "busy")
    try:
        acted = store.act_in(conn, offer["realm"], offer["case_id"], event, now, f"{channel}:{reply.id}")
    except UnknownCase:
        return Outcome("late")
    if not acted.done:
        _tell(conn, store.policy, offer, channel, reply, "reply_late", now)
        return Outcome("late")
    if said.accepts:
        _tell(conn, store.policy, offer, channel, reply, "reply_accepted", now)
    return Outcome("done", acted.case.household)


def _code(conn: Connection, reply: Reply, said: Said, now: datetime) -> RowMapping | None:
    c = reply_codes.c
    mine = c.address == reply.address, c.code == said.code, c.expires_at > now - KEPT
    return conn.execute(select(reply_codes).where(*mine).order_by(c.n.desc()).limit(1)).mappings().first()


def _realm(conn: Connection, reply: Reply, now: datetime) -> str:
    said = parse(reply.text)
    code = None if said is None else _code(conn, reply, said, now)
    return "live" if code is None else str(code["realm"])


def _on_duty(conn: Connection, policy: Policy, code: RowMapping, said: Said, now: datetime) -> Outcome:
    """Carry out an answer to the question whether somebody is on duty: the code knows whom it was sent to."""
    if code["used_at"] is not None or code["expires_at"] <= now:
        return Outcome("late")
    if reach_tests.is_one(code["turn"]):  # nobody is on duty by it: that they answered is all that it asks
        conn.execute(update(reply_codes).where(reply_codes.c.n == code["n"]).values(used_at=now))
        return Outcome("done")
    n = notices.c
    asked = select(n.recipient).where(n.turn == code["turn"], n.address == code["address"], n.attempts > 0)
    who = conn.scalar(asked.order_by(n.created_at.desc()).limit(1))
    event: CheckedIn | CannotCome = (CheckedIn if said.accepts else CannotCome)(f"worker:{who}")
    if not duty_rounds.said(conn, policy, code["turn"], event, now):
        return Outcome("late")
    conn.execute(update(reply_codes).where(reply_codes.c.n == code["n"]).values(used_at=now))
    return Outcome("done")


def _tell(
    conn: Connection, policy: Policy, offer: RowMapping, channel: str, reply: Reply, template: str, now: datetime
) -> None:
    """Owe an answer to who replied, where they replied from: they cannot see on a page what it did."""
    to = registry.person(conn, f"worker:{offer['worker']}")
    way = registry.Way(channel, reply.address)
    if to is None or way not in to.ways:
        return
    n = notices.c
    of = n.realm == offer["realm"], n.case_id == offer["case_id"], n.recipient == offer["worker"]
    lang = conn.scalar(select(n.lang).where(*of).limit(1)) or policy.language
    here = registry.Person(to.kind, to.id, to.name, (way,))
    owed = notice_rows.Owed(
        realm=offer["realm"], case=offer["case_id"], to=here, template=template, key=f"reply|{reply.id}", lang=lang,
        due_at=now, life=timedelta(seconds=policy.amber_offer_life_s),
    )  # fmt: skip
    notice_rows.write(conn, owed, now)
