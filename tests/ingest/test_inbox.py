"""The inbox is bounded in messages and bytes, and a batch ends when its sender pauses."""

from datetime import UTC, datetime
from threading import Thread
from time import monotonic

from ingest.inbox import Inbox, Received
from ingest.quality import Message

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def some(number: int, size: int = 10) -> list[Received]:
    return [Received(Message("t", b"x" * size, NOW), n, 1, 1) for n in range(number)]


def test_nothing_goes_in_while_it_is_full_of_messages_or_of_bytes() -> None:
    for inbox in (Inbox(5), Inbox(1_000, most_bytes=50)):
        assert inbox.put(some(5))
        assert inbox.full()
        assert not inbox.put(some(1), 0.01)
        assert len(inbox.take(2, 0, 0, 0)) == 2
        assert inbox.put(some(1))
        assert len(inbox) == 4


def test_whoever_waits_for_room_goes_on_when_there_is_some() -> None:
    inbox, went_in = Inbox(3), list[bool]()
    inbox.put(some(3))
    waiting = Thread(target=lambda: went_in.append(inbox.put(some(2), 10)))
    waiting.start()
    assert [item.mid for item in inbox.take(3, 1, 0, 0)] == [0, 1, 2]
    waiting.join(10)
    assert went_in == [True]
    assert len(inbox) == 2


def test_a_batch_is_full_or_ends_with_a_pause_and_not_with_the_longest_wait() -> None:
    inbox = Inbox(100)
    inbox.put(some(30))
    begun = monotonic()
    assert len(inbox.take(20, 0, 60, 0.01)) == 20
    assert len(inbox.take(20, 0, 60, 0.01)) == 10
    assert monotonic() - begun < 30
    assert inbox.take(20, 0.01, 60, 0.01) == []
