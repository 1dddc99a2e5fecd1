"""The store on a real disk: once, whatever happens, and with clear words when it cannot."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import StoreError
from ingest.measures import milliseconds
from ingest.quality import Arrival
from ingest.readings import Reject, StoredReading
from ingest.sqlite_files import month_of
from ingest.store import MOST_REJECTS, Committed, SqliteStore

NOVEMBER = milliseconds(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
DECEMBER = milliseconds(datetime(2026, 12, 1, tzinfo=UTC))
HOUR_MS = 3_600_000


def row(ms: int, value: int = 1000, device: str = "wm-1", flags: tuple[str, ...] = ()) -> StoredReading:
    return StoredReading(device, "water_volume_total", ms, value, ms + 5000, flags)


def refusal(number: int = 0) -> Reject:
    return Reject("t/x", f"unreadable: {number}", 7, b"payload", 7, "0123456789abcdef")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path, busy_timeout_s=0.2)
    yield opened
    opened.close()


def test_what_is_committed_is_there_after_reopening(store: SqliteStore, tmp_path: Path) -> None:
    rows = [row(NOVEMBER, 1000, flags=("implausible_time", "retained")), row(DECEMBER, 2000)]
    assert store.commit(rows, [refusal()]) == Committed(1, 2, 0, 0)
    store.close()
    again = SqliteStore(tmp_path)
    assert again.after(0, 10) == [(1, rows)]
    assert again.history("wm-1", "water_volume_total", 0, DECEMBER + 1) == rows
    assert again.last("wm-1", "water_volume_total") == rows[1]
    assert again.rejects(10) == [refusal()]
    assert again.counts() == {"stored": 2, "duplicates": 0, "conflicts": 0, "rejected": 1}
    again.close()


def test_readings_of_two_months_lie_in_two_files(store: SqliteStore, tmp_path: Path) -> None:
    store.commit([row(NOVEMBER), row(DECEMBER)], [])
    files = sorted(path.name for path in tmp_path.glob("readings-*.sqlite"))
    assert files == ["readings-2026-11.sqlite", "readings-2026-12.sqlite"]
    assert store.history("wm-1", "water_volume_total", DECEMBER, DECEMBER + 1) == [row(DECEMBER)]
    assert store.history("wm-1", "water_volume_total", NOVEMBER, DECEMBER) == [row(NOVEMBER)]


def test_a_second_copy_changes_nothing_and_is_not_handed_on(store: SqliteStore) -> None:
    store.commit([row(NOVEMBER)], [])
    assert store.commit([row(NOVEMBER), row(DECEMBER), row(DECEMBER)], []) == Committed(2, 1, 2, 0)
    assert store.commit([row(NOVEMBER)], []) == Committed(2, 0, 1, 0)
    assert store.after(0, 10) == [(1, [row(NOVEMBER)]), (2, [row(DECEMBER)])]


def test_the_first_of_two_contradicting_values_is_kept_and_the_second_is_filed(store: SqliteStore) -> None:
    store.commit([row(NOVEMBER, 1000)], [])
    assert store.commit([row(NOVEMBER, 2000)], []).conflicts == 1
    assert store.commit([row(NOVEMBER, 2000)], []).conflicts == 1
    assert store.last("wm-1", "water_volume_total") == row(NOVEMBER, 1000)
    (conflict,) = store.conflicts(10)
    assert (conflict.kept, conflict.value) == (1000, 2000)
    assert store.counts()["conflicts"] == 1


def test_a_contradiction_within_one_batch_is_one_too(store: SqliteStore) -> None:
    assert store.commit([row(NOVEMBER, 1), row(NOVEMBER, 2)], []) == Committed(1, 1, 0, 1)


def test_the_newest_reading_is_by_measured_time_not_by_arrival(store: SqliteStore) -> None:
    assert store.last("wm-1", "water_volume_total") is None
    store.commit([row(DECEMBER, 2000)], [])
    store.commit([row(NOVEMBER, 1000)], [])
    assert store.last("wm-1", "water_volume_total") == row(DECEMBER, 2000)


def test_the_newest_readings_of_many_are_looked_up_at_once(store: SqliteStore, tmp_path: Path) -> None:
    store.commit([row(NOVEMBER, 1000), row(NOVEMBER + HOUR_MS, 2000), row(DECEMBER, 3000, "wm-2")], [])
    store.close()
    again = SqliteStore(tmp_path)
    again.warm({("wm-1", "water_volume_total"), ("wm-2", "water_volume_total"), ("wm-3", "water_volume_total")})
    found = [again.last(device, "water_volume_total") for device in ("wm-1", "wm-2", "wm-3")]
    assert found == [row(NOVEMBER + HOUR_MS, 2000), row(DECEMBER, 3000, "wm-2"), None]
    assert again.commit([row(NOVEMBER, 1000), row(DECEMBER, 9, "wm-2"), row(1, 1, "wm-3")], []) == Committed(2, 1, 1, 1)
    again.close()


def test_forgetting_the_journal_keeps_the_readings_and_the_numbers(store: SqliteStore, tmp_path: Path) -> None:
    for hour in range(5):
        store.commit([row(NOVEMBER + hour * HOUR_MS)], [])
    store.forget(3)
    assert [seq for seq, _ in store.after(0, 10)] == [4, 5]
    store.forget(99)
    assert store.after(0, 10) == []
    store.close()
    again = SqliteStore(tmp_path)
    assert again.newest_seq() == 5
    assert again.commit([row(1)], []).seq == 6
    assert len(again.history("wm-1", "water_volume_total", 0, 2 * NOVEMBER)) == 6
    again.close()


def test_rows_that_a_kill_left_in_the_journal_only_reach_their_month(store: SqliteStore, tmp_path: Path) -> None:
    store.commit([row(NOVEMBER)], [])
    store.commit([row(DECEMBER)], [])
    store.close()
    (tmp_path / "readings-2026-12.sqlite").unlink()  # as if the kill came before this file was written
    again = SqliteStore(tmp_path)
    assert again.last("wm-1", "water_volume_total") == row(DECEMBER)
    assert again.commit([row(DECEMBER)], []) == Committed(2, 0, 1, 0)
    again.close()


def test_a_locked_journal_is_an_error_and_the_same_batch_works_later(store: SqliteStore, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "ingest.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program holds it locked") as caught:
        store.commit([row(NOVEMBER)], [refusal()])
    assert not caught.value.permanent
    other.close()
    assert store.commit([row(NOVEMBER)], [refusal()]).stored == 1
    assert len(store.rejects(10)) == 1


def test_a_locked_month_is_an_error_and_nothing_is_handed_on_twice(store: SqliteStore, tmp_path: Path) -> None:
    store.commit([row(NOVEMBER - 1)], [])
    other = sqlite3.connect(tmp_path / "readings-2026-11.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"readings-2026-11\.sqlite: another program holds it locked"):
            store.commit([row(NOVEMBER)], [])
    other.close()
    assert store.commit([row(NOVEMBER)], []) == Committed(2, 0, 1, 0)
    assert store.after(0, 10) == [(1, [row(NOVEMBER - 1)]), (2, [row(NOVEMBER)])]
    assert store.history("wm-1", "water_volume_total", NOVEMBER, NOVEMBER + 1) == [row(NOVEMBER)]


def test_a_full_disk_is_an_error_and_the_batch_works_when_there_is_room(store: SqliteStore) -> None:
    store.commit([row(NOVEMBER)], [])
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    batch = [row(NOVEMBER + n, device="x" * 500) for n in range(1, 200)]
    with pytest.raises(StoreError, match="the disk is full: free some space"):
        store.commit(batch, [])
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.commit(batch, []).stored == 199


@pytest.mark.parametrize("name", ["ingest.sqlite", "readings-2026-11.sqlite"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(
        StoreError, match=f"{name}: want a database of readings, got a damaged or foreign file"
    ) as caught:
        read_all(tmp_path)
    assert caught.value.permanent


@pytest.mark.parametrize("name", ["ingest.sqlite", "readings-2026-11.sqlite"])
def test_another_program_s_file_is_named_and_left_alone(tmp_path: Path, name: str) -> None:
    other = sqlite3.connect(tmp_path / name)
    other.execute("CREATE TABLE reading (theirs)")
    other.close()
    before = (tmp_path / name).read_bytes()
    with pytest.raises(StoreError, match="want a file of this program, got another's"):
        read_all(tmp_path)
    assert (tmp_path / name).read_bytes() == before


def read_all(folder: Path) -> None:
    store = SqliteStore(folder)
    try:
        store.last("wm-1", "water_volume_total")
    finally:
        store.close()


def test_a_file_of_a_newer_release_is_named(tmp_path: Path, store: SqliteStore) -> None:
    store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="made by a newer release"):
        SqliteStore(tmp_path)


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(StoreError, match=r"^x: "):
        SqliteStore(tmp_path / "x")


def test_only_the_newest_refusals_are_kept(store: SqliteStore) -> None:
    store.commit([], [refusal(n) for n in range(MOST_REJECTS + 5)])
    kept = store.rejects(2 * MOST_REJECTS)
    assert len(kept) == MOST_REJECTS
    assert kept[0] == refusal(MOST_REJECTS + 4)
    assert store.counts()["rejected"] == MOST_REJECTS + 5


def test_a_topic_that_is_not_utf_8_can_be_filed(store: SqliteStore) -> None:
    store.commit([], [Reject("t/\udcff", "unreadable: \ud800", 7, b"", 0, "")])
    assert store.rejects(1)[0].topic == "t/\\udcff"


def test_an_arrival_is_remembered_over_a_restart(store: SqliteStore, tmp_path: Path) -> None:
    assert store.arrival("wm-1", "battery", "m-1") is None
    store.commit([], [], [Arrival("wm-1", "battery", "m-1", NOVEMBER)])
    store.close()
    again = SqliteStore(tmp_path)
    assert again.arrival("wm-1", "battery", "m-1") == NOVEMBER
    again.close()


@pytest.mark.slow
def test_reading_beside_writing_is_safe(store: SqliteStore) -> None:
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.extend(r.measured_ms for _, rows in store.after(len(seen), 1000) for r in rows)
            kept = [r.measured_ms for r in store.history("wm-1", "water_volume_total", 0, 2 * DECEMBER)]
            assert kept == times[: len(kept)]
            store.last("wm-1", "water_volume_total")

    times = [NOVEMBER + (n - 200) * HOUR_MS for n in range(400)]
    thread = threading.Thread(target=read)
    thread.start()
    for ms in times:
        store.commit([row(ms)], [])
    done.set()
    thread.join(10)
    assert seen == times[: len(seen)]
    assert store.last("wm-1", "water_volume_total") == row(times[-1])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=4), max_size=8), st.integers(0, 8))
def test_in_any_order_with_any_restart_the_first_value_of_a_key_wins_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, int]]], restart: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = SqliteStore(folder)
    first: dict[int, int] = {}
    for place, batch in enumerate(batches):
        if place == restart:
            store.close()
            store = SqliteStore(folder)
        rows = [row(NOVEMBER + 20 * 86_400_000 * hour, value) for hour, value in batch]
        store.commit(rows, [])
        for reading in rows:
            first.setdefault(reading.measured_ms, reading.value)
    handed_on = [(r.measured_ms, r.value) for _, rows in store.after(0, 100) for r in rows]
    kept = [(r.measured_ms, r.value) for r in store.history("wm-1", "water_volume_total", 0, 2 * DECEMBER)]
    store.close()
    assert sorted(handed_on) == sorted(kept) == sorted(first.items())


@pytest.mark.parametrize(
    ("ms", "month"), [(NOVEMBER, "2026-11"), (DECEMBER, "2026-12"), (0, "1970-01"), (10**17, "9999-12")]
)
def test_the_month_is_that_of_utc(ms: int, month: str) -> None:
    assert month_of(ms) == month


def test_a_second_reader_holds_what_it_has_not_read(store: SqliteStore) -> None:
    for minute in range(4):
        store.commit([row(DECEMBER + minute * 60_000)], [])
    store.hold(1)
    store.forget(3)
    assert [seq for seq, _ in store.after(0, 10)] == [2, 3, 4]
    store.hold(9)
    store.forget(3)
    assert [seq for seq, _ in store.after(0, 10)] == [4], "a reader that is ahead lets go no more than was asked"
    store.hold(None)
    store.forget(4)
    assert store.after(0, 10) == []
