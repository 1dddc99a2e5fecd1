"""The thread that judges: it follows the journal, survives anything, and says what does not work."""

import logging
import threading

from ingest.errors import StoreError
from shuian.battery_check import BatteryCheck
from shuian.clock_check import ClockCheck
from shuian.pipeline import Pipeline

log = logging.getLogger(__name__)


class Judge(threading.Thread):
    """The thread that runs the pipeline; it survives anything and says what went wrong last."""

    def __init__(self, pipeline: Pipeline, clocks: ClockCheck, batteries: BatteryCheck) -> None:
        super().__init__(name="judge", daemon=True)
        self._pipeline, self._clocks, self._batteries = pipeline, clocks, batteries
        self.news = threading.Event()
        self._end = threading.Event()
        self._judging: str | None = None
        self._saving: str | None = None
        self._failures = 0

    @property
    def trouble(self) -> str | None:
        """What does not work at the moment, None: all does."""
        return self._judging or self._saving

    def run(self) -> None:
        """Work when there is news, and once a second for the clock."""
        while not self._end.is_set():
            self.news.wait(1.0)
            self.news.clear()
            try:
                while self._pipeline.work():
                    if self._end.is_set():
                        break
                self._pipeline.doubt(self._clocks.look())
                self._pipeline.doubt(self._batteries.look(self._pipeline.told_of))
                self._failures, self._judging = 0, None
                self._save_if_due()
            except Exception as trouble:
                self._failures += 1
                self._judging = f"judging fails and is tried again: {said(trouble)}"
                log.exception("judging failed; it is tried again")
                self._end.wait(min(30.0, 0.5 * 2 ** min(self._failures, 6)))

    def _save_if_due(self) -> None:
        """Write the state; while that fails the journal grows, but people are told all the same."""
        try:
            if self._pipeline.save_if_due():
                self._saving = None
        except (OSError, StoreError) as trouble:
            log.exception("the state of the detectors could not be written; it is tried again")
            self._saving = f"the state of the detectors cannot be written: {said(trouble)}"

    def end(self) -> None:
        """Stop after the present step and write the state."""
        self._end.set()
        self.news.set()
        self.join(30)
        if self.is_alive():
            log.error(
                "judging did not end in time; the journal since the last snapshot is read again at the next start"
            )
            return
        try:
            self._pipeline.save()
        except (OSError, StoreError):
            log.exception("the state of the detectors could not be written; the journal is read again instead")


def said(trouble: Exception) -> str:
    """Return an error's kind and first line: the statement that failed, with its values, is not for a page."""
    return f"{type(trouble).__name__}: {str(trouble).partition(chr(10))[0]}"
