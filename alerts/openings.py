"""Many findings in one transaction: what is the first of its home is read, decided and written for all of them at once.

A case is still one step of one machine (`alerts.cases.step`), and its rows are those of `alerts.case_rows`, `alerts.owed`
and `alerts.notice_rows`; only the number of queries differs.  A finding with any history (an id that was told before, an
open case or one that ended lately, an absence, an outage) goes the long way of `alerts.claims.raised`, in its turn.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, insert, or_, select

from alerts import case_rows, claims, frozen, notice_rows, owed, registry, steps
from alerts.casefile import Case
from alerts.cases import step
from alerts.claims import NewFinding
from alerts.effects import Effect, Notify
from alerts.events import ASK_ONLY, FindingRaised
from alerts.policy import Policy, Roster
from alerts.schema import Utc, absences, area_events, area_members, cases, findings

_HOMES: BindParameter[str] = bindparam("homes", expanding=True)
_REALM: BindParameter[str] = bindparam("realm")
_SINCE = bindparam("since", type_=Utc())
# Built once: building a statement costs more than carrying it out.
_KNOWN = select(findings.c.id).where(findings.c.realm == _REALM, findings.c.id.in_(bindparam("ids", expanding=True)))
_LATELY_OPEN = select(cases.c.household).where(
    cases.c.realm == _REALM, cases.c.household.in_(_HOMES), or_(cases.c.closed_at.is_(None), cases.c.closed_at > _SINCE)
)
_AWAY = select(absences.c.household).where(absences.c.household.in_(_HOMES), absences.c.end > _SINCE)
_IN_OUTAGE = (
    select(area_members.c.household)
    .join(
        area_events, (area_members.c.realm == area_events.c.realm) & (area_members.c.event == area_events.c.id)
    )
    .where(
        area_members.c.realm == _REALM, area_members.c.household.in_(_HOMES),
        or_(area_events.c.ended_at.is_(None), area_events.c.ended_at > _SINCE),
    )
)  # fmt: skip
_FINDING = insert(findings)


class Opened(NamedTuple):
    """A case after its first finding, and what it owes."""

    finding: NewFinding
    before: Case
    after: Case
    effects: tuple[Effect, ...]
    roster: Roster


def raised(conn: Connection, found: Sequence[NewFinding], now: datetime, policy: Policy) -> list[str | None]:
    """Store findings of one realm and return what `alerts.claims.raised` of each in turn would: the ids of their cases."""
    plain = _plain(conn, found, now, policy)
    names: list[str | None] = []
    for together, some in groupby(zip(plain, found, strict=True), key=lambda pair: pair[0]):
        if together:
            names += _opened(conn, [finding for _, finding in some], now, policy)
        else:
            names += [claims.raised(conn, finding, now, policy) for _, finding in some]
    return names


# --- who has no history ------------------------------------------------------------------------------------------------


def _plain(conn: Connection, found: Sequence[NewFinding], now: datetime, policy: Policy) -> list[bool]:
    """Return of which findings nothing is known that bears on what follows from them."""
    if any(finding.realm != "live" for finding in found):
        return [False] * len(found)  # whom a drill may tell is asked for each notice
    homes = {finding.household for finding in found}
    ruled_out = _with_history(conn, found, homes, now, policy)
    agreed = registry.consenting(conn, homes, "monitor", now)
    ids = {"realm": found[0].realm, "ids": [finding.id for finding in found]}
    known = set(conn.scalars(_KNOWN, ids))
    plain = []
    for finding in found:
        usual = finding.kind != claims.AWAY_USE and finding.kind not in policy.listed_kinds
        plain.append(usual and finding.id not in known and finding.household in agreed - ruled_out)
        ruled_out.add(finding.household)  # a second one of the same home joins the case of the first
        known.add(finding.id)
    return plain


def _with_history(
    conn: Connection, found: Sequence[NewFinding], homes: Collection[str], now: datetime, policy: Policy
) -> set[str]:
    """Return the homes with an open case, one that ended lately, an absence or an outage."""
    about = {"realm": found[0].realm, "homes": list(homes)}
    since = now - timedelta(seconds=max(policy.recurs_s, policy.fold_grace_s))
    asked = (
        (_LATELY_OPEN, about | {"since": since}),
        (_IN_OUTAGE, about | {"since": since}),
        (_AWAY, {"homes": about["homes"], "since": min(min(f.onset, f.raised_at) for f in found)}),
    )
    return {home for query, said in asked for home in conn.scalars(query, said)}


# --- their cases -------------------------------------------------------------------------------------------------------


def _opened(conn: Connection, found: Sequence[NewFinding], now: datetime, policy: Policy) -> list[str | None]:
    """Open a case for each; all rows of all of them are written together."""
    found = [replace(f, evidence={name: claims.plain(value) for name, value in f.evidence.items()}) for f in found]
    kept = frozen.keep(conn, policy, now)
    rosters = registry.rosters(conn, [finding.household for finding in found], now)
    done = list(_stepped(found, rosters, kept, now, policy))
    said = [{"finding": one.finding.id, "kind": one.finding.kind} for one in done]
    data = [steps.logged(one.after, words) for one, words in zip(done, said, strict=True)]
    case_rows.insert_all(conn, [one.after for one in done])
    case_rows.log_all(conn, [one.after for one in done], now, "finding_raised", "system", data)
    _owe(conn, done, now, policy)
    rows = [claims.row(one.finding) | {"suppressed": None, "case_id": one.after.id} for one in done]
    conn.execute(_FINDING, rows)
    for one in done:
        steps.told(one.before, one.after)
    return [one.after.id for one in done]


def _stepped(
    found: Sequence[NewFinding], rosters: Mapping[str, Roster], kept: str, now: datetime, policy: Policy
) -> Iterator[Opened]:
    """Yield each case after its first step; whom an earlier one of them asked has one offer more on hand."""
    asked = Counter[str]()
    for finding in found:
        case = replace(claims.new_case(finding, now), policy=kept)
        roster = rosters[finding.household]
        loads = {who: load._replace(offers=load.offers + asked[who]) for who, load in roster.loads.items()}
        only = bool(finding.evidence.get(ASK_ONLY))
        event = FindingRaised(finding.kind, finding.severity, finding.onset, True, ask_only=only)
        after, effects = step(case, event, now, policy, replace(roster, loads=loads))
        if finding.realm == "live":
            asked.update(offer.worker for offer in after.offers)
        yield Opened(finding, case, after, effects, roster)


def _owe(conn: Connection, done: Sequence[Opened], now: datetime, policy: Policy) -> None:
    """Write the notices of all cases; a new case has none yet that another could repeat or replace."""
    told = [
        (one.after, owed.on_shift(effect, one.roster))
        for one in done
        for effect in one.effects
        if isinstance(effect, Notify)
    ]
    people = registry.persons(conn, {effect.to for _, effect in told})
    notices = [
        owed.notice(case, effect, people[effect.to], now, policy) for case, effect in told if effect.to in people
    ]
    notice_rows.insert_all(conn, {one.id: one for one in notices}.values(), now)
    for one in done:
        others = [effect for effect in one.effects if not isinstance(effect, Notify)]
        owed.apply(conn, one.after, others, now, policy, one.roster)
