"""The meters of a technical drill at the broker: weeks of history first, then what they say while the drill runs.

Everything that they will ever say is worked out before (`simulators.drills._homes`); here it is only sent: the history in days,
its last two days in hours, so that neighbours arrive together, and then each message at its moment.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shuian.drill_api import Api
from shuian.errors import Trouble
from simulators.drills._homes import messages
from simulators.publisher import Publisher, PublishError
from simulators.reports import Report

Say = Callable[[str], None]
LOOK_S = 0.5
"""How often meters look whether something is due. [s]"""
HEARD_WITHIN_S = 60.0
"""So long may pass without a reading more until the service counts as deaf. [s]"""
FIRST_WITHIN_S = 5.0
"""The same for the first day; then it is sent twice more, for meters that the service did not know yet. [s]"""
FIRST_TRIES = 3
STEPS = 4
"""Progress is told so often."""
BUSY = 20
"""A service that hears others too is never quite through: so many batches may wait to be judged."""
DEAF = "does it hear this broker, and may this account publish to shuian/v1/# there? docs/drills.md"


class Meters:
    """The reports of some meters, sent in order.

    Parameters
    ----------
    out : Publisher
        Open, as long as this is used.
    api : Api
        The service that is to hear them.
    said : sequence of Report
        By arrival, of the whole drill.
    clock, rest : callable
        The time, aware UTC, and waiting for seconds of it.
    """

    def __init__(
        self,
        out: Publisher,
        api: Api,
        said: Sequence[Report],
        clock: Callable[[], datetime],
        rest: Callable[[float], None],
    ) -> None:
        self._out, self._api, self._said, self._clock, self._rest = out, api, said, clock, rest
        self._at = [one.at for one in said]
        self._next = 0
        self._end = threading.Event()
        self._life = threading.Thread(target=self._live, name="drill-meters", daemon=True)
        self.trouble: str | None = None
        """Why messages do not go out at the moment; None: they do."""

    # --- history -----------------------------------------------------------------------------------------------------

    def hurry(self, ends: Sequence[float]) -> None:
        """Send what was said until each of `ends` (seconds since 1970, rising); whoever hears it is not waited for.

        Raises
        ------
        Trouble
            The broker does not take it.
        """
        for end in ends:
            self._publish(self._until(end))

    def tell(self, ends: Sequence[float], say: Say = lambda _: None) -> None:
        """Do the same, and wait until the service has heard it.

        Raises
        ------
        Trouble
            The broker does not take it, or the service does not hear it.
        """
        before, sent = self._api.counts().get("stored", 0), 0
        for n, end in enumerate(ends, 1):
            stretch = self._until(end)
            if not sent and stretch:
                self._first(stretch, before)
            else:
                self._publish(stretch)
            sent += len(stretch)
            if n * STEPS // len(ends) > (n - 1) * STEPS // len(ends):
                say(f"history: {n * 100 // len(ends)} %, {sent} readings")
        self._heard(before, sent, HEARD_WITHIN_S)

    def _until(self, end: float) -> Sequence[Report]:
        first, self._next = self._next, max(self._next, bisect_right(self._at, end))
        return self._said[first : self._next]

    def _first(self, stretch: Sequence[Report], before: int) -> None:
        """Send the first day until it is heard: a service learns of new meters within a second or so."""
        for more in reversed(range(FIRST_TRIES)):
            self._publish(stretch)
            try:
                self._heard(before, len(stretch), FIRST_WITHIN_S if more else HEARD_WITHIN_S)
            except Trouble:
                if not more:
                    raise
            else:
                return

    def _publish(self, stretch: Sequence[Report]) -> None:
        try:
            for message in messages(stretch):
                self._out.publish(message.topic, message.payload, retain=message.retain)
        except PublishError as trouble:
            raise Trouble(str(trouble), "see whether the broker still runs, then play the drill again") from None

    def _heard(self, before: int, sent: int, within_s: float) -> None:
        """Wait until the service has stored so many readings more, and judged them; patient as long as there are more."""
        most, last = -1, self._clock()
        while (now := self._api.counts()).get("stored", 0) - before < sent or now.get("behind", 0) > BUSY:
            stored = now.get("stored", 0) - before
            if stored > most:
                most, last = stored, self._clock()
            if self._clock() - last >= timedelta(seconds=within_s):
                if stored >= sent:
                    return  # it hears us, and has much else to judge
                raise Trouble(f"the service has stored {stored} of {sent} readings that the broker took", DEAF)
            self._rest(LOOK_S)

    # --- life --------------------------------------------------------------------------------------------------------

    def live(self) -> None:
        """Send what is said from now on at its moment, in a thread of its own, until `end`."""
        self._life.start()

    def _live(self) -> None:
        while not self._end.is_set():
            try:
                for message in messages(self._until(self._clock().timestamp())):
                    self._out.publish(message.topic, message.payload, retain=message.retain)
                self.trouble = None
            except PublishError as trouble:  # what it did not take is lost, as with real meters: registers heal it
                self.trouble = str(trouble)
            self._end.wait(LOOK_S)

    def end(self) -> None:
        """Stop."""
        self._end.set()
        if self._life.is_alive():
            self._life.join()
