"""The copy at InfluxDB as the people who run the service meet it: service, health, metrics, check, forget."""

import asyncio
import json
import urllib.request
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest

from alerts import database
from alerts.web.ports import Check
from ingest.devices import native
from ingest.influx_dialects import InfluxSettings
from ingest.readings import StoredReading
from ingest.store import SqliteStore
from shuian import checks, cli, config, mirror
from shuian.errors import Trouble
from shuian.service import Service
from tests.alerts import neighbourhood
from tests.brokers import free_port, mosquitto, publisher, until
from tests.influx_servers import Influx, running

pytestmark = pytest.mark.slow


def section(server, **more):
    lines = {"url": server.url, "retry_s": [0.1, 0.5]} | more
    return "\n[influx]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())


def check_of(service):
    return next(check for check in service.health().checks if check.name == "influx")


async def ordeal(settings, server, broker):
    """Run a service, and take the server of its copy away for a while; return what it said, and what was sent."""
    sent, said = set(), []

    async def come(true, what):
        await asyncio.to_thread(until, true, 20, what)

    with publisher(broker) as out:

        def say(number):
            at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=9 - number)
            out.send(*native.encode("shuian", "north", "wm-1", f"n{number}", [(at, 100.0 + number)]))
            out.settle()
            sent.add(("wm-1", "water_volume_total", round(at.timestamp() * 1000)))

        async with Service(settings).running() as service:
            await come(lambda: service.sources["city"].connected, "the broker")
            say(1)
            await come(lambda: len(server.points("shuian")) == 1, "the first point")
            await come(lambda: check_of(service).detail == "ok", "a copy that is whole")
            said.append(check_of(service))
            server.end()
            say(2)
            await come(lambda: check_of(service).detail.startswith("cannot be reached"), "trouble that is told")
            await come(lambda: service.health().counts["stored"] == 2, "storing all the same")
            said.append(check_of(service))
            server.start()
            await come(lambda: len(server.points("shuian")) == 2, "what came during the outage")
            await come(lambda: service.health().counts["influx_behind"] == 0, "the end of the journal")
            metrics = await asyncio.to_thread(urllib.request.urlopen, settings.base_url + "/metrics", timeout=5)
            said.append((service.health().counts, metrics.read().decode()))
    return said, sent


def test_a_service_copies_what_it_stores_and_an_outage_there_stops_nothing_here(tmp_path):
    (tmp_path / "shuian-data").mkdir()
    engine = database.open(tmp_path / "shuian-data" / "people.sqlite")
    device = "wm-1,native,h1,2026-01-01T00:00Z,,L,,1,,PT15M,UTC"
    neighbourhood.fill(engine, tmp_path / "sheets", devices=[neighbourhood.SHEETS["devices"][0], device])
    engine.dispose()
    with running(Influx, tmp_path / "influx") as server, mosquitto(tmp_path) as broker:
        text = f'[web]\nport = {free_port()}\n[[mqtt]]\nname = "city"\nhost = "127.0.0.1"\nport = {broker.port(5)}\n'
        (tmp_path / "shuian.toml").write_text(text + section(server), "utf-8")
        said, sent = asyncio.run(ordeal(config.load(tmp_path / "shuian.toml", {}), server, broker))
        assert set(server.points("shuian")) == sent
    assert said[0] == Check("influx", True, "ok")
    assert said[1].ok, "an outage of a moment is told, and no alarm"
    counts, metrics = said[2]
    assert counts["influx_written"] >= 2
    assert 'shuian_influx_faults_total{part="server"}' in metrics
    assert "shuian_influx_lag_seconds 0.0" in metrics


def test_check_says_who_answers_or_what_to_do(tmp_path):
    with running(Influx, tmp_path) as server:
        found = checks._influx(server.settings("shuian"))
        assert found.ok
        assert "InfluxDB 1.6.7" in found.found
        assert "is not there yet" in found.found
    found = checks._influx(server.settings("shuian"))
    assert not found.ok
    assert "cannot be reached" in found.found
    assert "[influx]" in found.do


def copied(settings, data):
    """Let the copy of a data folder catch up; return what it says of itself."""
    with closing(SqliteStore(data / "readings")) as store, mirror.running(settings, data, store) as copy:
        asyncio.run(_until_idle(copy))
        return copy.checks()[0]


async def _until_idle(copy):
    stop = asyncio.Event()
    task = asyncio.create_task(copy.keep(lambda: datetime.now(UTC), stop))
    while (
        copy.counts()["influx_behind"] or copy.counts()["influx_deletions_owed"] or "older" in copy.checks()[0].detail
    ):
        await asyncio.sleep(0.02)
    stop.set()
    await task


@pytest.mark.parametrize("there", [True, False], ids=["at once", "when the server is back"])
def test_who_is_forgotten_goes_from_the_copy_too(there, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data, at = tmp_path / "shuian-data", round((datetime.now(UTC) - timedelta(hours=1)).timestamp() * 1000)
    with closing(SqliteStore(data / "readings")) as store:
        store.commit([StoredReading(meter, "water_volume_total", at, 7, at, ()) for meter in ("m2", "m9")], [])
    engine = database.open(data / "people.sqlite")
    neighbourhood.fill(engine, tmp_path / "sheets")
    engine.dispose()
    with running(Influx, tmp_path / "influx") as server:
        (tmp_path / "shuian.toml").write_text(config.example() + section(server), "utf-8")
        settings = config.load(tmp_path / "shuian.toml", {}).influx
        assert copied(settings, data).ok
        assert {device for device, _, _ in server.points("shuian")} == {"m2", "m9"}
        if not there:
            server.end()
        with suppress(SystemExit):
            cli.main(["forget", "r1", "--sure"])
        proof = json.loads(capsys.readouterr().out)
        assert proof["influx"].startswith("erased, and confirmed" if there else "owed, the service tries again")
        if not there:
            server.start()
            assert {device for device, _, _ in server.points("shuian")} == {"m2", "m9"}
            assert copied(settings, data).detail == "ok"
        assert {device for device, _, _ in server.points("shuian")} == {"m9"}


def test_a_damaged_file_of_the_copy_is_told_and_what_to_do(tmp_path):
    (tmp_path / "influx.sqlite").write_bytes(b"nothing of ours" * 100)
    with (
        closing(SqliteStore(tmp_path / "readings")) as store,
        pytest.raises(Trouble) as told,
        mirror.running(InfluxSettings(), tmp_path, store),
    ):
        pass
    assert "influx.sqlite" in told.value.what
    assert "copied again" in told.value.do


def test_without_a_section_there_is_no_copy(tmp_path):
    with closing(SqliteStore(tmp_path / "readings")) as store, mirror.running(None, tmp_path, store) as copy:
        assert (copy.checks(), copy.counts()) == ([], {})
        assert mirror.settle(None, tmp_path) == "nothing was copied"
        assert not (tmp_path / "influx.sqlite").exists()
