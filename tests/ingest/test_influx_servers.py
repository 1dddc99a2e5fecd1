"""What the copy makes at a server, what a server refuses, and how it forgets; 1.6.7 and VictoriaMetrics are real."""

import signal
import socket
from contextlib import closing
from datetime import timedelta

import pytest

from ingest import erasure, influx_erasure
from ingest.erasure import Span
from ingest.influx_dialects import DAY_MS, InfluxSettings, connect
from ingest.influx_state import FILE
from ingest.line_protocol import line
from ingest.store import SqliteStore
from tests.brokers import until
from tests.influx_servers import Influx, running
from tests.ingest.influx_sinks import HOUR_MS, MINUTE_MS, NOW, NOW_MS, expected, readings, sinking, stored, values, work

pytestmark = pytest.mark.slow


# --- what the server does not want --------------------------------------------------------------------------------------


def test_a_refused_point_is_kept_and_counted_and_the_rest_is_written(influx, tmp_path, store):
    influx.query('CREATE DATABASE "bad"', "")
    bad = readings(3, "wm-1", "battery")
    good = readings(300, "wm-1")
    mixed = [*good[:100], bad[0], *good[100:150], bad[1], *good[150:], bad[2]]
    with sinking(influx.settings("bad", setup=False), tmp_path, store) as sink:
        taken = {"db": "bad", "precision": "ms"}
        sink._speaker._http.post("/write", params=taken, content=b'battery value="text" %d' % NOW_MS).raise_for_status()
        stored(store, mixed)
        status = work(sink)
        kept = sink._state.refused(10)
    assert status.refused == 3
    assert {one.line for one in kept} == {line(one) for one in bad}
    assert all("field type conflict" in one.reason for one in kept)
    assert {key: value for key, value in values_of(influx, "bad").items() if key[1] != "battery"} == expected(good)


def values_of(server, database):
    found = server.points(database, "autogen")
    return {key: one["value"] for key, one in found.items() if key[1] != "battery"}


def test_what_is_too_much_for_one_request_goes_in_several(tmp_path, store):
    stored(store, rows := readings(300))
    with running(lambda folder: Influx(folder, most_bytes=2_000), tmp_path / "server") as server:
        with sinking(server.settings("big"), tmp_path, store) as sink:
            assert work(sink).refused == 0
        assert values(server, "big") == expected(rows)


def test_a_server_that_is_slow_gets_less_at_once(tmp_path, store):
    stored(store, readings(50))
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        settings = InfluxSettings(address, timeout_s=0.05, batch=300, setup=False, retry_s=(0.05, 0.2))
        with sinking(settings, tmp_path, store) as sink:
            sizes = [(sink.work(NOW), sink._size)[1] for _ in range(3)]
            assert sizes == [150, 100, 100]
            assert "no answer in time" in sink.status().trouble


def test_what_is_older_than_the_retention_is_not_sent(influx, tmp_path, store):
    old, new = readings(5, "old", since=NOW_MS - 8 * DAY_MS), readings(5, "new")
    stored(store, old, new)
    with sinking(influx.settings("young", retention_days=7), tmp_path, store) as sink:
        status = work(sink)
    assert values(influx, "young") == expected(new)
    assert status.expired >= 5
    assert status.refused == 0


# --- set up -------------------------------------------------------------------------------------------------------------


def test_database_retention_and_hourly_values_are_made_once_and_changed_when_asked(influx, tmp_path):
    for days in (90, 30, 0):
        with closing(connect(influx.settings("made", retention_days=days, hourly_days=0))) as speaker:
            assert speaker.prepare() == []
            assert "is there" in speaker.greet()
        policies = {
            row[0]: (row[1], row[4]) for row in influx.query('SHOW RETENTION POLICIES ON "made"', "")[0]["values"]
        }
        assert policies["shuian"] == (f"{days * 24}h0m0s" if days else "0s", True)
        assert policies["shuian_hourly"] == ("0s", False)
    queries = [one for one in influx.query("SHOW CONTINUOUS QUERIES", "") if one["name"] == "made"]
    assert [row[0] for row in queries[0]["values"]] == ["shuian_hourly"]
    assert "RESAMPLE EVERY 1h FOR 26h" in queries[0]["values"][0][1]


def test_hours_of_readings_that_came_late_are_made_anew(influx, tmp_path, store):
    begin = (NOW_MS - 10 * DAY_MS) // DAY_MS * DAY_MS
    stored(store, readings(180, since=begin + 5 * HOUR_MS))
    with sinking(influx.settings("hours"), tmp_path, store) as sink:
        work(sink)
        assert influx.points("hours", "shuian_hourly") == {}
        work(sink, NOW + timedelta(minutes=11))
    hours = influx.points("hours", "shuian_hourly")
    assert hours == {
        ("wm-1", "water_volume_total", begin + (5 + n) * HOUR_MS): {
            "value": 60 * n + 59.5, "min": 60 * n + 0.5, "max": 60 * n + 59.5, "count": 60
        }
        for n in range(3)
    }  # fmt: skip


def test_the_continuous_query_itself_fills_the_hours(influx, tmp_path, store, monkeypatch):
    """Its text with a second instead of an hour between two runs: the server does the rest by itself."""
    from ingest.influx_dialects import v1

    hurried = v1.Speaker.query
    monkeypatch.setattr(
        v1.Speaker, "query", lambda self, asked, *more: hurried(self, asked.replace("EVERY 1h", "EVERY 1s"), *more)
    )
    stored(store, readings(10, since=NOW_MS - 3 * HOUR_MS))
    with sinking(influx.settings("live"), tmp_path, store) as sink:
        work(sink)
    until(lambda: influx.points("live", "shuian_hourly"), 10, "hourly values")
    assert sum(one["count"] for one in influx.points("live", "shuian_hourly").values()) == 10


def test_a_server_with_passwords_lets_in_who_has_one(tmp_path, store):
    folder = tmp_path / "server"
    with running(lambda folder: Influx(folder, auth=True), folder) as server:
        make = {"q": "CREATE USER shuian WITH PASSWORD 'hush' WITH ALL PRIVILEGES"}
        import httpx

        assert httpx.post(server.url + "/query", data=make, trust_env=False).is_success
        stored(store, rows := readings(5))
        with sinking(server.settings("safe"), tmp_path, store) as sink:
            sink.work(NOW)
            assert "does not let us in (401)" in sink.status().trouble
        with sinking(server.settings("safe", username="shuian", password="hush"), tmp_path, store) as sink:
            work(sink)
        signed = {"auth": ("shuian", "hush")}
        (found,) = server.query('SELECT count("value") FROM "water_volume_total"', "safe", **signed)
        assert found["values"][0][1] == len(rows)


def test_a_server_that_says_yes_to_everything_has_not_erased(victoria, tmp_path, store):
    """VictoriaMetrics spoken to as InfluxDB 1.x: it takes every statement and does nothing."""
    stored(store, readings(5))
    with sinking(InfluxSettings(victoria.url), tmp_path, store) as sink:
        assert "dialect" in work(sink).missing[0]
        influx_erasure.owe(tmp_path, [Span("wm-1", 0)], NOW)
        work(sink)
        assert sink.status().owed == 1
        assert "VictoriaMetrics" in sink.status().owed_trouble


# --- deletions ----------------------------------------------------------------------------------------------------------


def test_who_is_forgotten_is_erased_in_all_places_and_the_next_home_of_the_meter_stays(influx, tmp_path, store):
    first = readings(200, "wm-1", since=NOW_MS - 3 * DAY_MS - 200 * MINUTE_MS)
    second = readings(100, "wm-1")
    gone, other = readings(50, 'o\'brien "x"'), readings(50, "wm-2")
    stored(store, first, second, gone, other)
    with sinking(influx.settings("gone"), tmp_path, store) as sink:
        work(sink)
        work(sink, NOW + timedelta(minutes=11))
        assert influx.points("gone", "shuian_hourly")
        spans = [Span("wm-1", 0, NOW_MS - DAY_MS), Span('o\'brien "x"', 0)]
        assert influx_erasure.owe(tmp_path, spans, NOW) == 2
        assert sink.status().owed == 2
        work(sink)
        assert sink.status().owed == 0
    assert values(influx, "gone") == expected(second + other)
    hours = influx.points("gone", "shuian_hourly")
    assert all(device in ("wm-1", "wm-2") and at > NOW_MS - DAY_MS for device, _, at in hours)
    tags = {row[1] for one in influx.query('SHOW TAG VALUES WITH KEY = "device"', "gone") for row in one["values"]}
    assert tags == {"wm-1", "wm-2"}
    for file in tmp_path.glob(f"{FILE}*"):
        assert b"brien" not in file.read_bytes()


def test_a_deletion_is_owed_until_the_server_is_there(tmp_path, store):
    with running(Influx, tmp_path / "server") as server:
        stored(store, rows := readings(10))
        with sinking(server.settings("owed"), tmp_path, store) as sink:
            work(sink)
        server.end(signal.SIGKILL)
        assert influx_erasure.owe(tmp_path, [Span("wm-1", 0)], NOW) == 1
        with sinking(server.settings("owed"), tmp_path, store) as sink:
            sink.work(NOW)
            assert sink.status().owed == 1
            server.start()
            assert values(server, "owed") == expected(rows)
            new = readings(3, "wm-1", since=NOW_MS + HOUR_MS)  # the meter is in another home by now
            stored(store, new)
            work(sink, NOW + timedelta(hours=1))
            assert sink.status().owed == 0
        assert values(server, "owed") == expected(new)


def test_nothing_is_owed_where_nothing_was_copied(tmp_path):
    assert influx_erasure.owe(tmp_path, [Span("wm-1", 0)], NOW) == 0


def test_victoriametrics_erases_whole_devices_and_gets_back_what_is_another_homes(victoria, tmp_path, store):
    first = readings(20, "wm-1", since=NOW_MS - 3 * DAY_MS)
    second, other = readings(20, "wm-1"), readings(20, "wm-2")
    stored(store, first, second, other)
    with sinking(victoria.settings("vm"), tmp_path, store) as sink:
        work(sink)
        assert values(victoria, "vm") == expected(first + second + other)
    store.close()
    spans = [Span("wm-1", 0, NOW_MS - DAY_MS)]
    influx_erasure.owe(tmp_path, spans, NOW)
    erasure.erase(tmp_path / "readings", spans)
    with (
        closing(SqliteStore(tmp_path / "readings")) as again,
        sinking(victoria.settings("vm"), tmp_path, again) as sink,
    ):
        work(sink)
        assert sink.status().owed == 0
    until(lambda: values(victoria, "vm") == expected(second + other), 20, "what is written again is found")


# --- the dialect v2 -----------------------------------------------------------------------------------------------------


def test_the_client_of_influxdb_2_writes_the_same_points(victoria, tmp_path, store):
    stored(store, rows := readings(50) + readings(50, "küche 1,="))
    settings = InfluxSettings(victoria.url, "v2", "bucket", org="o", token="t", setup=False, retry_s=(0.05, 0.2))
    with sinking(settings, tmp_path, store) as sink:
        work(sink)
    until(lambda: set(expected(rows)) <= set(victoria.points("bucket") or victoria.points("")), 15, "points of v2")


@pytest.mark.parametrize("dialect", ["v1", "v2", "victoriametrics"])
def test_a_server_that_is_not_there_is_trouble_and_no_exception(dialect, tmp_path, store):
    stored(store, readings(5))
    settings = InfluxSettings("http://127.0.0.1:9", dialect, org="o", token="t", retry_s=(0.05, 0.2))
    with sinking(settings, tmp_path, store) as sink:
        assert sink.work(NOW) == 0.05
        assert "cannot be reached" in sink.status().trouble
        assert sink.status().behind == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "127.0.0.1:8086"}, "want an address"),
        ({"url": "http://me:hush@127.0.0.1:8086"}, "no user or password"),
        ({"dialect": "v4"}, "want one of v1, v2, victoriametrics"),
        ({"dialect": "v2"}, "wants both"),
        ({"database": ""}, "database: want a name"),
        ({"retention_days": -1, "batch": 0}, "retention_days.*batch"),
    ],
)
def test_wrong_settings_say_what_was_wanted(wrong, said):
    with pytest.raises(ValueError, match=said) as complaint:
        InfluxSettings(**wrong)
    assert "hush" not in str(complaint.value)
