import os
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def call(*words, cwd, stdin=""):
    command = [sys.executable, "-m", "shuian", *words]
    env = {k: v for k, v in os.environ.items() if not k.startswith("SHUIAN_")}
    return subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=60, env=env, check=False
    )


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
        pytest.param(["replay"], 2, "missing", "--help", id="missing argument"),
    ],
)
def test_wrong_arguments_get_one_line_what_and_one_line_what_to_do(tmp_path, words, code, what, do):
    done = call(*words, cwd=tmp_path)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == code
    assert len(lines) == 2, done.stderr
    assert what in lines[0]
    assert do in lines[1]


def test_help_shows_an_example_for_each_command(tmp_path):
    for command in ("demo", "serve", "init", "check", "import", "decode", "replay", "backtest"):
        assert f"Example: shuian {command}" in " ".join(call(command, "--help", cwd=tmp_path).stdout.split())


def test_init_writes_once_and_check_tries_every_connection(tmp_path):
    assert call("init", cwd=tmp_path).returncode == 0
    again = call("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "there already" in again.stderr
    checked = call("check", cwd=tmp_path)
    assert checked.returncode == 1
    assert "FAIL  channels: none" in checked.stdout
    assert "ok    data folder" in checked.stdout


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


def test_a_demo_never_touches_a_folder_that_is_not_its_own(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letters.txt").write_text("dear")
    done = call("demo", "--data", "mine", "--fresh", cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "mine" / "letters.txt").exists()


def test_serve_refuses_the_folder_of_a_demo(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "DEMO").touch()
    (tmp_path / "shuian.toml").write_text('[service]\ndata = "d"\n')
    done = call("serve", cwd=tmp_path)
    assert done.returncode == 2
    assert "belongs to a demo" in done.stderr
