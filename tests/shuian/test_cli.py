import contextlib
import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from shuian import cli, demo
from shuian.errors import BadInput
from shuian.service import free_port, only_one, want_port

pytestmark = pytest.mark.slow


def call(*words, cwd):
    """Run the command as people do: a process of its own, for what would leave something behind in ours."""
    command = [sys.executable, "-m", "shuian", *words]
    env = {k: v for k, v in os.environ.items() if not k.startswith("SHUIAN_")}
    return subprocess.run(command, cwd=cwd, input="", capture_output=True, text=True, timeout=60, env=env, check=False)


def three_ports():
    """Return a port that is free with the two after it, as a demo wants them."""
    while True:
        port = free_port()
        with contextlib.suppress(BadInput):
            for number in (port, port + 1, port + 2):
                want_port("127.0.0.1", number, "--port")
            return port


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Run the command in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SHUIAN_")]:
        monkeypatch.delenv(name)

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main(list(words))
        return SimpleNamespace(returncode=ended.value.code, **capsys.readouterr()._asdict())

    return run


@pytest.mark.parametrize(
    ("words", "code", "what", "do"),
    [
        pytest.param(["fly"], 2, "no such command", "shuian --help", id="unknown command"),
        pytest.param(["serve", "--fast"], 2, "no such option", "--help", id="unknown option"),
        pytest.param(["demo", "--port", "often"], 2, "--port", "--help", id="no number"),
        pytest.param(["serve"], 2, "no configuration at shuian.toml", "shuian init", id="no configuration"),
        pytest.param(["import", "nowhere"], 2, "no configuration", "shuian init", id="import without configuration"),
        pytest.param(
            ["replay", "x.csv", "--broker", "mqtt://127.0.0.1:1"], 2, "no file at x.csv", "check the path", id="no file"
        ),
        pytest.param(
            ["backtest", "--readings", "x", "--households", "y", "--out", "z"], 2, "no file at", "path", id="backtest"
        ),
        pytest.param(["import"], 2, "want a file to read", "shuian import", id="import without a file"),
        pytest.param(["export"], 2, "missing", "shuian export --help", id="export without a file"),
        pytest.param(["replay"], 2, "missing", "shuian replay --help", id="missing argument"),
        pytest.param(["user", "add"], 2, "missing", "shuian user add --help", id="missing name"),
        pytest.param(["demo", "--port", "99999"], 2, "65533", "shuian demo --help", id="no such port"),
        pytest.param(["init", "none/x.toml"], 1, "none/x.toml: no such file or directory", "path", id="no folder"),
    ],
)
def test_wrong_arguments_get_one_line_what_and_one_line_what_to_do(said, words, code, what, do):
    done = said(*words)
    lines = done.err.strip().splitlines()
    assert done.returncode == code
    assert len(lines) == 2, done.err
    assert what in lines[0]
    assert do in lines[1]


def test_what_is_said_here_is_said_on_a_command_line(said, tmp_path):
    for words in (["fly"], ["demo", "--help"]):
        done, here = call(*words, cwd=tmp_path), said(*words)
        assert (done.returncode, done.stdout, done.stderr) == (here.returncode, here.out, here.err)


def test_help_shows_an_example_for_each_command(said):
    for command in ("demo", "serve", "init", "check", "import", "export", "decode", "replay", "backtest"):
        assert f"Example: shuian {command}" in " ".join(said(command, "--help").out.split())


def test_init_writes_once_and_check_tries_every_connection(said):
    assert said("init").returncode == 0
    again = said("init")
    assert again.returncode == 2
    assert "there already" in again.err
    checked = said("check")
    assert checked.returncode == 1
    assert "FAIL  channels: none" in checked.out
    assert "ok    data folder" in checked.out


def test_a_port_in_use_is_named_and_another_one_offered(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "shuian.toml").write_text(f"[web]\nport = {port}\n")
        done = call("serve", cwd=tmp_path)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "is free" in done.stderr


def test_a_demo_never_touches_a_folder_that_is_not_its_own(said, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letters.txt").write_text("dear")
    done = said("demo", "--data", "mine", "--fresh")
    assert done.returncode == 2
    assert (tmp_path / "mine" / "letters.txt").exists()


def test_a_demo_in_a_file_is_refused(said, tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    done = said("demo", "--data", "letters.txt")
    assert done.returncode == 2
    assert "letters.txt is a file" in done.err


def test_a_demo_that_runs_is_not_touched_by_a_second_one(tmp_path):
    demo.prepare(tmp_path / "d", three_ports(), fresh=False)
    before = (tmp_path / "d" / "demo.json").read_text()
    with only_one(tmp_path / "d"):
        for more in ((), ("--fresh",)):
            done = call("demo", "--data", "d", "--port", str(three_ports()), *more, cwd=tmp_path)
            assert done.returncode == 1
            assert "another service runs" in done.stderr
    assert (tmp_path / "d" / "demo.json").read_text() == before


def test_replay_wants_the_broker_with_its_scheme(said, tmp_path):
    (tmp_path / "x.csv").write_text("household_id,ts,volume_l\n")
    done = said("replay", "x.csv", "--broker", "localhost")
    assert done.returncode == 2
    assert "mqtt://127.0.0.1:1883" in done.err


@pytest.mark.parametrize("word", ["decode", "--help"])
def test_a_reader_that_goes_away_gets_no_traceback(word):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "shuian", word]
    try:
        done = subprocess.run(
            command, input=b"{}\n" * 3, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_serve_refuses_the_folder_of_a_demo(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "DEMO").touch()
    (tmp_path / "shuian.toml").write_text('[service]\ndata = "d"\n')
    done = call("serve", cwd=tmp_path)
    assert done.returncode == 2
    assert "belongs to a demo" in done.stderr
