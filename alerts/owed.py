"""Effects of a step into rows, in the transaction that saves the case: what is owed is written before it is done."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from alerts import area_notices, audit, call_backs, duty_notices, notice_rows, registry
from alerts.case_rows import offer_id
from alerts.casefile import Case
from alerts.effects import CallBack, CallRound, CancelHeld, Effect, Explain, HandOver, Notify, SetLabel, TellTold
from alerts.ladders import RUNG_NAMES
from alerts.notices import TEMPLATES, life, next_after
from alerts.policy import Policy, Roster
from alerts.registry.changes import bump
from alerts.registry.lookups import OUTCOME, Person
from alerts.schema import absences, findings, notices


def apply(
    conn: Connection, case: Case, effects: Iterable[Effect], now: datetime, policy: Policy, roster: Roster
) -> None:
    """Write down what `effects` owe the world; an offer keeps who was on shift when it was made."""
    for effect in effects:
        match effect:
            case Notify():
                _notify(conn, case, on_shift(effect, roster), now, policy)
            case TellTold():
                for actor in _told(conn, case, effect):
                    template = _may_read(conn, actor, effect.template, now)
                    if template is None:
                        continue
                    one = Notify(actor, template, effect.params, held=effect.held)
                    _notify(conn, case, one, now, policy)
            case SetLabel(label):
                signs = findings.c.realm == case.realm, findings.c.case_id == case.id
                conn.execute(update(findings).where(*signs).values(label=label))
            case Explain(_, until):
                _explain(conn, case, until, now)
            case CancelHeld(version):
                n = notices.c
                held = n.realm == case.realm, n.case_id == case.id, n.tap == str(version), n.state == "pending"
                conn.execute(update(notices).where(*held).values(state="cancelled", done_at=now))
            case CallBack(owed):
                call_backs.owe(conn, case, now, policy) if owed else call_backs.drop(conn, case)
            case HandOver(turn, to):
                duty_notices.owe(conn, turn, f"worker:{to}", "hand_over", now, policy, key=f"{now.timestamp():.0f}")
            case CallRound():
                area_notices.call_round(conn, case, now, policy)


def on_shift(effect: Notify, roster: Roster) -> Notify:
    """Return a notice that is owed, an offer with who was on shift when it was made."""
    if effect.offer is None:
        return effect
    return replace(effect, params={**effect.params, "on_shift": {name: roster.on(name) for name in RUNG_NAMES}})


def _notify(conn: Connection, case: Case, owed: Notify, now: datetime, policy: Policy) -> None:
    """Write one notice; somebody who left the registry meanwhile cannot be told any more."""
    to = registry.person(conn, owed.to)
    if to is None:
        return
    notice_rows.write(conn, notice(case, owed, to, now, policy), now)


def notice(case: Case, owed: Notify, to: Person, now: datetime, policy: Policy) -> notice_rows.Owed:
    """Return the notice by which `to` is told."""
    params = dict(owed.params)
    if owed.offer is not None:
        params["offer"] = offer_id(case.id, owed.offer)
    template = TEMPLATES[owed.template]
    return notice_rows.Owed(
        realm=case.realm, case=case.id, to=to, template=owed.template, params=params, lang=policy.language,
        key=f"{case.version}.{case.rung}|{case.loop}", life=life(template, case, policy),
        next_after=next_after(template, case, policy),
        due_at=now + timedelta(seconds=policy.undo_s if owed.held else owed.wait_s),
        tap=str(case.version) if owed.held else None,
    )  # fmt: skip


def _told(conn: Connection, case: Case, effect: TellTold) -> list[str]:
    """Return whom an earlier notice of this case may have reached: anybody it was tried with."""
    n = notices.c
    tried = n.realm == case.realm, n.case_id == case.id, n.attempts > 0, n.recipient_kind.in_(effect.kinds)
    found = conn.execute(select(n.recipient_kind, n.recipient).where(*tried).distinct())
    actors = sorted(f"{row.recipient_kind}:{row.recipient}" for row in found)
    return [actor for actor in actors if actor != effect.but]


def _may_read(conn: Connection, actor: str, template: str, now: datetime) -> str | None:
    """Return which notice may be owed instead to a relative with whom nothing is shared any more; None: none.

    That it is over they hear, because they were asked to keep it in mind; what it was they do not.
    """
    kind, _, who = actor.partition(":")
    if (
        kind != "contact"
        or registry.still_agreed(conn, who, now)
        or template in ("family_stand_down", "family_declared_away")
    ):
        return template
    return "family_ended" if template.startswith("family_outcome.") else None


def _explain(conn: Connection, case: Case, until: datetime | None, now: datetime) -> None:
    """Declare the home's silence explained because somebody found out, or take that back; the detectors hear of it.

    What was played in a drill explains nothing: the real home is watched on.
    """
    if case.realm != "live":
        return
    by = f"{OUTCOME}{case.id}"
    if until is None:
        if not conn.execute(delete(absences).where(absences.c.by == by)).rowcount:
            return
    else:
        conn.execute(insert(absences).values(household=case.household, start=case.onset, end=until, by=by))
    what = {"what": "ended"} if until is None else {"what": "explained", "until": until.isoformat()}
    audit.append(conn, now, "absence", "system", f"household:{case.household}", case=case.id, **what)
    bump(conn)
