"""Every panel of the Grafana dashboard asks what a real InfluxDB 1.6.7 answers, of data that the sink wrote."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest

from ingest.measures import milliseconds
from ingest.readings import StoredReading
from ingest.store import SqliteStore
from tests.influx_servers import Influx, running
from tests.ingest.influx_sinks import sinking, work

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "influxdb-readings.json"
BOARD = json.loads(DASHBOARD.read_text("utf-8"))
ASKED = [(panel["title"], target) for panel in BOARD["panels"] for target in panel["targets"]]


def hours_of_life(now):
    """Three days of two meters, a sensor and a battery."""
    begin = milliseconds(now) - 72 * 3_600_000
    for n in range(72 * 4):
        at, flags = begin + n * 900_000, ("time_missing",) if n % 50 == 0 else ()
        for device in ("wm-1", "wm/2"):
            yield StoredReading(device, "water_volume_total", at, 1000 * (n // 3), at + 2000, flags)
        yield StoredReading("wm-1", "temperature", at, 18_500, at + 2000)
        yield StoredReading("wm-1", "battery", at, 90_000, at + 2000)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder, now = tmp_path_factory.mktemp("dashboard"), datetime.now(UTC)
    with running(Influx, folder / "server") as influx, closing(SqliteStore(folder / "readings")) as store:
        store.commit(list(hours_of_life(now)), [])
        with sinking(influx.settings("shuian"), folder, store) as sink:
            work(sink, now)
            work(sink, now + timedelta(minutes=11))  # the hours of late days are made some minutes later
        yield influx


def filled_in(query):
    """Return what Grafana makes of a query: its variables replaced."""
    made = {"$timeFilter": "time >= now() - 7d", "$__interval": "15m", "$device": r"(wm-1|wm\/2)"}
    for name, value in made.items():
        query = query.replace(name, value)
    assert "$" not in query.replace("$/", ""), query
    return query


@pytest.mark.slow
@pytest.mark.parametrize(("title", "target"), ASKED, ids=[f"{title} {target['refId']}" for title, target in ASKED])
def test_a_panel_shows_something(server, title, target):
    found = server.query(filled_in(target["query"]), "shuian")
    values = [value for series in found for row in series["values"] for value in row[1:]]
    assert any(value not in (None, 0) for value in values)
    if "$tag_device" in target["alias"] and "water" in target["query"]:
        assert {series["tags"]["device"] for series in found} == {"wm-1", "wm/2"}


@pytest.mark.slow
def test_the_list_of_devices_can_be_had(server):
    (asked,) = (one["query"] for one in BOARD["templating"]["list"] if one["name"] == "device")
    (found,) = server.query(asked, "shuian")
    assert [row[1] for row in found["values"]] == ["wm-1", "wm/2"]


def test_panels_lie_beside_each_other_and_ask_the_chosen_source():
    def area(panel):
        at = panel["gridPos"]
        return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}

    assert all(not area(one) & area(other) for one, other in combinations(BOARD["panels"], 2))
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in BOARD["panels"])
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert {target["datasource"]["uid"] for _, target in ASKED} == {"${source}"}
    assert all(panel["description"] for panel in BOARD["panels"])
