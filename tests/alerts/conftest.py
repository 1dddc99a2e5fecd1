"""A database with the test registry in it, made once and copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from alerts import database
from alerts.policy import Policy
from alerts.store import Store
from tests.alerts import neighbourhood


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database file to copy."""
    folder = tmp_path_factory.mktemp("filled")
    engine = database.open(folder / "people.sqlite")
    neighbourhood.fill(engine, folder / "sheets")
    engine.dispose()
    return folder / "people.sqlite"


@pytest.fixture
def engine(filled: Path, tmp_path: Path) -> Iterator[Engine]:
    """Return an engine on a fresh copy."""
    shutil.copy(filled, tmp_path / "people.sqlite")
    opened = database.connect(tmp_path / "people.sqlite")  # up to date: the copy of one that was opened
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    """Return a store with the default policy."""
    return Store(engine, Policy())
