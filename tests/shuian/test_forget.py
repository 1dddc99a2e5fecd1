"""`shuian forget` on a whole data folder: afterwards no byte of it tells of the device or of what it said."""

import json
from datetime import UTC, datetime

import pytest

from alerts import database
from ingest.quality import Arrival
from ingest.readings import Reject, StoredReading
from ingest.store import SqliteStore
from shuian import cli
from tests.alerts import neighbourhood

METER, OTHER = "76340301", "76340402"
VALUE = 0x5A17C3D1E9
AT = round(datetime(2026, 11, 20, 8, tzinfo=UTC).timestamp() * 1000)
BEFORE = round(datetime(2026, 10, 1, tzinfo=UTC).timestamp() * 1000)
DEVICES = [
    neighbourhood.SHEETS["devices"][0],
    f"{METER},wmbusmeters,h1,2026-11-01T00:00Z,,m3,,1,,3600,UTC",
    f"{OTHER},wmbusmeters,h2,2026-11-01T00:00Z,,m3,,1,,3600,UTC",
]


def tells(folder):
    """Return which of what must be gone stands in which file."""
    wanted = {
        "device": METER.encode(),
        "telegram": b"01033476",
        "value": VALUE.to_bytes(5, "big"),
        "text": str(VALUE).encode(),
    }
    files = {one: one.read_bytes() for one in folder.rglob("*") if one.is_file()}
    return {name for name, said in wanted.items() if any(said in text for text in files.values())}


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shuian-data"
    store = SqliteStore(folder / "readings")
    said = json.dumps({"id": METER, "total_m3": VALUE}).encode()
    for number in range(80):  # more than one page, some of it in the journal only once the months are trimmed
        rows = [StoredReading(m, "water_volume_total", AT + number, VALUE + number, AT, ()) for m in (METER, OTHER)]
        store.commit(rows, [], [Arrival(METER, "water_volume_total", f"d{number}", AT)])
    store.commit([StoredReading(METER, "water_volume_total", AT, VALUE + 9, AT, ())], [])
    rejects = [
        Reject("wmbusmeters/kitchen", "unreadable: x", AT, said, len(said), "d"),
        Reject("wmbusmeters/kitchen", "unknown device: y", BEFORE, said, len(said), "d"),
        Reject("wmbus/raw", "unreadable: raw telegram", AT, b"2e44333001033476", 16, "d"),
        Reject(f"gateway/{METER}/x", "no consent: z", AT, b"", 9, "d"),
        Reject("wmbusmeters/bath", "unreadable: x", AT, b'{"id":"76340402"}', 17, "d"),
    ]
    store.commit([], rejects)
    store.forget(40)
    store.close()
    engine = database.open(folder / "people.sqlite")
    neighbourhood.fill(engine, tmp_path / "sheets", devices=DEVICES)
    engine.dispose()
    (tmp_path / "shuian.toml").write_text("")
    return folder


@pytest.mark.slow
def test_no_byte_tells_of_the_device_or_of_what_it_said(data, capsys):
    assert tells(data) == {"device", "telegram", "value", "text"}
    with pytest.raises(SystemExit) as ended:
        cli.main(["forget", "r1", "--sure"])
    assert ended.value.code == 0
    proof = json.loads(capsys.readouterr().out)
    assert proof["files"]["rejects"] == 4
    assert proof["files"]["readings"] == 80
    assert proof["files"]["conflicts"] == 1
    assert any("broker" in one for one in proof["not reached"])
    # The neighbour's readings had the same values and stay; theirs are taken out to see what else tells of them.
    store = SqliteStore(data / "readings")
    assert len(store.history(OTHER, "water_volume_total", 0, 2 * AT)) == 80
    assert [one.topic for one in store.rejects(9)] == ["wmbusmeters/bath"]
    store.close()
    assert tells(data) == {"value"}
    with pytest.raises(SystemExit):
        cli.main(["forget", "r2", "--sure"])
    assert tells(data) == set()
