"""Scenes for `benchmarks.sentences`: simulated seniors to whom one thing happens, each a row of one partition."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.bins import News, between
from detectors.findings import Finding
from detectors.groups import AreaFinding, Group
from detectors.outage import Outages
from detectors.partition import Partition, Settings
from detectors.signs import SignNews
from simulators.households import life
from simulators.meters import register

Floats = NDArray[np.float64]
ZONE = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 3, 2, tzinfo=ZONE)
HOUR, DAY, QUARTER = 3600.0, 86_400.0, 900.0
DAYS, TURN = 66, 60
"""Days lived, and the day on which it happens."""
OFFSET_S = 8 * HOUR
FIRST = BEGIN.timestamp()
AT = FIRST + TURN * DAY + 9.5 * HOUR
"""When it happens: half past nine in the morning."""
RULES = ("12h-10l", "12h-zero", "300l-1h", "day-1000l", "2h-continuous", "half-hours", "windows-05-09-17-21")


@dataclass(frozen=True)
class Scene:
    """One home: what its register shows at some times, given how its person lives."""

    shows: Callable[[Floats, Floats], Floats]
    """(times, litres drawn until then) -> register [L]."""
    period_s: float = HOUR
    since_day: int = 0
    until: float = np.inf
    """The meter is heard no more after this."""
    hole: tuple[float, float] | None = None
    away: tuple[float, float] | None = None
    signs: tuple[tuple[str, float], ...] = ()


def _plain(at: Floats, litres: Floats) -> Floats:
    del at
    return litres


def _falls(at: Floats, litres: Floats) -> Floats:
    """Nothing is drawn after `AT`."""
    fallen: Floats = np.minimum(litres, litres[at <= AT][-1])
    return fallen


def _runs(l_h: float, hours: float = 1e4) -> Callable[[Floats, Floats], Floats]:
    """Let water run as well, from `AT` on."""
    return lambda at, litres: litres + np.floor(np.clip(at - AT, 0, hours * HOUR) * l_h / HOUR)


def _tens(at: Floats, litres: Floats) -> Floats:
    return np.where(at > AT, np.floor(litres / 10) * 10, litres)


def _thousands(at: Floats, litres: Floats) -> Floats:
    return np.where(at > AT, litres * 1000, litres)


def _since(day: float, factor: float) -> Callable[[Floats, Floats], Floats]:
    """Let so many times as much be drawn from a day on."""

    def shows(at: Floats, litres: Floats) -> Floats:
        more = np.where(at[1:] > FIRST + day * DAY, factor, 1.0) * np.diff(litres)
        shown: Floats = np.floor(litres[0] + np.concatenate([[0.0], np.cumsum(more)]))
        return shown

    return shows


def _nights(at: Floats, litres: Floats) -> Floats:
    """Six litres at one, two and four o'clock of each night from three weeks before `AT` on."""
    hour = np.floor((at + OFFSET_S) % DAY / HOUR)
    more = np.isin(hour, (1, 2, 4)) & (at > AT - 21 * DAY)
    return litres + 6.0 * np.cumsum(more)


MOVES = tuple(("motion", FIRST + day * DAY + h * HOUR) for day in range(DAYS) for h in (7.0, 12.0, 19.0))
SCENES: dict[str, Scene] = {
    "fall": Scene(_falls),
    "fall in a new home": Scene(_falls, since_day=TURN - 4),
    "away, and not back": Scene(_falls, away=(AT - HOUR, AT + DAY)),
    "readings missing, then nothing": Scene(_falls, hole=(AT - 2 * HOUR, AT + 3 * HOUR)),
    "fall before a motion sensor": Scene(_falls, signs=tuple(one for one in MOVES if one[1] < AT)),
    "gone out": Scene(_falls, signs=(*(one for one in MOVES if one[1] < AT), ("door", AT + 2 * HOUR))),
    "tap": Scene(_runs(360, 9)),
    "tap in a new home": Scene(_runs(360, 9), since_day=TURN - 4),
    "tap, told once a day": Scene(_runs(360, 9), period_s=DAY),
    "tap, told once a day, new": Scene(_runs(360, 9), period_s=DAY, since_day=TURN - 4),
    "tap a little open": Scene(_runs(45, 12)),
    "tap a little open, often read": Scene(_runs(30, 12), period_s=QUARTER, since_day=TURN - 12),
    "much at once": Scene(_runs(100, 1.5)),
    "leak": Scene(_runs(4)),
    "leak, often read": Scene(_runs(16), period_s=QUARTER, since_day=TURN - 12),
    "used while away": Scene(_plain, away=(AT, AT + 3 * DAY)),
    "other steps": Scene(_tens),
    "other unit": Scene(_thousands),
    "pressed": Scene(_plain, signs=(("sos", AT),)),
    "wet": Scene(_plain, signs=(("wet", AT),)),
    "dead meter": Scene(_plain, until=AT),
    "never heard": Scene(_plain, until=FIRST),
    "up at night": Scene(_nights),
    "second resident": Scene(_since(TURN - 14, 2.0)),
    "less and less": Scene(_since(TURN - 30, 0.45)),
}


def _news(row: int, scene: Scene) -> News:
    begin = FIRST + scene.since_day * DAY
    at = np.arange(begin, FIRST + DAYS * DAY + 1, scene.period_s)
    litres = register(life(4100 + row, BEGIN, DAYS, ZONE, trips=False), at, 1.0)
    shown, keep = scene.shows(at, litres), at <= scene.until
    if scene.hole is not None:
        keep &= ~((at > scene.hole[0]) & (at < scene.hole[1]))
    at, shown = at[keep], shown[keep]
    start, end, volume = at[:-1], at[1:], np.diff(shown)
    known = between(start, end, volume, scene.period_s)
    rows, offset = np.full(len(end), row), np.full(len(end), OFFSET_S)
    return News(rows, start, end, known, offset, end + 5, np.isnan(known) & (volume > 0))


def people() -> list[Finding]:
    """Return what is raised about all scenes from a day before it happens on, in order of time."""
    made = list(SCENES.values())
    part = Partition(Settings(rules=RULES), np.array([one.period_s for one in made]), np.ones(len(made)))
    for row, one in enumerate(made):
        if one.away is not None:
            part.away(row, *one.away)
    told = _joined([_news(row, one) for row, one in enumerate(made)])
    signs = [(at, row, kind) for row, one in enumerate(made) for kind, at in one.signs]
    found: list[Finding] = []
    for day in range(DAYS):
        until = FIRST + (day + 1) * DAY
        for kind_at, row, kind in sorted(one for one in signs if until - DAY < one[0] <= until):
            found += part.hear_signs(_sign(row, kind, kind_at)).raised
        found += part.step(told.take((told.received > until - DAY) & (told.received <= until))).raised
        found += part.tick(until, FIRST).raised
    return [one for one in found if one.raised_at > AT - DAY or one.kind in {"drift", "meter_silent"}]


def _sign(row: int, kind: str, at: float) -> SignNews:
    return SignNews(np.array([row]), np.array([kind]), np.array([at]), np.array([at + 2]), np.array([80.0]))


def _joined(parts: list[News]) -> News:
    row = np.concatenate([one.row for one in parts])
    start, end, litres, offset, received = (
        np.concatenate([getattr(one, name) for one in parts])
        for name in ("start", "end", "litres", "offset_s", "received")
    )
    moved = np.concatenate([np.asarray(one.moved, np.bool_) for one in parts])
    return News(row, start, end, litres, offset, received, moved)


HOMES, CUT_DAY, LAST_DAY = 12, 18, 20


def neighbours() -> list[AreaFinding]:
    """Return what is raised about a building whose water is cut on one morning, and whose gateway dies on the next."""
    part, outages = Partition(Settings(), np.full(HOMES, HOUR), np.ones(HOMES)), Outages()
    rows = np.arange(HOMES)
    outages.set_groups([Group("1 栋", "building", rows), Group("GW-7", "gateway", rows)])
    at = FIRST + HOUR * np.arange(LAST_DAY * 24 + 1)
    lives = [register(life(4300 + row, BEGIN, LAST_DAY, ZONE, trips=False), at, 1.0) for row in range(HOMES)]
    volumes = np.diff(np.stack(lives), axis=1)
    found: list[AreaFinding] = []
    for n in range(LAST_DAY * 24):
        hour, end = n - CUT_DAY * 24, float(at[n + 1])
        litres = np.zeros(HOMES) if 9 <= hour < 14 else volumes[:, n]
        if hour < 24 + 10:
            start, until = (np.full(HOMES, one) for one in (end - HOUR, end))
            part.step(News(rows, start, until, litres, np.full(HOMES, OFFSET_S), until + 5))
        if hour >= 0:
            found += outages.look(part, np.ones(HOMES, np.bool_), end + 10).raised
    return found
