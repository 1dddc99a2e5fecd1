"""Which notices are due, leased for one attempt each: the words, the link and the attempt's row, in one transaction."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Integer, RowMapping, bindparam, func, insert, select, update

from alerts import audit, drill_down, notice_truth, reply_codes
from alerts.access import NewLink
from alerts.casefile import Case
from alerts.channels import Answered, Outgoing, Sender
from alerts.notice_rows import change
from alerts.notice_truth import Subject
from alerts.notices import TEMPLATES, Grounds, grounds, role, write
from alerts.outbox_results import Results
from alerts.schema import Utc, attempts, cases, notices
from alerts.texts import Texts

log = logging.getLogger(__name__)

MOST_AT_ONCE = 64
"""Notices looked at in one transaction."""


_ABOUT = (("case", "case_id"), ("area_event", "area_event"), ("turn", "turn"))
_ATTEMPTS = insert(attempts).returning(attempts.c.id, sort_by_parameter_order=True)
_N, _NOW = notices.c, bindparam("now", type_=Utc())
_LEASE = (
    update(notices)
    .where(_N.realm == bindparam("b_realm"), _N.id == bindparam("b_id"))
    .values(state="leased", lease_until=bindparam("until"), attempts=bindparam("tried"))
)
_LAPSED = (_N.state == "leased") & (_N.lease_until <= _NOW)
_DUE = select(_N.id).where(((_N.state == "pending") & (_N.due_at <= _NOW)) | _LAPSED).limit(1)
_RED = func.coalesce(cases.c.severity, "") == "red"
_READY = [
    select(notices)
    .outerjoin(cases, (cases.c.realm == _N.realm) & (cases.c.id == _N.case_id))
    .where(_N.state == "pending", _N.due_at <= _NOW, _N.channel.not_in(bindparam("full", expanding=True)), *rank)
    .order_by(_N.due_at, _N.id)
    .limit(bindparam("most", type_=Integer()))
    .with_for_update(skip_locked=True, of=notices)
    for rank in ((_N.realm == "live", _RED), (_N.realm == "live", ~_RED), (_N.realm != "live",))
]
"""Live before drill, red first, then longest waiting: a query each, in the order of an index, so that thousands that wait
need not be sorted for every few that are taken."""


class MakeLinks(Protocol):
    """Writes down one-time links and returns their tokens."""

    def __call__(self, conn: Connection, wanted: Sequence[NewLink], now: datetime) -> list[str]:
        """Return the tokens of these links, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice on its way, its attempt already written."""

    realm: str
    notice: str
    attempt: int
    channel: str
    outgoing: Outgoing
    down: bool = False
    """Its drill plays the provider to be down: it is not handed over."""


class Leases:
    """Takes what is due; each method in its caller's transaction.

    Parameters
    ----------
    channels : mapping of str to Sender
        The channels that are set up.
    texts, base_url, make_links
        Of which words and links are made.
    results : Results
        For what cannot be sent at all.
    lease_s, worker_link_s, family_link_s : float
        How long an attempt may go without a result, and links open a door. [s]
    """

    def __init__(
        self, channels: Mapping[str, Sender], texts: Texts, base_url: str, make_links: MakeLinks, results: Results, *,
        lease_s: float, worker_link_s: float, family_link_s: float,
    ) -> None:  # fmt: skip
        self._channels, self._texts, self._base_url = channels, texts, base_url.rstrip("/")
        self._make_links, self._results = make_links, results
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

    def take(
        self, conn: Connection, free: Mapping[str, int], now: datetime, for_drills: Mapping[str, int] | None = None
    ) -> list[Claimed]:
        """Lease what is due, live before drill, red first, then longest waiting; each with its attempt row.

        `free`: how many more attempts each channel may have in flight; `for_drills`: how many of drills (None: as many).
        """
        full = [name for name, n in free.items() if n <= 0]
        played = dict(free if for_drills is None else for_drills)
        ready: list[RowMapping] = []
        for query in _READY:
            if len(ready) < MOST_AT_ONCE:
                none = full if query is not _READY[-1] else [*full, *(name for name, n in played.items() if n <= 0)]
                asked = {"full": none, "now": now, "most": MOST_AT_ONCE - len(ready)}
                ready += _within(conn.execute(query, asked).mappings().all(), played)
        if not ready:
            return []
        try:
            with conn.begin_nested():
                return self._start(conn, ready, dict(free), now)
        except Exception:
            log.exception("notices could not be written together; each is tried by itself")
        return self._one_by_one(conn, ready, dict(free), now)

    def _one_by_one(
        self, conn: Connection, ready: Sequence[RowMapping], left: dict[str, int], now: datetime
    ) -> list[Claimed]:
        claimed: list[Claimed] = []
        for notice in ready:
            try:
                with conn.begin_nested():
                    claimed += self._start(conn, [notice], left, now)
            except Exception as error:
                log.exception("a notice could not be written", extra={"notice": notice["id"]})
                self._results.give_up(conn, notice, "failed", f"not writable: {type(error).__name__}", now)
        return claimed

    def _start(
        self, conn: Connection, ready: Sequence[RowMapping], left: dict[str, int], now: datetime
    ) -> list[Claimed]:
        """Write the words, the leases and the attempts of what is to be sent; `left` places are taken from.

        What no channel can carry is given up last: that may change a case, which the others were read with.
        """
        of, may_read = notice_truth.abouts(conn, ready), notice_truth.reading(conn, ready, now)
        going, stuck = [], []
        for notice in ready:
            subject = of.get(notice_truth.subject_key(notice))
            if subject is None or left.get(notice["channel"], 1) <= 0:
                continue
            if not notice_truth.holds_for(conn, notice, subject, may_read, now):
                self._put_off(conn, notice, subject, now)
            elif notice["channel"] not in self._channels:
                stuck.append(notice)
            else:
                going.append((notice, subject))
                left[notice["channel"]] -= 1
        claimed = self._leased(conn, going, now) if going else []
        for notice in stuck:
            self._no_channel(conn, notice, now)
        return claimed

    def _no_channel(self, conn: Connection, notice: RowMapping, now: datetime) -> None:
        """Give up what no channel carries, if it is still true after what was given up before it."""
        of = notice_truth.about(conn, notice)
        if of is None:
            return
        if notice_truth.holds(conn, notice, of, now):
            self._results.give_up(conn, notice, "failed", f"channel {notice['channel']} is not set up", now)
        else:
            self._put_off(conn, notice, of, now)

    def _leased(self, conn: Connection, going: Sequence[tuple[RowMapping, Subject]], now: datetime) -> list[Claimed]:
        """Write the words, the leases and the attempts of notices that are sent now."""
        written = self._written(conn, going, now)
        leases = [
            {"b_realm": notice["realm"], "b_id": notice["id"], "tried": notice["attempts"] + 1} for notice, _ in going
        ]
        until = {"until": now + self._lease}
        conn.execute(_LEASE, [lease | until for lease in leases])
        rows = [{"realm": notice["realm"], "notice": notice["id"], "started_at": now} for notice, _ in going]
        numbers = conn.scalars(_ATTEMPTS, rows).all()
        said = [_handed_over(notice, number) for (notice, _), number in zip(going, numbers, strict=True)]
        audit.append_all(conn, now, "handed_over", "system", said)
        down = drill_down.down(conn, [notice for notice, _ in going], now)
        return [
            Claimed(notice["realm"], notice["id"], number, notice["channel"], outgoing, notice["id"] in down)
            for (notice, _), number, outgoing in zip(going, numbers, written, strict=True)
        ]

    @staticmethod
    def _put_off(conn: Connection, notice: RowMapping, of: Subject, now: datetime) -> None:
        """Cancel what is no longer true; while the tap that made it so may be undone, only put it off."""
        undo = of.undo if isinstance(of, Case) else None
        off = {"state": "cancelled", "done_at": now, "next_at": None}
        if undo and now < undo.until:
            off = {"due_at": undo.until}
        change(conn, notice, **off)

    def _written(self, conn: Connection, going: Sequence[tuple[RowMapping, Subject]], now: datetime) -> list[Outgoing]:
        known = grounds(conn, (of for _, of in going if isinstance(of, Case)))
        tokens = self._make_links(conn, [self._link(notice) for notice, _ in going], now)
        links = [f"{self._base_url}/link/{token}" for token in tokens]
        return [self._outgoing(conn, *pair, known, link, now) for pair, link in zip(going, links, strict=True)]

    def _link(self, notice: RowMapping) -> NewLink:
        reader = role(notice["recipient_kind"])
        goto = TEMPLATES[notice["template"]].goto.format(case=notice["case_id"]) if reader != "operator" else "/c"
        life = self._link_lives.get(reader, self._link_life)
        return NewLink(reader, notice["recipient"], goto, life, notice["realm"], notice["id"])

    def _outgoing(
        self, conn: Connection, notice: RowMapping, of: Subject, known: Mapping[tuple[str, str], Grounds], link: str,
        now: datetime,
    ) -> Outgoing:  # fmt: skip
        ground = known[of.realm, of.id] if isinstance(of, Case) else None
        words = write(conn, self._texts, notice, of, link, now, ground)
        params = dict(words.params)
        if TEMPLATES[notice["template"]].answered and isinstance(self._channels[notice["channel"]], Answered):
            params["code"] = reply_codes.issue(conn, notice, now)
        return Outgoing(
            id=notice["id"], address=notice["address"], subject=words.subject, text=words.text, link=link,
            language=notice["lang"], realm=notice["realm"], created_at=notice["created_at"], sent_at=now,
            template=notice["template"], role=role(notice["recipient_kind"]), params=params,
        )  # fmt: skip


def _within(ready: Sequence[RowMapping], played: dict[str, int]) -> Iterator[RowMapping]:
    """Yield what may be taken: all of life, and of drills as many by each channel as `played` still has, taken from it."""
    for notice in ready:
        if notice["realm"] != "live":
            if played.get(notice["channel"], 1) <= 0:
                continue
            played[notice["channel"]] = played.get(notice["channel"], 1) - 1
        yield notice


def _handed_over(notice: RowMapping, attempt: int) -> tuple[str, dict[str, Any]]:
    """Return what the audit chain keeps of an attempt that begins: about what, and the words."""
    about = next(f"{what}:{notice[column]}" for what, column in _ABOUT if notice[column])
    to = f"{notice['recipient_kind']}:{notice['recipient']}"
    handed = {"notice": notice["id"], "attempt": attempt, "channel": notice["channel"], "to": to}
    return about, handed | {"template": notice["template"]}


Pointing = Callable[[str], None]
"""Called with the name of a point of `alerts.outbox.POINTS` as it is passed."""
