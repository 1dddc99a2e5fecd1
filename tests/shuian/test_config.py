from pathlib import Path

import pytest

from ingest.influx_dialects import InfluxSettings
from shuian import config
from shuian.errors import BadInput


def written(folder: Path, text: str) -> Path:
    file = folder / "shuian.toml"
    file.write_text(text, "utf-8")
    return file


def test_what_init_writes_loads_as_the_defaults(tmp_path):
    loaded = config.load(written(tmp_path, config.example()), {})
    assert loaded.web == config.WebSettings()
    assert loaded.detect == config.Config().detect
    assert loaded.policy == config.Config().policy
    assert loaded.service.data == tmp_path / "shuian-data"
    assert loaded.influx is None


def test_every_setting_that_the_example_shows_is_a_real_one_with_its_real_default(tmp_path):
    shown = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and ("=" in line or line.startswith("# [")) else line
        for line in config.example().splitlines()
        if not line.startswith(
            ("# A setting", "# SHUIAN", "# Shuian", "# Mosquitto needs", "# its defaults", "# What", "# the line")
        )
    )
    loaded = config.load(written(tmp_path, shown), {})
    assert loaded.web == config.WebSettings()
    assert loaded.detect == config.Config().detect
    assert loaded.mqtt[0].host == "127.0.0.1"
    assert set(loaded.channels) == {"email", "webhook", "sms", "wecom"}
    assert loaded.influx == InfluxSettings()


def test_the_example_shows_the_topics_that_are_listened_to(tmp_path):
    topics = next(line for line in config.example().splitlines() if line.startswith("# topics = "))
    text = f'[[mqtt]]\nname = "x"\nhost = "h"\n{topics.removeprefix("# ")}\n'
    assert config.load(written(tmp_path, text), {}).mqtt[0].topics == config.TOPICS


def test_every_fault_is_reported_at_once(tmp_path):
    text = '[web]\nport = "many"\ncolour = 1\n[service]\nzone = "Mars/Olympus"\n[channels.pigeon]\n[sevice]\n[detect]\nrules = ["13-moons"]\n[policy]\nundo_s = -1\n'
    with pytest.raises(BadInput) as wrong:
        config.load(written(tmp_path, text), {})
    for part in ("web.port", "'many'", "web.colour", "Mars/Olympus", "channels.pigeon", "sevice", "13-moons", "undo_s"):
        assert part in wrong.value.what


def test_topics_that_begin_with_a_dollar_are_subscribed_to_by_name():
    assert {"$sys/#", "$oc/#"} <= set(config.TOPICS)
    for topic in config.TOPICS:
        assert f'"{topic}"' in config.example()


def test_the_environment_wins_over_the_file(tmp_path):
    text = '[web]\nport = 1\n[[mqtt]]\nname = "a"\nhost = "h"\nport = 1883\n'
    loaded = config.load(written(tmp_path, text), {"SHUIAN_WEB__PORT": "8099", "SHUIAN_MQTT__0__PASSWORD": "hush"})
    assert loaded.web.port == 8099
    assert loaded.mqtt[0].password == "hush"


def test_a_secret_is_never_repeated_in_an_error(tmp_path):
    with pytest.raises(BadInput) as wrong:
        config.load(written(tmp_path, "[channels.webhook]\nsecret = [1234567]\n"), {})
    assert "channels.webhook.secret" in wrong.value.what
    assert "1234567" not in wrong.value.what


def test_an_address_of_influxdb_with_a_password_in_it_is_refused_and_not_repeated(tmp_path):
    text = '[influx]\nurl = "http://me:hush@db:8086"\ndialect = "v2"\n'
    with pytest.raises(BadInput) as wrong:
        config.load(written(tmp_path, text), {})
    assert "no user or password" in wrong.value.what
    assert "wants both" in wrong.value.what
    assert "hush" not in wrong.value.what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[web\n", "not TOML", id="broken TOML"),
        pytest.param("[mqtt]\nhost = 'x'\n", "double brackets", id="one bracket for a broker"),
        pytest.param("web = 3\n", "want a section", id="a value for a section"),
    ],
)
def test_a_wrong_file_says_what_was_wanted(tmp_path, text, said):
    with pytest.raises(BadInput, match=said):
        config.load(written(tmp_path, text), {})


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(BadInput) as wrong:
        config.load(tmp_path / "none.toml", {})
    assert "shuian init" in wrong.value.do


def test_rules_for_topics_of_one_s_own_reach_the_readers(tmp_path):
    text = (
        '[[plain]]\ntopic = "a/{device}"\nquantity = "water_flow"\nunit = "L/min"\n[formats]\n"house/#" = "esphome"\n'
    )
    rules = config.load(written(tmp_path, text), {}).rules
    assert [rule.unit for rule in rules.plain] == ["L/min"]
    assert (rules.format_of("a/m-1"), rules.format_of("house/x/y"), rules.format_of("b")) == ("plain", "esphome", None)


def test_every_fault_in_a_rule_is_reported_at_once(tmp_path):
    text = (
        '[[plain]]\ntopic = "a"\nquantity = "water_flow"\n[[plain]]\ntopic = "a/{device}"\nquantity = "wine"\ncolour = 1\n'
        '[formats]\n"house/+/#/x" = "esphome"\n"b/#" = "espresso"\n'
    )
    with pytest.raises(BadInput) as wrong:
        config.load(written(tmp_path, text), {})
    for part in ("plain.0", "{device}", "plain.1.colour", "'wine'", "house/+/#/x", "'espresso'"):
        assert part in wrong.value.what


@pytest.mark.parametrize(("text", "said"), [("plain = 1\n", "[[plain]]"), ("formats = 1\n", "[formats]")])
def test_rules_in_another_shape_are_refused(tmp_path, text, said):
    with pytest.raises(BadInput) as wrong:
        config.load(written(tmp_path, text), {})
    assert said in wrong.value.what


def test_rules_for_fields_are_read_and_a_wrong_one_is_a_fault(tmp_path):
    good = '[[keys]]\nmatch = ["elvaco*"]\nfields = { total = "water_volume_total m3" }\n'
    (rule,) = config.load(written(tmp_path, good), {}).keys
    assert (rule.match, dict(rule.fields)) == (("elvaco*",), {"total": "water_volume_total m3"})
    with pytest.raises(BadInput) as wrong:
        config.load(written(tmp_path, good.replace(" m3", " furlong") + '[[keys]]\nmatch = "x"\n'), {})
    for part in ("keys.0", "furlong", "with one of L, m3", "keys.1.match", "keys.1.fields"):
        assert part in wrong.value.what
    with pytest.raises(BadInput, match="double brackets"):
        config.load(written(tmp_path, "[keys]\n"), {})


def test_how_much_one_device_may_say_is_a_setting_and_a_wrong_one_is_named(tmp_path):
    assert config.load(written(tmp_path, ""), {}).limits.device_a_minute == 60_000
    assert config.load(written(tmp_path, "[limits]\ndevice_a_minute = 200000\n"), {}).limits.device_a_minute == 200_000
    for text in ("device_a_minute = 10", 'device_a_minute = "many"', "device_an_hour = 7000"):
        with pytest.raises(BadInput, match=r"limits\.device_a"):
            config.load(written(tmp_path, f"[limits]\n{text}\n"), {})
