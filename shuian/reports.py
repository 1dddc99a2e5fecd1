"""The report of the month, made by itself when a month is over: nobody has to think of it."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from alerts.report import Intended
from alerts.reports import Batteries, Reports
from alerts.web.ports import Readings
from shuian.config import Config
from shuian.people_commands import ANCHORS

log = logging.getLogger(__name__)
EVERY_S = 600.0
"""How often the service looks whether a month is over; and after a failure. [s]"""


def of(config: Config, engine: Engine, demo: bool = False) -> Reports:
    """Return the reports of an installation; a demo's past was never watched, so nothing is said of when it ran."""
    folder, budget = config.service.data, config.detect.quiet
    return Reports(
        engine,
        ZoneInfo(config.service.zone),
        folder,
        None if demo else folder / ANCHORS,
        Intended(budget.budget, budget.red_budget),
    )


def batteries(readings: Readings, now: datetime) -> Batteries | None:
    """Return how full each battery is now; None: that cannot be had."""
    try:
        return [(meter.household, meter.battery_percent) for meter in readings.meters(now)]
    except Exception:
        log.exception("batteries cannot be had for the report")
        return None


async def keep(reports: Reports, readings: Readings, clock: Callable[[], datetime], stop: asyncio.Event) -> None:
    """Keep the report of each month once it is over, until `stop` is set; nothing that fails here ends the service."""
    while not stop.is_set():
        try:
            now = clock()
            if made := await asyncio.to_thread(reports.keep_if_due, now, partial(batteries, readings, now)):
                log.info("report of the month kept", extra={"month": str(made)})
        except Exception:
            log.exception("the report of the month could not be made; it is tried again")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_S)
