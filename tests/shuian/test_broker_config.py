"""The broker's files: who may log in and write where, on a real Mosquitto over TLS; secrets made once."""

import base64
import stat
from datetime import UTC, datetime

import pytest

from ingest.devices import FORMATS
from ingest.mqtt import BrokerSettings
from shuian import cli
from shuian.broker_accounts import Fitted, GatewayAccount, ServerSettings, access
from shuian.broker_files import Emqx, Mosquitto
from shuian.errors import BadInput
from tests.alerts import neighbourhood
from tests.shuian.door import DEVICES, TOPICS, Door, client

AT = datetime(2026, 11, 22, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    made = Door(tmp_path_factory.mktemp("door"))
    made.write()
    with made.open():
        yield made


def covers(pattern, topic):
    """Tell whether a topic filter covers a topic (MQTT 5, section 4.7)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))


# --- at the door -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "own", "foreign"),
    [
        pytest.param(
            "wm-1",
            ["shuian/v1/north/wm-1/up", "shuian/v1/north/wm-1/status"],
            ["shuian/v1/north/wm-2/up", "application/1/device/2/event/up", "x", "shuian-check/1"],
            id="a device",
        ),
        pytest.param(
            "00%3A11%3A22",
            ["shuian/v1/north/00:11:22/up"],
            ["shuian/v1/north/wm-1/up", "shuian/v1/north/00%3A11%3A23/up"],
            id="a device whose name no password file can hold",
        ),
        pytest.param(
            "chirpstack",
            ["application/1/device/0101010101010101/event/up"],
            ["shuian/v1/north/wm-1/up", "zigbee2mqtt/door"],
            id="a gateway with a subtree",
        ),
        pytest.param(
            "gw-7",
            ["shuian/v1/north/behind/up"],
            ["shuian/v1/north/wm-1/up"],
            id="a gateway with the topics of those behind it",
        ),
        pytest.param("shuian", ["shuian-check/1"], ["shuian/v1/north/wm-1/up"], id="the service"),
    ],
)
def test_everybody_writes_own_topics_and_no_other(door, name, own, foreign):
    with client(door, name) as device:
        assert device.connected == "Success"
        for topic in own:
            assert device.publish(topic).startswith(("Success", "No matching")), topic
    for topic in foreign:  # a new connection each: Mosquitto 2.0 cuts one that was refused (its issue 2579)
        with client(door, name) as device:
            assert device.publish(topic) == "Not authorized", topic


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "secret"),
    [
        pytest.param(None, None, id="nobody"),
        pytest.param("wm-1", "guessed", id="wrong secret"),
        pytest.param("wm-9", "x", id="unknown device"),
        pytest.param("behind", "x", id="a device behind a gateway"),
    ],
)
def test_who_has_no_credential_is_refused(door, name, secret):
    with client(door, name, secret) as stranger:
        assert stranger.connected == "Not authorized"


# --- made once -------------------------------------------------------------------------------------------------------


def test_a_secret_is_made_once_rotated_alone_and_ends_with_its_device(tmp_path):
    door = Door(tmp_path)
    first = door.write()
    assert (first.accounts, first.new, first.rotated, first.ended) == (8, 8, 0, 0)
    passwd = (tmp_path / "passwd").read_text().splitlines()
    again = door.write()
    assert (again.new, again.secrets) == (0, None)
    assert (tmp_path / "passwd").read_text().splitlines() == passwd
    rotated = door.write(rotate=("wm-1",))
    assert (rotated.new, rotated.rotated) == (0, 1)
    assert rotated.secrets != first.secrets
    changed = {line.partition(":")[0] for line in (tmp_path / "passwd").read_text().splitlines() if line not in passwd}
    assert changed == {"wm-1"}
    door.devices = DEVICES[1:]
    assert door.write().ended == 1
    assert "wm-1:" not in (tmp_path / "passwd").read_text()
    with pytest.raises(BadInput, match="no account wm-1"):
        door.write(rotate=("wm-1",))


def test_nobody_else_may_read_what_was_written_and_no_hash_tells_a_secret(tmp_path):
    door = Door(tmp_path)
    door.write()
    files = [one for one in tmp_path.iterdir() if one.is_file()]
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}
    for name in ("passwd", "acl", "mosquitto.conf"):
        assert not any(secret in (tmp_path / name).read_text() for secret in door.secrets.values())


def test_a_damaged_file_of_accounts_is_not_written_over(tmp_path):
    door = Door(tmp_path)
    door.write()
    (tmp_path / "passwd").write_text("wm-1 lost its hash\n")
    with pytest.raises(BadInput, match="passwd, line 1"):
        door.write()
    assert (tmp_path / "passwd").read_text() == "wm-1 lost its hash\n"


def test_the_command_reads_registry_and_configuration(tmp_path, monkeypatch, capsys):
    from alerts import database

    monkeypatch.chdir(tmp_path)
    (tmp_path / "shuian.toml").write_text('[[mqtt]]\nname = "city"\nhost = "broker.example"\n')
    (tmp_path / "shuian-data").mkdir()
    engine = database.open(tmp_path / "shuian-data" / "people.sqlite")
    neighbourhood.fill(engine, tmp_path / "sheets")
    engine.dispose()
    with pytest.raises(SystemExit) as ended:
        cli.main(["broker-config", "files"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "accounts: " in said
    assert "user wmbusmeters\ntopic readwrite wmbusmeters/#" in (tmp_path / "files" / "acl").read_text()
    assert "m1:" not in (tmp_path / "files" / "passwd").read_text()  # it was taken out in June
    assert "user shuian" in (tmp_path / "files" / "acl").read_text()
    with pytest.raises(SystemExit) as ended:
        cli.main(["broker-config", "files", "--rotate", "m9"])
    assert ended.value.code == 2


# --- worked out ------------------------------------------------------------------------------------------------------


CALLED = {"esphome": "water-meter/water_total", "ai_on_the_edge": "watermeter/main", "cjt188": "01010101010101"}


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"plain"}))  # whose topics the configuration says
def test_what_a_device_says_lies_on_topics_that_it_or_its_gateway_may_write(name):
    device = CALLED.get(name, "0101010101010101")
    more = {
        "native": ("shuian", "north", device, "m", [(AT, 12.0)]),
        "senml": (device, [(AT, 12.0)]),
        "shelly": (device, AT),
    }.get(name, (device, AT, 12.0))
    said = {"leak": True} if name == "shelly" else {}
    topic, _ = FORMATS[name].encode(*more, **said)
    allowed = [one.format(device=device) for one in FORMATS[name].writes or FORMATS[name].gateway]
    assert any(covers(pattern, topic) for pattern in allowed), (topic, allowed)


def test_gateways_of_the_configuration_stand_in_for_the_usual_one():
    house = GatewayAccount("z2m-7", ("zigbee2mqtt/house7/#",))
    found = access([Fitted("door", "zigbee2mqtt")], ServerSettings(gateways=(house,)), settings())
    assert found.names == ("shuian", "z2m-7")
    assert found.accounts[1].writes == house.topics


@pytest.mark.parametrize(
    ("devices", "server", "said"),
    [
        pytest.param([Fitted("a+b", "native")], {}, "no topic can hold", id="wildcard in a name"),
        pytest.param([Fitted("shuian", "native")], {}, "two accounts", id="name taken"),
        pytest.param([], {"gateways": (GatewayAccount("g", ("a/#/b",)),)}, "no topic filter", id="no filter"),
        pytest.param([], {"gateways": (GatewayAccount("g", ("#",)),)}, "below a fixed level", id="everything"),
        pytest.param([], {"device_topics": {"native": ("home/up",)}}, "want {device}", id="no device"),
        pytest.param([], {"device_topics": {"nativ": ()}}, "no format", id="no format"),
    ],
)
def test_what_would_open_the_wrong_door_is_refused(devices, server, said):
    with pytest.raises(BadInput, match=said):
        access(devices, ServerSettings(**server), settings())


def settings():
    return BrokerSettings("city", "broker.example", 8883, TOPICS, "shuian-ingest")


def test_mosquittos_hash_is_that_of_its_own_tool():
    """`mosquitto_passwd -b passwd wm-1 hunter2-hunter2` wrote this one (Mosquitto 2.0.11)."""
    kept = (
        "$7$101$lwsvlPKUvhVwQeTU$mawrnSdcVPbzMpmS3TdGFffNAWLXdxXdRNSy"
        "kpgcP6ojVhnsFJEXo+dRnrnvuMWJ3EoYVhN5HJTTwTxoQb8MwQ=="
    )
    salt = base64.b64decode(kept.split("$")[3])
    assert Mosquitto().hashed("hunter2-hunter2", salt) == kept


def test_emqx_gets_the_same_in_its_own_words(tmp_path):
    """The hash is the one that EMQX's own test suite expects of SHA-256 with the salt behind (emqx_passwd_SUITE)."""
    kind = Emqx()
    kept = kind.hashed("password", "salt")
    assert kept == "7a37b85c8918eac19a9089c0fa5a2ab4dce3f90528dcdeec108b23ddf3607b99,salt"
    wanted = access(DEVICES, ServerSettings(kind="emqx", folder="/etc/emqx"), settings())
    files = kind.files(wanted, dict.fromkeys(wanted.names, kept), ServerSettings(kind="emqx", folder="/etc/emqx"))
    assert kind.read(files[kind.accounts_file]) == dict.fromkeys(wanted.names, kept)
    rules = files["acl.conf"].splitlines()
    assert rules[-1] == "{deny, all}."
    assert '{allow, all, publish, ["shuian/v1/+/${username}/status", "shuian/v1/+/${username}/up"]}.' in rules
    assert '{allow, {username, "chirpstack"}, publish, ["application/#"]}.' in rules
    assert "max_mqueue_len = infinity" in files["base.hocon"]
    assert files["base.hocon"].count("{") == files["base.hocon"].count("}")
