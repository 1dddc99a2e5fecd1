"""Receipts: what a provider, or the person's own opening of a page, proves of a message that was handed over before.

A provider that took a message has not told anybody.  *delivered* is the provider's word that it is on the phone, *seen*
that the person opened it.  States only rise (`after`), so that a receipt that comes twice, late or in another order than
it was written changes nothing; each is counted by what it did.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import Connection, RowMapping, select

from alerts import metrics
from alerts.channels import Receipt
from alerts.notice_rows import PROVED, change, reached
from alerts.outbox_results import Results, flag, proved
from alerts.schema import cases, links, notices

SENT = ("leased", "unknown", "accepted", "delivered")
"""States in which a message may be on somebody's screen."""

Effect = Literal["applied", "repeated", "late", "contradicted", "stranger"]


def after(state: str, said: str) -> tuple[Effect, str]:
    """Return what a receipt does to a notice in `state`, and the state after it.

    Proof outweighs everything: what was given up or cancelled and arrived all the same has arrived.  A failure only
    counts while nobody knows better and no further attempt is on its way.
    """
    if said == state or (said == "delivered" and state == "seen"):
        return "repeated", state
    if said in PROVED:
        return "applied", said
    if state in ("accepted", "unknown"):
        return "applied", "failed"
    return ("contradicted" if state in PROVED else "late"), state


class Taken(NamedTuple):
    """What a receipt did."""

    effect: Effect
    homes: frozenset[str]
    """The household whose pages show it, if any does."""
    realm: str = "live"


def take(conn: Connection, results: Results, channel: str, receipt: Receipt, now: datetime) -> Taken:
    """Carry out a receipt in the caller's transaction; return what it did.

    One that names a notice that was never sent by that channel to that address is a stranger's.
    """
    n = notices.c
    mine = n.id == receipt.notice, n.channel == channel, n.address == receipt.address, n.attempts > 0
    notice = conn.execute(select(notices).where(*mine)).mappings().first()
    if notice is None:
        return Taken("stranger", frozenset())
    effect, state = after(notice["state"], receipt.state)
    if receipt.bad_address:
        flag(conn, notice, receipt.detail, now)
    if effect != "applied":
        return Taken(effect, frozenset(), notice["realm"])
    if state == "failed":
        results.give_up(conn, notice, "failed", receipt.detail, now)
    else:
        _prove(conn, notice, state, receipt.at, now)
    return Taken(effect, _home(conn, notice), notice["realm"])


def count(channel: str, effect: str, times: int = 1) -> None:
    """Count receipts by what they did."""
    metrics.RECEIPTS.labels(channel, effect).inc(times)


def opened(conn: Connection, token: str, now: datetime) -> frozenset[str]:
    """Note that the person opened the page that a notice's link leads to: the notice was seen.

    Called when somebody redeems the link, or comes by it with a session of their own.  Messengers fetch links to draw
    previews; they do neither.
    """
    hashed = hashlib.sha256(token.encode()).hexdigest()
    of = conn.execute(select(links.c.realm, links.c.notice).where(links.c.token_hash == hashed)).first()
    if of is None or of.notice is None:
        return frozenset()
    n = notices.c
    return _saw(conn, conn.execute(select(notices).where(n.realm == of.realm, n.id == of.notice)).mappings().all(), now)


def looked(conn: Connection, realm: str, case: str, actor: str, now: datetime) -> frozenset[str]:
    """Note that a person looks at a case: what was sent to them about it was seen."""
    kind, _, who = actor.partition(":")
    n = notices.c
    sent = n.realm == realm, n.case_id == case, n.recipient_kind == kind, n.recipient == who, n.state.in_(SENT)
    return _saw(conn, conn.execute(select(notices).where(*sent)).mappings().all(), now)


def _saw(conn: Connection, found: Sequence[RowMapping], now: datetime) -> frozenset[str]:
    touched: frozenset[str] = frozenset()
    for notice in found:
        if notice["state"] != "seen":
            _prove(conn, notice, "seen", now, now)
            touched |= _home(conn, notice)
    return touched


def _prove(conn: Connection, notice: RowMapping, state: str, at: datetime | None, now: datetime) -> None:
    """Write that a notice arrived; nothing else with the same content is sent any more."""
    at = now if at is None else min(at, now)  # a provider's clock that is fast does not tell of the future
    values = {"state": state, f"{state}_at": at, "lease_until": None, "last_error": None, "poll_at": None}
    values["done_at"] = notice["done_at"] or now
    change(conn, notice, **values)
    proved(conn, notice, now)
    reached(conn, notice, now)


def _home(conn: Connection, notice: RowMapping) -> frozenset[str]:
    case = cases.c.realm == notice["realm"], cases.c.id == notice["case_id"]
    return frozenset(conn.scalars(select(cases.c.household).where(*case)))
