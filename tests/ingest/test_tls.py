"""The service's way to a broker over TLS: whom it believes, what it shows, and what it says when that fails."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from prometheus_client import generate_latest

from ingest import tls
from ingest.devices import native
from ingest.errors import TlsError
from ingest.mqtt import Source
from ingest.store import SqliteStore
from tests.brokers import mosquitto, until
from tests.ingest.ingester import EveryDevice
from tests.shuian.door import Door, authority, certificate, client

_, UP = native.encode("shuian", "north", "wm-1", "m-1", [(datetime.now(UTC), 12.0)])


@pytest.fixture
def door(tmp_path):
    made = Door(tmp_path)
    made.write()
    return made


@pytest.fixture
def source(tmp_path):
    """Start a source with given settings, on `start.store`; all are ended after the test."""
    store = SqliteStore(tmp_path / "readings")
    made = []

    def start(settings):
        made.append(Source(settings, store, EveryDevice(), lambda: datetime.now(UTC), lambda: None))
        made[-1].start()
        return made[-1]

    start.store = store
    yield start
    for one in made:
        one.stop(1)
    store.close()


@pytest.mark.slow
def test_a_device_and_the_service_meet_with_credentials_of_their_own(door, source):
    with door.open():
        reader = source(door.settings())
        until(lambda: reader.connected, what="connection")
        with client(door, "wm-1") as device:
            assert device.publish("shuian/v1/north/wm-1/up", UP) == "Success"
        until(lambda: source.store.counts()["stored"] == 1, what="the reading")


@pytest.mark.slow
def test_metrics_name_no_device_whatever_became_of_its_message(door, source):
    names = ("wm-1", "wm-2", "nobody-7", "shy-8")
    with door.open():
        reader = source(door.settings())
        until(lambda: reader.connected, what="connection")
        for name in names:
            with client(door, name) as device:
                device.publish(f"shuian/v1/north/{name}/up", UP.replace(b"wm-1", name.encode()))
                device.publish(f"shuian/v1/north/{name}/up", f"{name} says what nobody can read".encode())
        until(lambda: source.store.counts()["rejected"] >= 6, what="refusals")
    told = generate_latest().decode()
    assert 'shuian_ingest_rejected_total{broker="city",reason="unknown_device"}' in told
    assert [name for name in (*names, "north", "shuian/v1") if name in told] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "asked", "said"),
    [
        pytest.param({}, {"ca_file": "other.crt"}, "not of an authority that we believe", id="wrong authority"),
        pytest.param({"by": "other"}, {}, "not of an authority that we believe", id="signed by another"),
        pytest.param({"days": -1}, {}, "has expired", id="expired"),
        pytest.param({"host": "DNS:broker.example"}, {}, "for another name", id="wrong name"),
        pytest.param({}, {"password": "guessed"}, "Not authorized", id="wrong password"),
        pytest.param({}, {"username": None, "password": None}, "Not authorized", id="nobody"),
    ],
)
def test_a_door_that_is_not_ours_stays_closed_and_is_told_apart(door, source, made, asked, said):
    certs = door.folder / "certs"
    authority(certs, "other")
    certificate(certs, "server", **made)
    if "ca_file" in asked:
        asked = {"ca_file": str(certs / asked["ca_file"])}
    with door.open():
        reader = source(door.settings(**asked))
        until(lambda: said in reader.status, what=said)
        assert not reader.connected


@pytest.mark.slow
def test_a_broker_that_wants_our_certificate_gets_it(door, source):
    door.server = replace(door.server, require_certificate=True)
    door.write()
    certs = door.folder / "certs"
    certificate(certs, "service")
    shown = {"cert_file": str(certs / "service.crt"), "key_file": str(certs / "service.key")}
    with door.open():
        bare, ours = source(door.settings(client_id="bare")), source(door.settings(**shown))
        until(lambda: ours.connected, what="connection with a certificate")
        until(lambda: "certificate of ours" in bare.status, what="the reason")
        assert not bare.connected


@pytest.mark.slow
def test_a_port_without_tls_is_called_so(door, source, tmp_path):
    (tmp_path / "plain").mkdir()
    with mosquitto(tmp_path / "plain") as plain:
        reader = source(replace(door.settings(), port=plain.port(5)))
        until(lambda: "hangs up when TLS begins" in reader.status, what="the reason")
        assert not reader.connected


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({"ca_file": "none.crt"}, "no such file", id="no authority"),
        pytest.param({"ca_file": "text"}, "not readable as PEM", id="no PEM"),
        pytest.param({"key_file": "a.key"}, "key_file without cert_file", id="key alone"),
        pytest.param({"cert_file": "a.crt", "key_file": "b.key"}, "do not belong together", id="strange key"),
    ],
)
def test_files_that_cannot_be_used_are_named_before_anything_starts(tmp_path, files, said):
    authority(tmp_path, "a")
    authority(tmp_path, "b")
    (tmp_path / "text").write_text("no certificate")
    paths = {name: str(tmp_path / file) for name, file in files.items()}
    with pytest.raises(TlsError, match=said):
        tls.context(SimpleNamespace(**({"ca_file": None, "cert_file": None, "key_file": None} | paths)))


def test_old_tls_is_not_spoken(tmp_path):
    authority(tmp_path, "ca")
    for ca_file in (None, str(tmp_path / "ca.crt")):
        made = tls.context(SimpleNamespace(ca_file=ca_file, cert_file=None, key_file=None))
        assert made.minimum_version == ssl.TLSVersion.TLSv1_2
        assert made.verify_mode is ssl.CERT_REQUIRED
        assert made.check_hostname
