"""The embedded broker: loopback only, with or without a password, and clear words about a port in use."""

import socket
import subprocess

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from shuian.broker import BrokerError, EmbeddedBroker
from tests.brokers import until

pytestmark = pytest.mark.slow


def accepted(port: int, protocol: MQTTProtocolVersion, password: str | None = None) -> bool:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=protocol, reconnect_on_failure=False)
    if password is not None:
        client.username_pw_set("shuian", password)
    heard: list[bool] = []
    client.on_connect = lambda _c, _d, _f, reason, _p: heard.append(not reason.is_failure)
    client.on_disconnect = lambda *_: heard.append(False)
    client.connect("127.0.0.1", port)
    client.loop_start()
    until(lambda: heard, what="an answer")
    client.disconnect()
    client.loop_stop()
    return heard[0]


def test_both_versions_are_served_and_the_ports_are_free_again_afterwards() -> None:
    with EmbeddedBroker() as broker:
        assert accepted(broker.port, MQTTProtocolVersion.MQTTv5)
        assert accepted(broker.port_v3, MQTTProtocolVersion.MQTTv311)
    with EmbeddedBroker(broker.port, broker.port_v3) as again:
        assert (again.port, again.port_v3) == (broker.port, broker.port_v3)


def test_with_a_password_nobody_else_gets_in() -> None:
    password = 'with "quotes", \\ and 水'
    with EmbeddedBroker(username="shuian", password=password) as broker:
        for port, protocol in (
            (broker.port, MQTTProtocolVersion.MQTTv5),
            (broker.port_v3, MQTTProtocolVersion.MQTTv311),
        ):
            assert accepted(port, protocol, password)
            assert not accepted(port, protocol, "wrong")
            assert not accepted(port, protocol)


def test_a_port_in_use_is_named_and_another_is_offered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} on 127.0.0.1 is in use: .*choose another, for instance"):
            EmbeddedBroker(port).start()


def test_it_listens_on_loopback_only() -> None:
    with EmbeddedBroker() as broker:
        addresses = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()
        outside = [address for address in addresses if "." in address]
        for address in outside:
            with pytest.raises(OSError):  # noqa: PT011  refused, or no route: either is right
                socket.create_connection((address, broker.port), 0.5)


def test_stopping_twice_and_starting_twice_is_harmless() -> None:
    broker = EmbeddedBroker().start()
    assert broker.start() is broker
    broker.stop()
    broker.stop()
    assert not broker.running
