"""What people hear of shifts: the list at a change, the question at a beginning, holes ahead; and in which words.

One notice a person.  No home and no resident is named in it: the list stands behind the link.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, func, select

from alerts import registry
from alerts.casefile import OWNED
from alerts.notice_rows import Owed, write
from alerts.policy import Policy
from alerts.schema import areas, cases, households, workers
from alerts.texts import Texts

TO_WORKERS = ("hand_over", "check_in", "check_in_backup")
TO_LEADS = ("check_in_missed", "gaps", "gap_soon")
ASKS = frozenset({"check_in", "check_in_backup", "reach_test"})
"""Those that a short answer by message may say yes or no to."""
LIFE = timedelta(hours=1)
"""How long delivering one to a worker is tried."""
MOST_LINES = 6


def owe(
    conn: Connection, turn: str, actor: str, template: str, now: datetime, policy: Policy, key: str = "",
    params: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Owe one notice about a turn of duty; the same key again owes nothing more."""
    to = registry.person(conn, actor)
    if to is None:
        return
    life = LIFE if template in TO_WORKERS else timedelta(seconds=policy.news_life_s)
    row = Owed(
        realm="live", turn=turn, to=to, template=template, lang=policy.language, due_at=now, key=f"turn|{key}", life=life,
        params=params or {},
    )  # fmt: skip
    write(conn, row, now)


def to_take_over(conn: Connection, worker: str) -> int:
    """Return how many open cases a worker was asked to take over and has not."""
    c = cases.c
    mine = c.realm == "live", c.closed_at.is_(None), c.next_owner == worker
    return conn.scalar(select(func.count()).where(*mine, c.state.in_([state.value for state in OWNED]))) or 0


def holds(conn: Connection, notice: RowMapping, turn: RowMapping, now: datetime) -> bool:
    """Whether a notice about a turn of duty is still true."""
    match notice["template"]:
        case "hand_over":
            return to_take_over(conn, notice["recipient"]) > 0
        case "gaps" | "gap_soon":
            return bool(_still_empty(conn, notice))
        case "reach_test":
            return bool(now < turn["end"])
        case "family_reach_test":
            agrees = registry.still_agreeing(conn, {notice["recipient"]}, now)
            return bool(now < turn["end"] and agrees)
        case "check_in":
            return turn["owner_at"] is None and bool(now < turn["end"])
        case name:
            waiting = turn["missed_at"] is not None and turn["owner_at"] is None and now < turn["end"]
            return bool(waiting and (name == "check_in_missed" or turn["backup_at"] is None))


def lines(conn: Connection, texts: Texts, notice: RowMapping, turn: RowMapping, now: datetime) -> list[str]:
    """Return the words of a notice about a turn of duty."""
    lang, name = notice["lang"], notice["template"]
    zone = zone_of(conn, turn["area"])
    if name in ("gaps", "gap_soon"):
        return [texts(lang, f"notice.{name}"), *_gap_lines(conn, texts, notice, zone, now)]
    slots = {
        "n": str(to_take_over(conn, notice["recipient"])), "area": _area(conn, turn["area"]),
        "start": texts.moment(lang, turn["start"], zone, now), "end": texts.moment(lang, turn["end"], zone, now),
        "worker": conn.scalar(select(workers.c.name).where(workers.c.id == turn["owner"])) or "",
    }  # fmt: skip
    return [texts(lang, f"notice.{name}", **slots)]


def zone_of(conn: Connection, area: str | None) -> ZoneInfo:
    """Return the zone in which the homes below an area tell the time; of no area: in which any does."""
    below = select(areas.c.id).where(areas.c.id == area).cte("below", recursive=True)
    below = below.union(select(areas.c.id).where(areas.c.parent == below.c.id))
    home = select(households.c.tz).order_by(households.c.id).limit(1)
    if area is not None:
        home = home.where(households.c.area.in_(select(below.c.id)))
    return ZoneInfo(conn.scalar(home) or "UTC")


def _area(conn: Connection, area: str | None) -> str:
    return conn.scalar(select(areas.c.name).where(areas.c.id == area)) or ""


def _still_empty(conn: Connection, notice: RowMapping) -> list[tuple[str, datetime, datetime]]:
    """Return the holes of a notice that nobody has filled since it was written."""
    told = [(area, _moment(start), _moment(end)) for area, start, end in notice["params"]["gaps"]]
    return [one for one in told if registry.area_roster(conn, one[0], one[1]).owner is None]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _gap_lines(conn: Connection, texts: Texts, notice: RowMapping, zone: ZoneInfo, now: datetime) -> list[str]:
    lang, empty = notice["lang"], _still_empty(conn, notice)
    said = [
        texts(
            lang, "notice.gap", area=_area(conn, area), start=texts.moment(lang, start, zone, now),
            end=texts.moment(lang, end, zone, now),
        )
        for area, start, end in empty[:MOST_LINES]
    ]  # fmt: skip
    more = len(empty) - len(said)
    return [*said, texts(lang, "notice.gap_more", n=more)] if more > 0 else said
