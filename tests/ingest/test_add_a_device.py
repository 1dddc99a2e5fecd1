"""The example of docs/add-a-device.md: put where a new reader goes, it passes what every reader must."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import ingest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "add-a-device.md").read_text(encoding="utf-8")


def example() -> str:
    found = re.search(r"<!-- example -->\n```python\n(.*?)```\n<!-- end -->", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_a_meter_is_added_in_one_file_of_under_forty_lines() -> None:
    assert len(example().splitlines()) < 40


def test_the_example_passes_the_tests_of_every_reader(tmp_path: Path) -> None:
    shutil.copytree(Path(ingest.__file__).parent, tmp_path / "ingest", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "ingest" / "devices" / "hydrobox.py").write_text(example(), encoding="utf-8")
    tests = ["tests/ingest/test_devices.py", "tests/ingest/test_traps.py"]
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "--import-mode=append", "-o", f"pythonpath={tmp_path}",
         "-k", "hydrobox", *tests],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None
    assert int(passed[1]) >= 10
