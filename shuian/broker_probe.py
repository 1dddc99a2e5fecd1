"""What can be told of a broker from outside: who may come in, what it promises, and whether it keeps what waits.

Losing is tried, not asked for: a session of our own goes offline, more messages than the usual limit are sent to it, it
comes back and counts.  Whether the broker writes them to its disk cannot be seen without stopping it, and is said so.
"""

import ipaddress
import secrets
import socket

from ingest.mqtt import RECEIVE_MAXIMUM, BrokerSettings
from ingest.strict_json import MOST_BYTES
from shuian.broker_accounts import PROBE, VERSION_TOPIC
from shuian.broker_visit import MOST_RECEIVE, NoVisit, Visit
from shuian.checked import Checked

WAITING = 2_500
"""Messages that are left waiting: above the limit of 1,000 that Mosquitto and EMQX have by themselves, and what is on its
way besides. [-]"""
QUIET_S = 0.4
"""After so long without another message no more come. [s]"""
ON_DISK = "whether it keeps them on disk cannot be seen from here: persistence true, autosave_interval 1"


def probe(settings: BrokerSettings) -> list[Checked]:
    """Look at one broker, in some seconds; other clients notice nothing."""
    what, name = f"broker {settings.name}", f"{settings.client_id}-check-{secrets.token_hex(4)}"
    try:
        with Visit(settings, name) as visit:
            said = visit.retained(VERSION_TOPIC)
            found = f"{settings.host}:{settings.port} answers{'' if said is None else f': {said}'}"
            results = [Checked(what, True, found), *_door(settings, what, name), *_promises(visit, what)]
            results.append(_topics(settings, visit, what))
    except NoVisit as trouble:
        found = f"{settings.host}:{settings.port}: {trouble}"
        return [Checked(what, False, found, f"start it, or correct its [[mqtt]] ({what})")]
    try:
        return results + _queue(settings, what, name)
    except NoVisit as trouble:
        return [*results, Checked(f"{what}, queue", False, f"could not be tried: {trouble}", "see the broker's log")]


# --- who may come in -------------------------------------------------------------------------------------------------


def _door(settings: BrokerSettings, what: str, name: str) -> list[Checked]:
    """Return whether anybody can listen on the way, or come in without a password."""
    results = []
    if not settings.tls:
        near = _loopback(settings.host)
        found = "without TLS" + (", on this machine only" if near else ": passwords and readings pass in clear")
        results.append(Checked(f"{what}, way", near, found, "give the broker a TLS listener: docs/broker.md"))
    if not settings.username:
        near = _loopback(settings.host)
        found = "we come in without a password, as anybody may" + (" on this machine" if near else "")
        return [*results, Checked(f"{what}, door", near, found, "give it accounts: shuian broker-config")]
    try:
        with Visit(settings, f"{name}-nobody", nobody=True):
            found, do = "anybody may come in without a password", "Mosquitto: allow_anonymous false"
            return [*results, Checked(f"{what}, door", False, found, do)]
    except NoVisit:
        return [*results, Checked(f"{what}, door", True, "closed to who has no password")]


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    except (OSError, ValueError):
        return False


# --- what it promises ------------------------------------------------------------------------------------------------


def _promises(visit: Visit, what: str) -> list[Checked]:
    """Return what the broker said of itself when it let us in (MQTT 5), as far as we need more."""
    if not visit.five:
        return []
    least, told = [], visit.told
    if told.get("MaximumQoS", 2) < 1:
        least.append("it takes messages at QoS 0 only, and may lose each")
    if told.get("MaximumPacketSize", MOST_BYTES + 1) <= MOST_BYTES:
        least.append(f"it takes {told['MaximumPacketSize']} bytes at most, messages have up to {MOST_BYTES}")
    if told.get("ReceiveMaximum", MOST_RECEIVE) < 10:
        least.append(f"it takes {told['ReceiveMaximum']} messages at once from a gateway that comes back with many")
    if not told.get("RetainAvailable", 1):
        least.append("it retains nothing: whether a device is reachable is not known after a restart")
    if not told.get("WildcardSubscriptionAvailable", 1):
        least.append("it does not allow + and # in subscriptions, and we read by them")
    if least:
        return [Checked(f"{what}, promises", False, "; ".join(least), "change its MQTT limits: docs/broker.md")]
    return [Checked(f"{what}, promises", True, "QoS 1, messages long enough, wildcards")]


def _topics(settings: BrokerSettings, visit: Visit, what: str) -> Checked:
    granted = visit.subscribe(settings.topics)
    if not granted:
        return Checked(
            f"{what}, topics", False, "it does not answer when we ask for our topics", "see the broker's log"
        )
    refused = [topic for topic in settings.topics if granted.get(topic, 128) >= 128]
    weak = [topic for topic in settings.topics if granted.get(topic) == 0]
    if refused or weak:
        found = "; ".join(
            f"{how}: {', '.join(them)}" for how, them in (("refused", refused), ("QoS 0 only", weak)) if them
        )
        return Checked(f"{what}, topics", False, found, "let the service's account read them: shuian broker-config")
    return Checked(f"{what}, topics", True, f"{len(granted)} filters granted at QoS 1")


# --- whether it keeps what waits -------------------------------------------------------------------------------------


def _queue(settings: BrokerSettings, what: str, name: str) -> list[Checked]:
    """Leave a session, send to it, come back and count; the session is ended afterwards in any case."""
    topic = f"{PROBE}/{secrets.token_hex(4)}"
    try:
        with Visit(settings, name, keep_s=settings.session_expiry_s) as away:
            if away.subscribe([topic]).get(topic, 128) >= 128:
                return [_untried(what)]
            kept_s = int(away.told.get("SessionExpiryInterval", settings.session_expiry_s))
        with Visit(settings, f"{name}-sends") as sender:
            taken = sender.publish(topic, WAITING)
        if not taken:
            return [_untried(what)]
        with Visit(settings, name, keep_s=settings.session_expiry_s) as back:
            window, came = _come_back(back)
    finally:
        with Visit(settings, name):
            pass  # a clean start ends the session
    if not came and window == 0 and settings.version == 3:
        return [_untried(what)]
    return [_kept(what, taken, came), *_window(what, window), *_session(what, kept_s, settings.session_expiry_s)]


def _come_back(back: Visit) -> tuple[int, int]:
    """Return how many messages came before any was acknowledged, and how many in all."""
    back.silent(QUIET_S)
    window, done = len(back.came), 0
    while done < len(back.came):
        turn = back.came[done:]
        back.acknowledge(turn)
        done += len(turn)
        back.silent(QUIET_S if done >= WAITING else 0.15)
    return window, len({one.payload for one in back.came})


def _untried(what: str) -> Checked:
    found = f"could not be tried: our account may not use {PROBE}/#; see for yourself: max_queued_messages 0"
    return Checked(f"{what}, queue", True, f"{found}; {ON_DISK}")


def _kept(what: str, taken: int, came: int) -> Checked:
    if came < taken:
        found = f"of {taken} messages that it took for a session that was away, it lost {taken - came}"
        return Checked(
            f"{what}, queue", False, found, "set max_queued_messages 0 (Mosquitto), mqtt.max_mqueue_len infinity (EMQX)"
        )
    return Checked(f"{what}, queue", True, f"{came} messages waited for a session that was away; {ON_DISK}")


def _window(what: str, window: int) -> list[Checked]:
    if window >= RECEIVE_MAXIMUM:
        return []
    found = f"it sends {window} messages at once, we store up to {RECEIVE_MAXIMUM} together: catching up takes longer"
    return [
        Checked(f"{what}, window", False, found, "set max_inflight_messages 1000 (Mosquitto), mqtt.max_inflight (EMQX)")
    ]


def _session(what: str, kept_s: int, wanted_s: int) -> list[Checked]:
    if kept_s >= wanted_s:
        return []
    found = f"it keeps our session for {kept_s} s, we ask for {wanted_s} s: what waits longer is lost"
    do = "raise persistent_client_expiration (Mosquitto) or the limit of its session expiry, or lower session_expiry_s"
    return [Checked(f"{what}, session", False, found, do)]
