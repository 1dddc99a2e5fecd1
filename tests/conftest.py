"""The longest files first: with several workers a run then ends with short ones, and no core waits for the last."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONGEST = (
    "acceptance/test_demo.py",
    "alerts/test_case_machine.py",
    "acceptance/test_drills.py",
    "alerts/test_drill_apart.py",
    "acceptance/test_crashes.py",
    "web/test_console_in_a_browser.py",
    "detectors/test_partition.py",
    "alerts/test_outbox.py",
    "shuian/test_backtest.py",
    "web/test_live_in_a_browser.py",
    "web/test_in_a_browser.py",
    "alerts/test_crash_matrix.py",
    "detectors/test_water.py",
    "shuian/test_neighbourhood.py",
    "detectors/test_quiet_index.py",
    "shuian/test_faults_found.py",
    "acceptance/test_readme.py",
    "web/test_api_schema.py",
    "shuian/test_simulate.py",
    "shuian/test_cli.py",
    "acceptance/test_technical_drills.py",
    "web/test_drills_in_a_browser.py",
    "detectors/test_leak.py",
    "detectors/test_drift.py",
    "alerts/test_diagram.py",
    "web/test_rights_in_a_browser.py",
)
"""Files that take more than ten seconds, the longest first; the rest keeps its order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of these files first."""
    place = {HERE / name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))
