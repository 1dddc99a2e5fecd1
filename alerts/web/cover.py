"""Which homes are covered, for every page that says so: worked out once for all that ask within a minute."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts.go_live import Checklist, Key, checklists
from alerts.go_live_facts import Facts, Settings
from alerts.ladders import Ladder
from alerts.queries import go_live

LASTS_S = 60.0
"""How old what a page says of this may be; what an operator does on these pages shows at once. [s]"""
SHARE = 30.0
"""It is kept at least so many times as long as working it out took: a city is not counted all day long."""


class Cover:
    """The checklists of all communities, kept for a moment.

    Parameters
    ----------
    looking : callable
        Gives a connection that only reads.
    ladders : callable
        Returns the ladders of the installation.
    settings : Settings
        How long proofs count.
    duty_phone : bool
        The pages name a duty telephone.
    """

    def __init__(
        self,
        looking: Callable[[], AbstractContextManager[Connection]],
        ladders: Callable[[], tuple[Ladder, ...]],
        settings: Settings,
        duty_phone: bool,
    ) -> None:
        self._looking, self._ladders, self.settings, self._duty_phone = looking, ladders, settings, duty_phone
        self._lock = threading.Lock()
        self._kept: tuple[int, datetime, timedelta, Facts, dict[str, Checklist]] | None = None

    def lists(self, now: datetime, register: int) -> Mapping[str, Checklist]:
        """Return the checklist of each community; `register`: the version of the registry by which one may be kept."""
        return self.known(now, register)[1]

    def known(self, now: datetime, register: int) -> tuple[Facts, Mapping[str, Checklist]]:
        """Return the checklists with what they rest on."""
        with self._lock:
            if self._kept is not None:
                version, at, lasts, facts, found = self._kept
                if version == register and at <= now < at + lasts:
                    return facts, found
            began = time.perf_counter()
            with self._looking() as conn:
                facts = go_live.facts(conn, self.settings, now, self._duty_phone)
            found = checklists(facts, self.settings, self._ladders(), now)
            lasts = timedelta(seconds=max(LASTS_S, SHARE * (time.perf_counter() - began)))
            self._kept = register, now, lasts, facts, found
            return facts, found

    def forget(self) -> None:
        """Work it out anew for the next who asks: something was proved."""
        with self._lock:
            self._kept = None

    def keeps_back(self, household: str, now: datetime, register: int) -> tuple[Key, ...]:
        """Return what keeps a home from being shown as covered; nothing where nothing is asked for."""
        if not self.settings.required:
            return ()
        for one in self.lists(now, register).values():
            if household in one.homes:
                return one.homes[household]
        return ()
