"""The registry as ingest sees it: which device may be stored now, and how to read it."""

from datetime import datetime

from ingest.bindings import Binding
from shuian.pipeline import Pipeline


class LiveBindings:
    """What ingest may store, always as the registry has it now."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def at(self, device: str, time: datetime) -> Binding | None:
        """Return the binding of `device` at `time`."""
        return self._pipeline.rows.bindings.at(device, time)
