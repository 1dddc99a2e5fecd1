"""What is stored of a device is copied out, and erased from every file it lies in."""

from datetime import UTC, datetime

from ingest import erasure
from ingest.erasure import Span
from ingest.readings import Reject, StoredReading
from ingest.store import SqliteStore

OCTOBER, NOVEMBER = (round(datetime(2026, month, 10, tzinfo=UTC).timestamp() * 1000) for month in (10, 11))


def reading(device, at, value=12_345):
    return StoredReading(device, "water_volume_total", at, value, at + 1000, ())


def filled(folder):
    store = SqliteStore(folder)
    for at in (OCTOBER, NOVEMBER):
        store.commit([reading("meter-301", at), reading("meter-302", at)], [])
    store.commit([], [Reject("x/meter-301/up", "unreadable", NOVEMBER, b"meter-301 says", 14, "d")])
    store.close()


def stored(folder, device):
    return list(erasure.readings(folder, [Span(device, 0)]))


def test_readings_of_a_device_are_read_within_its_time_only(tmp_path):
    filled(tmp_path)
    assert [row[2] for row in stored(tmp_path, "meter-301")] == [OCTOBER, NOVEMBER]
    assert [row[2] for row in erasure.readings(tmp_path, [Span("meter-301", OCTOBER + 1)])] == [NOVEMBER]


def test_erased_is_gone_from_every_file_and_the_neighbours_stay(tmp_path):
    filled(tmp_path)
    counts = erasure.erase(tmp_path, [Span("meter-301", 0)])
    assert counts["readings"] == 2
    assert counts["rejects"] == 1
    assert stored(tmp_path, "meter-301") == []
    assert len(stored(tmp_path, "meter-302")) == 2
    for file in tmp_path.iterdir():
        assert b"meter-301" not in file.read_bytes(), file
    again = SqliteStore(tmp_path)
    assert [r.device for _, rows in again.after(0, 10) for r in rows] == ["meter-302", "meter-302"]
    again.close()


def test_a_device_keeps_what_it_told_of_another_home(tmp_path):
    filled(tmp_path)
    erasure.erase(tmp_path, [Span("meter-301", NOVEMBER)])
    assert [row[2] for row in stored(tmp_path, "meter-301")] == [OCTOBER]


def test_a_folder_without_readings_has_nothing_to_erase(tmp_path):
    assert erasure.erase(tmp_path, [Span("meter-301", 0)]) == {}
