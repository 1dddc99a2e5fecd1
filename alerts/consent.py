"""Consent as code: given, paused, withdrawn, asked for anew; what ends with it ends in the same transaction.

A consent is one resident's, for one purpose (`alerts.registry.agreed.PURPOSES`), to one recipient: for ``relative`` a
contact, or all of them; for the others nobody in particular.  Withdrawing is as easy as giving.  What follows at once: a
device whose home nobody lets be watched is not bound for storing any more, queued messages to whoever may no longer be told
are deleted, their links and sessions end, and an open case is handled by `alerts.reviews`.  Messages that stand somebody
down are never deleted.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from alerts import audit, case_rows, registry
from alerts.casefile import State
from alerts.errors import BadConsent
from alerts.events import ConsentGiven, ConsentWithdrawn
from alerts.notices import STAND_DOWNS
from alerts.policy import Policy
from alerts.registry.agreed import PURPOSES, Purpose, holds, parked
from alerts.registry.changes import bump
from alerts.schema import cases, consent_texts, consents, contacts, links, notices, residents, sessions
from alerts.steps import advance

UNVERSIONED = "1"
"""The version of a purpose for which no text has been published."""
How = Literal["given", "paused", "parked", "withdrawn", "never"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one purpose stands for one resident and recipient (contact id; empty: all, or nobody in particular)."""

    resident: str
    purpose: Purpose
    recipient: str
    how: How
    version: str | None = None
    given_at: datetime | None = None
    given_by: str | None = None
    evidence: str | None = None
    until: datetime | None = None
    """The end of a pause."""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wording:
    """A consent text in force."""

    purpose: Purpose
    version: str
    from_at: datetime
    by_language: dict[str, str]


# --- how it stands -------------------------------------------------------------------------------------------------


def standing(conn: Connection, resident: str, now: datetime) -> list[Standing]:
    """Return how every purpose stands for a resident, with a line for each relative, in the order of the contacts."""
    listed = conn.scalars(
        select(contacts.c.id).where(contacts.c.resident == resident).order_by(contacts.c.position, contacts.c.id)
    )
    asked = [("monitor", ""), ("community", ""), *(("relative", one) for one in listed), ("research", "")]
    return [_standing(conn, resident, purpose, recipient, now) for purpose, recipient in asked]  # type: ignore[arg-type]


def how(conn: Connection, resident: str, purpose: Purpose, recipient: str, now: datetime) -> How:
    """Return how one consent stands, as in `Standing`."""
    return _standing(conn, resident, purpose, recipient, now).how


def _standing(conn: Connection, resident: str, purpose: Purpose, recipient: str, now: datetime) -> Standing:
    c = consents.c
    mine = c.resident == resident, c.purpose == purpose, c.recipient.in_({"", recipient}), c.given_at <= now
    which = holds(now).label("holds"), parked(now).label("parked")
    rows = conn.execute(select(consents, *which).where(*mine).order_by(c.given_at.desc(), c.id.desc())).all()
    if not rows:
        return Standing(resident, purpose, recipient, "never")
    best = min(rows, key=lambda row: _HOW.index(_how(row, now)))
    is_how = _how(best, now)
    return Standing(
        resident, purpose, recipient, is_how, best.version, best.given_at, best.given_by, best.evidence,
        best.paused_until if is_how == "paused" else None, best.withdrawn_at if is_how == "withdrawn" else None,
    )  # fmt: skip


_HOW: tuple[How, ...] = ("given", "paused", "parked", "withdrawn", "never")


def _how(row: object, now: datetime) -> How:
    withdrawn: datetime | None = row.withdrawn_at  # type: ignore[attr-defined]
    if withdrawn is not None and withdrawn <= now:
        return "withdrawn"
    if row.holds:  # type: ignore[attr-defined]
        return "given"
    return "parked" if row.parked else "paused"  # type: ignore[attr-defined]


def wording(conn: Connection, purpose: Purpose, now: datetime) -> Wording | None:
    """Return the text of a purpose that is in force, None when none has been published."""
    t = consent_texts.c
    newest = select(consent_texts).where(t.purpose == purpose, t.from_at <= now).order_by(t.from_at.desc(), t.version)
    row = conn.execute(newest.limit(1)).first()
    return Wording(purpose, row.version, row.from_at, {"zh_CN": row.zh_CN, "en": row.en}) if row else None


# --- giving --------------------------------------------------------------------------------------------------------


def give(
    conn: Connection, resident: str, purpose: str, recipient: str, now: datetime, policy: Policy, *, by: str,
    given_by: str, evidence: str | None = None, version: str | None = None, key: str | None = None,
) -> None:  # fmt: skip
    """Write down that a resident agrees, to the text in force unless another version is named; ends a pause.

    Parameters
    ----------
    by : str
        Who writes it down: ``resident:ID``, ``operator:NAME``, ``token:ID`` or ``cli``.
    given_by : str
        Who agreed: ``resident``, or a guardian's relation.
    evidence : str, optional
        Where it can be looked up: a form's number, a recording's.
    key : str, optional
        Under which a program writes it.

    Raises
    ------
    BadConsent
        There is no such resident, purpose, or contact of the resident.
    """
    asked = _checked(conn, resident, purpose, recipient)
    before = _missing(conn, asked.household, now)
    text = wording(conn, asked.purpose, now)
    agreed = version or (text.version if text else UNVERSIONED)
    c = consents.c
    paused = c.resident == resident, c.purpose == purpose, c.recipient == recipient, c.paused_until > now
    conn.execute(update(consents).where(*paused).values(paused_until=now))
    if key is not None or _standing(conn, resident, asked.purpose, recipient, now).how != "given":
        conn.execute(
            insert(consents).values(
                resident=resident, purpose=purpose, recipient=recipient, version=agreed, given_at=now,
                given_by=given_by, evidence=evidence, key=key,
            )
        )  # fmt: skip
    _write_down(conn, now, by, asked, "given", version=agreed)
    if before and not _missing(conn, asked.household, now):
        for case in case_rows.load_open(conn, *_of_home(asked.household), cases.c.state == State.CONSENT_REVIEW.value):
            advance(conn, policy, case, ConsentGiven(), now, by, {})


# --- ending --------------------------------------------------------------------------------------------------------


def withdraw(
    conn: Connection, resident: str, purpose: str, recipient: str, now: datetime, policy: Policy, *, by: str
) -> None:
    """End a consent and all that rests on it; one that does not hold changes nothing but the audit chain.

    Raises
    ------
    BadConsent
        As for `give`.
    """
    asked = _checked(conn, resident, purpose, recipient)
    _single_out(conn, asked, now, by)
    c = consents.c
    open_ones = _of(asked), or_(c.withdrawn_at.is_(None), c.withdrawn_at > now)
    conn.execute(update(consents).where(*open_ones).values(withdrawn_at=now, withdrawn_by=by))
    _write_down(conn, now, by, asked, "withdrawn")
    _stop(conn, asked, now, policy, by, for_good=True)


def pause(
    conn: Connection, resident: str, purpose: str, recipient: str, until: datetime, now: datetime, policy: Policy, *,
    by: str,
) -> None:  # fmt: skip
    """Let a consent rest until a moment, after which it holds again by itself; links and sessions outlive it.

    Raises
    ------
    BadConsent
        As for `give`; or the end is not in the future.
    """
    if until <= now:
        raise BadConsent(f"want an end of the pause after {now.isoformat()}, got {until.isoformat()}")
    asked = _checked(conn, resident, purpose, recipient)
    _single_out(conn, asked, now, by)
    c = consents.c
    open_ones = _of(asked), or_(c.withdrawn_at.is_(None), c.withdrawn_at > now)
    conn.execute(update(consents).where(*open_ones).values(paused_until=until, paused_by=by))
    _write_down(conn, now, by, asked, "paused", until=until.isoformat())
    _stop(conn, asked, now, policy, by, for_good=False)


def follow(conn: Connection, changed: Iterable[tuple[str, str]], now: datetime, policy: Policy, by: str) -> None:
    """End what rested on consents that an import changed or removed; each as (resident, purpose)."""
    for resident, purpose in sorted(set(changed)):
        household = conn.scalar(select(residents.c.household).where(residents.c.id == resident))
        if household is not None and purpose in PURPOSES:
            _stop(conn, _checked(conn, resident, purpose, ""), now, policy, by, for_good=True)


def publish(
    conn: Connection, purpose: str, version: str, zh: str, en: str, from_at: datetime, by: str, now: datetime
) -> None:
    """Publish a text: from `from_at` on, consents to another version of this purpose are parked until answered.

    Raises
    ------
    BadConsent
        No such purpose, an empty text, or a version that was published before.
    """
    if purpose not in PURPOSES:
        raise BadConsent(f"want a purpose of {', '.join(PURPOSES)}, got {purpose!r}")
    if not (zh.strip() and en.strip() and version.strip()) or len(version) > 32:
        raise BadConsent("want a version of at most 32 signs and a text in both languages")
    t = consent_texts.c
    if conn.execute(select(t.version).where(t.purpose == purpose, t.version == version)).first():
        raise BadConsent(f"version {version!r} of {purpose} has been published: a changed text needs a new one")
    conn.execute(insert(consent_texts).values(purpose=purpose, version=version, from_at=from_at, zh_CN=zh, en=en))
    bump(conn)
    audit.append(conn, now, "consent_text", by, purpose=purpose, version=version, from_at=from_at.isoformat())


# --- what ends with it ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """One resident, purpose and recipient that exist."""

    resident: str
    household: str
    purpose: Purpose
    recipient: str


def _checked(conn: Connection, resident: str, purpose: str, recipient: str) -> _Asked:
    household = conn.scalar(select(residents.c.household).where(residents.c.id == resident))
    if household is None:
        raise BadConsent(f"want the id of a resident, got {resident!r}")
    if purpose not in PURPOSES:
        raise BadConsent(f"want a purpose of {', '.join(PURPOSES)}, got {purpose!r}")
    if recipient and purpose != "relative":
        raise BadConsent(f"want a recipient with the purpose relative only, got {recipient!r} with {purpose}")
    c = contacts.c
    if recipient and conn.execute(select(c.id).where(c.id == recipient, c.resident == resident)).first() is None:
        raise BadConsent(f"want a contact of resident {resident}, got {recipient!r}")
    return _Asked(resident, household, purpose, recipient)


def _of(asked: _Asked) -> ColumnElement[bool]:
    """Return the condition on the consents that an end is about: that of one relative, or all of the purpose."""
    c = consents.c
    whole = and_(c.resident == asked.resident, c.purpose == asked.purpose)
    return and_(whole, c.recipient == asked.recipient) if asked.recipient else whole


def _single_out(conn: Connection, asked: _Asked, now: datetime, by: str) -> None:
    """Turn a consent for all relatives into one for each, when one of them is to be treated apart."""
    if not asked.recipient:
        return
    c = consents.c
    for_all = c.resident == asked.resident, c.purpose == asked.purpose, c.recipient == "", c.given_at <= now
    rows = conn.execute(select(consents).where(*for_all, or_(c.withdrawn_at.is_(None), c.withdrawn_at > now))).all()
    names = list(conn.scalars(select(contacts.c.id).where(contacts.c.resident == asked.resident)))
    for row in rows:
        conn.execute(update(consents).where(c.id == row.id).values(withdrawn_at=now, withdrawn_by=by))
        kept = row._asdict() | {"id": None, "key": None}
        conn.execute(
            insert(consents), [{k: v for k, v in (kept | {"recipient": one}).items() if k != "id"} for one in names]
        )


def _stop(conn: Connection, asked: _Asked, now: datetime, policy: Policy, by: str, *, for_good: bool) -> None:
    """Delete what is queued, end links and sessions, and let open cases know."""
    missing = _missing(conn, asked.household, now)
    told = _no_longer_told(conn, asked, now, missing)
    unsend(conn, told)
    if for_good:
        for table in (links, sessions):
            of_them = table.c.role == "family", table.c.person.in_(told), table.c.ended_at.is_(None)
            conn.execute(update(table).where(*of_them).values(ended_at=now))
    if asked.purpose not in missing:
        return
    for case in case_rows.load_open(conn, *_of_home(asked.household), cases.c.state != State.CONSENT_REVIEW.value):
        n = notices.c
        _unsend(conn, n.realm == case.realm, n.case_id == case.id, n.template == "offer")
        advance(conn, policy, case, ConsentWithdrawn(asked.purpose), now, by, {"purpose": asked.purpose})


def _missing(conn: Connection, household: str, now: datetime) -> set[str]:
    """Return which of the purposes on which a case rests nobody of a household agrees to."""
    return {purpose for purpose in ("monitor", "community") if not registry.consented(conn, household, purpose, now)}


def _of_home(household: str) -> tuple[ColumnElement[bool], ...]:
    return (cases.c.household == household,)


def _no_longer_told(conn: Connection, asked: _Asked, now: datetime, missing: Collection[str]) -> list[str]:
    """Return the contacts of the household who may not be told any more because of what was just ended."""
    if asked.purpose == "monitor" and "monitor" in missing:
        at_home = select(residents.c.id).where(residents.c.household == asked.household)
        return list(conn.scalars(select(contacts.c.id).where(contacts.c.resident.in_(at_home))))
    if asked.purpose != "relative":
        return []
    named = list(conn.scalars(select(contacts.c.id).where(contacts.c.resident == asked.resident)))
    meant = [one for one in named if asked.recipient in ("", one)]
    return [one for one in meant if not registry.still_agreed(conn, one, now)]


def unsend(conn: Connection, told: Iterable[str], but: Collection[str] = STAND_DOWNS) -> int:
    """Delete what is queued to these contacts, or may be tried again, except what stands them down; return how many.

    What was tried before is a fact and stays, as cancelled and without its address; so does what may have been sent:
    nobody asks the provider about it, and no other channel goes on from it.  Who waits for an outcome, because of having
    been told of the case, hears that it is over and not what it was.
    """
    n = notices.c
    to_them = n.recipient_kind == "contact", n.recipient.in_(list(told))
    outcome = (*to_them, n.state == "pending", n.attempts == 0, n.template.startswith("family_outcome."))
    conn.execute(update(notices).where(*outcome).values(template="family_ended", next_at=None))
    return _unsend(conn, *to_them, n.template.not_in(but))


def _unsend(conn: Connection, *which: ColumnElement[bool]) -> int:
    n = notices.c
    queued = (*which, n.state.in_(("pending", "unknown")))
    ended = {"state": "cancelled", "address": "", "last_error": "consent ended", "next_at": None, "poll_at": None}
    kept = conn.execute(update(notices).where(*queued, n.attempts > 0).values(**ended)).rowcount
    return kept + conn.execute(delete(notices).where(*queued, n.attempts == 0)).rowcount


def _write_down(conn: Connection, now: datetime, by: str, asked: _Asked, what: str, **more: str) -> None:
    bump(conn)
    said = {"what": what, "purpose": asked.purpose, "to": asked.recipient} | more
    audit.append(conn, now, "consent", by, f"resident:{asked.resident}", **said)
