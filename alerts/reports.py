"""Monthly reports of an installation: worked out from its database, kept as files of the data folder, found again.

A kept report is a JSON file of numbers below ``reports/``, written once when its month is over and never changed: what was
known then.  Worked out again later it may say more (an outcome came late) or less (somebody asked to be forgotten).
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Engine

from alerts import audit, database
from alerts.queries import monthly
from alerts.report import Intended, Report, report
from alerts.report_rows import Month, down_between
from alerts.spans import joined

FOLDER = "reports"
"""The folder below the data folder that holds them."""
SEEN_EVERY = timedelta(minutes=65)
"""The service writes an anchor every hour, and when it starts: a longer pause between two is a time when it may not have run."""

Batteries = Sequence[tuple[str, float | None]]
"""(home, percent) of each device; None: that one does not tell."""


@dataclass(frozen=True)
class Reports:
    """The reports of one installation.

    Parameters
    ----------
    engine : Engine
        Of the people's database.
    zone : ZoneInfo
        Of the installation.
    folder : Path, optional
        The data folder; None: nothing is kept.
    anchors : Path, optional
        The file in which the service writes every hour; None: whether it ran is not known.
    intended : Intended, optional
        The budget of false alarms; None: not known.
    """

    engine: Engine
    zone: ZoneInfo
    folder: Path | None = None
    anchors: Path | None = None
    intended: Intended | None = None

    def made(self, month: Month, now: datetime, area: str | None = None, batteries: Batteries | None = None) -> Report:
        """Return the report of a month as far as it is known at `now`."""
        with database.reading(self.engine).connect() as conn:
            rows = monthly.month_rows(conn, month, now, self.zone, area)
        seen = self._seen()
        spans = [month.span(zone) for zone in {self.zone, *(home.zone for home in rows.homes)}]
        wide = min(start for start, _ in spans), min(max(end for _, end in spans), now)
        down = None if seen is None else down_between(seen, wide, SEEN_EVERY.total_seconds())
        rows = replace(rows, down=None if down is None else joined(down), batteries=batteries)
        return report(rows, month, now, area, self.intended)

    def _seen(self) -> list[datetime] | None:
        """Return the moments at which the service wrote that it ran; None: there is no such file, or it is damaged."""
        if self.anchors is None:
            return None
        try:
            return [anchor.at for anchor in audit.kept(self.anchors)]
        except (OSError, ValueError):
            return None

    # --- kept ------------------------------------------------------------------------------------------------------

    def kept(self, month: Month) -> Report | None:
        """Return the report that was kept of a month; None: none was, or it cannot be read."""
        if self.folder is None:
            return None
        try:
            return msgspec.json.decode(self._file(self.folder, month).read_bytes(), type=Report)
        except (OSError, msgspec.DecodeError):
            return None

    def of(self, month: Month, now: datetime, batteries: Batteries | None = None) -> tuple[Report, bool]:
        """Return the kept report of a month and True, else what is known now and False."""
        kept = self.kept(month)
        return (kept, True) if kept is not None else (self.made(month, now, None, batteries), False)

    def keep(self, found: Report) -> bool:
        """Keep a report unless one of its month is kept already; whether it was kept now."""
        if self.folder is None:
            return False
        file = self._file(self.folder, Month.read(found.month))
        if file.exists():
            return False
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = file.with_suffix(".part")
        half.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
        half.chmod(0o600)
        with half.open("rb") as written:
            os.fsync(written.fileno())
        half.replace(file)
        return True

    def keep_if_due(self, now: datetime, batteries: Callable[[], Batteries | None]) -> Month | None:
        """Keep the report of the newest month that is over everywhere, if there is none yet; return its month if it was kept.

        Before the first home is registered there is nothing to report.
        """
        month = self.newest_over(now)
        if month is None or self.folder is None or self._file(self.folder, month).exists():
            return None
        return month if self.keep(self.made(month, now, None, batteries())) else None

    def newest_over(self, now: datetime) -> Month | None:
        """Return the newest month that is over by the clocks of the installation and of every home; None: no home yet."""
        with database.reading(self.engine).connect() as conn:
            zones = monthly.zones(conn)
        return min(Month.of(now, zone) for zone in (self.zone, *zones)).later(-1) if zones else None

    @staticmethod
    def _file(folder: Path, month: Month) -> Path:
        return folder / FOLDER / f"{month}.json"


def trail(reports: Reports, last: Month, months: int, now: datetime, known: Iterable[Report] = ()) -> list[Report]:
    """Return the reports of `last` and the months before it, the oldest first; those in `known` are not worked out again."""
    there = {one.month: one for one in known}
    wanted = [last.later(-back) for back in range(months - 1, -1, -1)]
    return [there.get(str(month)) or reports.of(month, now)[0] for month in wanted]
