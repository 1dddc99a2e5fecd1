"""What the README tells people to type, typed."""

import csv
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import load_workbook

from benchmarks.world import World, free_port, get_json, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def commands(page):
    """Return the `shuian` commands of the page's section on running it, in order."""
    block = re.search(r"```sh\n(python3 -m venv.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)[1]
    lines = [line.partition("#")[0].strip() for line in block.splitlines()]
    return [line.removeprefix("venv/bin/shuian ").split() for line in lines if line.startswith("venv/bin/shuian")]


def fill_in(workbook, folder):
    """Put the rows of .csv sheets into an empty workbook, as somebody who types them would."""
    book = load_workbook(workbook)
    for file in folder.glob("*.csv"):
        page = book[file.stem]
        places = {str(cell.value): cell.column for cell in page[1]}
        for number, row in enumerate(csv.DictReader(file.read_text("utf-8-sig").splitlines()), start=2):
            for name, value in row.items():
                page.cell(number, places[name]).value = value or None
    book.save(workbook)


def test_both_languages_tell_the_same_commands():
    assert commands("README.md") == commands("README.zh-CN.md")


def test_the_commands_of_the_readme_work_in_their_order(tmp_path):
    port = free_port()
    mail = socket.create_server(("127.0.0.1", 0))  # the check only asks whether somebody listens
    env = os.environ | {
        "SHUIAN_WEB__PORT": str(port),
        "SHUIAN_CHANNELS__WEBHOOK__SECRET": "s3cret",
        "SHUIAN_CHANNELS__EMAIL__HOST": "127.0.0.1",
        "SHUIAN_CHANNELS__EMAIL__PORT": str(mail.getsockname()[1]),
    }
    World(tmp_path / "elsewhere", homes=2).registry(tmp_path / "registry")
    *steps, last = commands("README.md")
    assert last == ["serve"]
    assert [step[0] for step in steps] == ["init", "import", "import", "import", "user", "check"]
    for step in steps:
        done = subprocess.run(
            [sys.executable, "-m", "shuian", *step], cwd=tmp_path, env=env, input="a long password\n", text=True,
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, (step, done.stdout, done.stderr)
        if "--template" in step:
            fill_in(tmp_path / step[-1], tmp_path / "registry")
    with subprocess.Popen(
        [sys.executable, "-m", "shuian", *last], cwd=tmp_path, env=env, stderr=subprocess.DEVNULL
    ) as serving:
        try:
            health = until(lambda: get_json(f"http://127.0.0.1:{port}/healthz"), 40, "the pages")
            assert health["checks"][0]["name"] == "broker"
        finally:
            serving.terminate()
        assert serving.wait(30) == 0
    mail.close()
