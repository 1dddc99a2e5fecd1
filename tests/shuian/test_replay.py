import pytest

from shuian import cli
from tests.brokers import Heard, mosquitto, until


@pytest.fixture
def pulses(tmp_path):
    file = tmp_path / "p.csv"
    rows = (f"h{n % 2},{1_700_000_000 + 900 * n},{n % 3}" for n in range(16))
    file.write_text("household_id,ts,volume_l\n" + "\n".join(rows) + "\n")
    return file


def replaying(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        cli.main(["replay", *map(str, words)])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err.strip().splitlines()


@pytest.mark.slow
def test_a_record_is_sent_again_and_what_the_broker_confirmed_is_said(tmp_path, capsys, pulses):
    with mosquitto(tmp_path) as broker, Heard(broker.port(3)) as heard:
        to = f"mqtt://127.0.0.1:{broker.port(5)}"
        code, said, _ = replaying(capsys, pulses, "--broker", to, "--speed", "36000")
        until(lambda: len(heard.payloads) == 16, 10, "every message")
        assert code == 0
        assert said.splitlines()[0] == "2 household(s), 2023-11-14 22:13:20 to 2023-11-15 01:58:20 UTC"
        assert "16 messages sent, 16 confirmed by the broker" in said
        assert "lateness: median" in said
        code, said, _ = replaying(capsys, pulses, "--broker", to, "--household", "h1", "--as", "tasmota")
        assert (code, "8 messages sent, 8 confirmed" in said) == (0, True)


@pytest.mark.slow
def test_a_broker_that_refuses_what_is_replayed_is_trouble(tmp_path, capsys):
    pulses = tmp_path / "p.csv"
    # one row only: of several messages on their way Mosquitto 2.0.11 refuses the first and hangs up
    pulses.write_text("household_id,ts,volume_l\nh,1700000000,1\n")
    with mosquitto(tmp_path, started=False) as broker:
        (tmp_path / "rules").write_text("topic read #\n")
        with (tmp_path / "mosquitto.conf").open("a") as conf:
            conf.write(f"acl_file {tmp_path / 'rules'}\n")
        broker.start()
        code, said, why = replaying(capsys, pulses, "--broker", f"mqtt://127.0.0.1:{broker.port(5)}")
    assert code == 1
    assert "1 messages sent, 0 confirmed" in said
    assert "the broker refused 1 messages" in why[0]


@pytest.mark.parametrize(
    ("words", "what", "do"),
    [
        (["--as", "mixed"], "no format 'mixed'", "wmbusmeters, zigbee2mqtt"),
        (["--speed", "inf"], "want a speed from 0 up", "life's speed"),
        (["--household", "h1", "--household", "h7"], "no household h7 in", "it has: h0, h1"),
    ],
)
def test_wrong_words_of_a_replay_get_one_line_what_and_one_line_what_to_do(capsys, pulses, words, what, do):
    code, _, lines = replaying(capsys, pulses, "--broker", "mqtt://127.0.0.1:1", *words)
    assert code == 2
    assert len(lines) == 2
    assert what in lines[0]
    assert do in lines[1]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"household_id,ts,volume_l\n", "no readings in"),
        ("household_id,ts,volume_l\n水安,1,1\n".encode("gbk"), "UTF-8"),
    ],
)
def test_a_record_that_cannot_be_replayed_is_told(capsys, tmp_path, raw, what):
    (tmp_path / "x.csv").write_bytes(raw)
    code, _, lines = replaying(capsys, tmp_path / "x.csv", "--broker", "mqtt://127.0.0.1:1")
    assert code == 2
    assert len(lines) == 2
    assert what in lines[0]
    assert "docs/formats.md" in lines[1]
