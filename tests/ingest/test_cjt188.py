"""Frames of CJ/T 188: captured ones, those that are none, and every register there and back."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices import Decoded, DeviceMemory, cjt188, decode
from ingest.devices._cjt188 import answer, frames, octets, said

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
FRAME = "6810670517240000008116901F01000300002C000300002C0000000000000000FFC316"


def read(frame: str | bytes, topic: str = "dtu/meter/up", unit: str | None = None) -> Decoded:
    payload = frame.encode() if isinstance(frame, str) else frame
    return decode(topic, payload, NOW, memory=DeviceMemory(unit=lambda device, time: unit))


def summed(body: str) -> str:
    """Return a frame with its check sum and end; `body` is hexadecimal from 68 on."""
    octets = bytes.fromhex(body)
    return body.replace(" ", "") + f"{sum(octets) & 0xFF:02X}16"


def told(decoded: Decoded) -> list[tuple[object, ...]]:
    assert decoded.rejected is None
    return [(one.device, one.quantity, one.value, one.flags) for one in decoded.readings]


@pytest.mark.parametrize(
    ("frame", "device", "litres", "flags", "valve"),
    [
        pytest.param(FRAME, "00000024170567", 3000, ("time_missing",), True, id="hexadecimal"),
        pytest.param(
            "68 10 01 00 00 05 08 00 00 81 16 90 1F 00 00 23 01 00 2C 00 00 00 00 2C 00 00 00 00 00 00 00 00 00 48 16 ",
            "00000805000001",
            123_000,
            ("time_missing",),
            True,
            id="blanks between the digits",
        ),
        pytest.param(
            "68 10 92 01 00 10 00 00 00 81 16 90 1F 01 00 22 22 00 2C 00 00 00 00 2C 00 00 00 00 00 00 00 00 00 FE 16",
            "00000010000192",
            2_222_000,
            ("time_missing",),
            True,
            id="FE as check sum",
        ),
        pytest.param(
            "68 10 44 33 22 11 00 33 78 81 16 1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84 13 16",
            "78330011223344",
            556_677_000,
            ("time_zone_missing",),
            False,
            id="the other order of the identifier, a clock, a closed valve",
        ),
        pytest.param(
            "FE FE 68 10 45 41 10 05 15 33 78 81 16 90 1F AA 00 59 59 00 2C FF FF FF FF 2C FF FF FF FF FF FF FF 00 00 C2 16",
            "78331505104145",
            5_959_000,
            ("time_missing",),
            True,
            id="neither settled total nor clock",
        ),
        pytest.param(
            "FEFEFEFE6810437632510000008116901F0047700100295148010029202005282058240000A716",
            "00000051327643",
            17_047,
            ("time_zone_missing",),
            True,
            id="whole litres, the clock's century first",
        ),
        pytest.param(
            "4354524C3A1A32303137303730303030303039333700FEFEFE68103709000000111181091F90000093800000FF2516",
            "11110000000937",
            8_093_000,
            ("unit_assumed_m3", "time_missing"),
            True,
            id="a short answer behind the head of a gateway",
        ),
        pytest.param(
            "4354524C3A3332303137303730303030303039333700FEFEFE6810370900000000008109901F000093800000FF0300"
            "FEFEFE68103709000000111181091F90000093800000FF2516",
            "11110000000937",
            8_093_000,
            ("unit_assumed_m3", "time_missing"),
            True,
            id="a broken frame before a good one",
        ),
    ],
)
def test_captured_frames_are_read(frame: str, device: str, litres: int, flags: tuple[str, ...], valve: bool) -> None:
    after = tuple(flag for flag in flags if flag != "unit_assumed_m3")
    wanted = [(device, "water_volume_total", litres, flags), (device, "valve_open", valve, after)]
    for form in (frame, octets(frame.encode()), b64encode(octets(frame.encode()))):
        assert told(read(form)) == wanted


def test_a_clock_without_a_zone_is_told_and_not_believed() -> None:
    frame = "68 10 88 05 27 10 15 20 00 81 16 90 1F 01 00 00 00 00 2C 00 00 00 00 2C 06 20 17 09 01 17 20 00 00 8E 16"
    reading = read(frame).readings[0]
    assert (reading.time, reading.extra) == (None, {"time_local": "2017-01-09T17:20:06"})


@pytest.mark.parametrize("clock", ["60202000000000", "00000001010019", "00000001013099", "AABBCCDDEEFF20"])
def test_a_clock_that_cannot_be_gives_way_to_arrival(clock: str) -> None:
    frame = summed(f"6810 01020304050607 81 16 901F 01 00030000 2C 00030000 2C {clock} 0000")
    assert read(frame).readings[0].flags == ("implausible_time",)


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("00", [("water_volume_total", 3000, ()), ("valve_open", True, ())]),
        ("01", [("water_volume_total", 3000, ()), ("valve_open", False, ())]),
        ("03", [("water_volume_total", 3000, ("sensor_fault",))]),
        ("04", [("water_volume_total", 3000, ("battery_low",)), ("valve_open", True, ())]),
    ],
)
def test_status_bits_are_valve_and_battery(status: str, wanted: list[tuple[object, ...]]) -> None:
    frame = summed(f"6810 01020304050607 81 16 901F 01 00030000 2C 00030000 2C 00000000000000 {status}00")
    got = [(one.quantity, one.value, one.flags[:-1]) for one in read(frame).readings]
    assert got == wanted


def test_digits_above_nine_are_a_fault_and_no_register() -> None:
    frame = summed("6810 01020304050607 81 16 901F 01 0003A000 2C 00030000 2C 00000000000000 0000")
    assert told(read(frame))[0][1:] == ("available", True, ("sensor_fault", "time_missing"))


def test_a_unit_that_nobody_knows_leaves_the_number_raw() -> None:
    reading = read(summed("6810 01020304050607 81 16 901F 01 00030000 2A 00030000 2A 00000000000000 0000")).readings[0]
    assert (reading.value, reading.flags, reading.extra["raw"]) == (None, ("unit_unknown", "time_missing"), 300)


def test_the_registry_says_the_unit_of_a_short_answer() -> None:
    decoded = read("6810076040020000008109901F010001000000FF5B16", unit="m3")
    assert told(decoded)[0][2:] == (1000, ("time_missing",))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("6810 AAAAAAAAAAAAAA 01 03 901F 01", []),
        ("6820 01020304050607 81 16 901F 01 00030000 05 00030000 05 00000000000000 0000", []),
        ("6830 01020304050607 81 16 901F 01 00030000 2C 00030000 2C 00000000000000 0000", []),
        ("6810 01020304050607 C1 03 01 0000", [("available", True, ("read_error", "time_missing"))]),
        ("6810 01020304050607 83 03 810A 01", [("available", True, ("no_reading", "time_missing"))]),
        ("6810 01020304050607 84 05 A017 01 0100", [("valve_open", False, ("time_missing",))]),
        ("6810 01020304050607 81 08 20D1 01 00030000 2C", [("month_end_history", 3000, ("history", "time_missing"))]),
    ],
    ids=["echoed request", "heat", "gas", "refusal", "address", "valve moved", "month"],
)
def test_what_is_not_the_answer_to_read_is_told_apart(body: str, wanted: list[tuple[object, ...]]) -> None:
    decoded = read(summed(body))
    assert decoded.format == "cjt188"
    assert [one[1:] for one in told(decoded)] == wanted


@pytest.mark.parametrize("place", range(0, len(FRAME) - 4, 2))
def test_a_changed_byte_is_never_a_reading(place: int) -> None:
    changed = f"{int(FRAME[place : place + 2], 16) ^ 0x05:02X}"
    decoded = read(FRAME[:place] + changed + FRAME[place + 2 :], "cjt188/x")
    assert decoded.readings == ()
    assert decoded.rejected


def test_a_frame_that_is_cut_short_is_refused_with_what_is_missing() -> None:
    assert read(FRAME[:40]).rejected == "frame: want 35 bytes, got 20"
    assert "want a CJ/T 188 frame" in (read("", "cjt188/x").rejected or "")


@pytest.mark.parametrize("payload", ["683D3D680801720020438317B4090733000000", "6810", "hello world", "68", "{}"])
def test_what_only_looks_a_little_like_a_frame_is_not_ours(payload: str) -> None:
    assert read(payload, "a/b").format != "cjt188"


def test_a_frame_inside_a_json_object_is_found() -> None:
    assert told(read(f'{{"imei":"861","rs485":["{FRAME}"]}}', "gw/up"))[0][2] == 3000


def test_a_retained_copy_is_marked() -> None:
    assert decode("dtu/x", FRAME.encode(), NOW, True).readings[0].flags == ("retained", "time_missing")


@given(st.integers(0, 10**9 - 1), st.integers(0, 10**14 - 1), st.integers(0, 6 * 10**8))
def test_every_register_survives_encode_and_decode(litres: int, number: int, ago_s: int) -> None:
    at = (NOW - timedelta(seconds=ago_s)).replace(tzinfo=UTC)
    topic, payload = cjt188.encode(f"{number:014d}", at, litres + 0.5)
    total, valve = decode(topic, payload, NOW).readings
    assert (total.device, total.value) == (f"{number:014d}", litres // 10 * 10)
    assert total.extra["time_local"] == f"{at:%Y-%m-%dT%H:%M:%S}"
    assert valve.value is True


@pytest.mark.parametrize(
    ("address", "litres"), [("123", 1), ("0000002417056X", 1), ("00000024170567", -1), ("0" * 14, 1e9)]
)
def test_what_a_frame_cannot_hold_is_not_written(address: str, litres: float) -> None:
    with pytest.raises(ValueError, match="want an address of 14 digits"):
        answer(address, litres)


HEAD = st.binary(max_size=6)
NEARLY = st.builds(
    lambda head, kind, control, size, rest: head + bytes([0x68, kind]) + bytes(7) + bytes([control, size]) + rest,
    HEAD,
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 30),
    st.binary(max_size=40),
)


@settings(max_examples=200)
@given(st.binary(max_size=80) | NEARLY)
def test_no_bytes_make_the_decoder_fail(data: bytes) -> None:
    found, complaints = frames(octets(data))
    assert all(one.isprintable() for one in complaints)
    for frame in found:
        said(frame, None)
    for payload in (data, data.hex().encode(), b64encode(data)):
        assert "our reader failed" not in (read(payload, "cjt188/x").rejected or "")


@settings(max_examples=100)
@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))
def test_no_data_in_a_right_frame_make_the_decoder_fail(kind: int, control: int, data: bytes) -> None:
    body = bytes([0x68, kind]) + bytes.fromhex("01020304050607") + bytes([control, len(data)]) + data
    decoded = read(body + bytes([sum(body) & 0xFF, 0x16]), "cjt188/x")
    assert "our reader failed" not in (decoded.rejected or "")
    assert all(one.device == "07060504030201" for one in decoded.readings)
