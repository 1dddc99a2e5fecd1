"""Water that runs on: what the day limits, the half hours and two hours without a stop see, beside surge and leak."""

import numpy as np

from benchmarks import flow
from benchmarks.detection_homes import Floats
from benchmarks.realism_markdown import table

DAYS = 60
NAMES = {
    ("surge", "red"): "**surge, red**",
    ("surge", "amber"): "**surge, amber**",
    ("leak", "blue"): "**leak, blue**",
    ("rule:day-2000l", "red"): "more than 2,000 L a day",
    ("rule:day-1000l", "red"): "more than 1,000 L a day",
    ("rule:half-hours", "amber"): "every half hour for a day",
    ("rule:2h-continuous", "amber"): "2 h without a stop",
}


def block(homes: int) -> str:
    """Return the table for simulated seniors behind 15-minute meters."""
    seniors = flow.seniors(homes, DAYS, 900.0)
    months, false = flow.false_alarms(seniors)
    hours = flow.delays(flow.copies(seniors, 1, np.random.default_rng(11)))
    rows = [
        [name, f"{false[key] / months:.2f}", *(_cell(hours[flow_name, *key]) for flow_name in flow.FLOWS_L_S)]
        for key, name in NAMES.items()
    ]
    return table(["detector", "FA a month", *flow.FLOWS_L_S], rows)


def _cell(hours: Floats) -> str:
    p50, p90 = np.quantile(hours, [0.5, 0.9], method="higher")
    return " / ".join("–" if np.isinf(h) else f"{h:.1f}" for h in (p50, p90))
