"""Everything that a fleet of virtual homes says, in order of time: the same messages whenever the same plan is asked.

How this works.  Homes in which nothing goes wrong are worked out a day at a time, thousands at once (`plain`); homes with
faults one by one and as a whole (`struck`); sensors a home and a day at a time (`senses`).  While the messages of one day
are written the next day is worked out in a thread.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from heapq import merge
from itertools import chain, count, groupby, islice
from typing import NamedTuple

from simulators import encoding, struck
from simulators.encoding import Message
from simulators.plain import Plain, PlainDay, Upload
from simulators.plan import DAY_S, Plan
from simulators.reports import Report
from simulators.senses import Sensed

CHUNK = 500
"""Messages that are handed on together."""


class Day(NamedTuple):
    """What is worked out of one day; `plain` and `sensed` are homes without faults."""

    begin: float
    plain: PlainDay
    sensed: list[Report]


class Fleet:
    """The devices of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._formats = {plan.meter(home): plan.format(home) for unit in plan.units for home in unit}
        faulty = {home for unit in plan.units for home in unit}
        calm = [home for home in range(plan.homes) if home not in faulty]
        self._plain = Plain(plan, calm)
        self._sensed = Sensed(plan, calm if plan.sensors else ())
        self._struck: list[Report] = []

    def days(self) -> Iterator[Day]:
        """Yield one day after the other, each worked out while the one before is used."""
        struck_homes = (one for unit in self._plan.units for one in struck.reports(self._plan, unit))
        self._struck = sorted(struck_homes, key=lambda one: one.at)
        with ThreadPoolExecutor(1) as ahead:
            following: Future[Day] = ahead.submit(self._day, self._plan.start_s)
            for n in count(1):
                day = following.result()
                if day.begin >= self._plan.end_s:
                    return
                following = ahead.submit(self._day, self._plan.start_s + n * DAY_S)
                yield day

    def _day(self, begin: float) -> Day:
        if begin >= self._plan.end_s:
            return Day(begin, PlainDay.none(self._plan), [])
        return Day(begin, self._plain.day(), self._sensed.day(begin))

    def said(self, day: Day) -> Iterator[Message]:
        """Yield the messages of a day, in order of time."""
        end = min(day.begin + DAY_S, self._plan.end_s)
        first, last = (bisect_left(self._struck, at, key=lambda one: one.at) for at in (day.begin, end))
        uploads = chain.from_iterable(map(self._upload, day.plain.uploads()))
        others = merge(day.sensed, self._struck[first:last], key=lambda one: one.at)
        for message in merge(uploads, self._written(others), key=lambda one: one.at):
            if message.at >= end:
                return
            yield message

    def _upload(self, one: Upload) -> Iterable[Message]:
        plan, step, newest = self._plan, self._plan.cadence.step_s, len(one.values) - 1
        said: list[tuple[datetime, float]] = [
            (encoding.moment(one.at - (newest - n) * step), litres)
            for n, litres in enumerate(one.values)
            if litres == litres  # noqa: PLR0124  NaN: not measured yet
        ]
        fmt, device = plan.format(one.home), plan.meter(one.home)
        return (Message(one.at, *part) for part in encoding.readings(fmt, device, said, plan.resolution_l))

    def _written(self, reports: Iterable[Report]) -> Iterator[Message]:
        for _, together in groupby(reports, key=_batch):
            some = list(together)
            fmt = self._formats.get(some[0].device, "")
            if len(some) > 1:
                said = [(encoding.measured(one), float(one.said)) for one in some]  # type: ignore[arg-type]
                parts = encoding.readings(fmt, some[0].device, said, self._plan.resolution_l)
            else:
                parts = encoding.report(some[0], fmt, self._plan.resolution_l)
            for topic, payload in parts:
                yield Message(some[0].at, topic, some[0].payload or payload, some[0].retained)


def messages(plan: Plan) -> Iterator[list[Message]]:
    """Yield all messages of a plan in order of time, `CHUNK` at a time.

    The same plan gives the same messages, byte for byte.
    """
    fleet = Fleet(plan)
    said = chain.from_iterable(map(fleet.said, fleet.days()))
    while chunk := list(islice(said, CHUNK)):
        yield chunk


def _batch(one: Report) -> tuple[object, ...]:
    """Return what reports of one message have in common: nobody else has it."""
    alone = not isinstance(one.said, int | float) or one.payload is not None or one.retained or one.copy
    return one.at, one.device, id(one) if alone else 0
