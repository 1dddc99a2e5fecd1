"""One file a channel: its settings, how an address must look, `send`, and samples of what it sends.

To add a channel, add a module here that has ``Settings`` (a frozen dataclass), ``address_fault(address)``,
``Channel(settings)`` with ``send`` and ``close``, and ``SAMPLES``.  Modules are found when this package is imported;
one that fails to import stops the program.
"""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal, Protocol, cast


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One notice, written out, on its way to one address."""

    id: str
    """Of the notice: the same again when it is sent again."""
    address: str
    subject: str
    text: str
    link: str | None
    language: str
    realm: str
    created_at: datetime
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt.

    accepted: the provider took it (which is not yet delivered); failed: it did not, and it surely was not sent;
    unknown: it may have been sent.  `permanent`: trying again cannot help.  `detail` holds no address and no text.
    """

    state: Literal["accepted", "failed", "unknown"]
    permanent: bool = False
    detail: str = ""


class Sender(Protocol):
    """A channel that is set up."""

    async def send(self, outgoing: Outgoing) -> Result:
        """Try once; trouble is a result, not an exception."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """What this channel puts on the wire for `outgoing`: each of these must be in it."""

    outgoing: Outgoing
    contains: Sequence[str]


class Kind(Protocol):
    """What a module in this package offers."""

    Settings: type[Any]
    Channel: Callable[[Any], Sender]
    SAMPLES: Sequence[Sample]

    def address_fault(self, address: str) -> str | None:
        """Return what was wanted of `address`; None: it is well-formed."""
        ...


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by name or address, without asking the network."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _found() -> Mapping[str, Kind]:
    names = sorted(module.name for module in iter_modules(__path__))
    return {name: cast(Kind, import_module(f"{__name__}.{name}")) for name in names}


CHANNELS: Mapping[str, Kind] = _found()
