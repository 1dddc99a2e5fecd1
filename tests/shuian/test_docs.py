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
from ingest.devices import FORMATS
from ingest.influx_dialects import InfluxSettings
from shuian import cli, config, decode, registry_import

DOCS = Path(__file__).parents[2] / "docs"


def page(name):
    return (DOCS / name).read_text("utf-8")


def default(value):
    if isinstance(value, tuple):
        return "[" + ", ".join(default(one) for one in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def test_the_fields_that_the_page_explains_are_real_ones(tmp_path):
    (block,) = re.findall(r"```toml\n(\[\[keys\]\]\nmatch = \[\"elvaco.*?)```", page("formats.md"), re.DOTALL)
    (tmp_path / "shuian.toml").write_text(block, "utf-8")
    (rule,) = config.load(tmp_path / "shuian.toml", {}).keys
    assert set(rule.fields) == {"meter.total", "door", "shut"}


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


TRY = {
    "wmbusmeters": [("water_volume_total", 82184)],
    "zigbee2mqtt": [("contact_open", True), ("battery", 90)],
    "chirpstack": [("available", True)],
    "tasmota": [("pulse_count_total", 82184)],
    "aliyun_tsl": [("water_volume_total", 105660)],
    "ai_on_the_edge": [("water_volume_total", 82184), ("water_flow", 0)],
    "esphome": [("water_volume_total", 82184)],
    "everblu": [("water_volume_total", 82184)],
    "ha_statestream": [("contact_open", True)],
    "libmbus2mqtt": [("water_volume_total", 82184)],
    "rtl_433": [("water_volume_total", 399211.041)],
    "rtlamr": [("water_volume_total", 399224.668)],
    "tts": [("water_volume_total", 5342), ("water_leak", True)],
    "shelly": [("water_leak", True)],
    "senml": [("water_volume_total", 82184)],
    "fiware_ngsi_ld": [("water_volume_total", 191051)],
    "onenet": [("water_volume_total", 82184)],
    "huawei_iotda": [("water_volume_total", 82184)],
    "tuyalink": [("water_volume_total", 82184), ("valve_open", True)],
    "ctwing_aep": [("water_volume_total", 3000), ("valve_open", True)],
    "cjt188": [("water_volume_total", 3000), ("valve_open", True)],
    "china_4g_dtu": [("water_volume_total", 3000)],
}


def tried():
    """Return what is understood of each message to try, by its format."""
    found = {}
    for line in re.findall(r"echo '(.*?)' \| shuian decode\n", page("formats.md")):
        out = io.StringIO()
        decode.run([line], out, lambda: datetime(2026, 11, 21, 6, 1, tzinfo=UTC))
        answer = json.loads(out.getvalue())
        assert answer["rejected"] is None, line
        found[answer["format"]] = [(reading["quantity"], reading["value"]) for reading in answer["readings"]]
    return found


def test_the_messages_to_try_are_understood():
    assert tried() == TRY


def test_every_format_has_a_message_to_try():
    assert TRY.keys() == FORMATS.keys() - {"native", "plain"}


def test_the_rules_to_copy_are_kept_and_read_their_message(tmp_path, monkeypatch, capsys):
    rules = re.findall(r"```toml\n(.*?)```", page("formats.md"), re.DOTALL)
    (tmp_path / "shuian.toml").write_text("\n".join(rules), "utf-8")
    line = re.findall(r"echo '(.*?)' \| shuian decode --config", page("formats.md"))[0]
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    cli.decode(tmp_path / "shuian.toml")
    (reading,) = json.loads(capsys.readouterr().out)["readings"]
    assert (reading["device"], reading["value"], reading["time"]) == ("m-12", 82184, "2026-11-21T06:00:00Z")


def test_what_the_page_says_of_products_is_a_setting(tmp_path):
    (table,) = re.findall(r"```toml\n(\[\[keys\]\]\nmatch = \[\"a1X.*?)```", page("formats.md"), re.DOTALL)
    (tmp_path / "shuian.toml").write_text(table, "utf-8")
    assert [rule.match for rule in config.load(tmp_path / "shuian.toml", {}).keys] == [
        ("a1XXXXXXXXX",),
        ("5fa0",),
        ("china_4g_dtu",),
    ]


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
    needed = {
        "[[mqtt]]": ['name = "x"', 'host = "127.0.0.1"'],
        "[[plain]]": ['topic = "a/{device}"', 'quantity = "water_flow"'],
        "[[keys]]": ['match = ["x"]', 'fields = { a = "sos" }'],
    }.get(section, [])
    beside = [one for one in needed if one.split()[0] != setting.split()[0]]
    (tmp_path / "shuian.toml").write_text("\n".join([section, *beside, setting]), "utf-8")
    assert config.load(tmp_path / "shuian.toml", {})


def test_the_table_of_device_names_has_every_format():
    table = page("formats.md").split("## What a device is called")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(FORMATS)
