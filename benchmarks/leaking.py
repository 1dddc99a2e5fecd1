"""Is a fall still found in a home that leaks?  ``python -m benchmarks.leaking``.

Simulated seniors behind meters of one litre.  Copies of each home: at a random moment all use stops, as after a fall; in
one of each two a leak runs since three days before, and on.  Delay: hours from that moment to the first amber and the
first red quiet, by the detectors as the service runs them.  False alarms are counted on the whole of those leaking days
that come before the fall, and on the same days without the leak.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.flow import flowing, seniors
from detectors.partition import Settings
from shuian.backtest import episodes
from shuian.backtest_input import Record

Floats = NDArray[np.float64]
LEAK_L_H = 60.0
LEAKS_S, COPY_S, HORIZON_S = 3 * 86_400.0, 38 * 86_400.0, 40 * 3600.0
SEVERITIES = ("amber", "red")


@dataclass(frozen=True)
class Fall:
    """A copy of a home in which all use stops at `at`."""

    record: Record
    at: float
    leaks: bool


def falls(homes: Sequence[Record], each: int, rng: np.random.Generator) -> list[Fall]:
    """Return copies of homes in pairs, without and with a leak; both fall at the same random moment."""
    made = []
    for home in homes:
        first, last = home.end[0] + COPY_S, home.end[-1] - HORIZON_S
        away = [span for span in home.absences if span[1] > first - LEAKS_S]
        for at in rng.uniform(first, last, each).tolist():
            if any(begin < at + HORIZON_S and end > at - 2 * LEAKS_S for begin, end in away):
                continue  # nobody is at home to fall
            inside = (home.end > at - COPY_S) & (home.start < at + HORIZON_S)
            made += [Fall(_fallen(home, inside, at, l_h), at, l_h > 0) for l_h in (0.0, LEAK_L_H)]
    return made


def _fallen(home: Record, inside: NDArray[np.bool_], at: float, leak_l_h: float) -> Record:
    still = replace(home, litres=np.where(home.start >= at, 0.0, home.litres))
    return flowing(still, inside, at - LEAKS_S, leak_l_h / 3600.0)


def measure(made: Sequence[Fall]) -> dict[tuple[bool, str], tuple[Floats, int]]:
    """Return (leaks?, severity) -> hours from each fall to its quiet (inf: none), and false quiets of the days before."""
    found = [f for f in episodes([one.record for one in made], Settings()) if f.kind == "quiet"]
    hours = {(row, s): np.inf for row in range(len(made)) for s in SEVERITIES}
    false = {(leaks, s): 0 for leaks in (False, True) for s in SEVERITIES}
    for f in found:
        at = made[f.row].at
        if f.raised_at >= at and (f.cleared_at is None or f.cleared_at > at + HORIZON_S / 2):
            hours[f.row, f.severity] = min(hours[f.row, f.severity], (f.raised_at - at) / 3600.0)
        elif at - LEAKS_S <= f.raised_at < at:
            false[made[f.row].leaks, f.severity] += 1
    return {
        (leaks, s): (np.array([hours[row, s] for row, one in enumerate(made) if one.leaks == leaks]), false[leaks, s])
        for leaks, s in false
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=80, help="simulated homes")
    parser.add_argument("--copies", type=int, default=2, help="falls of each")
    asked = parser.parse_args()
    for period_s in (900.0, 3600.0):
        made = falls(seniors(asked.homes, 56, period_s), asked.copies, np.random.default_rng(5))
        print(f"\nmeter of {period_s / 60:.0f} minutes, {len(made) // 2} falls, leak of {LEAK_L_H:.0f} L/h")
        months = len(made) / 2 * LEAKS_S / (30.4 * 86_400)
        for (leaks, severity), (hours, false) in measure(made).items():
            p50, p90 = np.quantile(hours, [0.5, 0.9], method="higher")
            name = f"{'with' if leaks else 'no'} leak, {severity}"
            found = np.isfinite(hours).mean()
            print(f"  {name:<18}{p50:6.1f} / {p90:5.1f} h, {found:.0%} found; {false / months:.2f} false a month")


if __name__ == "__main__":
    main()
