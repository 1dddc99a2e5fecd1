"""Fixtures of the ingest tests: every broker test runs on both brokers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import Broker, iotcore, mosquitto


@pytest.fixture(params=["mosquitto", "iotcore"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A real broker on a free port of loopback."""
    folder = tmp_path / "broker"
    folder.mkdir()
    with mosquitto(folder) if request.param == "mosquitto" else iotcore() as running:
        yield running
