"""The fleet's readings as arrays: all of them, in order, in parts, late ones too."""

from pathlib import Path

import pytest

from ingest.errors import StoreError
from ingest.readings import StoredReading
from ingest.scan import months, scan
from ingest.store import SqliteStore

NOVEMBER = 1_795_240_800_000
HOUR_MS = 3_600_000


def row(device: str, hour: int, quantity: str = "water_volume_total") -> StoredReading:
    return StoredReading(device, quantity, NOVEMBER + hour * HOUR_MS, 1000 * hour, NOVEMBER)


def listed(folder: Path, most_rows: int) -> list[tuple[str, int, int]]:
    found = []
    for part in scan(folder, "2026-11", "water_volume_total", most_rows):
        assert part.starts[-1] <= most_rows or len(part.devices) == 1
        for n, device in enumerate(part.devices):
            span = slice(part.starts[n], part.starts[n + 1])
            found += [(device, int(t), int(v)) for t, v in zip(part.measured_ms[span], part.values[span], strict=True)]
    return found


@pytest.mark.parametrize("most_rows", [1, 7, 1_000])
def test_every_reading_of_a_month_comes_once_in_order_while_the_store_is_open(tmp_path: Path, most_rows: int) -> None:
    store = SqliteStore(tmp_path)
    rows = [row(f"wm-{n % 5}", n // 5) for n in range(60)]
    store.commit([one for one in rows if one.measured_ms != NOVEMBER + 3 * HOUR_MS], [])
    store.commit([row("wm-1", 3, "battery"), row("wm-1", 24 * 20)], [])  # another quantity, another month
    list(scan(tmp_path, "2026-11", "water_volume_total"))
    store.commit(rows, [])  # late
    wanted = sorted((one.device, one.measured_ms, one.value) for one in rows)
    assert listed(tmp_path, most_rows) == wanted
    assert months(tmp_path) == ["2026-11", "2026-12"]
    assert list(scan(tmp_path, "2026-12", "battery")) == []
    store.close()


def test_a_month_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"readings-2020-01\.sqlite"):
        list(scan(tmp_path, "2020-01", "water_volume_total"))
