"""Fixtures of the ingest tests: every broker test runs on both brokers; servers of the copy run once."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingest.store import SqliteStore
from tests.brokers import Broker, iotcore, mosquitto
from tests.influx_servers import Influx, Victoria, running


@pytest.fixture(params=["mosquitto", "iotcore"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A real broker on a free port of loopback."""
    folder = tmp_path / "broker"
    folder.mkdir()
    with mosquitto(folder) if request.param == "mosquitto" else iotcore() as running:
        yield running


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """A real InfluxDB 1.6.7; every test has a database of its own."""
    with running(Influx, tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture(scope="session")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    """A real VictoriaMetrics; every test has a label of its own."""
    with running(Victoria, tmp_path_factory.mktemp("victoria")) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """An empty store in ``tmp_path / "readings"``."""
    with closing(SqliteStore(tmp_path / "readings")) as opened:
        yield opened
