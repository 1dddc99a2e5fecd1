"""The copy at a real InfluxDB 1.6.7 and a real VictoriaMetrics: complete, once, after outages and kills."""

import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from ingest import erasure
from ingest.erasure import Span
from ingest.influx_dialects import DAY_MS
from ingest.influx_state import InfluxState
from ingest.measures import milliseconds
from tests.influx_servers import Influx, running
from tests.ingest.influx_sinks import HOUR_MS, NOW, NOW_MS, expected, readings, sinking, stored, values, work

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def all_stored(folder):
    devices = {"wm-1", "wm-2", "wm-3"}
    rows = erasure.readings(folder / "readings", [Span(one, 0) for one in sorted(devices)])
    return {(r[0], r[1], r[2]): r[3] / 1000 for r in rows}


# --- what is written ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["influx", "victoria"])
def test_what_was_stored_before_and_what_comes_now_are_both_copied_once(kind, request, tmp_path, store):
    server = request.getfixturevalue(kind)
    old = readings(50, "wm-1", since=NOW_MS - 40 * DAY_MS, step=HOUR_MS) + readings(20, "küche 1,=", flags=("late",))
    stored(store, old)
    store.forget(store.newest_seq())  # the pipeline has judged it: only the month files hold it now
    with sinking(server.settings("both", batch=30), tmp_path, store) as sink:
        stored(store, new := readings(100, "wm-2"), readings(100, "wm-2"))
        status = work(sink)
    assert values(server, "both") == expected(old + new)
    assert (status.behind, status.lag_s, status.refused, status.walking) == (0, 0.0, 0, False)
    assert status.written >= len(old + new)


def test_a_reading_has_value_delay_and_flags(influx, tmp_path, store):
    stored(store, readings(1, flags=("time_missing", "meter_alarm:leak")), readings(1, "b"))
    with sinking(influx.settings("fields"), tmp_path, store) as sink:
        work(sink)
    fields = {key[0]: one for key, one in influx.points("fields").items()}
    assert fields["wm-1"] == {"value": 0.5, "delay_s": 4, "flags": "time_missing meter_alarm:leak"}
    assert fields["b"] == {"value": 0.5, "delay_s": 4}


def test_a_restart_goes_on_where_it_was(influx, tmp_path, store):
    stored(store, first := readings(30))
    with sinking(influx.settings("restart"), tmp_path, store) as sink:
        work(sink)
    stored(store, second := readings(30, "wm-2"))
    with sinking(influx.settings("restart"), tmp_path, store) as sink:
        before = sink.status().written
        assert work(sink).written == before + 30
    assert values(influx, "restart") == expected(first + second)


# --- outages ------------------------------------------------------------------------------------------------------------


def test_an_outage_is_told_waited_out_and_made_up_for(tmp_path, store):
    with running(Influx, tmp_path / "server") as server, sinking(server.settings("out"), tmp_path, store) as sink:
        stored(store, first := readings(10))
        work(sink)
        server.end()
        stored(store, second := readings(10, "wm-2"))
        later = NOW + timedelta(minutes=10)
        pauses = [sink.work(later) for _ in range(4)]
        status = sink.status()
        assert pauses == [0.05, 0.1, 0.2, 0.2]
        assert "cannot be reached" in status.trouble
        assert (status.behind, status.lag_s) == (1, (milliseconds(later) - second[0].received_ms) / 1000)
        store.forget(store.newest_seq())  # judged long since; the journal is held for the sink all the same
        server.start()
        assert work(sink, later).lag_s == 0
        assert values(server, "out") == expected(first + second)


def test_after_an_outage_longer_than_the_journal_is_held_the_months_stand_in(influx, tmp_path, store):
    settings = influx.settings("long", hold_days=1.0)
    stored(store, first := readings(10))
    with sinking(settings, tmp_path, store) as sink:
        work(sink)
    gone = replace(settings, url="http://127.0.0.1:9")
    late = readings(10, "wm-2", since=NOW_MS - 30 * DAY_MS)  # measured long ago, received now
    late = [changed(row, received_ms=NOW_MS) for row in late]
    with sinking(gone, tmp_path, store) as sink:
        stored(store, late)
        sink.work(NOW)
        sink.work(NOW + timedelta(days=2))
        store.forget(store.newest_seq())
        assert store.after(0, 10) == []
        sink.work(NOW + timedelta(days=2))
        assert sink.status().lag_s > 2 * 86_400, "what the journal does not hold any more is missing all the same"
        stored(store, new := readings(5, "wm-3", since=NOW_MS + 2 * DAY_MS))
    with sinking(settings, tmp_path, store) as sink:
        work(sink, NOW + timedelta(days=2, hours=1))
    assert values(influx, "long") == expected(first + late + new)


def test_a_data_folder_restored_from_a_backup_is_copied_on(influx, tmp_path, store):
    stored(store, first := readings(10))
    with closing(InfluxState(tmp_path)) as state:
        state.save(cursor=500, received=NOW_MS - 4 * HOUR_MS)
    with sinking(influx.settings("restored"), tmp_path, store) as sink:
        work(sink)
    assert values(influx, "restored") == expected(first)


def test_a_database_that_was_dropped_is_made_again_for_what_comes(influx, tmp_path, store):
    with sinking(influx.settings("dropped"), tmp_path, store) as sink:
        stored(store, readings(5))
        work(sink)
        influx.query('DROP DATABASE "dropped"', "")
        stored(store, new := readings(5, "wm-2"))
        assert sink.work(NOW) == 0.05
        assert "404" in sink.status().trouble
        work(sink)
    assert values(influx, "dropped") == expected(new)


def test_killed_again_and_again_every_reading_arrives(influx, tmp_path, store):
    dice, total = random.Random(7), 9_000
    for n in range(0, total, 300):
        store.commit(readings(300, f"wm-{1 + n // 300 % 3}", since=NOW_MS - 10 * DAY_MS + n * 1000, step=1000), [])
    command = [sys.executable, "-m", "tests.ingest.influx_process", influx.url, "killed", str(tmp_path)]
    reached = []
    for _ in range(2):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"working\n"
        time.sleep(dice.uniform(0.02, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
        with closing(InfluxState(tmp_path)) as state:
            reached.append(state.mark("cursor"))
    assert reached == sorted(reached)
    assert reached[0] < store.newest_seq(), "killed too late to show anything"
    with sinking(influx.settings("killed"), tmp_path, store) as sink:
        work(sink)
    found = values(influx, "killed")
    assert len(found) == total
    assert found == all_stored(tmp_path)
