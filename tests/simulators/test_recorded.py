import gzip
from datetime import UTC, datetime
from itertools import chain

import numpy as np
import pytest

from ingest.devices import DeviceMemory, decode
from simulators import encoding, recorded, replay
from simulators.meters import Register


def test_the_packaged_home_reads_as_a_register_that_never_falls():
    home = recorded.weusedto()
    assert home.household == "weusedto-1"
    assert len(home.at_s) > 10_000
    assert np.all(np.diff(home.at_s) > 0)
    assert np.all(np.diff(home.litres) >= 0)


def test_draws_are_read_off_only_while_somebody_looked_and_a_gap_is_never_none(tmp_path):
    pulses, coverage = tmp_path / "p.csv", tmp_path / "c.csv"
    pulses.write_text("household_id,ts,volume_l\nh,1000,2\nh,1500,3\n")
    coverage.write_text("household_id,part,start_ts,end_ts\nh,home,900,1800\nh,home,9000,9900\nh,kitchen,0,99999\n")
    (home,) = recorded.read(pulses, coverage)
    assert home.at_s.tolist() == [900, 1800, 9000, 9900]
    assert home.litres.tolist() == [0, 5, 6, 6]  # one litre more after the gap: unknown, not none


def test_a_cumulative_record_is_taken_as_it_is(tmp_path):
    pulses = tmp_path / "p.csv.gz"
    pulses.write_bytes(gzip.compress(b"household_id,ts,volume_l,cumulative_l\nh,10,1,1\nh,20,0,1\nh,30,4,5\n"))
    coverage = tmp_path / "c.csv"
    coverage.write_text("household_id,start_ts,end_ts\nh,0,1800\n")
    for watched in (None, coverage):  # a register says itself when somebody looked
        (home,) = recorded.read(pulses, watched)
        assert home.at_s.tolist() == [10, 20, 30]
        assert home.litres.tolist() == [1, 1, 5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("household_id,ts\nh,1\n", "volume_l", id="column missing"),
        pytest.param("household_id,ts,volume_l\nh,now,1\n", "line 2: ts", id="no number"),
        pytest.param("household_id,ts,volume_l\nh,1,nan\n", "line 2: volume_l", id="not finite"),
        pytest.param("household_id,ts,volume_l\nh,1,-3\n", "from 0 up", id="negative"),
    ],
)
def test_a_wrong_cell_is_named_by_file_line_and_column(tmp_path, text, said):
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(recorded.RecordError, match=said):
        recorded.read(file)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param("household_id,ts,volume_l\n水安,1,1\n".encode("gb18030"), "save it as UTF-8 CSV", id="GBK"),
        pytest.param(b"PK\x03\x04\x14\x00\x06\x00\x08\x00\xff\xfe", "save it as UTF-8 CSV", id="a workbook"),
        pytest.param(gzip.compress(b"household_id,ts,volume_l\nh,1,1\n")[:-4], "copy it again", id="cut off"),
        pytest.param(b"\x1f\x8b nothing packed", "copy it again", id="no gzip"),
        pytest.param(
            gzip.compress(bytes(99))[:12] + b"\xff\xff\xff" + gzip.compress(bytes(99))[15:],
            "copy it again",
            id="spoiled",
        ),
        pytest.param(
            b"household_id,ts,volume_l\nh,1," + b"1" * 200_000, "line 2: want CSV, got field larger", id="endless cell"
        ),
        pytest.param(b"household_id,ts,volume_l\rh,1,1\r", "want CSV", id="ends of lines of an old Mac"),
    ],
)
def test_a_file_that_is_no_csv_is_told_with_what_to_do(tmp_path, raw, said):
    file = tmp_path / "bad.csv"
    file.write_bytes(raw)
    with pytest.raises(recorded.RecordError, match=rf"^bad\.csv.*{said}"):
        recorded.read(file)


@pytest.mark.parametrize("fmt", replay.FORMATS)
def test_a_recorded_home_can_be_sent_again_in_every_format(fmt):
    home = recorded.weusedto()
    part = Register(home.household, home.at_s[:40], home.litres[:40])
    how, said = encoding.played(fmt), []
    memory = DeviceMemory(unit=lambda *_: how.unit or None, rules=how.rules)
    for one in chain.from_iterable(replay.chunks([part], fmt)):
        understood = decode(one.topic, one.payload, datetime.fromtimestamp(one.at + 1, UTC), memory=memory).readings
        said += [one for one in understood if one.quantity in {"water_volume_total", "pulse_count_total"}]
    assert np.allclose([float(one.value) for one in said], part.litres, atol=max(how.step_l, 1.0))
