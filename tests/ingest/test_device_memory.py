"""What a reader remembers of devices: bounded, drafted with its batch, and asking the store after a start."""

from datetime import UTC, datetime

from ingest.device_memory import DeviceMemory

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def test_what_was_never_told_is_unknown() -> None:
    memory = DeviceMemory()
    assert (memory.fact("d", "x"), memory.state("d", "occupancy"), memory.unit("d", NOW)) == (None, None, None)


def test_after_a_start_the_past_is_asked_until_something_is_told() -> None:
    memory = DeviceMemory(past=lambda device, quantity: (device, quantity) == ("d", "occupancy"))
    assert memory.state("d", "occupancy") is True
    memory.note("d", "occupancy", False)
    assert memory.state("d", "occupancy") is False
    assert memory.fact("other", "occupancy") is None


def test_a_draft_that_is_never_settled_changes_nothing() -> None:
    memory = DeviceMemory()
    memory.note("d", "a", 1)
    for _ in range(2):  # a batch that is tried again
        draft = memory.draft()
        assert draft.fact("d", "a") == 1
        draft.note("d", "a", 2)
        assert (draft.fact("d", "a"), memory.fact("d", "a")) == (2, 1)
    draft.settle()
    assert memory.fact("d", "a") == 2


def test_the_oldest_facts_go_first() -> None:
    memory = DeviceMemory(most=3)
    for number in range(5):
        memory.note("d", str(number), number)
        memory.note("d", "again", number)
    assert len(memory) == 3
    assert [memory.fact("d", name) for name in ("2", "3", "4", "again")] == [None, 3, 4, 4]
