"""One file a channel: its settings, how an address must look, `send`, and samples of what it sends.

To add a channel, add a module here that has ``Settings`` (a frozen dataclass), ``address_fault(address)``,
``Channel(settings)`` with ``send`` and ``close``, and ``SAMPLES``.  Modules are found when this package is imported;
one that fails to import stops the program.  What a provider tells of a message afterwards is a `Receipt`: a channel that
can be called back is `Called` as well, one that can be asked is `Asked`, one by which people answer is `Answered`.
"""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar, Literal, Protocol, cast, runtime_checkable

RESERVE = "the reserve for real messages"
"""What a channel says of a message of a drill that it held back for the sake of real ones; the drill then stops."""


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
    template: str = ""
    """Which kind of notice it is, for channels that may send only texts approved beforehand."""
    role: str = ""
    """worker, family or operator."""
    params: Mapping[str, str] = field(default_factory=dict)
    """What such a text leaves open: number, level, place, code."""

    @property
    def may_use_reserve(self) -> bool:
        """Whether it may use what is kept for real messages: those of life, and the word that another one is real."""
        return self.realm == "live" or self.template == "drill_real"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt.

    accepted: the provider took it (which is not yet delivered); failed: it did not, and it surely was not sent;
    unknown: it may have been sent.  `permanent`: trying again cannot help; `bad_address`: because nobody is reached there.
    `detail` holds no address and no text.  `provider_id`: under which the provider knows the message.
    """

    state: Literal["accepted", "failed", "unknown"]
    permanent: bool = False
    detail: str = ""
    bad_address: bool = False
    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says of a message that it took before.

    failed: the message surely did not arrive (`bad_address`: nor will another one).  `address` is the one it was sent to.
    """

    notice: str
    address: str
    state: Literal["delivered", "seen", "failed"]
    at: datetime | None = None
    detail: str = ""
    bad_address: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody answered by a channel: `id` is the provider's of the message, `address` whose it is."""

    id: str
    address: str
    text: str


class Forged(Exception):
    """A call that its provider did not make, or made long ago: its signature does not fit."""


class Unreadable(ValueError):
    """A call with the right signature in which nothing of ours can be read."""


class Sender(Protocol):
    """A channel that is set up."""

    async def send(self, outgoing: Outgoing) -> Result:
        """Try once; trouble is a result, not an exception."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


@runtime_checkable
class Called(Protocol):
    """A channel whose provider calls us."""

    def receipts(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Receipt]:
        """Return what a call says became of messages; raises `Forged` or `Unreadable`.  Header names are lower case."""
        ...


@runtime_checkable
class Asked(Protocol):
    """A channel whose provider can be asked."""

    async def ask(self, notice: str, address: str, provider_id: str, sent_at: datetime) -> Receipt | None:
        """Return what became of a message; None: the provider does not know (yet), or does not answer."""
        ...


@runtime_checkable
class Answered(Protocol):
    """A channel by which people answer an offer, with a code that stands in it."""

    answers: ClassVar[Literal[True]]

    def replies(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Reply]:
        """Return what people answered; raises `Forged` or `Unreadable`."""
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
