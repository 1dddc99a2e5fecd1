"""A water cut: so many homes behind one pipe draw nothing since the same moment that chance cannot do it.

How this works.  Each home has a probability of drawing nothing from a moment on, by its own habit
(`Partition.unused`).  If homes live independently, how many of n are silent follows the Poisson-binomial distribution;
its upper tail, summed exactly, is the chance that the silence of so many is only chance.  The moment is not known: it is
looked for among the last uses that at least four of five homes lie behind, the best one is told, and the tail is
multiplied by how many were tried.  At night nobody is expected to draw, so nobody's silence counts.

A home counts only if its data are young, nobody declared it away, and its own quiet was usual until then: one that was
silent for long before says nothing about the pipe (and if somebody lies on the floor there, that case stays their own).

Source: design of the joint test, Poisson-binomial tail by direct convolution, as in Hong, "On computing the distribution
function for the Poisson binomial distribution", Computational Statistics & Data Analysis 59 (2013).
"""

from dataclasses import dataclass

import numpy as np

from detectors.bins import Bools, Floats, Rows
from detectors.groups import Members
from detectors.partition import Partition

LEAST_CHANCE = 1e-300


@dataclass(frozen=True, slots=True)
class CutSettings:
    """When a silence is a water cut, and when it is over."""

    chance: float = 1e-6
    """Raised below this chance that the silence is only chance."""
    homes: int = 5
    """Smaller groups are not judged."""
    share: float = 0.8
    """At least so many of the homes judged are silent: a tank on the roof lets some go on."""
    long_quiet: float = 1.0
    """A home whose own quiet had this score before says nothing: nine in ten quiets are shorter."""
    longest_period_s: float = 2 * 3600.0
    """Meters that report less often never take part."""
    young_s: float = 900.0
    """Data up to this old (or 1.5 report periods) are of the present."""
    back_share: float = 0.3
    back_within_s: float = 1800.0
    """Over when this share of the silent homes has drawn again within this time (and one report period)."""
    back_ever: float = 0.5
    """Over as well when this share has drawn again at all."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A group without water."""

    group: int
    onset: float
    """Latest of the silent homes' last uses."""
    silent: Rows
    of_homes: int
    chance_log10: float


def tail(chances: Floats, least: int) -> float:
    """Return the probability that at least `least` of independent events with these probabilities happen."""
    spread = np.zeros(len(chances) + 1)
    spread[0] = 1.0
    for chance in chances:
        spread[1:] = spread[1:] * (1.0 - chance) + spread[:-1] * chance
        spread[0] *= 1.0 - chance
    return min(float(spread[least:].sum()), 1.0)


def cuts(partition: Partition, members: Members, asked: Bools, active: Bools, now: float, s: CutSettings) -> list[Cut]:
    """Return which of the groups `asked` for, (G,), are without water now."""
    here = asked[members.group] & active[members.row]
    row, group = members.row[here], members.group[here]
    since, known, period = partition.silent_since(row), partition.known_until()[row], partition.period_s()[row]
    young = (now - known <= np.maximum(s.young_s, 1.5 * period)) & (period <= s.longest_period_s) & np.isfinite(since)
    row, group, since, known = row[young], group[young], since[young], known[young]
    enough = np.bincount(group, minlength=len(members)) >= s.homes
    keep = enough[group]
    row, group, since, known = row[keep], group[keep], since[keep], known[keep]
    before = _earliest(group, since, len(members), s.share)
    keep = partition.score_at(row, before[group]) < s.long_quiet
    row, group, since, known = row[keep], group[keep], since[keep], known[keep]
    before = _earliest(group, since, len(members), s.share)[group]
    # All silent since the earliest moment is no likelier than what any later moment can show: most groups end here.
    chance = partition.unused(row, before, np.maximum(known, before))
    surprise = np.bincount(group, -np.log10(np.maximum(chance, LEAST_CHANCE)), len(members))
    found = []
    for place in np.flatnonzero(surprise > -np.log10(s.chance)).tolist():
        mine = slice(*np.searchsorted(group, [place, place + 1]).tolist())  # they still lie one group after another
        cut = _best(partition, place, row[mine], since[mine], known[mine], s)
        if cut is not None:
            found.append(cut)
    return found


def _earliest(group: Rows, since: Floats, groups: int, share: float) -> Floats:
    """Return (G,) the first moment from which on `share` of each group's homes were silent; NaN: no homes."""
    order = np.lexsort((since, group))
    count = np.bincount(group, minlength=groups)
    need = _least(share, count)
    place = np.cumsum(count) - count + need - 1
    moment = np.full(groups, np.nan)
    some = count > 0
    moment[some] = since[order][place[some]]
    return moment


def _least(share: float, count: Rows) -> Rows:
    """Return the least number of homes that is `share` of `count`; 0.8 of 5 is 4, whatever floats make of it."""
    least: Rows = np.ceil(share * count - 1e-9).astype(np.intp)
    return least


def _best(partition: Partition, place: int, row: Rows, since: Floats, known: Floats, s: CutSettings) -> Cut | None:
    """Return the cut that explains a group's silence best; None: chance explains it."""
    tried = np.unique(np.sort(since)[int(_least(s.share, np.array([len(since)]))[0]) - 1 :])
    best = None
    for onset in tried.tolist():
        told = known > onset
        silent = told & (since <= onset)
        count = int(silent.sum())
        if count < s.share * max(int(told.sum()), s.homes) - 1e-9:
            continue
        chance = partition.unused(row[told], np.full(int(told.sum()), onset), known[told])
        log10 = float(np.log10(max(tail(chance, count) * len(tried), LEAST_CHANCE)))
        if best is None or log10 < best.chance_log10:
            best = Cut(place, onset, row[silent], int(told.sum()), log10)
    return best if best is not None and best.chance_log10 < np.log10(s.chance) else None


def over(partition: Partition, onset: float, silent: Rows, active: Bools, s: CutSettings) -> bool:
    """Return whether water is back in a group: its `silent` homes draw again, or none of them is watched any more."""
    since, period = partition.silent_since(silent), partition.period_s()[silent]
    here = active[silent] & np.isfinite(since)
    drawn = here & (since > onset)
    if not drawn.any():
        return not here.any()
    together = drawn & (since >= since[drawn].max() - s.back_within_s - period)
    return bool(together.sum() >= s.back_share * here.sum() or drawn.sum() >= s.back_ever * here.sum())
