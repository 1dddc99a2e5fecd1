"""Events that follow each other: after one the next is not due at once."""

import numpy as np

from simulators.chance import Bits, Floats, Rows, gamma, numbers, part
from simulators.people import spread

HALF = 8
"""Events are worked out so many at a time; a row has at most twice as many."""


def renewals(key: Bits, until: Floats, order: int, slot: int) -> tuple[Rows, Rows, Floats]:
    """Return (row, which, moment) of stationary renewal processes of rate 1 from 0 to `until`, with Erlang gaps.

    Parameters
    ----------
    key : (R,) bits
        One process a row.
    until : (R,) float
        Where each ends.
    order : int
        Of the Erlang distribution; 1: a Poisson process.
    slot : int
        What the numbers are for; the four from here on are taken.
    """
    first = _gaps(key, slot, order)
    bits = numbers(key, slot)
    # seen from a moment chosen blindly, the gap that is running is longer than most, and part of it is over
    first[:, 0] = spread(gamma(order + 1.0), bits) * ((order + 1) / order) * part(bits, 48, 16)
    moments = np.cumsum(first, axis=1)
    row, nth = np.nonzero(moments < until[:, None])
    many = np.flatnonzero(moments[:, -1] < until)  # hardly a day has more than eight
    more = _gaps(key[many], slot + 2, order)
    more[:, 0] += moments[many, -1]
    later = np.cumsum(more, axis=1)
    some, further = np.nonzero(later < until[many, None])
    return (
        np.concatenate([row, many[some]]),
        np.concatenate([nth, further + HALF]),
        np.concatenate([moments[row, nth], later[some, further]]),
    )


def _gaps(key: Bits, slot: int, order: int) -> Floats:
    """Return (R, HALF) gaps of mean 1."""
    bits = numbers(key[:, None], slot + np.arange(2))
    return np.stack([spread(gamma(float(order)), bits, 12 * n) for n in range(4)], axis=2).reshape(len(key), HALF)
