"""What becomes of a notice after an attempt: the next attempt, the person's next channel, or the next person.

::

    pending ──claimed──► leased ──taken──► accepted ──receipt──► delivered ──opened──► seen
       ▲                   │ │ │
       └─ back-off ────────┘ │ └─ refused for good, or too late ──► failed, expired
       ▲                     ▼
       └─ nothing else left  unknown: it may have been sent; the next channel is tried at once, and this one is awaited

Who can be reached in several ways is tried by the next one when an attempt fails or nobody knows what became of it, and
when what asks or is urgent is not proved to have arrived in time.  Only when all of them failed does the case move on.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, bindparam, insert, or_, select, update

from alerts import audit, metrics, notice_truth, registry
from alerts.casefile import Case
from alerts.channels import Result
from alerts.notice_rows import HOPEFUL, PROVED, WAITING, change, reached, same_content, write_next
from alerts.notices import TEMPLATES, life, next_after
from alerts.outbox_polls import FIRST_S
from alerts.policy import Policy
from alerts.schema import Utc, attempts, cases, contact_points, notices
from alerts.store import Store

log = logging.getLogger(__name__)

BACK_OFF_S = (5.0, 15.0, 45.0, 120.0, 300.0)


# Built once: building a statement costs more than carrying it out.
_ENDED = update(attempts).where(attempts.c.id == bindparam("b_attempt"))
_NOTICE = select(notices).where(notices.c.realm == bindparam("realm"), notices.c.id == bindparam("id"))
_NOW = bindparam("now", type_=Utc())
_WITHOUT_PROOF = select(notices.c.id).where(notices.c.next_at <= _NOW).limit(1)
_IN_DOUBT = select(notices.c.id).where(notices.c.state == "unknown", notices.c.due_at <= _NOW).limit(1)
_HOME = select(cases.c.household).where(cases.c.realm == bindparam("realm"), cases.c.id == bindparam("case"))
_HOMES = select(cases.c.household).where(
    cases.c.realm == bindparam("realm"), cases.c.id.in_(bindparam("cases", expanding=True))
)
_NOTICES = select(notices).where(
    notices.c.realm == bindparam("realm"), notices.c.id.in_(bindparam("ids", expanding=True))
)
_TAKEN = (
    update(notices)
    .where(notices.c.realm == bindparam("b_realm"), notices.c.id == bindparam("b_id"))
    .values(state="accepted", done_at=_NOW, lease_until=None, last_error=None, poll_at=bindparam("poll"))
)


class Ended(NamedTuple):
    """An attempt that came to its end."""

    realm: str
    notice: str
    attempt: int
    result: Result


def _owed(conn: Connection, ended: Sequence[Ended]) -> dict[tuple[str, str], RowMapping]:
    """Return the notices of attempts, without those that two of them are of: the order of these two matters."""
    times = Counter((one.realm, one.notice) for one in ended)
    found: dict[tuple[str, str], RowMapping] = {}
    for realm in {one.realm for one in ended}:
        once = [name for (of, name), n in times.items() if of == realm and n == 1]
        rows = conn.execute(_NOTICES, {"realm": realm, "ids": once}).mappings()
        found |= {(realm, row["id"]): row for row in rows}
    return found


def _plain(notice: RowMapping, result: Result) -> bool:
    """Whether a result changes nothing but its own notice: taken, at the first attempt, by the first channel."""
    first = notice["state"] == "leased" and notice["attempts"] == 1 and not notice["way"]
    return first and result.state == "accepted" and not result.bad_address


def _finished(result: Result, now: datetime) -> dict[str, Any]:
    said = {"detail": result.detail or None, "provider_id": result.provider_id or None}
    return said | {"finished_at": now, "result": result.state}


def _observe(notice: RowMapping, now: datetime) -> None:
    if notice["tap"] is None and notice["realm"] == "live":  # a held one waits on purpose
        metrics.WAIT.labels(notice["channel"]).observe((now - notice["created_at"]).total_seconds())


class Results:
    """Writes down what became of attempts, and what follows; each method in its caller's transaction.

    Parameters
    ----------
    store : Store
        Lets a case go on whose notice cannot arrive.
    policy : Policy
        How long what is worth.
    back_off_s : tuple of float, optional
        Pauses after failed attempts; the last one repeats.
    asked : frozenset of str, optional
        Channels whose provider can be asked what became of a message.
    ask_s : float, optional
        When it is asked first. [s]
    """

    def __init__(
        self, store: Store, policy: Policy, back_off_s: tuple[float, ...] = BACK_OFF_S,
        asked: frozenset[str] = frozenset(), ask_s: float = FIRST_S,
    ) -> None:  # fmt: skip
        self._store, self._policy, self._pauses, self._asked = store, policy, back_off_s, asked
        self._ask_after = timedelta(seconds=ask_s)

    def record(
        self, conn: Connection, realm: str, name: str, attempt: int, result: Result, now: datetime
    ) -> frozenset[str]:
        """Write the result of an attempt; return the household whose pages show it, none: it was about many."""
        conn.execute(_ENDED, _finished(result, now) | {"b_attempt": attempt})
        audit.append(conn, now, "attempt", "system", f"notice:{name}", attempt=attempt, result=result.state)
        notice = conn.execute(_NOTICE, {"realm": realm, "id": name}).mappings().one()
        if result.bad_address:
            flag(conn, notice, result.detail, now)
        if notice["state"] != "leased" or (notice["attempts"] > 1 and not self._newest(conn, notice, attempt)):
            return (
                frozenset()
            )  # it was proved to have arrived, or its lease had lapsed and another attempt is under way
        if result.state == "accepted":
            self._accepted(conn, notice, now)
        elif result.permanent:
            self.give_up(conn, notice, "failed", result.detail, now)
        elif result.state == "unknown":
            self.doubt(conn, notice, result.detail, now)
        else:
            self._again(conn, notice, result.detail, now)
        return frozenset(conn.scalars(_HOME, {"realm": realm, "case": notice["case_id"]}))

    def record_all(self, conn: Connection, ended: Sequence[Ended], now: datetime) -> frozenset[str]:
        """Write many results as `record` does each of them; return the households whose pages show them.

        Plain ones (the provider took a notice that was tried once) are written together, and before the others.
        """
        owed = _owed(conn, ended) if len(ended) > 1 else {}
        plain: list[Ended] = []
        others: list[Ended] = []
        for one in ended:
            notice = owed.get((one.realm, one.notice))
            (others if notice is None or not _plain(notice, one.result) else plain).append(one)
        homes = frozenset[str]()
        if plain:
            homes = self._all_accepted(conn, plain, owed, now)
        for one in others:
            homes |= self.record(conn, one.realm, one.notice, one.attempt, one.result, now)
        return homes

    def _all_accepted(
        self, conn: Connection, ended: Sequence[Ended], owed: Mapping[tuple[str, str], RowMapping], now: datetime
    ) -> frozenset[str]:
        conn.execute(_ENDED, [_finished(one.result, now) | {"b_attempt": one.attempt} for one in ended])
        said = [(f"notice:{one.notice}", {"attempt": one.attempt, "result": one.result.state}) for one in ended]
        audit.append_all(conn, now, "attempt", "system", said)
        mine = [owed[one.realm, one.notice] for one in ended]
        polls = [{"b_realm": n["realm"], "b_id": n["id"], "poll": self._first_poll(n, now)} for n in mine]
        conn.execute(_TAKEN, [poll | {"now": now} for poll in polls])
        for notice in mine:
            _observe(notice, now)
        homes: set[str] = set()
        for realm in {notice["realm"] for notice in mine}:
            named = {notice["case_id"] for notice in mine if notice["realm"] == realm}
            homes.update(conn.scalars(_HOMES, {"realm": realm, "cases": sorted(named - {None})}))
        return frozenset(homes)

    @staticmethod
    def _newest(conn: Connection, notice: RowMapping, attempt: int) -> bool:
        later = attempts.c.realm == notice["realm"], attempts.c.notice == notice["id"], attempts.c.id > attempt
        return conn.execute(select(attempts.c.id).where(*later).limit(1)).first() is None

    def _accepted(self, conn: Connection, notice: RowMapping, now: datetime) -> None:
        done = {"state": "accepted", "done_at": now, "lease_until": None, "last_error": None}
        change(conn, notice, **done, poll_at=self._first_poll(notice, now))
        template = TEMPLATES[notice["template"]]
        if (notice["way"] or notice["attempts"] > 1) and not (template.asks or template.urgent):
            reached(conn, notice, now)  # of news a provider's word is enough; what asks goes on until there is proof
        _observe(notice, now)

    def _first_poll(self, notice: RowMapping, now: datetime) -> datetime | None:
        return now + self._ask_after if notice["channel"] in self._asked else None

    def _again(
        self, conn: Connection, notice: RowMapping, why: str, now: datetime, pause_s: float | None = None
    ) -> None:
        """Book the next attempt, or give up when it would come too late; another channel does not wait for either."""
        if pause_s is None:
            pause_s = self._pauses[min(notice["attempts"], len(self._pauses)) - 1]
        due = now + timedelta(seconds=pause_s)
        if pause_s > 0 and notice["expires_at"] is not None and due >= notice["expires_at"]:
            self.give_up(conn, notice, "expired", why, now)
            return
        values = {"state": "pending", "due_at": due, "lease_until": None, "last_error": why}
        change(conn, notice, **values)
        self._next_way(conn, notice, now)

    def doubt(self, conn: Connection, notice: RowMapping, why: str, now: datetime, *, again: bool = False) -> None:
        """Nobody knows whether it was sent: by another channel at once, this one awaited; with none left, once more.

        `again`: once more without a pause, whenever it is: whoever tried it is dead.
        """
        if self._next_way(conn, notice, now) or self._others(conn, notice, (*WAITING, *PROVED)):
            ends = notice["expires_at"] or now + timedelta(seconds=self._policy.news_life_s)
            values = {"state": "unknown", "due_at": ends, "lease_until": None, "last_error": why}
            change(conn, notice, **values, poll_at=self._first_poll(notice, now))
            return
        self._again(conn, notice, why, now, pause_s=0.0 if again or notice["attempts"] == 1 else None)

    def give_up(self, conn: Connection, notice: RowMapping, state: str, why: str, now: datetime) -> None:
        """Record that a notice does not arrive; nobody is made to wait for its answer any longer."""
        done = {
            "state": state,
            "done_at": now,
            "lease_until": None,
            "last_error": why,
            "next_at": None,
            "poll_at": None,
        }
        change(conn, notice, **done)
        if notice["realm"] == "live":
            metrics.GIVEN_UP.labels(notice["channel"], state).inc()
        log.warning("a notice was given up", extra={"notice": notice["id"], "channel": notice["channel"], "why": why})
        if self._next_way(conn, notice, now) or self._others(conn, notice, HOPEFUL):
            return
        in_doubt = (*same_content(notice), notices.c.id != notice["id"], notices.c.state == "unknown")
        fresh = (*in_doubt, or_(notices.c.expires_at.is_(None), notices.c.expires_at > now))
        if conn.execute(update(notices).where(*fresh).values(state="pending", due_at=now)).rowcount:
            return  # nothing but this is left to try: twice does less harm than not at all
        if not self._others(conn, notice, ("unknown",)):
            self._store.undeliverable(conn, notice, now)

    # --- the person's next channel ---------------------------------------------------------------------------------

    @staticmethod
    def _others(conn: Connection, notice: RowMapping, states: tuple[str, ...]) -> bool:
        n = notices.c
        other = (*same_content(notice), n.id != notice["id"], n.state.in_(states))
        return conn.execute(select(n.id).where(*other).limit(1)).first() is not None

    def _next_way(self, conn: Connection, notice: RowMapping, now: datetime) -> bool:
        """Owe the same content by the person's next channel; False: there is none, it was tried, or it is not true now."""
        to = registry.person(conn, f"{notice['recipient_kind']}:{notice['recipient']}")
        number = notice["way"] + 1
        if to is None or number >= len(to.ways):
            return False
        change(conn, notice, next_at=None)
        n = notices.c
        tried = (*same_content(notice), n.way >= number)
        if conn.execute(select(n.id).where(*tried).limit(1)).first() is not None:
            return False
        if self._others(conn, notice, PROVED):
            return False
        of = notice_truth.about(conn, notice)
        if of is None or not notice_truth.holds(conn, notice, of, now):
            return False
        template, after = TEMPLATES[notice["template"]], None
        worth = timedelta(seconds=self._policy.news_life_s)
        if isinstance(of, Case):
            worth = life(template, of, self._policy)
            after = next_after(template, of, self._policy) if number + 1 < len(to.ways) else None
        write_next(conn, notice, number, to.ways[number], now, worth, after)
        metrics.NEXT_CHANNEL.labels(notice["channel"], to.ways[number].channel).inc()
        return True

    # --- what the clock says ---------------------------------------------------------------------------------------

    @staticmethod
    def late(conn: Connection, now: datetime) -> bool:
        """Whether anything waits for `sweep`."""
        return any(conn.execute(query, {"now": now}).first() is not None for query in (_WITHOUT_PROOF, _IN_DOUBT))

    def sweep(self, conn: Connection, now: datetime, most: int) -> None:
        """Try the next channel of what was not proved to arrive in time; give up what stayed in doubt for too long."""
        n = notices.c
        for notice in conn.execute(select(notices).where(n.next_at <= now).limit(most)).mappings().all():
            change(conn, notice, next_at=None)
            if notice["state"] not in ("delivered", "seen", "cancelled"):
                self._next_way(conn, notice, now)
        doubtful = select(notices).where(n.state == "unknown", n.due_at <= now).limit(most)
        for notice in conn.execute(doubtful).mappings().all():
            self.give_up(conn, notice, "expired", "nobody knows whether it arrived", now)


# --- addresses -----------------------------------------------------------------------------------------------------


def flag(conn: Connection, notice: RowMapping, why: str, now: datetime) -> None:
    """Note that nobody is reached at the notice's address, until something is proved to have arrived there."""
    _point(conn, notice, {"bad_at": now, "bad_why": why})


def proved(conn: Connection, notice: RowMapping, now: datetime) -> None:
    """Note that something arrived at the notice's address."""
    _point(conn, notice, {"bad_at": None, "bad_why": None, "proved_at": now})


def _point(conn: Connection, notice: RowMapping, values: dict[str, object]) -> None:
    if notice["realm"] != "live":
        return  # in a drill telephones are dead on purpose
    p = contact_points.c
    key = {"channel": notice["channel"], "address": notice["address"]}
    mine = p.channel == key["channel"], p.address == key["address"]
    known = conn.execute(select(contact_points).where(*mine)).mappings().first()
    if known is None:
        conn.execute(insert(contact_points).values(**key, **values))
    elif known["bad_at"] is None or values["bad_at"] is None:  # of a bad one the first moment counts
        conn.execute(update(contact_points).where(*mine).values(**values))
