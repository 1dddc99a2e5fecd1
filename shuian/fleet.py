"""All devices of the demo: their history first, day by day through all homes, then life at life's speed."""

import threading
import time
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.readings import WATER_VOLUME_TOTAL
from ingest.store import SqliteStore
from shuian.neighbourhood import HISTORY, SENSOR_HISTORY
from shuian.neighbourhood.incidents import Incidents
from shuian.neighbourhood.lives import Life, arriving, messages
from shuian.neighbourhood.rehearsal import BEFORE_S
from simulators.publisher import Publisher, PublishError
from simulators.reports import Report

LIVE_EVERY_S = 15
"""Simulated meters are read this often once they live; the registry has the service expect a reading an hour, or four. [s]"""
SENSORS_EVERY_S = 3
"""Sensors speak when something happens, at the latest this long after. [s]"""
DAY_S, HOUR_S = 86_400.0, 3600.0
SENSOR_SAYS = {"motion": "occupancy", "door": "contact_open", "sos": "sos"}
"""Kind of sensor -> the quantity by which the store knows what it said last."""


class Fleet(threading.Thread):
    """The devices of these lives, speaking to the broker at `url`; the store says what it has already.

    With `until` they tell their history up to then and fall silent; without, they go on living.  `incidents`: None while
    no story has begun.
    """

    def __init__(
        self,
        lives: Sequence[Life],
        incidents: Incidents | None,
        readings: SqliteStore,
        url: str,
        start_s: float,
        until: float | None = None,
    ) -> None:
        super().__init__(name="fleet", daemon=True)
        self._lives, self._incidents, self._readings, self._url = lives, incidents, readings, url
        self._start_s, self._until = start_s, until
        self._formats = {life.home.device: life.home.format for life in lives}
        self._end = threading.Event()
        self._told = threading.Event()
        self._newest: dict[str, float] = {}

    def run(self) -> None:
        """Send what the store has not yet, then what happens until the end."""
        while not self._end.is_set():
            try:
                with Publisher(self._url, client_id="demo-fleet") as out:
                    now = time.time() if self._until is None else self._until
                    self._tell(out, now)
                    self._told.set()
                    if self._until is not None:
                        return
                    self._live(out, now)
            except PublishError:
                self._end.wait(1.0)

    def heard(self) -> bool:
        """Whether the history has been sent and stored."""
        if not self._told.is_set():
            return False
        last = {device: self._readings.last(device, WATER_VOLUME_TOTAL) for device in self._newest}
        return all((one := last[d]) is not None and one.measured_ms / 1000 > at - 1 for d, at in self._newest.items())

    def end(self) -> None:
        """Stop soon."""
        self._end.set()
        self.join(5)

    def _tell(self, out: Publisher, until: float) -> None:
        """Send the history; neighbours arrive together, so that what they have in common is seen."""
        signs = self._messages(sorted(self._signs_until(until), key=lambda one: one.at))
        for topic, payload in signs:  # first: a broker need not keep the order of different topics
            out.publish_and_wait(topic, payload)
        reports = sorted(self._water_until(until), key=lambda one: one.at)
        at = np.array([one.at for one in reports])
        slices = _slices(self._start_s - HISTORY.total_seconds(), until, BEFORE_S if self._until is None else 0.0)
        edges = np.searchsorted(at, slices, side="right").tolist()
        infos = []
        for first, last in zip([0, *edges], [*edges, len(reports)], strict=True):
            infos += [out.publish(topic, payload) for topic, payload in self._messages(reports[first:last])]
            if self._end.is_set():
                break
        for info in infos[-400:]:
            info.wait_for_publish(30)

    def _messages(self, reports: Sequence[Report]) -> list[tuple[str, bytes]]:
        left = reports if self._incidents is None else arriving(reports, self._incidents)
        if not self._told.is_set():
            self._newest.update((one.device, one.at) for one in left if one.device in self._formats)
        return messages(left, self._formats)

    def _water_until(self, now: float) -> Iterable[Report]:
        for life in self._lives:
            since = self._heard(life.home.device, WATER_VOLUME_TOTAL, HISTORY.total_seconds())
            times = life.due(since, now)
            if self._until is None and life.home.story != "recorded":
                times = np.union1d(times, [now])
            yield from life.water(times)

    def _signs_until(self, now: float) -> Iterable[Report]:
        for life in self._lives:
            for kind in life.home.sensors:
                since = self._heard(life.home.sensor(kind), SENSOR_SAYS[kind], SENSOR_HISTORY.total_seconds())
                yield from life.signs(kind, since, now)

    def _heard(self, device: str, quantity: str, history_s: float) -> float:
        """Return up to when the store has what a device said; without anything, where its history begins."""
        last = self._readings.last(device, quantity)
        return last.measured_ms / 1000 if last else self._start_s - history_s

    def _live(self, out: Publisher, before: float) -> None:
        signed, read = before, before
        while not self._end.wait(SENSORS_EVERY_S - time.time() % SENSORS_EVERY_S):
            now = time.time()
            reports = [
                one for life in self._lives for kind in life.home.sensors for one in life.signs(kind, signed, now)
            ]
            signed = now
            if now // LIVE_EVERY_S > read // LIVE_EVERY_S:
                reports += [one for life in self._lives for one in life.water(self._now(life, read, now))]
                read = now
            for topic, payload in self._messages(reports):
                out.publish_and_wait(topic, payload)

    @staticmethod
    def _now(life: Life, before: float, now: float) -> NDArray[np.float64]:
        return life.due(before, now) if life.home.story == "recorded" else np.array([now])


def _slices(begin: float, end: float, hours_s: float) -> list[float]:
    """Return where the slices of a history end: days, and in the last `hours_s` of it hours."""
    days = np.arange(begin + DAY_S, end - hours_s, DAY_S)
    return [*days.tolist(), *np.arange((days[-1] if len(days) else begin) + HOUR_S, end, HOUR_S).tolist()]
