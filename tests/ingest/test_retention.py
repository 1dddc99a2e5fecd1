"""What is old goes, what is needed stays, and the room is given back; while others store and read."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from ingest import retention
from ingest.quality import Arrival
from ingest.readings import Reject, StoredReading
from ingest.retention import Retention
from ingest.store import SqliteStore

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
DAY = 86_400_000


def days_ago(number, part=0.0):
    return round((NOW - timedelta(days=number)).timestamp() * 1000 + part * DAY)


def reading(device, at, value=12_345, quantity="water_volume_total"):
    return StoredReading(device, quantity, at, value, at + 1000, ())


def room(store):
    return sum(one.stat().st_size for one in store.folder.iterdir() if one.name.startswith("readings"))


@pytest.fixture
def store(tmp_path):
    made = SqliteStore(tmp_path / "readings")
    yield made
    made.close()


def fill(store, days, devices=("m1", "m2"), a_day=4):
    store.commit([reading(m, days_ago(d, k / a_day)) for m in devices for d in days for k in range(a_day)], [])


def held(store, device="m1"):
    return [r.measured_ms for r in store.history(device, "water_volume_total", 0, days_ago(0) + DAY)]


def test_what_is_older_goes_whole_months_as_files_and_rows_in_the_month_of_the_line(store):
    fill(store, range(200, -1, -1))
    months = len(list(store.folder.glob("readings-*.sqlite")))
    gone = retention.expire(store, Retention(), NOW, {})
    assert held(store) == held(store, "m2") == [at for at in held(store) if at >= days_ago(90)]
    assert len(held(store)) == 4 * 91
    assert (gone.months, len(list(store.folder.glob("readings-*.sqlite")))) == (3, months - 3)
    assert gone.bytes > 0
    assert gone.readings == 2 * 4 * 23  # August 1 to 23; May, June and July went as files
    assert retention.expire(store, Retention(), NOW, {}).some() == {}


def test_what_an_open_case_needs_stays_and_nothing_else_of_its_month(store):
    fill(store, range(200, -1, -1))
    retention.expire(store, Retention(), NOW, {"m1": days_ago(150)})
    assert min(held(store)) == days_ago(150)
    assert min(held(store, "m2")) == days_ago(90)
    retention.expire(store, Retention(), NOW, {})
    assert min(held(store)) == days_ago(90)


def test_for_ever_is_for_ever(store):
    fill(store, range(400, -1, -40))
    before = held(store)
    assert retention.expire(store, Retention(readings_days=0, journal_days=0), NOW, {}).readings == 0
    assert held(store) == before


def test_room_and_bytes_are_given_back(store, tmp_path):
    secret = 0x5A17C3D1E9
    store.commit([reading("meter-301", days_ago(100, k / 5_000), secret + k) for k in range(5_000)], [])
    store.commit([reading("meter-302", days_ago(100))], [])
    store.forget(store.newest_seq())
    before = room(store)
    gone = retention.expire(store, Retention(), NOW, {"meter-302": 0})
    assert (gone.readings, gone.months) == (5_000, 0)
    assert room(store) < before / 4
    for one in store.folder.iterdir():
        assert b"meter-301" not in one.read_bytes(), one
        assert secret.to_bytes(5, "big")[:4] not in one.read_bytes(), one
    assert len(held(store, "meter-302")) == 1


def test_journal_refusals_quarantine_and_conflicts_have_ages_of_their_own(store):
    def reject(reason, at):
        return Reject("t", reason, at, b"payload", 7, "d")

    for age in (100, 20, 1):
        store.commit(
            [reading("m1", days_ago(age))],
            [reject("unreadable: x", days_ago(age)), reject("unknown device: y", days_ago(age))],
            [Arrival("m1", "q", f"i{age}", days_ago(age))],
        )
        store.commit([reading("m1", days_ago(age), 9)], [])
    gone = retention.expire(store, Retention(rejects_days=10, quarantine_days=30), NOW, {})
    assert gone.some() == {
        "readings": 1, "journal": 1, "rejects": 2, "quarantine": 1, "conflicts": 1, "arrivals": 2,
    }  # fmt: skip
    assert [one.reason[:9] for one in store.rejects(9)] == ["unknown d", "unreadabl", "unknown d"]
    assert len(store.after(0, 9)) == 2


def test_an_entry_that_is_in_no_month_yet_is_never_dropped(store, tmp_path):
    fill(store, [100], devices=("m1",))
    with store._db:  # as a kill between journal and month leaves it
        store._db.execute("UPDATE mark SET value = 0 WHERE name = 'applied'")
    assert retention.expire(store, Retention(), NOW, {"m1": 0}).journal == 0


def test_storing_goes_on_meanwhile_and_a_late_reading_of_a_dropped_month_is_kept(store):
    fill(store, range(200, -1, -1), devices=[f"m{n}" for n in range(5)])
    failed, ended = [], threading.Event()

    def write():
        number = 0
        while not ended.is_set():
            number += 1
            try:
                store.commit([reading("late", days_ago(150) + number), reading("new", days_ago(0) + number)], [])
            except Exception as error:  # noqa: BLE001
                failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            retention.expire(store, Retention(), NOW, {})
    finally:
        ended.set()
        writer.join()
    assert failed == []
    assert len(held(store, "new")) == (store.counts()["stored"] - 5 * 201 * 4) / 2
    store.commit([reading("late", days_ago(150))], [])
    assert held(store, "late")[0] == days_ago(150)


@pytest.mark.parametrize(
    ("settings", "said"),
    [(Retention(readings_days=3), "want 8 or more"), (Retention(journal_days=-1), "journal_days: want 0")],
)
def test_what_cannot_be_meant_is_told(settings, said):
    assert any(said in fault for fault in settings.faults())
    assert Retention().faults() == []
