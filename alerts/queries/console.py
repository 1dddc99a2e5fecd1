"""The operator's overview: what waits, whom it reaches next, what is held back and until when, what is not watched."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from alerts import call_backs
from alerts.casefile import State
from alerts.outcomes import OUTCOMES
from alerts.queries.absences import Absence, absences_now
from alerts.queries.areas import AreaEvent, open_areas
from alerts.queries.cases import HOME, PAGE, by_urgency, cards, home_of
from alerts.queries.deliveries import lost, undelivered
from alerts.queries.duty import Duty, duty, reached
from alerts.queries.households import homes as homes_of
from alerts.queries.load import Load, loads
from alerts.queries.models import SEVERITIES, CaseCard, Home, Told
from alerts.queries.schematic import MOST_CELLS, Building, buildings
from alerts.queries.states import HomeState, home_states
from alerts.registry import realms
from alerts.schema import areas, cases, drills, findings, households

DAY = timedelta(days=1)
LOST_SHOWN = 5
"""Most lost notices on the desk; the others stand in the log."""
OFTEN, OFTEN_WITHIN = 3, 14 * DAY
"""A home at which all was well so often within so long is looked at together; never muted by itself."""
SHOWN = 20
"""Most rows of a list that nobody reads to its end."""


@dataclass(frozen=True, slots=True)
class SilentMeter:
    """A home that is not watched because its meter is not heard."""

    home: Home
    since: datetime


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding of the last day that made no case, and why."""

    home: Home
    kind: str
    reason: str
    severity: str
    raised_at: datetime
    cleared_at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Call:
    """A home to be asked whether it was as it was told."""

    card: CaseCard
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Unwatched:
    """A registered home about which nothing can be known; `why` is ``no_consent`` or ``no_meter``."""

    home: Home
    why: str


@dataclass(frozen=True, slots=True)
class Shared:
    """An area event with what it folds, who answers for it, and which of its homes have a case of their own."""

    event: AreaEvent
    folded: tuple[CaseCard, ...]
    apart: tuple[CaseCard, ...]
    """Open care cases of its homes that it does not explain."""
    answers: str | None
    """Name of the lead of its area; None: nobody."""


@dataclass(frozen=True, slots=True)
class Overview:
    """One look at everything."""

    homes: int
    """Homes with a meter and with consent to be watched."""
    queue: tuple[CaseCard, ...]
    """Open care cases, without those that an area event explains."""
    reached: Mapping[tuple[str, str], str]
    """Name of whom the next step of a case reaches, by (realm, case)."""
    areas: tuple[Shared, ...]
    grace: tuple[CaseCard, ...]
    """Folded cases whose outage is over: they wait a while for water to be used."""
    buildings: tuple[Building, ...]
    technical: tuple[CaseCard, ...]
    calls: tuple[Call, ...]
    """Calls that are owed after an outcome, the one that is due first in front."""
    often: tuple[Home, ...]
    """Homes at which all was well at `OFTEN` doors within `OFTEN_WITHIN`."""
    undelivered: int
    """Notices of the last day that nobody can have read: failed, expired, or waiting longer than a minute."""
    lost: tuple[Told, ...]
    """The newest of those."""
    away: tuple[Absence, ...]
    silent: tuple[SilentMeter, ...]
    unwatched: tuple[Unwatched, ...]
    unstaffed: tuple[str, ...]
    """Areas with homes to watch for which nobody is on shift now."""
    suppressed: tuple[Suppressed, ...]
    load: tuple[Load, ...]
    set_up: frozenset[str] = frozenset()
    """Homes with a meter and consent that are being set up: nobody may rely on it yet."""
    drills: tuple[tuple[str, datetime], ...] = ()
    """Drills that run: the name of the script, and when it ends at the latest."""

    @property
    def real(self) -> tuple[CaseCard, ...]:
        """The queue without what is played: only this is counted, and calls anybody."""
        return tuple(card for card in self.queue if card.realm == "live")

    @property
    def unowned(self) -> int:
        """Open care cases that nobody has accepted."""
        return sum(card.owner is None for card in self.real)

    @property
    def oldest(self) -> datetime | None:
        """Since when the case waits that nobody has for longest."""
        return min((card.opened_at for card in self.real if card.owner is None), default=None)

    @property
    def unattended(self) -> tuple[CaseCard, ...]:
        """Cases for which everybody was asked in vain."""
        return tuple(card for card in self.real if card.state == State.UNATTENDED)

    @property
    def unheard(self) -> frozenset[str]:
        """Homes of a radio outage: their meters stand with their gateway."""
        out = (shared.event.households for shared in self.areas if shared.event.kind == "radio_outage")
        return frozenset[str]().union(*out)

    @property
    def deaf(self) -> frozenset[str]:
        """Homes whose meter is not heard, for itself or with its gateway."""
        return self.unheard | {row.home.id for row in self.silent}

    @property
    def alone(self) -> tuple[SilentMeter, ...]:
        """Meters that are not heard for themselves."""
        return tuple(row for row in self.silent if row.home.id not in self.unheard)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many homes stand how."""
        found: Counter[str] = Counter()
        for building in self.buildings:
            found.update(dict(building.counts))
        return found

    @property
    def blind(self) -> frozenset[str]:
        """Homes about which silence says nothing now: away, meter not heard, water or radio out."""
        away = frozenset(row.home.id for row in self.away)
        return away.union(self.deaf, *(shared.event.households for shared in self.areas))

    @property
    def watched(self) -> int:
        """Homes that are covered, and about which silence would mean something now."""
        return self.homes - len(self.blind | self.set_up)


def overview(conn: Connection, now: datetime, set_up: frozenset[str] = frozenset()) -> Overview:
    """Return what the console shows; `set_up`: the homes that are being set up."""
    on, events = duty(conn, now), open_areas(conn)
    standing = sorted(cards(conn, cases.c.closed_at.is_(None)), key=by_urgency)
    real = [card for card in standing if card.realm == "live"]
    shared = tuple(_shared(event, real, on) for event in events)
    explained = {card.id for one in shared for card in one.folded}
    waiting = sorted(filter(_stands, standing), key=by_breach)
    queue = tuple(sorted(waiting, key=lambda card: card.realm != "live"))  # what is played stands behind life
    homes = home_states(conn, now, events, realms.lived_in(households.c.area), set_up=set_up)
    watched = [one for one in homes if one.blind is None]
    waits = undelivered(conn, now)
    return Overview(
        homes=len(watched),
        queue=queue,
        reached=reached(conn, queue, on, now),
        areas=shared,
        buildings=buildings(homes, with_cells=len(homes) <= MOST_CELLS),
        grace=tuple(card for card in real if _folded(card) and card.id not in explained),
        technical=tuple(card for card in real if card.stream == "technical" and card.state != State.FOLDED),
        calls=_calls(conn),
        often=_often(conn, now - OFTEN_WITHIN),
        undelivered=waits,
        lost=lost(conn, now, LOST_SHOWN) if waits else (),
        away=absences_now(conn, now),
        silent=_silent(homes),
        unwatched=_unwatched(homes),
        unstaffed=tuple(
            on.area_names[area] for area in sorted({one.area_id for one in watched}) if not on.staffed(area)
        ),
        suppressed=_suppressed(conn, now - DAY),
        load=loads(conn, on, now),
        set_up=set_up & {one.home.id for one in watched},
        drills=_running(conn),
    )


def by_breach(card: CaseCard) -> tuple[bool, bool, int, float]:
    """Order of the queue: nobody has it, everybody was asked in vain, then severity, then what falls due next."""
    due = card.next_due.timestamp() if card.next_due else float("inf")
    return card.owner is not None, card.state != State.UNATTENDED, SEVERITIES.index(card.severity), due


def _stands(card: CaseCard) -> bool:
    """Whether a case about a person stands for itself."""
    return card.stream == "care" and card.state != State.FOLDED


def _folded(card: CaseCard) -> bool:
    """Whether a case about a person waits for the end of an outage, or for the time of grace after it."""
    return card.stream == "care" and card.state == State.FOLDED


def _shared(event: AreaEvent, standing: Sequence[CaseCard], on: Duty) -> Shared:
    lead = on.roster(event.area_id).lead if event.area_id else None
    return Shared(
        event=event,
        folded=tuple(card for card in standing if card.state == State.FOLDED and card.area_event == event.id),
        apart=tuple(card for card in standing if card.home.id in event.households and _stands(card)),
        answers=on.names.get(lead) if lead else None,
    )


def _running(conn: Connection) -> tuple[tuple[str, datetime], ...]:
    d = drills.c
    rows = conn.execute(select(d.drill, d.ends_at).where(d.state == "running").order_by(d.ends_at, d.id))
    return tuple((row.drill, row.ends_at) for row in rows)


def _calls(conn: Connection) -> tuple[Call, ...]:
    owed = call_backs.due(conn, most=SHOWN)
    ended = cards(conn, cases.c.realm == "live", cases.c.id.in_([one.case for one in owed])) if owed else []
    found = {card.id: card for card in ended}
    return tuple(Call(found[one.case], one.due_at) for one in owed if one.case in found)


def _often(conn: Connection, since: datetime) -> tuple[Home, ...]:
    c, well = cases.c, [one.code for one in OUTCOMES.values() if one.label == "false"]
    query = (
        select(c.household)
        .where(c.realm == "live", c.stream == "care", c.closed_at > since, c.outcome.in_(well))
        .group_by(c.household)
        .having(func.count() >= OFTEN)
    )
    return homes_of(conn, conn.scalars(query).all())


def _silent(homes: Sequence[HomeState]) -> tuple[SilentMeter, ...]:
    """Return the homes whose meter was found silent, the longest first."""
    found = [SilentMeter(one.home, one.silent_since) for one in homes if one.silent_since is not None]
    return tuple(sorted(found, key=lambda row: (row.since, row.home.id)))


def _unwatched(homes: Sequence[HomeState]) -> tuple[Unwatched, ...]:
    found = [Unwatched(one.home, one.blind) for one in homes if one.blind is not None]
    return tuple(sorted(found, key=lambda row: row.home.id)[:PAGE])


def _suppressed(conn: Connection, since: datetime) -> tuple[Suppressed, ...]:
    f = findings.c
    query = (
        select(*HOME, f.kind, f.reason, f.severity, f.raised_at, f.cleared_at, f.suppressed)
        .join(areas, areas.c.id == households.c.area)
        .join(findings, f.household == households.c.id)
        # NULL is left out as well; an outage is told once, with its gateway, and what is slow is nothing that is held back
        .where(f.realm == "live", f.suppressed.not_in(("outage", "listed")), f.raised_at > since)
        .order_by(f.raised_at.desc())
        .limit(SHOWN)
    )
    return tuple(
        Suppressed(home_of(row), row.kind, row.reason, row.severity, row.raised_at, row.cleared_at, row.suppressed)
        for row in conn.execute(query)
    )
