import csv
import json
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.main import get_command

from alerts import registry
from ingest.devices import DeviceMemory, decode
from shuian import cli, fleet_registry, registry_import, sending, simulate
from shuian.errors import BadInput, Trouble
from simulators import encoding, fleet, pacing
from simulators.faults import faults
from simulators.pacing import Sending
from simulators.plan import PERIODS, Plan
from simulators.publisher import Publisher, PublishError
from tests.brokers import Heard, free_port, mosquitto, until

PLAN = Plan(
    50,
    datetime(2026, 3, 2, tzinfo=UTC),
    ZoneInfo("Asia/Shanghai"),
    lasts_s=3600.0,
    formats=encoding.METERS,
    sensors=True,
)
PACKAGED = Path(encoding.__file__).parent / "data"
RECORD = PACKAGED / "weusedto-1.pulses.csv.gz", PACKAGED / "weusedto-1.coverage.csv.gz"


def refused(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        cli.main(["simulate", *words])
    return ended.value.code, capsys.readouterr().err.strip().splitlines()


@contextmanager
def simulating(port, *words):
    command = [sys.executable, "-m", "shuian", "simulate", "--broker", f"mqtt://127.0.0.1:{port}", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_fleet_arrives_at_the_broker_and_the_summary_says_so(tmp_path):
    with mosquitto(tmp_path) as broker, Heard(broker.port(3)) as heard:
        words = ["--homes", "60", "--for", "1h", "--speed", "720", "--as", "mixed", "--fault", "P1=0.05", "--seed", "7"]
        with simulating(broker.port(5), *words, "--start", "2026-03-02") as process:
            said, warned = process.communicate(timeout=60)
    assert process.returncode == 0, warned
    assert "60 homes, 2026-03-02 00:" in said
    assert re.search(r"lateness: median [\d.]+ ms, p99 [\d.]+ ms", said)
    assert len(re.findall(r"^  P1   fall  +h-0000\d\d  2026-03-02 00:", said, re.MULTILINE)) == 3
    assert "720 times as fast as life: for load tests and drills" in warned
    start = datetime(2026, 3, 2, tzinfo=ZoneInfo("Asia/Shanghai"))
    plan = Plan(60, start, start.tzinfo, seed=7, lasts_s=3600.0, formats=encoding.MIXED, faults=(("P1", 0.05),))
    wanted = sorted((m.topic, m.payload) for some in fleet.messages(plan) for m in some)
    assert sorted(heard.payloads) == [one for one in wanted if one[0][0] != "$"], "no # matches a topic with $"
    assert f"{len(wanted)} messages sent, {len(wanted)} confirmed by the broker" in said


@pytest.mark.slow
def test_ctrl_c_ends_a_run_with_its_summary(tmp_path):
    words = ["--homes", "500", "--speed", "60"]
    with mosquitto(tmp_path) as at, Heard(at.port(3)) as heard, simulating(at.port(5), *words) as process:
        until(lambda: len(heard.payloads) > 20, 30, "messages")
        process.send_signal(signal.SIGINT)
        said, warned = process.communicate(timeout=20)
    assert process.returncode == 0, warned
    sent, confirmed = map(int, re.search(r"(\d+) messages sent, (\d+) confirmed", said).groups())
    assert sent == confirmed >= 20


@pytest.mark.slow
def test_a_broker_that_restarts_misses_nothing(tmp_path):
    plan = replace(PLAN, homes=400, sensors=False, formats=("native",), cadence=PERIODS["15min"])
    with mosquitto(tmp_path) as broker, Heard(broker.port(3)) as heard:
        states = []
        with Publisher(f"mqtt://127.0.0.1:{broker.port(5)}", window=50) as out:
            stop = threading.Event()
            sending = Sending(
                out, plan.start_s, 600.0, stop, lambda sent: states.append((sent.connected, sent.behind_s))
            )
            running = threading.Thread(target=sending.run, args=(fleet.messages(plan),))
            running.start()
            until(lambda: len(heard.payloads) > 200, 20, "messages")
            broker.end(signal.SIGTERM)
            time.sleep(1.5)
            broker.start()
            running.join(40)
        wanted = {(m.topic, m.payload) for some in fleet.messages(plan) for m in some}
        until(lambda: set(heard.payloads) >= wanted, 20, "every message")
    assert sending.sent.messages == sending.sent.confirmed == len(wanted) == 1600
    assert any(not connected for connected, _ in states)
    assert max(behind for _, behind in states) > 1


@pytest.mark.slow
def test_sending_keeps_to_its_moments_and_says_how_late_it_is(tmp_path):
    plan = replace(PLAN, homes=300, sensors=False, formats=("native", "tasmota"))
    with mosquitto(tmp_path) as broker, Publisher(f"mqtt://127.0.0.1:{broker.port(5)}") as out:
        began = time.monotonic()
        sent = Sending(out, plan.start_s, 1200.0, threading.Event(), lambda _: None).run(fleet.messages(plan))
    last = max(m.at for some in fleet.messages(plan) for m in some) - plan.start_s
    assert sent.confirmed == sent.messages == 1200
    assert time.monotonic() - began >= last / 1200
    assert 0 <= sent.lateness.quantile(0.5) < 0.2


@pytest.mark.slow
def test_somebody_who_waits_for_confirmations_can_stop_and_the_wait_does_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(pacing, "STOPPED_S", 0.5)
    plan, stop = replace(PLAN, homes=50, sensors=False, formats=("native",), lasts_s=900.0), threading.Event()
    with mosquitto(tmp_path) as broker, Publisher(f"mqtt://127.0.0.1:{broker.port(5)}") as out:
        broker.signal(signal.SIGSTOP)
        try:
            threading.Timer(2.0, stop.set).start()
            began = time.monotonic()
            sent = Sending(out, plan.start_s, 0.0, stop, lambda _: None).run(fleet.messages(plan))
            waited = time.monotonic() - began
        finally:
            broker.signal(signal.SIGCONT)
    assert (sent.messages, sent.confirmed) == (50, 0)
    assert 2 < waited < 10
    assert sent.took_s < 1.5
    with pytest.raises(Trouble, match="50 messages were not confirmed"):
        sending.all_confirmed(sent)


# --- wrong words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "what", "do"),
    [
        (["--as", "morse"], "no format 'morse'", "wmbusmeters, zigbee2mqtt"),
        (["--profile", "rich"], "no profile 'rich'", "frugal, average, generous"),
        (["--fault", "P99"], "no fault 'P99'", "P1, P2"),
        (["--fault", "P1=many"], "no share of homes: 'many'", "P1=0.02"),
        (["--fault", "P1=2"], "want a share of homes above 0", "--help"),
        (["--for", "3"], "no duration: '3'", "30min"),
        (["--for", "2h30"], "no duration: '2h30'", "30min"),
        (["--for", "0s"], "no duration: '0s'", "30min"),
        (["--period", "2h"], "no period '2h'", "15min, 1h, daily"),
        (["--for", "9" * 400 + "d"], "longer than ten years", "3650d"),
        (["--for", "4000d"], "4000d is longer than ten years", "3650d"),
        (["--resolution", "5"], "no meter counts in steps of 5 L", "0.1, 1 or 10"),
        (["--resolution", "0"], "no meter counts in steps of 0 L", "0.1, 1 or 10"),
        (["--resolution", "nan"], "no meter counts in steps of nan L", "0.1, 1 or 10"),
        (["--loss", "1.5"], "want a share of losses", "--help"),
        (["--speed", "-1"], "want a speed from 0 up", "life's speed"),
        (["--start", "soon"], "no time: 'soon'", "ISO 8601"),
        (["--zone", "Mars/Base"], "no time zone 'Mars/Base'", "Asia/Shanghai"),
        (["--like", "nothing.csv"], "no file at nothing.csv", "check the path"),
        (["--like", str(RECORD[0])], "does not say where its homes are", "--zone Europe/Rome"),
        (["--like", "x.json", "--coverage", "x.csv"], "--coverage belongs to a record, and x.json is a saved", "leave"),
        (["--like", "x.json", "--save-likeness", "y.json"], "--save-likeness belongs to a record", "leave it out"),
        (["--coverage", "x.csv"], "--coverage without --like", "--like"),
        (["--save-likeness", "x.json"], "--save-likeness without --like", "--like"),
        (
            ["--like", str(RECORD[0]), "--zone", "Europe/Rome", "--save-likeness", "x.csv"],
            "x.csv is no name of a likeness",
            "ends in .json",
        ),
        (
            ["--like", str(RECORD[0]), "--zone", "Europe/Rome", "--sensors"],
            "--like is a fleet of its own",
            "leave",
        ),
        (["--registry", str(RECORD[0])], "is no folder", "name one"),
    ],
)
def test_wrong_words_get_one_line_what_and_one_line_what_to_do(capsys, words, what, do):
    code, lines = refused(capsys, "--homes", "5", "--broker", "mqtt://127.0.0.1:1", *words)
    assert code == 2
    assert len(lines) == 2
    assert what in lines[0]
    assert do in lines[1]


@pytest.mark.parametrize("homes", ["0", "100001"])
def test_a_fleet_has_one_to_a_hundred_thousand_homes(capsys, homes):
    code, lines = refused(capsys, "--homes", homes, "--broker", "mqtt://127.0.0.1:1")
    assert code == 2
    assert lines[0] == f"shuian: want 1 to 100000 homes, got {homes}"


def test_a_broker_that_is_not_there_is_trouble(capsys):
    code, lines = refused(capsys, "--homes", "5", "--broker", f"mqtt://127.0.0.1:{free_port()}")
    assert code == 1
    assert "no broker at 127.0.0.1" in lines[0]


@pytest.mark.parametrize("command", [["simulate", "--homes", "5"], ["replay", str(RECORD[0])]])
@pytest.mark.parametrize("broker", ["localhost", "mqtt://", "mqtt://h:99999", "mqtt://h:18x", "mqtt://u:secret@h:0"])
def test_the_broker_is_wanted_with_its_scheme_host_and_port(capsys, command, broker):
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--broker", broker])
    lines = capsys.readouterr().err.strip().splitlines()
    assert ended.value.code == 2
    assert len(lines) == 2
    assert "mqtt://127.0.0.1:1883" in lines[1]
    assert "secret" not in lines[0]


@pytest.mark.parametrize("name", ["households.csv", "registry.xlsx"])
def test_a_registry_that_is_there_is_never_overwritten(capsys, tmp_path, name):
    (tmp_path / name).write_text("id\nmine\n")
    words = ["--broker", f"mqtt://127.0.0.1:{free_port()}", "--registry", str(tmp_path)]
    code, lines = refused(capsys, "--homes", "5", *words)
    assert code == 2
    assert f"holds a registry already: {name}" in lines[0]
    assert "name a new folder" in lines[1]
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "id\nmine\n"


@pytest.mark.slow
def test_a_broker_that_lets_nobody_in_is_told(tmp_path):
    with mosquitto(tmp_path, started=False) as broker:
        conf = tmp_path / "mosquitto.conf"
        conf.write_text(conf.read_text().replace("allow_anonymous true", "allow_anonymous false"))
        broker.start()
        with pytest.raises(PublishError, match="does not let us in"), Publisher(f"mqtt://127.0.0.1:{broker.port(5)}"):
            pass


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["simulate", "--help"])
    assert ended.value.code == 0
    assert "Example: shuian simulate" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15min", 900), ("2h", 7200), ("1.5h", 5400), ("1d12h", 129_600)]
)
def test_durations_are_numbers_with_units(text, seconds):
    assert simulate.duration(text) == seconds


@pytest.mark.parametrize("page", ["simulate.md", "simulate.zh-CN.md"])
def test_the_manual_names_every_fault_and_every_option(page):
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    assert re.findall(r"^\| ([PWM]\d+) \| \S", text, re.MULTILINE) == list(faults())
    options = {name for one in get_command(cli.app).commands["simulate"].params for name in one.opts}
    assert {name for name in options if name not in text} <= {"--help"}


# --- what stands behind it -------------------------------------------------------------------------------------------


def test_the_registry_can_be_imported_and_names_every_device_that_speaks(tmp_path):
    fleet_registry.write(tmp_path, PLAN)
    read = registry.read(tmp_path, registry_import.formats())
    assert len(read.rows["households"]) == 50
    devices = {row["id"]: row for row in read.rows["devices"]}
    assert len(devices) == 5 * 50
    memory = DeviceMemory(unit=lambda device, _: devices[device]["unit"], rules=encoding.played("plain").rules)
    for some in fleet.messages(PLAN):
        for message in some:
            at = datetime.fromtimestamp(message.at + 1, UTC)
            understood = decode(message.topic, message.payload, at, memory=memory)
            assert understood.rejected is None
            if understood.device is None:
                continue  # a unit that belongs to a state on another topic
            assert devices[understood.device]["format"] == understood.format


def test_the_registry_says_what_messages_do_not(tmp_path):
    plan = replace(PLAN, resolution_l=10.0, cadence=PERIODS["daily"])
    fleet_registry.write(tmp_path, plan)
    read = registry.read(tmp_path, registry_import.formats())
    meters = {row["format"]: row for row in read.rows["devices"] if row["resolution_l"] is not None}
    assert set(meters) == set(encoding.METERS)
    assert all(row["resolution_l"] == 10 and row["period_s"] == 86_400 for row in meters.values())
    assert meters["tasmota"]["litres_per_pulse"] == 10
    assert (meters["zigbee2mqtt"]["unit"], meters["aliyun_tsl"]["unit"]) == ("L", "m3")


def test_the_registry_knows_which_meters_send_whole_litres_only(tmp_path):
    fleet_registry.write(tmp_path, replace(PLAN, resolution_l=0.1))
    rows = registry.read(tmp_path, registry_import.formats()).rows["devices"]
    steps = {row["format"]: row["resolution_l"] for row in rows if row["resolution_l"] is not None}
    assert steps == {fmt: encoding.played(fmt).step_l or 0.1 for fmt in encoding.METERS}
    values = {fmt: encoding.readings(fmt, encoding.meter(fmt, 7), [(PLAN.start, 82.4)], 0.1) for fmt in encoding.METERS}
    rules = encoding.played("plain").rules
    unit = DeviceMemory(unit=lambda *_: encoding.played(fmt).unit or None, rules=rules)
    for fmt, written in values.items():
        topic, payload = written[-1]
        for before in written[:-1]:
            decode(*before, PLAN.start, memory=unit)
        (value,) = (
            r.value for r in decode(topic, payload, PLAN.start, memory=unit).readings if r.quantity.endswith("_total")
        )
        assert (value == int(value)) == (encoding.played(fmt).step_l >= 1 or encoding.played(fmt).counts), fmt


@pytest.mark.slow
def test_a_run_leaves_no_retained_message_at_the_broker(tmp_path):
    plan = replace(PLAN, homes=20, lasts_s=4 * 86_400.0, cadence=PERIODS["daily"], faults=(("M16", 1.0),))
    sent = [m for some in fleet.messages(plan) for m in some]
    assert sum(m.retain and bool(m.payload) for m in sent) >= 20, "what the fleet retains"
    with mosquitto(tmp_path) as broker:
        with Publisher(f"mqtt://127.0.0.1:{broker.port(5)}") as out:
            Sending(out, plan.start_s, 0.0, threading.Event(), lambda _: None).run(iter([sent]))
        with Heard(broker.port(3)) as heard:
            time.sleep(0.5)
        assert heard.payloads == []


def test_a_declared_journey_stands_in_the_registry(tmp_path):
    plan = replace(PLAN, lasts_s=10 * 86_400.0, faults=(("P9", 0.05),), sensors=False)
    fleet_registry.write(tmp_path, plan)
    rows = registry.read(tmp_path, registry_import.formats()).rows["absences"]
    assert {row["household"] for row in rows} == {fleet_registry.household(one.homes[0]) for one in plan.strikes}


@pytest.mark.slow
def test_homes_like_recorded_ones_come_from_a_record_or_from_what_was_saved_of_it(tmp_path):
    run = {"homes": 8, "begin": "2026-03-02", "lasts": "1d"}
    file = tmp_path / "rome.json"
    like = simulate.plan(like=RECORD[0], coverage=RECORD[1], zone="Europe/Rome", save=file, **run)
    again = simulate.plan(like=file, **run)
    assert again.zone == like.zone == ZoneInfo("Europe/Rome")  # what was saved knows where it was
    assert again.start_s == datetime(2026, 3, 2, tzinfo=like.zone).timestamp()
    said = [[m for some in fleet.messages(one) for m in some] for one in (like, again)]
    assert said[0] == said[1]
    with pytest.raises(BadInput, match=r"rome\.json is there already"):
        simulate.plan(like=RECORD[0], coverage=RECORD[1], zone="Europe/Rome", save=file, **run)
    values = [json.loads(m.payload)["measurements"][0]["value"] for m in said[0] if "wm-000003" in m.topic]
    assert 5 < values[-1] - values[0] < 1000


def test_a_record_that_is_none_is_told(tmp_path):
    with (tmp_path / "x.csv").open("w", newline="") as out:
        csv.writer(out).writerow(["household_id", "ts"])
    with pytest.raises(BadInput, match="volume_l"):
        simulate.likeness(tmp_path / "x.csv", None, ZoneInfo("Europe/Rome"))
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(BadInput, match="likeness"):
        simulate.saved(tmp_path / "x.json")
