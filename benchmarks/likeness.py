"""How like recorded homes the simulated ones are: ``python -m benchmarks.likeness``.

Fits a likeness to recorded homes (``benchmarks/data``: DAIAD trial A, CC BY-SA 4.0; AMPds2, CC BY 4.0; and the packaged
home of WEUSEDTO, CC BY 4.0), simulates homes, reads both as meters are read, and compares the quiets that begin in each
local hour: their median and 90th percentile.  The other half of the homes shows what generalises.

Where a quantile is off by more than a fifth, one of three things is behind it.  At one reading an hour a median is 1 h or
2 h: where half of the quiets, within a few in a hundred, last one interval, it is either.  In the evening, and at night of
a home read every minute, quiets are either minutes or a night, and a quantile that falls between the two is anywhere.  And
other homes, or another half year of the same homes, are different: there the records themselves are as far apart.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from shuian.backtest_input import load
from simulators import recorded
from simulators.likeness import fit
from simulators.meters import Register
from simulators.resemblance import Resemblance, beside, compare

DATA = Path(__file__).parent / "data"
MADRID, ROME, VANCOUVER = ZoneInfo("Europe/Madrid"), ZoneInfo("Europe/Rome"), ZoneInfo("America/Vancouver")
HOUR_S = 3600.0


class Case(NamedTuple):
    """Homes to be like, and homes to be compared with."""

    name: str
    like: Sequence[Register]
    beside: Sequence[Register]
    zone: ZoneInfo


def cases() -> Iterator[Case]:
    """Yield what is compared."""
    homes = recorded.read(DATA / "pulses_daiad_dev.csv.gz")
    yield Case("all homes, hourly", homes, homes, MADRID)
    known, _ = load(DATA / "pulses_daiad_dev.csv.gz", DATA / "households_dev.csv", None, None)
    alone = {one.household for one in known if one.occupants == 1}
    single = [one for one in homes if one.household in alone]
    yield Case("homes of one person", single, single, MADRID)
    ten = homes[:10]
    yield Case("ten homes", ten, ten, MADRID)
    yield Case("every second home, beside the others", homes[::2], homes[1::2], MADRID)
    early, late = ([_half(one, second) for one in homes] for second in (False, True))
    yield Case("first half of the record, beside the second", early, late, MADRID)
    flat = [recorded.weusedto()]
    yield Case("one flat, every quarter of an hour", flat, flat, ROME)
    family = recorded.read(DATA / "pulses_ampds2_dev.csv.gz", DATA / "coverage_dev.csv.gz")
    yield Case("a family, every quarter of an hour", family, family, VANCOUVER)
    minutes = [_minutes(DATA / "pulses_ampds2_dev.csv.gz")]
    yield Case("the same family, every minute", minutes, minutes, VANCOUVER)


def _half(one: Register, second: bool) -> Register:
    half = len(one.at_s) // 2
    mine = slice(half, None) if second else slice(None, half)
    return Register(one.household, one.at_s[mine], one.litres[mine])


def _minutes(pulses: Path) -> Register:
    """Return the record of a home that was observed all the time, with the minutes without water put back."""
    (rows,) = recorded.read(pulses)
    grid = np.arange(rows.at_s[0], rows.at_s[-1] + 1, 60.0)
    return Register(rows.household, grid, rows.litres[np.searchsorted(rows.at_s, grid, side="right") - 1])


def report(name: str, found: Resemblance, table: bool) -> None:
    """Print what was found."""
    print(f"\n{name}: {found.count[:, 0].sum()} recorded quiets, {found.count[:, 1].sum()} simulated")
    if table:
        print("  hour  recorded  median h        p90 h           distributions")
        for hour in np.flatnonzero(found.count[:, 0]).tolist():
            told = "  ".join(_pair(found, hour, n) for n in range(2))
            few = "" if found.enough[hour] else "  (few)"
            print(f"  {hour:>4}{found.count[hour, 0]:>10}  {told}  {found.apart[hour]:.3f}{few}")
    print(f"  litres a day {found.litres[0]:.1f} recorded, {found.litres[1]:.1f} simulated; "
          f"intervals in use {found.in_use[0]:.1%}, {found.in_use[1]:.1%}")  # fmt: skip
    summary(found)


def summary(found: Resemblance) -> None:
    """Print how many quantiles are off."""
    enough = found.enough
    if not enough.any():
        print("  too few quiets to compare")
        return
    print(f"  of {2 * enough.sum()} quantiles {found.off.sum()} off by more than a fifth, {found.beyond.sum()} also by more "
          f"than one interval; worst ratio {found.worst:.2f}; distributions apart by {found.apart[enough].mean():.3f} on "
          f"average, {found.apart[enough].max():.3f} at most")  # fmt: skip


def _pair(found: Resemblance, hour: int, nth: int) -> str:
    old, new = found.lengths[hour, nth]
    sign = "!" if found.beyond[hour, nth] else "*" if found.off[hour, nth] else " "
    return f"{old:6.2f}{new:6.2f}{sign} "


def main() -> None:
    """Fit, simulate, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", type=int, default=200, help="simulated homes")
    parser.add_argument("--days", type=int, default=60, help="simulated days")
    parser.add_argument("--short", action="store_true", help="no tables")
    asked = parser.parse_args()
    print("* off by more than a fifth; ! also by more than one interval of the record")
    for case in cases():
        likeness = fit(case.like, case.zone)
        print(f"\n== {len(likeness.kinds)} homes, {likeness.home_days:.0f} home-days, "
              f"{len(likeness.kinds.absences)} absences", end="")  # fmt: skip
        report(case.name, compare(case.beside, likeness, case.zone, asked.homes, asked.days), not asked.short)
        if case.beside is not case.like:
            step_s = likeness.kinds.step_s
            print("  the records themselves:")
            summary(beside(case.beside, case.like, step_s, case.zone))


if __name__ == "__main__":
    main()
