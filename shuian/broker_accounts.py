"""Who may speak at the broker, and where: worked out from the registry and the configuration, no file touched.

A device whose format lets it speak for itself has an account of its own, named like the device, and writes its own topics
only.  Devices behind a gateway have none: the gateway has one, and writes its subtree.  A name that password files or
access lists cannot hold (a colon, a blank, Chinese) is written with percent signs in the account, never in the topic.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from ingest.devices import FORMATS
from ingest.mqtt import BrokerSettings
from shuian.errors import BadInput

PROBE = "shuian-check"
"""First level of the topics on which `shuian check` tries the broker's queue; the service's account alone may use them."""
VERSION_TOPIC = "$SYS/broker/version"
"""Where Mosquitto says its version."""
SESSION_DAYS = 14
"""Twice as long as the service usually asks a broker to keep its session. [d]"""
_PLAIN = "@"
"""What an account's name may hold besides letters, digits and ``._-~``."""


@dataclass(frozen=True, slots=True)
class GatewayAccount:
    """A gateway that speaks for many devices: the account's name and the topic filters it may use."""

    name: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The broker's own side, ``[broker]`` in the configuration: what `shuian broker-config` writes files for.

    Parameters
    ----------
    kind : {"mosquitto", "emqx"}
    port : int
        Of the TLS listener; there is no other.
    bind : str
        Address to listen on; empty: every one.
    folder : str
        Where the files will lie on the broker's machine.
    ca_file, cert_file, key_file : str
        The broker's certificate there, and the authority of clients' certificates.
    require_certificate : bool
        Clients must show a certificate of that authority besides their password.
    state : str
        Mosquitto: where it keeps its database.
    most_queued : int
        Messages that may wait for a client that is away; 0: as many as there are.
    gateways : tuple of GatewayAccount
        None for a format: one account named like the format, for its whole subtree.
    device_topics : mapping
        Format to topic filters with ``{device}``, where they are not the usual ones.
    """

    kind: Literal["mosquitto", "emqx"] = "mosquitto"
    port: int = 8883
    bind: str = ""
    folder: str = "/etc/mosquitto"
    ca_file: str = "certs/ca.crt"
    cert_file: str = "certs/server.crt"
    key_file: str = "certs/server.key"
    require_certificate: bool = False
    state: str = "/var/lib/mosquitto"
    most_queued: int = 0
    gateways: tuple[GatewayAccount, ...] = ()
    device_topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A device of the registry, as far as a broker is concerned; `gateway`: it speaks through that one."""

    device: str
    format: str
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """One name that may log in; `writes` and `reads` are its own topic filters, besides the `Access.patterns`."""

    name: str
    kind: Literal["service", "gateway", "device"]
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """All accounts, and filters with ``{device}`` in the place of the account's name that hold for every account."""

    accounts: tuple[Account, ...]
    writes: tuple[str, ...]
    reads: tuple[str, ...]
    session_days: int
    """How long a session that nobody comes back for is kept: longer than the service asks for."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all accounts."""
        return tuple(one.name for one in self.accounts)


def account_name(device: str) -> str:
    """Return the name under which a device logs in: its own, with percent signs for what no file can hold."""
    return quote(device, safe=_PLAIN)


def access(fitted: Iterable[Fitted], server: ServerSettings, broker: BrokerSettings) -> Access:
    """Work out the accounts.

    Parameters
    ----------
    fitted : iterable of Fitted
        The devices that are, or will be, fitted.
    server, broker
        The broker's own side, and how the service goes there.

    Raises
    ------
    BadInput
        A filter is none, a name is taken twice, or a device's name can stand in no topic.
    """
    devices = sorted({one.device: one for one in fitted}.values(), key=lambda one: one.device)
    _want_names(devices)
    _want_filters(server, broker)
    used = {one.format for one in devices}
    direct = [one for one in devices if _writes(one.format, server) and not one.gateway]
    accounts = [_service(broker), *_gateways(devices, used, server), *(_device(one, server) for one in direct)]
    _want_unique(accounts)
    plain = {one.format for one in direct if account_name(one.device) == one.device}
    return Access(
        tuple(accounts),
        tuple(sorted({topic for name in plain for topic in _writes(name, server)})),
        tuple(sorted({topic for name in plain for topic in _reads(name)})),
        max(SESSION_DAYS, 2 * -(-broker.session_expiry_s // 86_400)),
    )


def _service(broker: BrokerSettings) -> Account:
    return Account(
        broker.username or "shuian", "service", (f"{PROBE}/#",), (*broker.topics, f"{PROBE}/#", VERSION_TOPIC)
    )


def _device(one: Fitted, server: ServerSettings) -> Account:
    name = account_name(one.device)
    if name == one.device:
        return Account(name, "device")  # the patterns say all
    return Account(
        name,
        "device",
        tuple(topic.replace("{device}", one.device) for topic in _writes(one.format, server)),
        tuple(topic.replace("{device}", one.device) for topic in _reads(one.format)),
    )


def _gateways(devices: Sequence[Fitted], used: set[str], server: ServerSettings) -> list[Account]:
    """Return an account for each gateway that is configured, or that the registry's devices need."""
    topics = {one.name: list(one.topics) for one in server.gateways}
    given = [topic for one in server.gateways for topic in one.topics]
    for name in sorted(used):
        subtree = FORMATS[name].gateway
        if subtree and not any(_first(topic) == _first(one) for topic in subtree for one in given):
            topics[name] = list(subtree)
    for one in devices:
        if one.gateway and (own := _writes(one.format, server)):
            topics.setdefault(account_name(one.gateway), []).extend(
                topic.replace("{device}", one.device) for topic in own
            )
    return [Account(name, "gateway", tuple(them), tuple(them)) for name, them in topics.items()]


def _writes(name: str, server: ServerSettings) -> tuple[str, ...]:
    return tuple(server.device_topics.get(name, FORMATS[name].writes))


def _reads(name: str) -> tuple[str, ...]:
    return FORMATS[name].reads


def _first(topic: str) -> str:
    return topic.partition("/")[0]


def _want_names(devices: Sequence[Fitted]) -> None:
    for one in devices:
        if one.format not in FORMATS:
            raise BadInput(f"device {one.device}: no format {one.format!r}", f"want one of {', '.join(FORMATS)}")
        if set("+#\0") & set(one.device):
            raise BadInput(f"device {one.device}: no topic can hold + or #", "correct its name in the registry")


def _want_filters(server: ServerSettings, broker: BrokerSettings) -> None:
    filters = [*broker.topics, *(topic for one in server.gateways for topic in one.topics)]
    for name, topics in server.device_topics.items():
        if name not in FORMATS:
            raise BadInput(f"broker.device_topics: no format {name!r}", f"want one of {', '.join(FORMATS)}")
        if any("{device}" not in topic for topic in topics):
            raise BadInput(f"broker.device_topics.{name}: want {{device}} in each", "such as home/v1/+/{device}/up")
        filters += topics
    for topic in filters:
        if not _is_filter(topic):
            raise BadInput(f"{topic!r} is no topic filter", "+ fills a level, # the last one: application/+/device/#")
    if broker.username and account_name(broker.username) != broker.username:
        raise BadInput(f"mqtt.username {broker.username!r} fits no password file", "take letters, digits and ._-@")
    for one in server.gateways:
        if not one.topics or account_name(one.name) != one.name or any(_first(t) in "+#" for t in one.topics):
            raise BadInput(
                f"broker.gateways: {one.name!r} wants a name of letters, digits and ._-@, and topics below a fixed level",
                'such as { name = "chirpstack", topics = ["application/#"] }',
            )


def _is_filter(topic: str) -> bool:
    """Return whether `topic` is a filter by MQTT 5, section 4.7.1."""
    levels = topic.split("/")
    whole = all(level in "+#" or not set("+#") & set(level) for level in levels if level)
    return bool(topic) and whole and "#" not in levels[:-1] and topic.isprintable()


def _want_unique(accounts: Sequence[Account]) -> None:
    seen: set[str] = set()
    for one in accounts:
        if one.name in seen:
            raise BadInput(f"two accounts would be called {one.name}", "call the service, gateway or device otherwise")
        seen.add(one.name)
