"""Somebody else draws water behind this meter: a garden hose on a timer, a tapped pipe, a shared tap in the yard.

At the meter: 5 to 200 L at a time, as regular as a clock, also while nobody is at home.
The service must: ask about use while the home is declared empty, as it does from five litres on, and not take a timer for
the person: nothing knows timers yet.
"""

import numpy as np

from simulators.doings import merged
from simulators.faults import Fault
from simulators.households import Draws

LITRES = (5.0, 200.0)
EVERY_S = (86_400.0, 2 * 86_400.0, 3 * 86_400.0, 7 * 86_400.0)
FLOW_L_S = 0.2
"""A hose. [L/s] [A]"""
LONGEST_S = 120 * 86_400.0


def draw_off(draws: Draws, first: float, litres: float, every_s: float, until: float = np.inf) -> Draws:
    """Return the draws with `litres` more at `first` and every `every_s` after it, none from `until` on (seconds since 1970).

    Raises
    ------
    ValueError
        `litres` is not above 0, or runs for longer than `every_s`, or `until` is not after `first`.
    """
    if not (litres > 0 and every_s > litres / FLOW_L_S and until > first):
        raise ValueError(f"want litres above 0 within the interval, got {litres} L every {every_s} s until {until}")
    start = first + np.arange(0.0, min(until - first, LONGEST_S), every_s)
    return merged(draws, Draws(start, np.full(len(start), litres), np.full(len(start), litres / FLOW_L_S)))


def strike(draws: Draws, at: float, rng: np.random.Generator) -> Draws:
    """Return the draws with a hose on a timer: first within a day of `at`, then every day, or every few."""
    least, most = LITRES
    litres = float(least * (most / least) ** rng.random())
    return draw_off(draws, at + float(rng.uniform(0, 86_400)), litres, EVERY_S[int(rng.integers(len(EVERY_S)))])


FAULT = Fault("W9", "plumbing", strike)
