"""The edge to MQTT: take, decode, judge, commit, and only then acknowledge.

How this works.  paho's network thread does one thing: it puts messages into a bounded inbox.  One committing thread
(`ingest.committer`) takes small batches, judges them, commits them in one synced transaction and acknowledges each
message after that.  Killed at any line, or failed to store: the broker still holds the message and sends it again, and
the store's key absorbs the copy.  While the store fails the full inbox makes the broker wait.

An acknowledgement belongs to the connection on which its message came: after a reconnect the
same number may name another message, so acknowledgements of an earlier connection are not sent; those messages come
again.
"""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest import metrics, tls
from ingest.bindings import Bindings
from ingest.committer import Committer
from ingest.inbox import Inbox, Received
from ingest.lately import Lately
from ingest.limits import NO_WISHES, Limits, LimitSettings
from ingest.measures import PLAUSIBLE_FROM
from ingest.mqtt_client import Client, Publication
from ingest.quality import Message
from ingest.rules import NO_RULES, ReaderRules
from ingest.store import SqliteStore

log = logging.getLogger(__name__)

INBOX = 2_000
"""Messages that wait for the store in memory; more wait at the broker."""
RECEIVE_MAXIMUM = 1_000
"""MQTT 5: messages the broker may send without acknowledgement; two batches, so that one comes while one is stored."""
MOST_PACKET = 16 * 2**20
"""MQTT 5: the broker must not send a longer packet; the longest that any reader takes is 256 KiB. [byte]"""
RESUMED_S = 60.0
"""After a session was resumed, what comes may have come before even without the DUP flag. [s]"""

MOST_HURRY = timedelta(minutes=1)
"""How far arrivals of one topic may run ahead of the clock."""
_MILLISECOND = timedelta(milliseconds=1)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """One broker to listen to.

    Parameters
    ----------
    name : str
        For logs and metrics.
    topics : tuple of str
        Filters to subscribe to with QoS 1.
    client_id : str
        Fixed, and used by nobody else at this broker: the session, with all that waits for us, hangs on it.
    version : {5, 3}
        MQTT 5 or 3.1.1.
    ca_file : str, optional
        Authorities that may vouch for the broker; None: those of this machine.
    cert_file, key_file : str, optional
        Our own certificate, for brokers that ask for one.
    session_expiry_s : int
        How long an MQTT 5 broker keeps messages for us while we are away. [s]
    retry_s : (float, float)
        First and longest pause between attempts to connect, and between attempts to store. [s]
    """

    name: str
    host: str
    port: int
    topics: tuple[str, ...]
    client_id: str
    version: int = 5
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    session_expiry_s: int = 7 * 86_400
    retry_s: tuple[float, float] = (1.0, 30.0)


class Source:
    """Readings from one broker into the store.

    Parameters
    ----------
    settings : BrokerSettings
    store : SqliteStore
        Several sources may share one.
    bindings : Bindings
        Asked for every reading.
    clock : callable
        Returns the aware time of now.
    on_commit : callable
        Called after every commit, on the committing thread; must be quick.
    lately : Lately, optional
        Told what was understood of each message; several sources may share one.
    rules : ReaderRules, optional
        What the configuration says of topics that no format knows by itself.
    limits : LimitSettings, optional
        How much one device may say.

    Raises
    ------
    TlsError
        A certificate or key of the settings cannot be used.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        store: SqliteStore,
        bindings: Bindings,
        clock: Clock,
        on_commit: Callable[[], None],
        lately: Lately | None = None,
        rules: ReaderRules = NO_RULES,
        limits: LimitSettings = NO_WISHES,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._inbox = Inbox(INBOX)
        self._stopping = Event()
        self._acking = Lock()
        self._connection = 0
        self._resumed_until = 0.0
        self._connected = False
        self._network = "not started"
        self._clock_trouble: str | None = None
        self._received = metrics.RECEIVED.labels(settings.name)
        self._last_message = metrics.LAST_MESSAGE.labels(settings.name)
        self._arrivals: dict[str, datetime] = {}
        self._client = self._make_client()
        self._committer = Committer(
            settings.name,
            self._inbox,
            store,
            bindings,
            on_commit=on_commit,
            acknowledge=self._acknowledge,
            stopping=self._stopping,
            retry_s=settings.retry_s,
            lately=lately,
            rules=rules,
            limits=Limits(limits.device_a_minute),
        )
        self._committing = Thread(target=self._committer.run, name=f"ingest-{settings.name}", daemon=True)

    @property
    def connected(self) -> bool:
        """True while connected and subscribed."""
        return self._connected

    @property
    def trouble(self) -> str | None:
        """Why nothing is taken in although we may be connected; None: all is well."""
        return self._clock_trouble or self._committer.trouble

    @property
    def status(self) -> str:
        """One line for the operator: the connection, and the store or the clock when they are in trouble."""
        trouble = self.trouble
        return self._network if trouble is None else f"{self._network}; {trouble}"

    def start(self) -> None:
        """Begin; returns at once, whether the broker is there or not."""
        settings = self._settings
        self._say(f"waiting for {settings.host}:{settings.port}")
        self._committing.start()
        if settings.version == 5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = settings.session_expiry_s
            properties.ReceiveMaximum, properties.MaximumPacketSize = RECEIVE_MAXIMUM, MOST_PACKET
            self._client.connect_async(settings.host, settings.port, 30, clean_start=False, properties=properties)
        else:
            self._client.connect_async(settings.host, settings.port, 30)
        self._client.loop_start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the batch in hand, keep the session at the broker, end both threads.

        What is not committed by then is not acknowledged, and comes again at the next start.
        """
        self._stopping.set()
        if self._committing.is_alive():
            self._committing.join(timeout_s)
        self._client.disconnect()
        self._client.loop_stop()
        self._connected = False
        metrics.CONNECTED.labels(self._settings.name).set(0)
        self._say("stopped")

    # ------------------------------------------------- on paho's network thread

    def _make_client(self) -> Client:
        settings = self._settings
        if settings.version == 5:
            client = Client(CallbackAPIVersion.VERSION2, settings.client_id, protocol=paho.MQTTv5, manual_ack=True)
        else:
            client = Client(
                CallbackAPIVersion.VERSION2, settings.client_id, False, protocol=paho.MQTTv311, manual_ack=True
            )
        if settings.username is not None:
            client.username_pw_set(settings.username, settings.password)
        if settings.tls:
            client.tls_set_context(tls.context(settings))
        client.reconnect_delay_set(*settings.retry_s)  # type: ignore[arg-type]  # paho only compares and adds them
        client.connect_timeout = 5.0
        client.on_fault = metrics.FAULTS.labels(settings.name, "network").inc
        client.on_pre_connect = self._next_connection
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publications = self._on_publications
        return client

    def _next_connection(self, *_: Any) -> None:
        with self._acking:
            self._connection += 1

    def _on_connect(
        self, client: paho.Client, _data: Any, flags: paho.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._say(f"refused by {self._settings.host}:{self._settings.port}: {reason}")
            return
        self._resumed_until = monotonic() + RESUMED_S if flags.session_present else 0.0
        client.subscribe([(topic, 1) for topic in self._settings.topics])

    def _on_subscribe(
        self, _client: paho.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        refused = [topic for topic, code in zip(self._settings.topics, reasons, strict=False) if code.is_failure]
        if refused:
            self._say(f"connected, but the broker refuses to let us read {', '.join(refused)}")
            return
        self._connected = True
        metrics.CONNECTED.labels(self._settings.name).set(1)
        self._say(f"connected to {self._settings.host}:{self._settings.port}")

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        why = tls.trouble(sys.exc_info()[1]) if self._settings.tls else None
        self._say(f"waiting for {self._settings.host}:{self._settings.port}" + (f": {why}" if why else ""))

    def _on_disconnect(self, client: paho.Client, data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        self._next_connection(client, data)
        was_connected, self._connected = self._connected, False
        metrics.CONNECTED.labels(self._settings.name).set(0)
        place = f"{self._settings.host}:{self._settings.port}"
        if self._stopping.is_set() or self._network.startswith("refused"):
            return  # said already, and why
        if was_connected:
            self._say(f"connection to {place} lost: {reason}")
        else:
            asked = " or does it want a certificate of ours?" if self._settings.tls else ""
            self._say(f"{place} hangs up before it answers: wrong user, password or MQTT version?{asked}")

    def _on_publications(self, found: list[Publication]) -> None:
        """Queue, nothing else.  QoS 1 waits for room (then the broker waits too), QoS 0 is dropped and counted."""
        self._received.inc(len(found))
        if not self._clock_is_set():
            return
        now = self._clock()
        self._last_message.set(now.timestamp())
        if self._inbox.full():
            kept = [one for one in found if one.qos]
            metrics.DROPPED.labels(self._settings.name).inc(len(found) - len(kept))
            found = kept
        again, connection = monotonic() < self._resumed_until, self._connection
        if len(self._arrivals) > INBOX:
            self._arrivals.clear()  # one read brings no more, and the next is a millisecond later
        arrived = self._arrived
        items = [
            # QoS 0 comes once
            Received(
                Message(topic, payload, arrived(topic, now), retain, qos > 0 and (dup or again)), mid, qos, connection
            )
            for topic, payload, qos, retain, dup, mid in found
        ]
        while items and not self._inbox.put(items, 0.2) and not self._stopping.is_set():
            pass

    def _arrived(self, topic: str, now: datetime) -> datetime:
        """Return when this message arrived: no two of one topic in the same millisecond.

        A backlog brings hundreds at once, and where a device says no time its arrival is the reading's.  A clock that was
        put back begins anew.
        """
        before = self._arrivals.get(topic)
        if before is not None and before - MOST_HURRY <= now < before + _MILLISECOND:
            now = before + _MILLISECOND
        self._arrivals[topic] = now
        return now

    def _clock_is_set(self) -> bool:
        """Wait for a clock that was set (a small machine starts in 1970): the broker waits too.  False: stopping."""
        while (now := self._clock()) < PLAUSIBLE_FROM:
            trouble = f"the clock of this machine says {now:%Y-%m-%d}: set it; messages wait at the broker"
            if trouble != self._clock_trouble:
                self._clock_trouble = trouble
                log.error("%s", trouble, extra={"broker": self._settings.name})
            if self._stopping.wait(0.2):
                return False
        self._clock_trouble = None
        return True

    def _say(self, network: str) -> None:
        """Note the state of the connection; log it once per change."""
        if network != self._network:
            self._network = network
            log.info("broker: %s", network, extra={"broker": self._settings.name})

    def _acknowledge(self, items: list[Received]) -> None:
        with self._acking:
            mids = [item.mid for item in items if item.qos and item.connection == self._connection]
            with suppress(OSError):  # the connection has just gone: the messages will come again
                self._client.ack_all(mids)
