"""Which readings are of drills: those of a meter while it stood in a home that exists only for drills."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ingest.measures import milliseconds
from ingest.readings import StoredReading
from shuian.people import PeopleRegistry

FOR_EVER_MS = 2**62


class Played:
    """Tells readings of drills from those of life; the registry is read again when it has changed.

    Parameters
    ----------
    registry : PeopleRegistry
        Where homes and meters stand.
    clock : callable
        The time, aware UTC.
    """

    def __init__(self, registry: PeopleRegistry, clock: Callable[[], datetime]) -> None:
        self._registry, self._clock = registry, clock
        self._version: int | None = None
        self._spans: Mapping[str, list[tuple[int, int]]] = {}

    def without(self, rows: Sequence[StoredReading]) -> list[StoredReading]:
        """Return readings without those of drills."""
        self._look()
        return [row for row in rows if not self._of_drill(row)]

    def _of_drill(self, row: StoredReading) -> bool:
        return any(begins <= row.measured_ms < ends for begins, ends in self._spans.get(row.device, ()))

    def _look(self) -> None:
        version = self._registry.version()
        if version == self._version:
            return
        spans: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for one in self._registry.bound(self._clock()):
            if one.place.drill:
                ends = one.binding.valid_to
                until = FOR_EVER_MS if ends is None else milliseconds(ends)
                spans[one.binding.device].append((milliseconds(one.binding.valid_from), until))
        self._spans, self._version = spans, version
