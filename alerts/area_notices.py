"""Who is told of an area event: one notice a person, not one a home; and in which words.

At the beginning the operators, the lead and the grid worker on shift; when the water is off also the family of each home,
unless that home has a case of its own that the event does not explain: they hear about the person, not about the pipe.
At the end the same people, if the first message may have reached them; what never left is cancelled with its end.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, exists, func, select, update

from alerts import registry
from alerts.casefile import Case, State
from alerts.explained import WATER
from alerts.notice_rows import Owed, write
from alerts.policy import Policy
from alerts.schema import area_events, area_members, cases, contacts, households, notices, residents
from alerts.texts import Place, Texts

BEGUN, OVER, CALL_ROUND = "area_outage", "area_over", "area_call_round"
FAMILY_BEGUN, FAMILY_OVER = "family_outage", "family_outage_over"


def begun(conn: Connection, event: RowMapping, now: datetime, policy: Policy) -> None:
    """Owe what people should know of an event that began."""
    for actor in _staff(conn, event, now):
        _owe(conn, event, actor, BEGUN, now, policy)
    if event["kind"] != WATER:
        return
    told = _told(conn, event, FAMILY_BEGUN, FAMILY_OVER)
    for household in _members(conn, event):
        if _has_own_case(conn, event["realm"], household):
            continue
        for contact in registry.relatives(conn, household, now):
            if f"contact:{contact}" not in told:
                _owe(conn, event, f"contact:{contact}", FAMILY_BEGUN, now, policy)


def over(conn: Connection, event: RowMapping, now: datetime, policy: Policy) -> None:
    """Owe the end of an event to those who heard of its beginning; a wider one that goes on speaks for it."""
    n = notices.c
    unsent = n.realm == event["realm"], n.area_event == event["id"], n.state == "pending", n.attempts == 0
    begun_too = n.template.in_((BEGUN, FAMILY_BEGUN, CALL_ROUND))
    conn.execute(update(notices).where(*unsent, begun_too).values(state="cancelled", done_at=now))
    for actor in (
        [] if event["ended_by"] != "system" else _tried(conn, event["realm"], _with_taken_over(conn, event), BEGUN)
    ):
        _owe(conn, event, actor, OVER, now, policy)
    if event["kind"] == WATER:
        waiting = _told(conn, event, FAMILY_BEGUN, FAMILY_OVER)
        theirs = _contacts(conn, _members(conn, event)) - _contacts(conn, _covered(conn, event))
        for actor in sorted(waiting & theirs):
            _owe(conn, event, actor, FAMILY_OVER, now, policy)


def call_round(conn: Connection, case: Case, now: datetime, policy: Policy) -> None:
    """Ask the operators to call round the homes of the event that a case is folded into: once for all of them."""
    e = area_events.c
    found = select(area_events).where(e.realm == case.realm, e.id == case.area_event, e.ended_at.is_(None))
    event = conn.execute(found).mappings().first()
    if event is None:
        return
    times = int((now - event["onset"]).total_seconds() / policy.fold_long_s)
    for operator in registry.area_roster(conn, event["area"], now).operators:
        _owe(conn, event, f"operator:{operator}", CALL_ROUND, now, policy, key=str(times))


def _owe(
    conn: Connection, event: RowMapping, actor: str, template: str, now: datetime, policy: Policy, key: str = ""
) -> None:
    to = registry.person(conn, actor)
    if to is None:
        return
    row = Owed(
        realm=event["realm"], area_event=event["id"], to=to, template=template, lang=policy.language, due_at=now,
        key=f"{event['raised_at'].timestamp():.0f}|{key}", life=timedelta(seconds=policy.news_life_s),
    )  # fmt: skip
    write(conn, row, now)


def _staff(conn: Connection, event: RowMapping, now: datetime) -> list[str]:
    ladder = registry.area_roster(conn, event["area"], now)
    workers = (f"worker:{who}" for who in (ladder.lead, ladder.owner) if who is not None)
    return list(dict.fromkeys([*(f"operator:{who}" for who in ladder.operators), *workers]))


def _members(conn: Connection, event: RowMapping) -> list[str]:
    m = area_members.c
    mine = select(m.household).where(m.realm == event["realm"], m.event == event["id"])
    return list(conn.scalars(mine.order_by(m.household)))


def _has_own_case(conn: Connection, realm: str, household: str) -> bool:
    """Whether somebody is looking after this home for another reason."""
    c = cases.c
    own = c.realm == realm, c.household == household, c.stream == "care", c.closed_at.is_(None)
    return bool(conn.scalar(select(exists().where(*own, c.state != State.FOLDED.value))))


def _contacts(conn: Connection, of: Iterable[str]) -> set[str]:
    """Return the contacts of these homes, as actors."""
    mine = select(contacts.c.id).join(residents, residents.c.id == contacts.c.resident)
    return {f"contact:{who}" for who in conn.scalars(mine.where(residents.c.household.in_(list(of))))}


def _covered(conn: Connection, event: RowMapping) -> list[str]:
    """Return the homes of an event for which another one of its kind goes on."""
    e, m = area_events.c, area_members.c
    other = (
        select(m.household)
        .join(area_events, (e.realm == m.realm) & (e.id == m.event))
        .where(e.realm == event["realm"], e.kind == event["kind"], e.ended_at.is_(None), e.id != event["id"])
    )
    return [home for home in conn.scalars(other) if home in set(_members(conn, event))]


def _with_taken_over(conn: Connection, event: RowMapping) -> list[str]:
    """Return the event and those whose place it took."""
    e, found = area_events.c, [event["id"]]
    for name in found:
        taken = select(e.id).where(e.realm == event["realm"], e.ended_by == f"area:{name}", e.id.not_in(found))
        found.extend(conn.scalars(taken))
    return found


def _tried(conn: Connection, realm: str, events: list[str], template: str) -> list[str]:
    n = notices.c
    tried = n.realm == realm, n.area_event.in_(events), n.template == template, n.attempts > 0
    found = conn.execute(select(n.recipient_kind, n.recipient).where(*tried).distinct())
    return sorted(f"{row.recipient_kind}:{row.recipient}" for row in found)


def _told(conn: Connection, event: RowMapping, begin: str, end: str) -> set[str]:
    """Return whom `begin` of an event of this kind may have reached, and who is not owed `end` since."""
    n = notices.c
    lived = ((n.template == begin) & (n.attempts > 0)) | ((n.template == end) & (n.state != "cancelled"))
    asked = (
        select(n.recipient_kind, n.recipient, n.template, func.max(n.created_at).label("at"))
        .join(area_events, (area_events.c.realm == n.realm) & (area_events.c.id == n.area_event))
        .where(n.realm == event["realm"], area_events.c.kind == event["kind"], lived)
        .group_by(n.recipient_kind, n.recipient, n.template)
    )
    last = {(row.recipient_kind, row.recipient, row.template): row.at for row in conn.execute(asked)}
    return {
        f"{kind}:{who}"
        for (kind, who, template), at in last.items()
        if template == begin and ((kind, who, end) not in last or last[kind, who, end] < at)
    }


# --- words ---------------------------------------------------------------------------------------------------------


def lines(conn: Connection, texts: Texts, notice: RowMapping, event: RowMapping, now: datetime) -> list[str]:
    """Return the words of a notice about an area event: what to do, and to staff what happened."""
    lang, key = notice["lang"], f"notice.{notice['template']}.{event['kind']}"
    part = {OVER: "title", FAMILY_BEGUN: "family", FAMILY_OVER: None}.get(notice["template"], "sentence")
    what = [] if part is None else [_says(conn, texts, lang, part, event, now)]
    return what if notice["template"] == FAMILY_BEGUN else [texts(lang, key), *what]


def _says(conn: Connection, texts: Texts, lang: str, part: str, event: RowMapping, now: datetime) -> str:
    where = Place(event["zone_kind"], event["zone"], event["building"])
    zone = _zone(conn, event)
    return texts.area(lang, part, event["reason"], where, event["onset"], event["evidence"], zone, now)


def _zone(conn: Connection, event: RowMapping) -> ZoneInfo:
    """Return the zone in which the homes of an event tell the time."""
    home = select(households.c.tz).join(area_members, area_members.c.household == households.c.id)
    mine = area_members.c.realm == event["realm"], area_members.c.event == event["id"]
    return ZoneInfo(conn.execute(home.where(*mine).limit(1)).scalar() or "UTC")
