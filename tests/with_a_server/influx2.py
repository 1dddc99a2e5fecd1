"""The dialect v2 against your own InfluxDB 2.x: ``make test-influx2``.

Wanted in the environment: ``INFLUX2_URL``, ``INFLUX2_ORG``, ``INFLUX2_TOKEN`` (one that may make buckets and tasks) and
``INFLUX2_BUCKET``, the name of a bucket for tests.  It is made if it is not there, and so are ``<bucket>_hourly`` and a task
of that name; all points written here are of devices called ``shuian-test-…``, which are erased at the end.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.errors import SinkRefused
from ingest.influx import Sink
from ingest.influx_dialects import DAY_MS, InfluxSettings
from ingest.influx_dialects.v2 import Speaker
from ingest.influx_state import InfluxState
from ingest.line_protocol import lines, safe
from ingest.measures import milliseconds, moment, zulu
from ingest.readings import StoredReading
from ingest.store import SqliteStore
from tests.brokers import until

NAMES = ("INFLUX2_URL", "INFLUX2_ORG", "INFLUX2_TOKEN", "INFLUX2_BUCKET")
HOUR_MS = 3_600_000
NOW = datetime.now(UTC).replace(microsecond=0)
NOW_MS = milliseconds(NOW)


@pytest.fixture(scope="module")
def settings() -> InfluxSettings:
    """What the environment says."""
    missing = [name for name in NAMES if not os.environ.get(name)]
    assert not missing, f"want {', '.join(missing)} in the environment: see the top of this file"
    url, org, token, bucket = (os.environ[name] for name in NAMES)
    return InfluxSettings(url, "v2", bucket, org=org, token=token)


@pytest.fixture
def speaker(settings: InfluxSettings) -> Iterator[Speaker]:
    """A prepared connection."""
    with closing(Speaker(settings)) as made:
        assert made.prepare() == []
        yield made


@pytest.fixture
def device(speaker: Speaker) -> Iterator[str]:
    """A device of our own with a name that is hard to write; erased afterwards."""
    name = f'shuian-test-{uuid.uuid4()} küche 1,=é"'
    yield name
    speaker.erase(name, 0, NOW_MS + DAY_MS)


def rows(device: str, number: int, since: int = NOW_MS - 3 * HOUR_MS) -> list[StoredReading]:
    """Return readings of a minute each."""
    at = [since + n * 60_000 for n in range(number)]
    return [StoredReading(device, "water_volume_total", ms, 1000 * n, ms + 4000, ("late",)) for n, ms in enumerate(at)]


def found(speaker: Speaker, device: str, bucket: str) -> dict[int, float]:
    """Return time -> value of a device, as Flux reads it."""
    whose = safe(device).replace('"', '\\"')
    asked = (
        f'from(bucket: "{bucket}") |> range(start: {zulu(moment(NOW_MS - 30 * DAY_MS))})'
        f' |> filter(fn: (r) => r._field == "value" and r.device == "{whose}")'
    )
    tables = speaker._client.query_api().query(asked)
    return {milliseconds(one.get_time()): one.get_value() for table in tables for one in table.records}


def expected(readings: list[StoredReading]) -> dict[int, float]:
    """Return what `found` should."""
    return {row.measured_ms: row.value / 1000 for row in readings}


def test_it_greets(speaker: Speaker, settings: InfluxSettings) -> None:
    assert f"bucket {settings.database} is there" in speaker.greet()


def test_written_twice_is_there_once(speaker: Speaker, settings: InfluxSettings, device: str) -> None:
    for _ in range(2):
        speaker.write(lines(rows(device, 50)))
    assert found(speaker, device, settings.database) == expected(rows(device, 50))


def test_a_time_is_erased_and_the_rest_stays(speaker: Speaker, settings: InfluxSettings, device: str) -> None:
    old, new = rows(device, 20, NOW_MS - 3 * DAY_MS), rows(device, 20)
    speaker.write(lines(old + new))
    assert speaker.erase(device, 0, NOW_MS - DAY_MS) is False
    assert found(speaker, device, settings.database) == expected(new)


def test_hours_are_made_anew(speaker: Speaker, settings: InfluxSettings, device: str) -> None:
    begin = NOW_MS // HOUR_MS * HOUR_MS - 5 * HOUR_MS
    speaker.write(lines(rows(device, 120, begin)))
    speaker.roll_up(begin, begin + 2 * HOUR_MS)
    hours = {begin: 59.0, begin + HOUR_MS: 119.0}
    until(lambda: found(speaker, device, f"{settings.database}_hourly") == hours, 10, "hourly values")


def test_a_line_it_cannot_read_is_refused_and_no_trouble(speaker: Speaker) -> None:
    with pytest.raises(SinkRefused):
        speaker.write(b"no line at all")


def test_the_sink_copies_a_store(settings: InfluxSettings, speaker: Speaker, device: str, tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "readings")) as store:
        store.commit(rows(device, 500), [])
        sink = Sink(settings, Speaker(settings), InfluxState(tmp_path), store, tmp_path / "readings")
        with closing(sink):
            until(lambda: sink.work(NOW + timedelta(seconds=1)) >= 1.0, 30, "the end of the journal")
            assert sink.status().trouble is None
    assert found(speaker, device, settings.database) == expected(rows(device, 500))
