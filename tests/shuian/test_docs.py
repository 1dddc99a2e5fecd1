"""What the documents say of settings, registry and messages, held against the program."""

import io
import json
import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts import registry
from alerts.policy import Policy
from alerts.registry.sheets import SHEETS
from ingest.influx_dialects import InfluxSettings
from shuian import config, decode, registry_import

DOCS = Path(__file__).parents[2] / "docs"


def page(name):
    return (DOCS / name).read_text("utf-8")


def default(value):
    if isinstance(value, tuple):
        return "[" + ", ".join(default(one) for one in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def test_every_clock_of_the_ladder_is_listed_with_its_default():
    listed = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \| \S", page("operations.md"), re.MULTILINE))
    assert listed == {one.name: default(one.default) for one in fields(Policy)}


def test_every_setting_of_the_copy_is_listed_with_its_default():
    listed = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \| \S", page("influx.md"), re.MULTILINE))
    assert listed == {one.name: default(one.default) for one in fields(InfluxSettings)}


def test_the_registry_to_copy_can_be_imported(tmp_path):
    sheets = re.findall(r"`(\w+)\.csv`[^`\n]*(?:`[^`\n]*`[^`\n]*)*\n\n```csv\n(.*?)```", page("registry.md"), re.DOTALL)
    assert [name for name, _ in sheets] == list(SHEETS)
    for name, rows in sheets:
        (tmp_path / f"{name}.csv").write_text(rows, "utf-8")
    read = registry.read(tmp_path, registry_import.formats())
    assert read is not None


def test_every_column_of_every_sheet_is_named():
    table = dict(re.findall(r"^\| (\w+) \| (.+?) \|$", page("registry.md"), re.MULTILINE))
    for sheet, columns in SHEETS.items():
        named = [re.match(r"\w+", one)[0] for one in re.sub(r" \([^)]*\)", "", table[sheet]).split(", ")]
        assert named == [one.name for one in columns]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, [("water_volume_total", 82184)]),
        (1, [("contact_open", True), ("battery", 90)]),
        (2, [("available", True)]),
        (3, [("pulse_count_total", 82184)]),
        (4, [("water_volume_total", 105660)]),
    ],
    ids=["wmbusmeters", "zigbee2mqtt", "chirpstack", "tasmota", "aliyun_tsl"],
)
def test_the_messages_to_try_are_understood(number, said):
    line = re.findall(r"echo '(.*?)' \| shuian decode", page("formats.md"))[number]
    out = io.StringIO()
    decode.run([line], out, lambda: datetime(2026, 11, 21, 6, 1, tzinfo=UTC))
    answer = json.loads(out.getvalue())
    assert answer["rejected"] is None
    assert [(reading["quantity"], reading["value"]) for reading in answer["readings"]] == said


def commented_settings():
    """Return (section, setting) for each setting that the example shows in a comment."""
    section, found = "", []
    for line in config.example().splitlines():
        if opened := re.match(r"(?:# )?(\[+[\w.]+\]+)", line):
            section = opened[1]
        elif re.match(r"# \w+ = ", line):
            found.append((section, line.removeprefix("# ")))
    return found


@pytest.mark.parametrize(("section", "setting"), commented_settings())
def test_every_setting_that_the_example_shows_is_one(tmp_path, section, setting):
    needed = ['name = "x"', 'host = "127.0.0.1"'] if section == "[[mqtt]]" else []
    beside = [one for one in needed if one.split()[0] != setting.split()[0]]
    (tmp_path / "shuian.toml").write_text("\n".join([section, *beside, setting]), "utf-8")
    assert config.load(tmp_path / "shuian.toml", {})
