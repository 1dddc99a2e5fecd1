"""Readings for a `World`: ordinary quarters of an hour and, where wanted, a tap left open."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from benchmarks.world import World, device
from ingest.devices import native
from simulators.publisher import Publisher

SURGE_L = 300.0
"""More than the rule of 250 L in an hour allows, drawn within ten minutes: 0.5 L/s, which a pipe can carry. [L]"""
STEP = timedelta(seconds=5)


@dataclass
class Sent:
    """What a broker has confirmed: (device, milliseconds since 1970) of each register."""

    confirmed: set[tuple[str, int]] = field(default_factory=set)
    surged: dict[int, float] = field(default_factory=dict)
    """home -> when its surge was published, seconds since 1970."""


class Talk:
    """Homes that report registers one after the other, a few seconds of measured time apart, up to some time ago.

    A surge is then the register of this moment, `SURGE_L` further.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.sent = Sent()
        self._register = dict.fromkeys(range(world.homes), 1000.0)
        self._steps = dict.fromkeys(range(world.homes), 0)
        self._began = datetime.now(UTC) - timedelta(minutes=70)
        self._lock = threading.Lock()

    def surge(self, out: Publisher, n: int) -> None:
        """Publish that home `n` drew `SURGE_L` in the last ten minutes: the register before, and the one after."""
        self.say(out, n, at=datetime.now(UTC) - timedelta(minutes=10))
        self.sent.surged[n] = time.time()
        self.say(out, n, SURGE_L, datetime.now(UTC))

    def say(self, out: Publisher, n: int, litres: float = 0.0, at: datetime | None = None) -> None:
        """Publish home `n`'s next register, `litres` further, and wait until the broker has it."""
        with self._lock:
            self._register[n] += litres
            self._steps[n] += 1
            value, step = self._register[n], self._steps[n]
        when = at or self._began + step * STEP
        when = when.replace(microsecond=when.microsecond // 1000 * 1000)
        topic, payload = native.encode("shuian", "test", device(n), f"{device(n)}-{step}", [(when, value)])
        out.publish_and_wait(topic, payload)
        with self._lock:
            self.sent.confirmed.add((device(n), round(when.timestamp() * 1000)))
