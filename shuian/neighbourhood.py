"""The demo's people, homes and lives: five simulated ones and one recorded home, none of whom exists.

Every life is a function of the demo's seed and start, so that a demo that was killed goes on where it was.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.bins import News, between
from detectors.partition import Partition, Settings
from simulators import households, meters, recorded

ZONE = ZoneInfo("Asia/Shanghai")
HISTORY = timedelta(days=56)
HORIZON = timedelta(days=40)
"""How far ahead lives are drawn at each start."""
REPORT_S = 900
LITRE = 1.0
FALL_DUE = timedelta(seconds=100)
"""The fall's red level is reached this long after the first start."""
FLUSH_S = 60.0
CLOSE_S = 45.0
SEARCH_H = 40.0
"""No red level lies further ahead of a last use than this. [h]"""
TAP_L_S = 0.1
TAP_DUE = timedelta(seconds=60)
TAP_RULE_L = 250.0


Sheets = Mapping[str, tuple[str, Sequence[Sequence[object]]]]


@dataclass(frozen=True)
class Home:
    """One home of the demo; `story` is what happens to it."""

    id: str
    door: str
    resident: str
    device: str
    format: str
    seed: int
    story: str


HOMES = (
    Home("h-301", "301", "林秀英", "wm-0301", "native", 11, "fall"),
    Home("h-402", "402", "周国强", "wm-0402", "native", 12, "tap"),
    Home("h-502", "502", "何桂兰", "wm-0502", "native", 13, "life"),
    Home("h-603", "603", "黄德明", "76340603", "wmbusmeters", 14, "life"),
    Home("h-701", "701", "吴美珍", "wm-0701", "native", 15, "life"),
    Home("h-804", "804", "陈玉珠", "76340804", "wmbusmeters", 0, "recorded"),
)


def registry(folder: Path, start: datetime, http_port: int) -> None:
    """Write the demo's registry as the .csv sheets that `shuian import` reads."""
    since = (start - timedelta(days=90)).isoformat()
    hook = f"http://127.0.0.1:{http_port}/hook"
    sheets: Sheets = {
        "areas": (
            "id,parent,kind,name",
            [
                ("d1", "", "district", "演示区"),
                ("s1", "d1", "street", "安和街道"),
                ("c1", "s1", "community", "安和社区"),
                ("g1", "c1", "grid", "安和第三网格"),
            ],
        ),
        "households": (
            "id,area,building,riser,floor,door,tz",
            [(h.id, "g1", "安和里 2 栋", "A", h.door[0], h.door, "Asia/Shanghai") for h in HOMES],
        ),
        "residents": (
            "id,household,name,phone,risk,risk_until",
            [(f"r-{h.door}", h.id, h.resident, f"0755-0000-0{h.door}", "", "") for h in HOMES],
        ),
        "consents": (
            "resident,purpose,recipient,version,given_at,given_by,evidence,withdrawn_at",
            [
                (f"r-{h.door}", purpose, "", "1", since, "resident", "demo", "")
                for h in HOMES
                for purpose in ("monitor", "community", "relative")
            ],
        ),
        "contacts": (
            "id,resident,name,order,channel,address",
            [
                (f"f-{h.door}", f"r-{h.door}", f"{h.resident[0]}家女儿", 1, "email", f"family-{h.door}@demo.invalid")
                for h in HOMES
            ],
        ),
        "workers": (
            "id,name,role,area,channel,address",
            [
                ("wang", "王芳", "worker", "g1", "webhook", f"{hook}/wang"),
                ("li", "李强", "worker", "g1", "email", "li@demo.invalid"),
                ("zhao", "赵敏", "lead", "c1", "email", "zhao@demo.invalid"),
                ("ops", "孙丽", "operator", "s1", "email", "ops@demo.invalid"),
            ],
        ),
        "shifts": (
            "area,start,end,owner,backup,lead",
            [
                (
                    "g1",
                    (start - timedelta(days=1)).isoformat(),
                    (start + timedelta(days=400)).isoformat(),
                    "wang",
                    "li",
                    "zhao",
                )
            ],
        ),
        "devices": (
            "id,format,household,from,to,unit,litres_per_pulse,resolution_l,modulus,period,zone",
            [(h.device, h.format, h.id, since, "", "", "", LITRE, 99999999, REPORT_S, "UTC") for h in HOMES],
        ),
        "absences": ("household,start,end,by", []),
    }
    write_sheets(folder, sheets)


def write_sheets(folder: Path, sheets: Sheets) -> None:
    """Write a registry, a file a sheet: name -> (columns, rows)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (columns, rows) in sheets.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as f:
            writer = csv.writer(f)
            writer.writerow(columns.split(","))
            writer.writerows(rows)


@dataclass(frozen=True)
class Incidents:
    """When the two scripted incidents begin: seconds since 1970."""

    fall_s: float
    tap_s: float


class Life:
    """One home's register at any time from 56 days before the start to 40 days after `now`."""

    def __init__(self, home: Home, start: datetime, now: datetime, incidents: Incidents | None) -> None:
        self.home = home
        self._fell_s = incidents.fall_s if incidents is not None and home.story == "fall" else None
        self._recorded = _recorded(start) if home.story == "recorded" else None
        if self._recorded is None:
            begin = _midnight(start - HISTORY)
            days = (now + HORIZON - begin).days
            draws = households.life(home.seed, begin, days, ZONE, "average", trips=False)
            if self._fell_s is not None:
                draws = fallen(draws, self._fell_s)
            if incidents is not None and home.story == "tap":
                draws = households.tap_left_open(draws, incidents.tap_s, TAP_L_S)
            self.draws = draws

    def registers(self, times: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Return (time, register in litres) for those of `times` at which this home's meter speaks."""
        if self._recorded is None:
            if self._fell_s is not None and times[0] <= self._fell_s <= times[-1]:
                times = with_last_use(times, self._fell_s)
            values = meters.register(self.draws, times, LITRE)
            return [(float(t), float(v)) for t, v in zip(times, values, strict=True)]
        inside = (self._recorded.at_s >= times[0]) & (self._recorded.at_s <= times[-1])
        return [
            (float(t), float(v))
            for t, v in zip(self._recorded.at_s[inside], self._recorded.litres[inside], strict=True)
        ]


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


def _recorded(start: datetime) -> recorded.Register:
    """Shift the recorded home by whole weeks of local time, so that a well observed spell of it is the present."""
    home = recorded.weusedto()
    there = ZoneInfo("Europe/Rome")
    anchor = datetime(2019, 6, 4, tzinfo=there)  # 56 days of record before it, 23 days without a long hole after it
    weeks = round((start - anchor) / timedelta(weeks=1))
    wall = datetime(2019, 6, 4, 12, tzinfo=there)
    clocks = (wall.utcoffset() or timedelta(0)) - (start.astimezone(ZONE).utcoffset() or timedelta(0))
    shifted = home.shifted((timedelta(weeks=weeks) + clocks).total_seconds())
    whole: NDArray[np.float64] = np.floor(shifted.litres).astype(
        np.float64
    )  # the register of the demo's meter has 1 L steps
    return recorded.Register(shifted.household, shifted.at_s, whole)


def place_incidents(start: datetime, settings: Settings) -> Incidents:
    """Begin the incidents in the past, so that each falls due within five minutes of `start`.

    The tap needs no search.  For the fall the detectors are asked themselves: the person falls after a last visit to the
    bathroom, and the minute of that visit is moved until its red level comes due at the right moment.  At some hours no
    silence of this person turns red, whenever it began (early afternoon: she may be out); then the latest one before is
    taken, and the service knows of it as soon as it has heard the history.
    """
    tap = start + TAP_DUE - timedelta(seconds=TAP_RULE_L / TAP_L_S)
    home = next(h for h in HOMES if h.story == "fall")
    search = _Search(Life(home, start, start, None).draws, start, replace(settings, rules=()))
    return Incidents(search.moment((start + FALL_DUE).timestamp()), tap.timestamp())


def fallen(draws: households.Draws, at: float) -> households.Draws:
    """Return the draws of a person who fell at `at`, just after a visit to the bathroom."""
    until = households.fall(draws, at - FLUSH_S)
    return households.Draws(
        np.append(until.start_s, at - FLUSH_S), np.append(until.litres, 6.0), np.append(until.duration_s, FLUSH_S - 1)
    )


class _Search:
    """When would red come due, had the person fallen at this minute?  History is stepped once, the last hours each time."""

    def __init__(self, draws: households.Draws, start: datetime, settings: Settings) -> None:
        self._draws, self._settings = draws, settings
        begin, end = (start - HISTORY).timestamp(), start.timestamp()
        self._grid = np.arange(begin // REPORT_S, end // REPORT_S + 1) * REPORT_S
        self._split = int(np.searchsorted(self._grid, end - SEARCH_H * 3600))
        partition = Partition(settings, np.full(1, float(REPORT_S)), np.full(1, LITRE))
        self._walk(partition, draws, self._grid[: self._split + 1])
        self._history = partition.snapshot()

    def due(self, fell_s: float) -> float:
        """Return when red comes due, seconds since 1970; infinite: never."""
        partition = Partition.restore(self._settings, self._history)
        grid = with_last_use(self._grid, fell_s)
        until = int(np.searchsorted(grid, fell_s)) + 2
        self._walk(partition, fallen(self._draws, fell_s), grid[self._split : until])
        return float(np.nan_to_num(partition.deadline("red")[0], nan=np.inf))

    def moment(self, wanted: float) -> float:
        """Return the moment of the fall for which red comes due at `wanted`, or as soon before as possible.

        Within an hour of the clock the level moves steadily with the minute of the fall; between hours it jumps.
        """
        newest = float(self._grid[-1]) - 3600
        best, due = newest - SEARCH_H * 3600, -np.inf
        for hour in np.arange(np.floor(newest / 3600) * 3600 - 3600, best + 7200, -3600.0):
            low, high = float(hour) + 1, float(hour) + 3599
            ends = self.due(low), self.due(high)
            if min(ends) <= wanted <= max(ends):
                return self._halve(low, high, wanted, rising=ends[0] <= ends[1])
            for at, one in zip((low, high), ends, strict=True):
                if due < one <= wanted:
                    best, due = at, one
        return best

    def _halve(self, low: float, high: float, wanted: float, rising: bool) -> float:
        """Halve a span at whose ends red comes due before and after `wanted`, to within a minute of due."""
        middle, due = (low + high) / 2, np.inf
        while high - low > 10 and abs(due - wanted) > CLOSE_S:
            middle = (low + high) / 2
            due = self.due(middle)
            low, high = (middle, high) if (due < wanted) == rising else (low, middle)
        return middle

    def _walk(self, partition: Partition, draws: households.Draws, at: NDArray[np.float64]) -> None:
        volume = np.diff(meters.register(draws, at, LITRE))
        litres = between(at[:-1], at[1:], volume, np.full(len(volume), float(REPORT_S)))
        offset = stamp(at[0]).astimezone(ZONE).utcoffset() or timedelta(0)
        offsets = np.full(len(volume), offset.total_seconds())
        partition.step(News(np.zeros(len(volume), np.intp), at[:-1], at[1:], litres, offsets, at[1:]))


def with_last_use(grid: NDArray[np.float64], fell_s: float) -> NDArray[np.float64]:
    """Return the times with two more, around the last use: the meter happened to be read just then."""
    return np.union1d(grid, [fell_s - FLUSH_S, fell_s])


def stamp(seconds: float) -> datetime:
    """Return seconds since 1970 as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)
