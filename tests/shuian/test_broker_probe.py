"""`shuian check` at real brokers: what it finds right, what it finds missing, and that nothing of its visit stays."""

from dataclasses import replace

import pytest

from ingest.mqtt import BrokerSettings
from shuian import broker_probe
from shuian.broker_probe import probe
from shuian.broker_visit import NoVisit, Visit
from tests.brokers import Mosquitto
from tests.shuian.door import TOPICS, Door

pytestmark = pytest.mark.slow


def told(settings):
    """Return what is checked -> whether it is well, and what was found."""
    return {one.what.rpartition(", ")[2]: (one.ok, one.found) for one in probe(settings)}


def test_a_broker_with_the_written_files_is_found_well(tmp_path, monkeypatch):
    door = Door(tmp_path)
    door.write()
    with door.open():
        found = told(door.settings())
        assert all(well for well, _ in found.values()), found
        assert set(found) == {"broker city", "door", "promises", "topics", "queue"}
        assert "mosquitto version 2" in found["broker city"][1]
        assert found["queue"][1].startswith("2500 messages waited")
        assert "cannot be seen from here" in found["queue"][1]
        monkeypatch.setattr(broker_probe, "WAITING", 5)
        strange = told(door.settings(username="wm-1", password=door.secrets["wm-1"]))
        assert "could not be tried" in strange["queue"][1]
        assert "not of an authority" in told(door.settings(ca_file=None))["broker city"][1]


@pytest.fixture
def usual(tmp_path):
    """Mosquitto with its own defaults, and open to everybody."""
    broker = Mosquitto(tmp_path)
    (tmp_path / "mosquitto.conf").write_text(
        f"listener {broker.port(5)} 127.0.0.1\nallow_anonymous true\nuser root\nlog_type none\nsys_interval 1\n"
    )
    broker.start()
    yield BrokerSettings("usual", "127.0.0.1", broker.port(5), TOPICS, "x", version=3, username="u", password="p")
    broker.kill()


def test_a_broker_with_its_own_defaults_is_told_what_it_would_lose(usual):
    found = told(usual)
    assert found["door"] == (False, "anybody may come in without a password")
    assert found["queue"][0] is False
    assert "lost 1500" in found["queue"][1]
    assert found["window"][0] is False
    assert "20 messages at once" in found["window"][1]


def test_no_session_of_a_visit_stays_behind(usual, monkeypatch):
    monkeypatch.setattr(broker_probe.secrets, "token_hex", lambda _n: "aa")
    monkeypatch.setattr(broker_probe, "WAITING", 5)
    five = replace(usual, version=5)

    def waits():
        with Visit(five, "sends") as sender:
            sender.publish("shuian-check/aa", 3)
        with Visit(five, "x-check-aa", keep_s=60) as back:
            back.silent(0.1)
            came = len(back.came)
            back.acknowledge(back.came)
            back.subscribe(["shuian-check/aa"])
        return came

    assert [waits(), waits()] == [0, 3]  # a session that stays is found so
    probe(five)
    assert waits() == 0


def test_a_port_where_nobody_listens_is_one_line(usual):
    with pytest.raises(NoVisit, match="refused"), Visit(replace(usual, port=1), "x"):
        pass
    assert [one.ok for one in probe(replace(usual, port=1))] == [False]
