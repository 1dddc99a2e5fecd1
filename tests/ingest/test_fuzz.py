"""Damaged messages of every format: whatever comes, no reader fails, and what comes out is whole.

`python -m benchmarks.fuzz` does the same for longer, guided by coverage, and measures time and memory.
"""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_flaws import flaws
from benchmarks.fuzz_messages import Known, known, leaves, mutated, parsed, written
from ingest.devices import FORMATS, DeviceMemory, decode
from ingest.quality import Memory, Message, judge
from tests.ingest.test_traps import EveryDevice

ALL = known()
EACH = 12
"""Damaged messages an example."""


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_message_fails_no_reader(name: str, seed: int) -> None:
    rng = Random(seed)
    one = rng.choice(known(name))
    memory = DeviceMemory(most=50, rules=one.rules)
    for _ in range(EACH):
        topic, payload = mutated(rng, one, ALL)
        decoded = decode(topic, payload, one.received_at, rng.random() < 0.1, memory)
        found = flaws(decoded, one.received_at)
        assert not found, (topic, payload[:2000], found)
        assert len(memory) <= 50


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_message_is_judged_like_any_other(name: str, seed: int) -> None:
    rng = Random(seed)
    one = rng.choice(known(name, readable=True))
    memory, said = Memory(), DeviceMemory(most=50, rules=one.rules)
    for _ in range(EACH):
        topic, payload = mutated(rng, one, ALL)
        came = Message(topic, payload, one.received_at, rng.random() < 0.1, rng.random() < 0.1)
        decoded = decode(topic, payload, came.received_at, came.retain, said)
        for row in judge(came, decoded, EveryDevice(decoded.format or name), memory).readings:
            assert abs(row.value) < 2**62, (topic, payload[:2000], row)
            assert 0 < row.measured_ms < 2**43, (topic, payload[:2000], row)
            assert not any(" " in flag for flag in row.flags), (topic, payload[:2000], row)


def test_damage_is_done_at_every_level() -> None:
    rng, one = Random(1), next(one for one in ALL if one.format == "chirpstack")
    done = [mutated(rng, one, ALL) for _ in range(300)]
    assert len({payload for _, payload in done}) > 200
    assert any(topic != one.topic for topic, _ in done)
    assert any(parsed(payload) is not None and payload != one.payload for _, payload in done)
    assert any(parsed(payload) is None for _, payload in done)


def test_a_message_is_written_as_it_was_read() -> None:
    for one in ALL:
        value = parsed(one.payload)
        if value is not None:
            assert parsed(written(value)) == value
            assert len(dict(leaves(value))) == len(list(leaves(value)))
    assert all(isinstance(one, Known) for one in ALL)
