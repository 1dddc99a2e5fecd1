"""Which notices are due, leased for one attempt each: the words, the link and the attempt's row, in one transaction."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, insert, select, update
from sqlalchemy import case as sql_case

from alerts import audit, notice_truth, reply_codes
from alerts.casefile import Case
from alerts.channels import Answered, Outgoing, Sender
from alerts.notice_rows import change
from alerts.notices import TEMPLATES, Role, role, write
from alerts.outbox_results import Results
from alerts.schema import Utc, attempts, cases, notices
from alerts.texts import Texts

log = logging.getLogger(__name__)

MOST_AT_ONCE = 64
"""Notices looked at in one transaction."""


Known = dict[tuple[str, str | None, str | None, str | None], Case | RowMapping | None]
"""What notices are about, by realm, case, area event and turn."""
_ABOUT = (("case", "case_id"), ("area_event", "area_event"), ("turn", "turn"))
_ATTEMPT = insert(attempts)
_N, _NOW = notices.c, bindparam("now", type_=Utc())
_LAPSED = (_N.state == "leased") & (_N.lease_until <= _NOW)
_DUE = select(_N.id).where(((_N.state == "pending") & (_N.due_at <= _NOW)) | _LAPSED).limit(1)
_READY = (
    select(notices)
    .outerjoin(cases, (cases.c.realm == _N.realm) & (cases.c.id == _N.case_id))
    .where(_N.state == "pending", _N.due_at <= _NOW, _N.channel.not_in(bindparam("full", expanding=True)))
    .order_by(_N.realm.desc(), sql_case((cases.c.severity == "red", 0), else_=1), _N.due_at, _N.id)
    .limit(MOST_AT_ONCE)
    .with_for_update(skip_locked=True, of=notices)
)
"""Live before drill, red first, then longest waiting."""


class MakeLink(Protocol):
    """Writes down a one-time link and returns its token."""

    def __call__(
        self, conn: Connection, role: Role, person: str, goto: str, now: datetime, life: timedelta, *,
        realm: str, notice: str,
    ) -> str:  # fmt: skip
        """Return the token of a link to `goto` that `notice` carries."""
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice on its way, its attempt already written."""

    realm: str
    notice: str
    attempt: int
    channel: str
    outgoing: Outgoing


class Leases:
    """Takes what is due; each method in its caller's transaction.

    Parameters
    ----------
    channels : mapping of str to Sender
        The channels that are set up.
    texts, base_url, make_link
        Of which words and links are made.
    results : Results
        For what cannot be sent at all.
    lease_s, worker_link_s, family_link_s : float
        How long an attempt may go without a result, and links open a door. [s]
    """

    def __init__(
        self, channels: Mapping[str, Sender], texts: Texts, base_url: str, make_link: MakeLink, results: Results, *,
        lease_s: float, worker_link_s: float, family_link_s: float,
    ) -> None:  # fmt: skip
        self._channels, self._texts, self._base_url = channels, texts, base_url.rstrip("/")
        self._make_link, self._results = make_link, results
        self._lease = timedelta(seconds=lease_s)
        self._link_lives = {"family": timedelta(seconds=family_link_s)}
        self._link_life = timedelta(seconds=worker_link_s)

    @staticmethod
    def due(conn: Connection, now: datetime) -> bool:
        """Whether anything waits to be sent, or was never heard of again."""
        return conn.execute(_DUE, {"now": now}).first() is not None

    def release(self, conn: Connection, now: datetime, which: ColumnElement[bool] | None = None) -> None:
        """End lapsed leases; what became of those attempts is not known."""
        lapsed = select(notices).where(_LAPSED if which is None else which)
        for notice in conn.execute(lapsed, {"now": now} if which is None else {}).mappings().all():
            a = attempts.c
            unheard = a.realm == notice["realm"], a.notice == notice["id"], a.result.is_(None)
            conn.execute(update(attempts).where(*unheard).values(result="unknown", detail="never heard of again"))
            log.warning("an attempt was never heard of again", extra={"notice": notice["id"]})
            self._results.doubt(conn, notice, "never heard of again", now, again=True)

    def take(self, conn: Connection, free: Mapping[str, int], now: datetime) -> list[Claimed]:
        """Lease what is due, live before drill, red first, then longest waiting; each with its attempt row.

        `free`: how many more attempts each channel may have in flight.
        """
        left = dict(free)
        claimed: list[Claimed] = []
        known: Known = {}
        full = [name for name, n in left.items() if n <= 0]
        for notice in conn.execute(_READY, {"full": full, "now": now}).mappings().all():
            if left.get(notice["channel"], 1) <= 0:
                continue
            try:
                with conn.begin_nested():
                    one = self._start(conn, notice, now, known)
            except Exception as error:
                log.exception("a notice could not be written", extra={"notice": notice["id"]})
                known.clear()
                self._results.give_up(conn, notice, "failed", f"not writable: {type(error).__name__}", now)
                continue
            if one is not None:
                claimed.append(one)
                left[one.channel] -= 1
        return claimed

    def _start(self, conn: Connection, notice: RowMapping, now: datetime, known: Known) -> Claimed | None:
        """Write the words, the lease and the attempt; None: there is nothing to send.

        `known` spares reading the same case for each of its notices; what gives a notice up may change a case.
        """
        key = notice["realm"], notice["case_id"], notice["area_event"], notice["turn"]
        if key not in known:
            known[key] = notice_truth.about(conn, notice)
        of = known[key]
        if of is None:
            return None
        if not notice_truth.holds(conn, notice, of, now):
            self._put_off(conn, notice, of, now)
            return None
        if notice["channel"] not in self._channels:
            self._results.give_up(conn, notice, "failed", f"channel {notice['channel']} is not set up", now)
            known.clear()
            return None
        outgoing = self._written(conn, notice, of, now)
        leased = {"state": "leased", "lease_until": now + self._lease, "attempts": notice["attempts"] + 1}
        change(conn, notice, **leased)
        row = {"realm": notice["realm"], "notice": notice["id"], "started_at": now}
        attempt = conn.execute(_ATTEMPT, row).inserted_primary_key
        assert attempt is not None
        about = next(f"{what}:{notice[column]}" for what, column in _ABOUT if notice[column])
        to = f"{notice['recipient_kind']}:{notice['recipient']}"
        handed = {"notice": notice["id"], "attempt": attempt[0], "channel": notice["channel"], "to": to}
        audit.append(conn, now, "handed_over", "system", about, template=notice["template"], **handed)
        return Claimed(notice["realm"], notice["id"], attempt[0], notice["channel"], outgoing)

    @staticmethod
    def _put_off(conn: Connection, notice: RowMapping, of: Case | RowMapping, now: datetime) -> None:
        """Cancel what is no longer true; while the tap that made it so may be undone, only put it off."""
        undo = of.undo if isinstance(of, Case) else None
        off = {"state": "cancelled", "done_at": now, "next_at": None}
        if undo and now < undo.until:
            off = {"due_at": undo.until}
        change(conn, notice, **off)

    def _written(self, conn: Connection, notice: RowMapping, of: Case | RowMapping, now: datetime) -> Outgoing:
        reader = role(notice["recipient_kind"])
        goto = TEMPLATES[notice["template"]].goto.format(case=notice["case_id"]) if reader != "operator" else "/c"
        life = self._link_lives.get(reader, self._link_life)
        here = {"realm": notice["realm"], "notice": notice["id"]}
        token = self._make_link(conn, reader, notice["recipient"], goto, now, life, **here)
        link = f"{self._base_url}/link/{token}"
        words = write(conn, self._texts, notice, of, link, now)
        params = dict(words.params)
        if TEMPLATES[notice["template"]].answered and isinstance(self._channels[notice["channel"]], Answered):
            params["code"] = reply_codes.issue(conn, notice, now)
        return Outgoing(
            id=notice["id"], address=notice["address"], subject=words.subject, text=words.text, link=link,
            language=notice["lang"], realm=notice["realm"], created_at=notice["created_at"], sent_at=now,
            template=notice["template"], role=reader, params=params,
        )  # fmt: skip


Pointing = Callable[[str], None]
"""Called with the name of a point of `alerts.outbox.POINTS` as it is passed."""
