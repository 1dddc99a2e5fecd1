"""The traps that every reader must pass, set from its own samples: a format that is added is tried without a change here.

Each test takes the good messages of one format, spoils them in one way, and says what may come out.  Where a trap cannot
apply to a format, `EXEMPT` says why.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter, thread_time
from typing import Any

import pytest
from msgspec.structs import replace

from benchmarks.fuzz_flaws import OF_TIME, flaws
from benchmarks.fuzz_messages import BARE, Known, Path, branches, known, leaves, parsed, put, written
from ingest.bindings import Binding
from ingest.devices import FORMATS, Decoded, DeviceMemory, decode
from ingest.quality import Judged, Memory, Message, judge
from ingest.readings import Reading
from shuian.signs import NO_EVENTS

each = pytest.mark.parametrize("name", FORMATS)
NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
TIMELESS = re.compile(r"(?i)(^|_|\b)f?_?(port|cnt)$|^(modelid|type|version|v|bver|st|cls|cmd|method|dev(ice)?_?type)$")
"""Names of numbers that say how the rest is to be read, not how much of it there is."""

_RELATIVE = "RFC 8428, section 4.5.3: no time is now, and small numbers are seconds from now"
EXEMPT: dict[tuple[str, str], str] = {(f"time {wrong}", "senml"): _RELATIVE for wrong in ("1970", "1111", "nothing")}
"""(trap, format) -> why it cannot apply.  An entry that is not needed any more fails."""


class EveryDevice:
    """Bindings under which every device may be stored, with a register of litres and pulses of one."""

    def __init__(self, form: str) -> None:
        self._form = form

    def at(self, device: str, time: datetime) -> Binding | None:
        since = datetime(2000, 1, 1, tzinfo=UTC)
        return Binding(device, self._form, since, unit="L", litres_per_pulse=1.0)


class Trap:
    """Collects what a reader did wrong, so that a failure names every case at once."""

    def __init__(self, name: str, trap: str) -> None:
        self.exempt = (trap, name) in EXEMPT
        self.name, self.wrong, self.tried = name, list[str](), 0

    def want(self, right: bool, message: Known, spoiled: str, want: str, got: object) -> None:
        self.tried += 1
        if not right:
            self.wrong.append(f"{message.source[:70]!r}, {spoiled}: want {want}, got {got}")

    def end(self, must_try: bool = False) -> None:
        shown = "\n".join(self.wrong[:8])
        if self.exempt:
            assert self.wrong, f"{self.name}: passes; take it out of EXEMPT"
            return
        assert not self.wrong, f"{self.name}: {len(self.wrong)} of {self.tried} messages are misread:\n{shown}"
        assert self.tried or not must_try, f"{self.name}: give it a sample with readings and without complaint"


def read(message: Known, payload: bytes, *, retain: bool | None = None, memory: DeviceMemory | None = None) -> Decoded:
    kept = message.retain if retain is None else retain
    said = DeviceMemory(rules=message.rules) if memory is None else memory
    return decode(message.topic, payload, message.received_at, kept, said)


def judged(message: Known, payload: bytes, memory: Memory, said: DeviceMemory, **more: Any) -> Judged:
    came = replace(Message(message.topic, payload, message.received_at, message.retain), **more)
    decoded = decode(came.topic, came.payload, came.received_at, came.retain, said)
    return judge(came, decoded, EveryDevice(message.format), memory)


def good(name: str) -> list[tuple[Known, Any]]:
    """Return the good messages of a format that are JSON, with what they hold."""
    found = ((one, parsed(one.payload)) for one in known(name, readable=True))
    return [(one, value) for one, value in found if value is not None]


def at(path: Path) -> str:
    return "/".join(map(str, path)) or "all of it"


def numbers(value: Any) -> Iterator[tuple[Path, int | float]]:
    """Yield the numbers that say how much of something there is."""
    for path, leaf in leaves(value):
        how = next((part for part in reversed(path) if isinstance(part, str)), "")
        if isinstance(leaf, int | float) and not isinstance(leaf, bool) and not TIMELESS.search(how):
            yield path, leaf


def amounts(readings: tuple[Reading, ...]) -> set[tuple[str, object]]:
    return {(one.quantity, one.value) for one in readings}


# --- what every reading must be -----------------------------------------------------------------------------------------


@each
def test_traps_1_2_what_comes_out_of_the_samples_is_whole(name: str) -> None:
    trap = Trap(name, "whole")
    for one in known(name):
        trap.want(not (found := flaws(read(one, one.payload), one.received_at)), one, "as it is", "no flaw", found)
    trap.end(must_try=True)


# --- 3: numbers -----------------------------------------------------------------------------------------------------------

NO_NUMBERS = (
    None, True, False, "", "nan", "NaN", "unavailable", "unknown", "N", "null", "12abc", "1_000", "١٢", "0x1F",
    BARE + "NaN", BARE + "Infinity", BARE + "-Infinity", BARE + "1e400", [], {}, {"x": 1},
)  # fmt: skip


@each
def test_trap_3_what_is_no_number_makes_none(name: str) -> None:
    trap = Trap(name, "no number")
    for one, value in good(name):
        right = amounts(read(one, one.payload).readings)
        for path, _ in numbers(value):
            for wrong in NO_NUMBERS:
                decoded = read(one, written(put(value, path, wrong)))
                invented = {
                    (quantity, new)
                    for quantity, new in amounts(decoded.readings) - right
                    if isinstance(new, int | float) and not isinstance(new, bool)
                }
                spoiled = f"{at(path)} = {wrong!r}"
                trap.want(not invented, one, spoiled, "no new number", invented)
                found = flaws(decoded, one.received_at)
                trap.want(not found, one, spoiled, "no flaw", found)
    trap.end()


SENTINELS = (127, -100, -127, 80000, 11184810, -32.768, -2147483.648, 4294967295, 65535)
HUGE = (1e15, 1e39, -1e39, 10**30, 10**45, -1, -0.001)


@each
def test_trap_3_9_negative_huge_and_marked_numbers_are_never_stored_as_water(name: str) -> None:
    trap = Trap(name, "huge")
    for one, value in good(name):
        for path, _ in numbers(value):
            for wrong in (*SENTINELS, *HUGE):
                payload, spoiled = written(put(value, path, wrong)), f"{at(path)} = {wrong!r}"
                found = flaws(read(one, payload), one.received_at)
                trap.want(not found, one, spoiled, "no flaw", found)
                rows = judged(one, payload, Memory(), DeviceMemory(rules=one.rules)).readings
                absurd = [
                    (r.quantity, r.value)
                    for r in rows
                    if r.quantity == "water_volume_total" and not 0 <= r.value <= 1e13
                ]
                trap.want(not absurd, one, spoiled, "a register of 0 to 10^10 L", absurd)
    trap.end()


@each
def test_trap_3_numbers_as_text_are_the_number_or_refused(name: str) -> None:
    trap = Trap(name, "text")
    for one, value in good(name):
        right = amounts(read(one, one.payload).readings)
        for path, number in numbers(value):
            for text in (str(number), f"00{number}", f" {number} "):
                decoded = read(one, written(put(value, path, text)))
                new = {(q, v) for q, v in amounts(decoded.readings) - right if not isinstance(v, bool | None)}
                trap.want(not new, one, f"{at(path)} = {text!r}", "the same number or none", new)
    trap.end()


# --- 4: times -------------------------------------------------------------------------------------------------------------

_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?.*|\d{8}T\d{6}Z?")


def times(value: Any) -> list[tuple[Path, Any]]:
    """Return everything that looks like a time: ISO 8601, or seconds, milliseconds, micro- or nanoseconds since 1970."""
    return [(path, leaf) for path, leaf in leaves(value) if _is_time(leaf)]


def _is_time(leaf: Any) -> bool:
    if isinstance(leaf, str):
        if re.fullmatch(r"\d{10}|\d{13}", leaf):
            return _is_time(int(leaf))
        return _ISO.fullmatch(leaf) is not None
    if isinstance(leaf, bool) or not isinstance(leaf, int | float):
        return False
    return any(1.0e9 * scale <= leaf <= 2.2e9 * scale for scale in (1, 10**3, 10**6, 10**9))


def with_times(value: Any, new: Callable[[Any], Any]) -> Any:
    for path, leaf in times(value):
        value = put(value, path, new(leaf))
    return value


NO_TIMES: dict[str, Callable[[Any], Any]] = {
    "1970": lambda old: "1970-01-01T00:00:00Z" if isinstance(old, str) else 0,
    "1111": lambda old: "1111-11-11T11:11:11Z" if isinstance(old, str) else -1,
    "no day": lambda old: "2000-00-00T00:00:00Z" if isinstance(old, str) else 1e30,
    "far future": lambda old: "2999-01-01T00:00:00Z" if isinstance(old, str) else old * 4,
    "the last second of all": lambda old: "9999-12-31T23:59:60-23:59" if isinstance(old, str) else 253402300799999,
    "no time": lambda _: "yesterday",
    "nothing": lambda _: None,
    "true": lambda _: True,
    "NaN": lambda _: BARE + "NaN",
    "a list": lambda old: [old],
}


@each
@pytest.mark.parametrize("wrong", NO_TIMES)
def test_trap_4_an_impossible_time_gives_way_to_arrival_and_says_so(name: str, wrong: str) -> None:
    trap = Trap(name, f"time {wrong}")
    for one, value in good(name):
        if not times(value):
            continue
        before = {reading.time for reading in read(one, one.payload).readings}  # clocks inside a frame stay right
        decoded = read(one, written(with_times(value, NO_TIMES[wrong])))
        found = flaws(decoded, one.received_at)
        trap.want(not found, one, f"every time is {wrong}", "no flaw", found)
        new = {one.time for one in decoded.readings if not OF_TIME.intersection(one.flags)} - before
        trap.want(not new, one, f"every time is {wrong}", f"no time, or one of {sorted(OF_TIME)}", new)
    trap.end()


def _without_colon(old: Any) -> Any:
    return re.sub(r"Z$|\+00:00$", "+0000", old) if isinstance(old, str) else old


def _nanoseconds(old: Any) -> Any:
    """Write nine decimals, the first three of which stay."""
    if not isinstance(old, str) or not (found := re.fullmatch(r"(.*:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", old)):
        return old
    return f"{found[1]}.{(found[2] or '').ljust(9, '0')[:9]}{found[3]}"


@each
@pytest.mark.parametrize("write", [_without_colon, _nanoseconds], ids=["offset without colon", "nine decimals"])
def test_trap_4_a_time_in_another_spelling_is_the_same_or_none(name: str, write: Callable[[Any], Any]) -> None:
    trap = Trap(name, "spelling")
    for one, value in good(name):
        before = {_ms(reading.time) for reading in read(one, one.payload).readings}
        decoded = read(one, written(with_times(value, write)))
        doubted = write is _without_colon  # it is no RFC 3339: a reader may leave it
        new = {_ms(r.time) for r in decoded.readings if not (doubted and OF_TIME.intersection(r.flags))} - before
        trap.want(not new, one, "every time so written", "the same times", new)
    trap.end()


def _ms(time: datetime | None) -> datetime | None:
    return time and time.replace(microsecond=time.microsecond // 1000 * 1000)


# --- 5 to 8: what was said before, and twice ------------------------------------------------------------------------------


@each
def test_trap_5_what_is_retained_is_marked_and_no_event(name: str) -> None:
    trap = Trap(name, "retained")
    assert "retained" in NO_EVENTS
    for one in known(name, readable=True):
        rows = judged(one, one.payload, Memory(), DeviceMemory(rules=one.rules), retain=True).readings
        unmarked = [(row.quantity, row.flags) for row in rows if "retained" not in row.flags]
        trap.want(not unmarked, one, "retained", "the flag on all that is stored", unmarked)
        timeless = [r for r in read(one, one.payload, retain=True).readings if r.time is None]
        unsaid = [(r.quantity, r.flags) for r in timeless if "retained" not in r.flags]
        trap.want(not unsaid, one, "retained", "the flag on all without a time of its own", unsaid)
    trap.end(must_try=True)


@each
def test_trap_7_a_second_delivery_changes_nothing(name: str) -> None:
    trap = Trap(name, "twice")
    for one in known(name, readable=True):
        memory, said = Memory(), DeviceMemory(rules=one.rules)
        first = {
            (r.quantity, r.device, r.measured_ms): r.value for r in judged(one, one.payload, memory, said).readings
        }
        later = one.received_at + timedelta(minutes=1)
        again = judged(one, one.payload, memory, said, received_at=later, redelivered=True).readings
        new = [(r.quantity, r.value) for r in again if first.get((r.quantity, r.device, r.measured_ms)) != r.value]
        trap.want(not new, one, "a minute later again", "nothing new", new)
    trap.end(must_try=True)


@each
def test_traps_1_8_what_one_message_says_has_keys_of_its_own(name: str) -> None:
    trap = Trap(name, "keys")
    for one in known(name, readable=True):
        rows = judged(one, one.payload, Memory(), DeviceMemory(rules=one.rules)).readings
        keys = [(row.device, row.quantity, row.measured_ms) for row in rows]
        twice = sorted({key[1] for key in keys if keys.count(key) > 1})
        trap.want(not twice, one, "as it is", "a channel, or one value a moment", twice)
    trap.end(must_try=True)


# --- 11: not ours ---------------------------------------------------------------------------------------------------------

FOREIGN = [
    ("a/b", b'{"power": 100, "energy": 12.5}'),
    ("$SYS/broker/uptime", b"12 seconds"),
    ("homeassistant/sensor/fridge/config", b'{"name":"Fridge","state_topic":"x/y","unit_of_measurement":"W"}'),
    ("owntracks/somebody/phone", b'{"_type":"location","lat":52.1,"lon":4.9,"tst":1795240800}'),
    ("frigate/events", b'{"type":"new","before":{"id":"1","label":"person"},"after":{}}'),
    ("tasmota/discovery/DC4F22000000/config", b'{"ip":"192.168.1.2","dn":"Socket","fn":["Socket"]}'),
    ("heat/1", b'{"media":"heat","meter":"kamheat","id":"12345678","total_energy_consumption_kwh":1.0}'),
    ("car/1/odometer", b"54321"),
    ("", b"{}"),
]  # fmt: skip


@pytest.mark.parametrize(("topic", "payload"), FOREIGN, ids=[topic or "no topic" for topic, _ in FOREIGN])
def test_trap_11_what_is_not_ours_makes_no_reading(topic: str, payload: bytes) -> None:
    assert decode(topic, payload, NOW).readings == ()


@each
def test_trap_11_what_one_format_says_no_other_reads(name: str) -> None:
    trap = Trap(name, "claims")
    for one in known(name):
        for cut in range(0, len(one.payload) + 1, max(1, len(one.payload) // 8)):
            decoded = read(one, one.payload[:cut])
            mine = decoded.format == name or not decoded.readings
            trap.want(mine, one, f"cut at {cut}", f"readings by {name} only", (decoded.format, decoded.readings))
    trap.end(must_try=True)


# --- 14: what is not readable ---------------------------------------------------------------------------------------------


def _twice(payload: bytes) -> bytes | None:
    """Write the first name of the object twice, the second time with another value."""
    found = re.match(rb'\s*\{\s*("(?:[^"\\]|\\.)*")\s*:', payload)
    return None if found is None else payload[: found.end(1)] + b":1," + payload[found.start(1) :]


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": [value]}
    return value


@each
def test_trap_14_broken_json_is_refused_with_a_reason(name: str) -> None:
    trap = Trap(name, "broken")
    for one, _ in good(name):
        raw = one.payload.strip()
        spoiled = {f"cut at {cut}": raw[:cut] for cut in range(1, len(raw), max(1, len(raw) // 40))}
        spoiled |= {"with a NUL": raw[:-1] + b"\0" + raw[-1:], "not UTF-8": raw[:1] + b'"\xff":1,' + raw[1:]}
        spoiled |= {"twice over": raw + raw, "with single quotes": raw.replace(b'"', b"'")}
        spoiled |= {"with a name twice": twice} if (twice := _twice(raw)) else {}
        for how, payload in spoiled.items():
            decoded = read(one, payload)
            found = [*flaws(decoded, one.received_at), *decoded.readings]
            trap.want(decoded.rejected is not None and not found, one, how, "a refusal and no reading", found)
    trap.end()


@each
def test_trap_14_depth_and_length_are_refused_quickly(name: str) -> None:
    trap = Trap(name, "deep")
    for one, value in good(name)[:3]:
        began = perf_counter()
        for _, group in list(branches(value))[:2]:
            inner = {**group, "zz": deep(40)} if isinstance(group, dict) else [*group, deep(40)]
            decoded = read(one, written(inner))
            trap.want(decoded.rejected is not None, one, "80 levels deep", "a refusal", decoded.readings)
        for payload in (b"[" * 200_000, b'{"a":' * 40_000, one.payload + b" " * 10_000_000, b"\0" * 10_000_000):
            decoded = read(one, payload)
            trap.want(
                decoded.rejected is not None and not decoded.readings, one, f"{len(payload)} bytes of {payload[:5]!r}",
                "a refusal", decoded.readings,
            )  # fmt: skip
        took = perf_counter() - began
        trap.want(took < 2, one, "deep and long", "less than 2 s", took)
    trap.end()


@each
def test_trap_14_a_long_list_takes_time_by_its_length_and_not_by_its_square(name: str) -> None:
    trap = Trap(name, "long")
    for one, value in good(name)[:6]:
        for path, group in branches(value):
            if not isinstance(group, list) or not group:
                continue
            times = max(2, 200_000 // len(json.dumps(group)))
            payload = written(put(value, path, (group * times)[:5000]))
            began = thread_time()
            decoded = read(one, payload)
            took = thread_time() - began
            trap.want(took < 0.6, one, f"{at(path)} {times} times", "less than 0.6 s of the processor", took)
            trap.want(not flaws(decoded, one.received_at), one, f"{at(path)} {times} times", "no flaw", "some")
    trap.end()


# --- 15: people -----------------------------------------------------------------------------------------------------------

SECRET = "Zhang-Wei-Musterweg-5"
PRIVATE: dict[str, Any] = {
    "address": SECRET, "street": SECRET, "city": SECRET, "owner": SECRET, "customer": SECRET, "username": SECRET,
    "phone": f"{SECRET} 13800138000", "email": f"{SECRET}@example.org", "latitude": 52.123456, "lat": 52.123456,
    "longitude": 4.987654, "location": {"latitude": 52.123456, "longitude": 4.987654, "altitude": 3, "name": SECRET},
    "gps": [52.123456, 4.987654], "Cell_ID": 123456789, "imei": "861234567890123", "ICCID": "89860012345678901234",
    "SSId": SECRET, "BSSId": "AA:BB:CC:11:22:33", "ip": "192.168.178.99", "note": SECRET, "household": SECRET,
}  # fmt: skip
TRACES = (
    SECRET, "13800138000", "52.123456", "4.987654", "123456789", "861234567890123", "8986001234567890", "AA:BB:CC", "178.99",
)  # fmt: skip


@each
def test_trap_15_what_is_about_people_does_not_come_out(name: str, caplog: pytest.LogCaptureFixture) -> None:
    trap = Trap(name, "people")
    caplog.set_level(logging.DEBUG)
    for one, value in good(name):
        clean = repr((read(one, one.payload), one.topic))
        traces = [trace for trace in TRACES if trace not in clean]
        for path, group in branches(value):
            if not isinstance(group, dict):
                continue
            planted = put(value, path, {**{k: v for k, v in PRIVATE.items() if k not in group}, **group})
            decoded = read(one, json.dumps(planted).encode())
            said = repr(decoded) + caplog.text
            out = [trace for trace in traces if trace in said]
            trap.want(not out, one, f"planted at {at(path)}", "nothing of it", out)
            found = flaws(decoded, one.received_at)
            trap.want(not found, one, f"planted at {at(path)}", "no flaw", found)
    trap.end()


# --- 6, 10, 12, 13 --------------------------------------------------------------------------------------------------------

HELD_ELSEWHERE = {
    6: "tests/ingest/test_zigbee2mqtt.py: what is repeated in a message carries `cached_state`",
    9: "tests/ingest/test_meter_faults.py: resets, wraps and replacements are judged behind all readers",
    10: "tests/ingest/test_wmbusmeters.py, test_chirpstack.py: alarms of the past, bit groups",
    12: "tests/detectors/test_outage.py: silence is a detector's affair; `available` is no sign of a person",
    13: "tests/detectors/test_meter_steps.py: the resolution stands in the registry, not on the wire",
}
"""Traps that are about what a format means, not about how its messages may be spoiled: no sample can set them."""


def test_every_trap_is_set_here_or_held_elsewhere() -> None:
    here = {int(n) for test in globals() if test.startswith("test_trap") for n in re.findall(r"_(\d+)(?=_)", test)}
    assert here | set(HELD_ELSEWHERE) == set(range(1, 16))
