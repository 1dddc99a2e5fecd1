"""What the pages tell of how well homes are served: the promise, the home's own level, the budget.  Asked of the detectors."""

from typing import Any

import numpy as np

from alerts.web.ports import Budget, Served
from detectors.alarms import LOOK_DAYS
from detectors.bins import DAY_S, Bools
from detectors.partition import Partition
from shuian.rows import Rows


def present(partition: Partition, rows: Rows, household: str) -> dict[str, Any] | None:
    """Return what is known of a home now (times in seconds since 1970, NaN: not known); None: no such home."""
    row = rows.of(household)
    if row is None:
        return None
    return {
        "last_use": float(partition.last_use()[row]),
        "heard": float(partition.heard()[row]),
        "running_since": float(partition.running_since()[row]),
        "known_until": float(partition.known_until()[row]),
        "usual_first_use": tuple(float(x) for x in partition.usual_first_use()[row]),
        "zone": rows.zones[row],
        "bindings": rows.devices(household),
    }


def served(partition: Partition, rows: Rows, household: str, now: float) -> Served | None:
    """Return how well a home is served; None: no such home, or it is not watched."""
    row = rows.of(household)
    if row is None or not (rows.active[row] and rows.metered[row]):
        return None
    one = np.array([row])
    promise = partition.promise(row)
    return Served(
        median_s=None if promise is None else promise.median_s,
        late_s=None if promise is None else promise.late_s,
        own_level=float(partition.own_level()[row]),
        well=partition.outcomes(row, "well", now - LOOK_DAYS * DAY_S),
        irregular=bool(partition.irregular()[row]),
        asked_a_month=_known(float(partition.asked_a_month(one)[0])),
        empty_p=_known(float(partition.empty_share(one)[0])),
    )


def irregular(partition: Partition, rows: Rows) -> tuple[str, ...]:
    """Return the homes that are watched and can only be asked."""
    marked, watched = np.flatnonzero(partition.irregular()).tolist(), _watched(rows)
    return tuple(sorted(rows.households[row] for row in marked if watched[row]))


def budget(partition: Partition, rows: Rows, now: float) -> Budget:
    """Return the false alarms of the last 30.4 days beside those intended."""
    kept, settings = partition.kept(np.flatnonzero(_watched(rows)), now), partition.settings.quiet
    return Budget(
        asked=kept.asked,
        asked_intended=kept.months * settings.budget,
        gone=kept.gone,
        gone_intended=kept.months * settings.red_budget,
        a_month=settings.budget,
    )


def _watched(rows: Rows) -> Bools:
    """Return (H,) whether somebody who lives there is watched by a meter; homes of drills are in no budget."""
    watched: Bools = np.array(rows.active, bool) & np.array(rows.metered, bool) & rows.lived_in()
    return watched


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
