"""Water cuts of a building of 50 homes, hour by hour: ``python -m benchmarks.cuts``.

Fifty simulated seniors behind hourly meters that report at four different times of the hour, trips declared.  On each of
some days one copy of the building for every hour of the day: from that hour on its water is off for two to eight hours.
In each copy one person falls while the water is off and draws nothing more, and one meter dies.  Counted are

- the notices of the whole building, and when the first came.  At night nobody draws, so nobody can know: the time runs
  from the moment at which the silence of all is improbable by the homes' own past (each hour's share of days with water
  in that hour, the homes independent, 10^-6 together), not earlier than the cut;
- quiets of the other homes that no event explains, judged as the service does (`alerts.explained`): what was overdue
  before the cut, or is told before the event, is not the cut's;
- when the fall is asked about, and when it is a red case of its own: at its quiet, or when the event lets it go, whichever
  is later; apart for returns by day (6 to 20 o'clock) and by night;
- well people who are asked, or somebody is sent to, because their taps stay shut after the return;
- quiets of the dead meters.

What people do when the water is back nobody has measured, so each cut is lived through three times (`AFTER`): nobody makes up
for anything; who wanted water comes for it; and besides, cisterns that were emptied fill by themselves, that of the person who
fell too.  ``--without``: silence after the return is no evidence of its own.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from alerts import explained
from alerts.policy import Policy
from benchmarks.flow import FIRST_SENIOR, PROFILES, SENIORS_FROM, seniors
from benchmarks.quiet import ZONE
from detectors.bins import News
from detectors.findings import Finding
from detectors.groups import AreaFinding, Group
from detectors.outage import Outages, OutageSettings
from detectors.partition import Partition, Settings
from detectors.water_return import ReturnSettings
from shuian.backtest_input import Record
from simulators.faults.plumbing import cut as mains
from simulators.households import Draws, Rhythm, life, rhythm

Floats = NDArray[np.float64]
HOUR_S, DAY_S, SLOT_S = 3600.0, 86_400.0, 900.0
HOMES, HISTORY_DAYS, AFTER_H = 50, 28, 12.0
SHORTEST_H, LONGEST_H = 2.0, 8.0
CHANCE_LOG10 = -6.0
AFTER = ("nothing", "fetched", "refilled")
DAY_H = (6, 20)
SILENT_AFTER = "quiet_after_cut"


@dataclass(frozen=True)
class Person:
    """Who lives in one of the homes."""

    draws: Draws
    rhythm: Rhythm
    absences: Sequence[tuple[float, float]]


@dataclass
class Cut:
    """One copy of the building whose water is off, and what came of it; times in seconds since 1970."""

    begin: float
    back: float
    fallen: int
    fell_at: float
    dead: int
    known_at: float
    """From when on a cut could be known; inf: the water was back before."""
    events: list[AreaFinding] = field(default_factory=list)
    ended_at: float = np.inf
    quiets: list[Finding] = field(default_factory=list)

    def by_day(self) -> bool:
        """Whether the water comes back by day."""
        hour = datetime.fromtimestamp(self.back, ZONE).hour
        return DAY_H[0] <= hour < DAY_H[1]

    def missed(self, severity: str) -> int:
        """Return how many well people are told because they do not draw after the return."""
        mine = [one for one in self.quiets if one.row not in {self.fallen, self.dead} and one.severity == severity]
        return len({one.row for one in mine if one.reason == SILENT_AFTER and one.raised_at > self.back})

    def told_at(self) -> float:
        """Return when the first notice came; inf: none while the water was off."""
        return min((one.raised_at for one in self.events if one.raised_at <= self.back), default=np.inf)

    def strays(self, policy: Policy) -> int:
        """Return how many homes had a quiet of their own that nothing explains."""
        mine = [one for one in self.quiets if one.row not in {self.fallen, self.dead}]
        return len({one.row for one in mine if self.begin < one.raised_at <= self.back and not self._told(one, policy)})

    def released(self, policy: Policy) -> int:
        """Return how many homes but the fallen one's go out as cases because the event let them go."""
        at = self.ended_at + policy.fold_grace_s
        mine = [one for one in self.quiets if one.row not in {self.fallen, self.dead} and one.raised_at < at]
        held = [one for one in mine if one.raised_at > self.begin and (one.cleared_at is None or one.cleared_at > at)]
        return len({one.row for one in held if any(_explains(e, self.ended_at, one, policy) for e in self.events)})

    def held_h(self, policy: Policy) -> float:
        """Return for how many hours after the water's return the event held a red of the fall back; NaN: there was none."""
        reds = [
            one for one in self.quiets if one.row == self.fallen and one.severity == "red" and one.cleared_at is None
        ]
        let_go = self.ended_at + policy.fold_grace_s
        for one in reds:
            if self.fell_at < one.raised_at < let_go and any(
                _explains(e, self.ended_at, one, policy) for e in self.events
            ):
                return (let_go - max(self.back, one.raised_at)) / HOUR_S
        return np.nan

    def _told(self, one: Finding, policy: Policy) -> bool:
        usual = max(one.onset, float(one.evidence["usual_return_at"] or one.onset))
        if usual < self.begin - policy.fold_before_s:
            return True  # overdue before the water went off: nobody's cut
        return any(_explains(event, self.ended_at, one, policy) for event in self.events)

    def fall_at(self, policy: Policy, *severities: str) -> float:
        """Return when the fall is a case of one of these severities; inf: not while it was watched."""
        found = [np.inf]
        for one in self.quiets:
            if one.row == self.fallen and one.severity in severities and one.cleared_at is None:
                held = any(_explains(event, self.ended_at, one, policy) for event in self.events)
                at = max(one.raised_at, self.ended_at + policy.fold_grace_s) if held else one.raised_at
                found += [at] if one.raised_at > self.fell_at else []
        return min(found)


def _explains(event: AreaFinding, ended_at: float, one: Finding, policy: Policy) -> bool:
    """Ask the service's own rule whether a building's event explains a quiet."""
    row = {
        "kind": explained.WATER,
        "evidence": event.evidence,
        "onset": datetime.fromtimestamp(event.onset, UTC),
        "ended_at": datetime.fromtimestamp(ended_at, UTC) if np.isfinite(ended_at) else None,
    }
    onset = datetime.fromtimestamp(one.onset, UTC)
    return explained.explains(row, one.kind, onset, one.evidence, policy)  # type: ignore[arg-type]


def homes(days: int) -> list[Record]:
    """Return fifty homes whose meters report each hour, a quarter of an hour apart."""
    return seniors(HOMES, HISTORY_DAYS + days + 2, HOUR_S)


def column(records: list[Record], hour: int) -> News:
    """Return the interval of each home that ends in this hour of the record, at its meter's own time."""
    late_s = SLOT_S * (np.arange(len(records)) % 4)
    start, end = (np.array([getattr(one, name)[hour] for one in records]) + late_s for name in ("start", "end"))
    litres, offset = (np.array([getattr(one, name)[hour] for one in records]) for name in ("litres", "offset_s"))
    return News(np.arange(len(records)), start, end, litres, offset, end)


def learnt(records: list[Record]) -> Partition:
    """Return detectors that know these homes and have heard nothing yet."""
    partition = Partition(Settings(), np.full(len(records), HOUR_S), np.ones(len(records)))
    for row, one in enumerate(records):
        for begin, end in one.absences:
            partition.away(row, begin, end)
    return partition


def copied(partition: Partition, times: int) -> Partition:
    """Return so many copies of the homes of a partition, one after the other, nothing told yet."""
    rows = len(partition)
    arrays = {
        name: np.concatenate([array] * times) if array.ndim and len(array) == rows else array
        for name, array in partition.snapshot().items()
    }
    arrays["findings"] = np.empty(0, np.str_)
    return Partition.restore(Settings(), arrays)


def known_from(records: list[Record], begin: float, back: float) -> float:
    """Return from when on the silence of all homes is improbable by their own past; inf: not before the water is back."""
    hours = (begin - records[0].start[0]) / HOUR_S
    used = np.array([one.litres[: int(hours)] > 0 for one in records])
    clock = np.arange(used.shape[1]) % 24
    quiet = np.array([[1.0 - row[clock == h].mean() for h in range(24)] for row in used])
    each = np.log10(np.maximum(quiet, 0.02)).sum(axis=0)
    at, log10 = begin, 0.0
    while at < back:
        step = min(HOUR_S - (at - records[0].start[0]) % HOUR_S, back - at)
        part = each[int((at - records[0].start[0]) // HOUR_S) % 24] * step / HOUR_S
        if log10 + part <= CHANCE_LOG10:
            return float(at + step * (CHANCE_LOG10 - log10) / part)
        at, log10 = at + step, log10 + part
    return np.inf


def people(days: int) -> list[Person]:
    """Return who lives in `homes`."""
    found = []
    for n, record in enumerate(homes(days)):
        who = FIRST_SENIOR + n, SENIORS_FROM, HISTORY_DAYS + days + 2, ZONE, PROFILES[n % len(PROFILES)]
        found.append(Person(life(*who), rhythm(*who), record.absences))
    return found


def made_up(who: Person, cut: Cut, fell_at: float, noticed_s: float, after: str) -> list[tuple[float, float]]:
    """Return (when, litres) of what a home draws only because it had no water; its person fell at `fell_at` (inf: is well)."""
    until = min(fell_at, cut.back)
    found = []
    wanted = ((who.draws.start_s >= cut.begin) & (who.draws.start_s < until)).any()
    if after == "refilled" and wanted:
        found.append((cut.back, mains.CISTERN_L + mains.AIR_L))
    if after != "nothing" and np.isinf(fell_at):
        own = mains.fetched(who.draws, who.rhythm, cut.begin, cut.back, noticed_s)
        away = any(left <= at < back for at in own.start_s for left, back in who.absences)
        found += [] if away else zip(own.start_s.tolist(), own.litres.tolist(), strict=True)
    return found


def planned(records: list[Record], hour: int, rng: np.random.Generator) -> list[Cut]:
    """Return one cut in each hour of the day that begins at `hour` of the record."""
    at = float(records[0].end[hour - 1])
    cuts = []
    for n in range(24):
        begin = at + (n + rng.random()) * HOUR_S
        back = begin + rng.uniform(SHORTEST_H, LONGEST_H) * HOUR_S
        fallen, dead = rng.choice(HOMES, 2, replace=False).tolist()
        fell_at = rng.uniform(begin, back)
        cuts.append(Cut(begin, back, fallen, fell_at, dead, known_from(records, begin, back)))
    return cuts


def day(
    records: list[Record],
    who: list[Person],
    partition: Partition,
    hour: int,
    plan: list[Cut],
    after: str,
    without: bool,
) -> list[Cut]:
    """Cut the water of one copy of the building for each cut that is planned; return what came of it."""
    cuts = [replace(one, events=[], quiets=[]) for one in plan]
    back = ReturnSettings(amber=0.0, red=0.0) if without else ReturnSettings()
    many, outages = copied(partition, 24), Outages(OutageSettings(back=back))
    outages.set_groups([Group(str(n), "building", np.arange(HOMES) + n * HOMES) for n in range(24)])
    for now, news in _following(records, hour, cuts, _extra(who, cuts, hour, after)):
        changes = many.step(outages.without_air(news))
        area = outages.look(many, np.ones(len(many), np.bool_), now)
        for one in (*changes.raised, *changes.cleared, *many.miss(area.missed, now).raised):
            if one.kind == "quiet":
                _keep(cuts[one.row // HOMES], one)
        for event in area.raised:
            if event.kind == "water_outage" and now > cuts[int(event.group)].begin:
                cuts[int(event.group)].events.append(event)
        for event in area.cleared:
            if event.kind == "water_outage" and now > cuts[int(event.group)].back:
                cuts[int(event.group)].ended_at = min(cuts[int(event.group)].ended_at, now)
    return cuts


def _keep(cut: Cut, one: Finding) -> None:
    mine = Finding(**{name: getattr(one, name) for name in one.__slots__} | {"row": one.row % HOMES})
    cut.quiets = [
        held for held in cut.quiets if (held.row, held.severity, held.onset) != (mine.row, mine.severity, mine.onset)
    ]
    cut.quiets.append(mine)


def _extra(who: list[Person], cuts: list[Cut], hour: int, after: str) -> Floats:
    """Return (N, 3) row, time and litres of what is drawn only because the water was off."""
    rng = np.random.default_rng([4, hour])
    found = [np.empty((0, 3))]
    for n, cut in enumerate(cuts):
        noticed_s = rng.exponential(mains.NOTICED_S / np.log(2.0), HOMES)
        for home, one in enumerate(who):
            fell_at = cut.fell_at if home == cut.fallen else np.inf
            some = made_up(one, cut, fell_at, float(noticed_s[home]), after)
            found += [np.array([[n * HOMES + home, at, litres]]) for at, litres in some]
    return np.concatenate(found)


def _following(records: list[Record], hour: int, cuts: list[Cut], extra: Floats) -> Iterator[tuple[float, News]]:
    """Yield (now, news) of all copies, a quarter of an hour at a time, until the last has been watched long enough."""
    last = min(hour + 24 + round(LONGEST_H + AFTER_H), len(records[0].end))
    fallen = {n * HOMES + one.fallen: one for n, one in enumerate(cuts)}
    dead = {n * HOMES + one.dead: one for n, one in enumerate(cuts)}
    begin, back = (np.repeat([getattr(one, name) for one in cuts], HOMES) for name in ("begin", "back"))
    for k in range(hour, last):
        all_homes = column(records, k)
        for slot in range(4):
            one = all_homes.take(np.flatnonzero(np.arange(HOMES) % 4 == slot))
            row = np.concatenate([one.row + n * HOMES for n in range(len(cuts))])
            start, end, litres, offset = (np.tile(a, len(cuts)) for a in (one.start, one.end, one.litres, one.offset_s))
            whole = np.maximum(end - start, 1.0)
            wet = 1.0 - np.clip(np.minimum(end, back[row]) - np.maximum(start, begin[row]), 0.0, None) / whole
            litres = np.floor(litres * wet + 1e-9)
            for r, cut in fallen.items():
                litres[(row == r) & (start >= cut.fell_at - HOUR_S)] = 0.0
            now = extra[(extra[:, 1] >= start[0]) & (extra[:, 1] < end[0])]
            place = np.full(len(cuts) * HOMES, -1)
            place[row] = np.arange(len(row))
            own = place[now[:, 0].astype(np.intp)]
            np.add.at(litres, own[own >= 0], now[own >= 0, 2])
            gone = np.zeros(len(row), np.bool_)
            for r, cut in dead.items():
                gone |= (row == r) & (end > cut.begin)
            news = News(row, start, end, litres, offset, end)
            yield float(end[0]), news.take(~gone)


def main() -> None:
    """Measure; print what is known after each day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=9, help="days, with a cut in each of their hours")
    parser.add_argument("--without", action="store_true", help="silence after the return is no evidence of its own")
    asked = parser.parse_args()
    rng, policy = np.random.default_rng(3), Policy()
    records, who = homes(asked.days), people(asked.days)
    partition, cuts = learnt(records), {after: list[Cut]() for after in AFTER}
    for hour in range(HISTORY_DAYS * 24 + asked.days * 24):
        if hour >= HISTORY_DAYS * 24 and hour % 24 == 0:
            plan = planned(records, hour, rng)
            for after in AFTER:
                cuts[after] += day(records, who, partition, hour, plan, after, asked.without)
        news = column(records, hour)
        for slot in range(4):
            partition.step(news.take(np.flatnonzero(np.arange(HOMES) % 4 == slot)))
    for after in AFTER:
        print(f"\nwhen the water is back: {after}", end="")
        report(cuts[after], policy)


def report(cuts: list[Cut], policy: Policy) -> None:
    """Print what came of the cuts."""
    knowable = [one for one in cuts if np.isfinite(one.known_at)]
    late = np.array([one.told_at() - one.known_at for one in knowable]) / HOUR_S
    from_begin = np.array([one.told_at() - one.begin for one in knowable]) / HOUR_S
    print(f"\n{len(cuts)} cuts, {len(knowable)} of them could be known before the water was back")
    print(f"  told within three reports of being knowable: {(late <= 3).mean():.1%}")
    for name, hours in (("from knowable", late), ("from the cut", from_begin)):
        print(f"  hours {name}, 10/50/90 %: {np.quantile(hours, [0.1, 0.5, 0.9], method='higher').round(2)}")
    told = [one for one in cuts if np.isfinite(one.told_at())]
    print(f"  exactly one notice: {sum(len(one.events) == 1 for one in told)} of {len(told)} told")
    print(f"  told though not knowable by that count: {len([one for one in told if np.isinf(one.known_at)])}")
    print(f"  homes with a quiet that nothing explains: {sum(one.strays(policy) for one in cuts)} in {len(cuts)} cuts")
    for grace_s in (policy.fold_grace_s, policy.fold_grace_s / 2):
        other = replace(policy, fold_grace_s=grace_s)
        held = np.array([one.held_h(other) for one in told])
        held = held[np.isfinite(held)]
        print(
            f"  let go {grace_s / 3600:.0f} h after the end: {sum(one.released(other) for one in told)} homes become cases; "
            f"{len(held)} reds of falls were held back, hours 50/90 % "
            f"{np.quantile(held, [0.5, 0.9]).round(1) if len(held) else []}"
        )
    print(f"  hours until the end is seen, median: {np.median([one.ended_at - one.back for one in told]) / HOUR_S:.2f}")
    for name, some in (
        ("day", [one for one in told if one.by_day()]),
        ("night", [one for one in told if not one.by_day()]),
    ):
        asked, red = (
            np.array([one.fall_at(policy, *kinds) - one.back for one in some]) / HOUR_S
            for kinds in (("amber", "red"), ("red",))
        )
        shares = [f"{(asked <= 1.5).mean():.0%}", *(f"{(hours <= 2).mean():.0%}" for hours in (asked, red))]
        print(f"  back by {name}, {len(some)} falls: asked about within 1.5 h {shares[0]}, 2 h {shares[1]}; red within 2 h {shares[2]}, "
              f"4 h {(red <= 4).mean():.0%}, hours 50/90 % {np.quantile(red, [0.5, 0.9], method='higher').round(1)}; "
              f"well people a cut: asked {np.mean([one.missed('amber') for one in some]):.1f}, "
              f"red {np.mean([one.missed('red') for one in some]):.1f}")  # fmt: skip
    print(
        f"  quiets of dead meters: {sum(q.row == one.dead and q.raised_at > one.begin for one in cuts for q in one.quiets)}"
    )


if __name__ == "__main__":
    main()
