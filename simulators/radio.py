"""When meters speak, and what gets lost on the way: both a hash of the home, so that any window of a run is the same run.

How this works.  Losses follow Gilbert and Elliott (Bell System Technical Journal 1960 and 1963): a radio link is good or
bad and stays so for a while.  One number a message decides: below `r` the link turns bad, above 1 - `s` it turns good, and
between it stays as it is; then a good link turns bad with chance `r` and a bad one good with chance `s`, and the state
after any message is that of the last one that turned it.  No message has to wait for the one before.
"""

import numpy as np
from numpy.typing import NDArray

from simulators import chance

Floats = NDArray[np.float64]
Seeds = NDArray[np.uint64]
Lost = NDArray[np.bool_]

BURST_S = 4 * 3600.0
"""How long a bad spell lasts on average: a parked lorry, a wet meter pit, a full cellar. [s] [A]"""
_PHASE, _LINK, _FIRST = 1 << 40, (1 << 40) + 1, (1 << 40) + 2
"""What the hashes are for; the slots of `simulators.people` end below."""


def phases(seeds: Seeds, period_s: float) -> Floats:
    """Return (homes,) how long after each full period each home's meter speaks [s], to the millisecond."""
    share = chance.unit(chance.numbers(chance.keys(seeds), _PHASE))
    phase: Floats = np.floor(share * period_s * 1000.0) / 1000.0
    return phase


def lost(
    seeds: Seeds,
    first: int,
    count: int,
    share: float,
    period_s: float,
    before: Lost | None = None,
    burst_s: float = BURST_S,
) -> Lost:
    """Return which messages are lost.

    Parameters
    ----------
    seeds : (homes,) uint64
    first, count : int
        Messages `first` to `first + count - 1` of each home.
    share : float
        How many are lost in the long run, 0 to below 1.
    period_s : float
        Time from message to message. [s]
    before : (homes,) bool, optional
        Whether the message before `first` was lost, for a window that follows another; None: `first` begins the run.
    burst_s : float
        Mean length of a bad spell [s]; one shorter than a message takes one message.

    Returns
    -------
    (homes, count) bool

    Raises
    ------
    ValueError
        `share` is not from 0 to below 1.
    """
    if not 0 <= share < 1:
        raise ValueError(f"want a share of losses from 0 to below 1, got {share}")
    if share == 0:
        return np.zeros((len(seeds), count), np.bool_)
    key = chance.keys(seeds)
    if before is None:
        before = chance.unit(chance.numbers(key, _FIRST)) < share
    u = chance.unit(chance.numbers(chance.numbers(key, _LINK)[:, None], np.arange(first, first + count)))
    return bursts(u, share, burst_s / period_s, before)


def bursts(u: Floats, share: float, length: float, before: Lost) -> Lost:
    """Return (homes, count) which messages are lost.

    Parameters
    ----------
    u : (homes, count) float
        One even number in [0, 1) a message.
    share : float
        How many are lost in the long run, 0 to below 1.
    length : float
        How many in a row, on average; at least those of pure chance, 1 / (1 - `share`).
    before : (homes,) bool
        Whether the message before them was lost.
    """
    good = min(1 - share, 1 / max(length, 1.0))
    bad = good * share / (1 - share)
    turned = (u < bad) | (u > 1 - good)
    last = np.maximum.accumulate(np.where(turned, np.arange(1, u.shape[1] + 1), 0), axis=1)
    states = np.concatenate([before[:, None], u < bad], axis=1)
    return np.take_along_axis(states, last, axis=1)
