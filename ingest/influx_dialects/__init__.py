"""How to speak to servers that take InfluxDB's line protocol: one module a dialect, found by its name.

To add a dialect, add a module with a class `Speaker` that keeps the promises below; its name is then a value of
``influx.dialect``.  Modules are imported when they are wanted, because one may need a package that is not installed.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ingest.errors import SinkUnavailable

DAY_MS = 86_400_000
HOURLY = "_hourly"
"""What the place of hourly values is called: the name of the raw one with this behind it."""


@dataclass(frozen=True, slots=True)
class InfluxSettings:
    """Where readings are copied to, and for how long they stay there.

    Parameters
    ----------
    url : str
        Address without user or password, such as ``http://127.0.0.1:8086``.
    dialect : {"v1", "v2", "victoriametrics"}
        ``v1``: InfluxDB 1.x, and whatever offers ``/write`` and ``/query`` as 1.x does; ``v2``: InfluxDB 2.x.
    database : str
        Database of its own (``v2``: bucket).
    username, password, token, org : str
        As the server wants them; a token wins over a password, ``org`` is for ``v2``.
    retention_days, hourly_days : int
        How long readings, and hourly values of them, are kept there; 0: for ever. [d]
    setup : bool
        Make database, retention and hourly values; False: somebody else has.
    backfill : bool
        At first copy what was stored before, too.
    batch : int
        Points in one request at most.
    timeout_s : float
        How long one request may take. [s]
    retry_s : (float, float)
        First and longest pause after a failure. [s]
    hold_days : float
        How long the journal is kept for a server that does not answer; later the month files stand in. [d]
    """

    url: str = "http://127.0.0.1:8086"
    dialect: str = "v1"
    database: str = "shuian"
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    org: str = ""
    ca_file: str = ""
    retention_days: int = 90
    hourly_days: int = 365
    setup: bool = True
    backfill: bool = True
    batch: int = 5000
    timeout_s: float = 5.0
    retry_s: tuple[float, float] = (1.0, 300.0)
    hold_days: float = 3.0

    def __post_init__(self) -> None:
        if faults := list(_faults(self)):
            raise ValueError("; ".join(faults))


def _faults(settings: InfluxSettings) -> Sequence[str]:
    parts, faults = urlsplit(settings.url), []
    if parts.scheme not in ("http", "https") or not parts.hostname:
        faults.append("url: want an address such as http://127.0.0.1:8086")
    if "@" in parts.netloc:  # and not shown: it holds a password
        faults.append("url: want no user or password in it: they have settings of their own")
    if settings.dialect not in DIALECTS:
        faults.append(f"dialect: want one of {', '.join(DIALECTS)}, got {settings.dialect!r}")
    if not settings.database:
        faults.append("database: want a name")
    if settings.dialect == "v2" and not (settings.org and settings.token):
        faults.append("org, token: the dialect v2 wants both")
    wrong = [name for name in ("retention_days", "hourly_days", "hold_days") if getattr(settings, name) < 0]
    faults += [f"{name}: want 0 or more" for name in wrong]
    if settings.batch < 1 or settings.timeout_s <= 0 or not 0 < settings.retry_s[0] <= settings.retry_s[1]:
        faults.append("batch, timeout_s, retry_s: want more than nothing, and the shorter pause first")
    return faults


class Speaker(Protocol):
    """A connection to one server.  Used on one thread at a time.

    Every method may raise `SinkUnavailable` (try again later) or `SinkRefused` (trying again does not help).
    """

    expires: bool
    """Whether points older than `InfluxSettings.retention_days` need not be sent."""
    rolls_up: bool
    """Whether `roll_up` does anything, as far as `prepare` found out."""

    def greet(self) -> str:
        """Return who answers, without changing anything there."""
        ...

    def prepare(self) -> list[str]:
        """Make what is wanted and missing there; return what could not be made, in words."""
        ...

    def write(self, lines: bytes) -> None:
        """Write lines.  Once it returns, the server has answered that it has all of them."""
        ...

    def roll_up(self, start_ms: int, end_ms: int) -> None:
        """Make the hourly values of [`start_ms`, `end_ms`) anew."""
        ...

    def erase(self, device: str, start_ms: int, end_ms: int) -> bool:
        """Erase a device's points in [`start_ms`, `end_ms`); return whether those outside of it went too."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def connect(settings: InfluxSettings) -> Speaker:
    """Return a speaker of the wanted dialect; nothing is sent yet.

    Raises
    ------
    SinkUnavailable
        The dialect needs a package that is not installed.
    """
    try:
        module = importlib.import_module(f"{__name__}.{settings.dialect}")
    except ModuleNotFoundError as error:
        raise SinkUnavailable(f"dialect {settings.dialect} wants {error.name}: pip install 'shuian[influx]'") from None
    speaker: Speaker = module.Speaker(settings)
    return speaker


DIALECTS = tuple(sorted(one.name for one in pkgutil.iter_modules([str(Path(__file__).parent)])))
"""Every dialect by name."""
