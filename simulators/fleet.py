"""Everything that a fleet of virtual homes says, in order of time: the same messages whenever the same plan is asked.

How this works.  Homes in which nothing goes wrong are worked out a day at a time, thousands at once (`plain`); homes with
faults one by one and as a whole (`struck`); sensors a home and a day at a time (`senses`).  While the messages of one day
are written the next day is worked out in a thread.

Messages that a broker retains (M16) are taken back by an empty one `KEPT_S` later, or when the run ends: a broker that is
used again must not hand out homes that do not exist.  Who listens at that moment hears the empty message, too; a run that is
broken off before leaves them behind.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from heapq import merge
from itertools import chain, count, islice
from typing import NamedTuple

from simulators import encoding, struck
from simulators.encoding import Message
from simulators.plain import Plain, PlainDay, Upload
from simulators.plan import DAY_S, Plan
from simulators.reports import Report
from simulators.senses import Sensed

CHUNK = 500
"""Messages that are handed on together."""
KEPT_S = 3600.0
"""How long a retained message stays: who wants to see the mark has to connect meanwhile. [s]"""


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
        self._taken_back: list[Message] = []

    def days(self) -> Iterator[Day]:
        """Yield one day after the other, each worked out while the one before is used."""
        struck_homes = (one for unit in self._plan.units for one in struck.reports(self._plan, unit))
        self._struck = sorted(struck_homes, key=lambda one: one.at)
        self._taken_back = self._empty([one for one in self._struck if one.retained])
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
        written = encoding.messages(others, self._formats, self._plan.resolution_l)
        taken_back = [one for one in self._taken_back if day.begin <= one.at < end]
        for message in merge(uploads, written, taken_back, key=lambda one: one.at):
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

    def _empty(self, retained: Iterable[Report]) -> list[Message]:
        """Return the messages that take retained ones back, in order of time."""
        last = self._plan.end_s - 0.001
        kept = encoding.messages(retained, self._formats, self._plan.resolution_l)
        return [Message(min(one.at + KEPT_S, last), one.topic, b"", retain=True) for one in kept]


def messages(plan: Plan) -> Iterator[list[Message]]:
    """Yield all messages of a plan in order of time, `CHUNK` at a time.

    The same plan gives the same messages, byte for byte.
    """
    fleet = Fleet(plan)
    said = chain.from_iterable(map(fleet.said, fleet.days()))
    while chunk := list(islice(said, CHUNK)):
        yield chunk
