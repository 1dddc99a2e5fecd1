"""How like the recorded homes the simulated ones are: their quiets by hour, their litres, their hours in use.

Both sides are read as a meter is read, at the record's own interval, and a quiet belongs to the local hour in which it
begins.  Lengths are whole intervals: at one reading an hour a median is 1 h or 2 h and nothing between, and two records of
one and the same home may differ by a whole interval.  So a quantile is said to be *beyond* only if it is off by more than
a fifth and by more than one interval, and `apart` says how far the distributions themselves are apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.households import home_seeds
from simulators.kinds import longest
from simulators.likeness import Likeness
from simulators.meters import Register, registers, volumes
from simulators.spells import Seen, counts, observed, quantile, shares

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
DAY_S = 86_400.0
ENOUGH = 30
"""An hour in which fewer quiets begin has no quantiles worth comparing."""
TOLERATED = 0.2
QUANTILES = (0.5, 0.9)
STARTS = datetime(2025, 3, 3)  # noqa: DTZ001  a Monday, in the zone of the homes


@dataclass(frozen=True, eq=False)
class Resemblance:
    """Quiets by the local hour (24,) in which they begin, recorded and simulated."""

    step_h: float
    """The interval of the record. [h]"""
    count: NDArray[np.int64]
    """(24, 2) how many quiets were recorded, and simulated."""
    lengths: Floats
    """(24, 2, 2) by median and 90th percentile, recorded and simulated. [h] NaN: no quiet."""
    apart: Floats
    """(24,) largest difference between the two distribution functions."""
    litres: tuple[float, float]
    """Drawn a day, recorded and simulated. [L]"""
    in_use: tuple[float, float]
    """Share of intervals with water."""

    @property
    def enough(self) -> Flags:
        """(24,) hours with quiets enough to compare."""
        return np.asarray((self.count >= ENOUGH).all(axis=1))

    @property
    def ratio(self) -> Floats:
        """(24, 2) simulated median and 90th percentile by the recorded ones."""
        return self.lengths[:, :, 1] / self.lengths[:, :, 0]

    @property
    def worst(self) -> float:
        """The ratio that is farthest from 1."""
        ratios = self.ratio[self.enough].ravel()
        return float(ratios[np.argmax(np.abs(np.log(ratios)))]) if len(ratios) else 1.0

    @property
    def off(self) -> Flags:
        """(24, 2) which of them are off by more than a fifth."""
        found: Flags = np.abs(self.ratio - 1) > TOLERATED + 1e-9
        found[~self.enough] = False
        return found

    @property
    def beyond(self) -> Flags:
        """(24, 2) which of those are off by more than one interval too."""
        return self.off & (np.abs(np.diff(self.lengths, axis=2)[..., 0]) > self.step_h + 1e-9)


def compare(
    recorded: Sequence[Register], likeness: Likeness, zone: ZoneInfo, homes: int = 200, days: int = 60, seed: int = 1
) -> Resemblance:
    """Simulate `homes` homes for `days` days, read their meters as the recorded ones, and compare.

    Parameters
    ----------
    recorded : sequence of Register
        Homes: those that the likeness was made from, or others.
    zone : ZoneInfo
        Where they are.
    """
    lived = lives(likeness, home_seeds(seed, range(homes)), STARTS.replace(tzinfo=zone), days)
    return beside(recorded, lived, likeness.kinds.step_s, zone)


def beside(recorded: Sequence[Register], others: Sequence[Register], step_s: float, zone: ZoneInfo) -> Resemblance:
    """Compare the quiets of other homes, simulated or recorded, with those of recorded ones, both at steps of `step_s`."""
    old, new = (observed(some, step_s, zone) for some in (recorded, others))
    (count_old, share_old), (count_new, share_new) = _quiets(old, step_s), _quiets(new, step_s)
    lengths = [[quantile(share, at) * step_s / 3600 for share in (share_old, share_new)] for at in QUANTILES]
    return Resemblance(
        step_s / 3600,
        np.stack([count_old, count_new], axis=1),
        np.array(lengths).transpose(2, 0, 1),
        np.abs(np.cumsum(share_old - share_new, axis=1)).max(axis=1),
        (_litres(old), _litres(new)),
        (_in_use(old, step_s), _in_use(new, step_s)),
    )


def lives(likeness: Likeness, seeds: NDArray[np.uint64], start: datetime, days: int) -> list[Register]:
    """Return the registers of the homes with these seeds, read off at the step of the record for `days` days."""
    zone = start.tzinfo
    if not isinstance(zone, ZoneInfo) or days < 1:
        raise ValueError(f"want a start in a zone and at least one day, got {start!r}, {days}")
    step_s, unit_l = likeness.kinds.step_s, likeness.kinds.unit_l
    count = round(DAY_S / step_s)
    litres = np.zeros((len(seeds), days * count))
    for day, drawn in enumerate(islice(likeness.days(seeds, start, zone), days)):
        begin = start.timestamp() + day * DAY_S
        litres[:, day * count : (day + 1) * count] = volumes(drawn, len(seeds), begin, step_s, count)
    at = start.timestamp() + step_s * np.arange(days * count + 1, dtype=np.float64)
    shown = np.hstack([np.zeros((len(seeds), 1)), registers(litres, unit_l, unit_l / 2)])
    return [Register(f"like-{n}", at, one) for n, one in enumerate(shown)]


def _quiets(homes: Sequence[Seen], step_s: float) -> tuple[NDArray[np.int64], Floats]:
    """Return (24,) how many quiets there are, and (24, K) the share of each length."""
    each = [counts(one.quiet, longest(step_s)) for one in homes]
    ended, lost = (np.sum([pair[n] for pair in each], axis=(0, 1)) for n in (0, 1))
    return (ended + lost).sum(axis=1).astype(np.int64), shares(ended, lost)


def _litres(homes: Sequence[Seen]) -> float:
    return float(sum(one.litres.sum() for one in homes) / sum(one.days for one in homes))


def _in_use(homes: Sequence[Seen], step_s: float) -> float:
    return float(sum(len(one.litres) for one in homes) / sum(one.days for one in homes) * step_s / DAY_S)
