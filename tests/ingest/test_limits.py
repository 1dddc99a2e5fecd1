"""A flood costs itself: what one device may say in a minute, and what of refusals is kept."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from ingest.committer import TOO_MANY, Committer
from ingest.devices import native
from ingest.inbox import Inbox, Received
from ingest.limits import MOST_KEPT, MOST_KEPT_TOPIC, SAMPLES, Limits, LimitSettings
from ingest.quality import Message
from ingest.store import SqliteStore
from tests.ingest.ingester import EveryDevice

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
NOW_MS = 1_795_240_800_000


def admitted(limits: Limits, device: str, messages: int, at_ms: int = NOW_MS) -> int:
    limits.begin(at_ms)
    found = sum(limits.admit(device, 1) for _ in range(messages))
    limits.settle()
    return found


def test_each_device_has_its_own_minute() -> None:
    limits = Limits(10)
    assert admitted(limits, "loud", 25) == 10
    assert admitted(limits, "calm", 5) == 5
    assert admitted(limits, "loud", 1) == 0
    assert admitted(limits, "loud", 1, NOW_MS + 60_000) == 1
    assert admitted(limits, "loud", 1, NOW_MS - 3_600_000) == 1  # a clock that was put back


def test_a_batch_that_is_tried_again_counts_once() -> None:
    limits = Limits(10)
    for _ in range(5):
        limits.begin(NOW_MS)
        assert all(limits.admit("a", 1) for _ in range(6))
    limits.settle()
    assert admitted(limits, "a", 6) == 4


def test_only_a_topic_of_the_device_itself_is_not_read_further() -> None:
    limits = Limits(1)
    limits.begin(NOW_MS)
    for topic in ("t/Loud-1/up", "gateway/7"):
        for _ in range(SAMPLES + 1):
            limits.sample("loud-1", topic)
    assert (limits.flooded("t/Loud-1/up"), limits.flooded("gateway/7")) == (True, False)
    limits.begin(NOW_MS + 60_000)
    assert not limits.flooded("t/Loud-1/up")


def test_refusals_that_are_kept_are_bounded_by_topic_and_in_all() -> None:
    limits = Limits()
    limits.begin(NOW_MS)
    assert sum(limits.keep("one") for _ in range(1_000)) == MOST_KEPT_TOPIC
    assert sum(limits.keep(f"topic-{n}") for n in range(5_000)) == MOST_KEPT - MOST_KEPT_TOPIC


def test_a_flood_is_refused_counted_and_sampled_and_the_others_are_stored(tmp_path: Path) -> None:
    store, inbox, stopping = SqliteStore(tmp_path), Inbox(10_000), Event()
    acknowledged: list[Received] = []

    def acknowledge(items: list[Received]) -> None:
        acknowledged.extend(items)
        if len(acknowledged) >= 440:
            stopping.set()

    committer = Committer(
        "flood", inbox, store, EveryDevice(), on_commit=lambda: None, acknowledge=acknowledge, stopping=stopping,
        retry_s=(0.02, 0.05), limits=Limits(50),
    )  # fmt: skip
    for n in range(110):
        for device in ("loud", f"calm-{n % 5}", "shy-loud", "back"):
            said = native.encode("t", "s", device, f"m{n}", [(NOW + timedelta(seconds=n), n)])
            came = Message(*said, NOW + timedelta(seconds=30), redelivered=device == "back")
            inbox.put([Received(came, n, 1, 1)])
    committer.run()
    rejects = store.rejects(1_000)
    samples = [entry for entry in rejects if entry.reason == TOO_MANY]
    calm = sum(len(store.history(f"calm-{n}", "water_volume_total", 0, 2**42)) for n in range(5))
    assert (len(store.history("loud", "water_volume_total", 0, 2**42)), calm) == (50, 110)
    assert len(store.history("back", "water_volume_total", 0, 2**42)) == 110  # what the broker had kept for us
    assert len(samples) == SAMPLES
    assert all("/loud/" in entry.topic and b"loud" in entry.payload for entry in samples)
    assert not any(entry.payload for entry in rejects if "shy" in entry.topic)
    assert store.counts() == {"stored": 270, "duplicates": 0, "conflicts": 0, "rejected": 60 + 110}
    store.close()


@pytest.mark.parametrize(("most", "right"), [(5_999, False), (6_000, True), (60_000, True), (10_000_001, False)])
def test_a_wish_that_cannot_be_meant_is_named(most: int, right: bool) -> None:
    found = LimitSettings(most).faults()
    assert (not found) == right
    assert right or f"device_a_minute: want 6000 to 10000000 readings, got {most}" in found
