"""The broker restarts, or the service is down: nobody listens for a while.

At the broker: it keeps what meters sent, and delivers all of it in a burst on return, in order, as fast as it is taken.
The service must: keep its session, so that nothing is lost; wake nobody for what began and ended meanwhile, send somebody
for what goes on, and not hold the silence against the meters.
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import arriving, in_order
from simulators.reports import Report

DOWN_S = (300.0, 12 * 3600.0)
"""How long nobody listens: minutes as likely as hours. [s]"""
RATE_PER_S = 200.0
"""How fast a backlog is delivered. [1/s] [A]"""


def subscriber_down(reports: Sequence[Report], at: float, until: float, rate_per_s: float = RATE_PER_S) -> list[Report]:
    """Return the reports as they arrive when nobody listens from `at` until `until` (seconds since 1970).

    Raises
    ------
    ValueError
        `until` is not after `at`, or the rate not above 0.
    """
    if not (until > at and rate_per_s > 0):
        raise ValueError(f"want a return after {at} and a rate above 0, got {until}, {rate_per_s}/s")
    came = in_order(reports)
    waiting = [n for n, one in enumerate(came) if at <= one.at < until]
    for nth, n in enumerate(waiting):
        came[n] = arriving(came[n], until + nth / rate_per_s)
    return in_order(came)


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Let nobody listen for a while from `at` on."""
    return subscriber_down(reports, at, at + float(np.exp(rng.uniform(*np.log(DOWN_S)))))


FAULT = Fault("M17", "transport", strike, never=("quiet", "surge", "leak"), group=True)
