"""kill -9 at every commit and network call of the dispatcher: nothing owed is lost, nothing comes more than twice."""

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from alerts import database, outbox, outbox_leases, outbox_polls, outbox_results
from alerts.outbox import POINTS
from benchmarks import drops
from simulators.gateways import Gateways
from tests.alerts.neighbourhood import SHEETS, fill

SECRET, PHONE = "s3cret", "13900000001"


def test_every_commit_and_every_call_of_the_dispatcher_has_its_points():
    code = Path(outbox.__file__).read_text("utf-8")
    passed = re.findall(r'_passing\("([^"]+)"\)', code)
    assert sorted(passed) == sorted(POINTS)
    commits = re.findall(r"_engine\.begin\(\) as conn:", code)
    calls = re.findall(r"await (?:self\._asked\[\S+\]|channel)\.(?:send|ask)\(", code)
    assert sum(point.endswith(": committed") for point in POINTS) == len(commits)
    assert sum(point.endswith(": returned") for point in POINTS) == len(calls)
    for part in (outbox_leases, outbox_results, outbox_polls):
        assert ".begin(" not in Path(part.__file__).read_text("utf-8"), "these work in their caller's transaction"


@pytest.mark.slow
def test_killed_once_at_each_of_them_nothing_owed_is_lost_and_a_repeat_is_the_same_notice(tmp_path):
    async def scenario():
        async with Gateways(tmp_path / "gateways", secret=SECRET) as gateways:
            engine = database.open(tmp_path / "people.sqlite")
            at = f"http://127.0.0.1:{gateways.http_port}/hook/wang"
            wang = f"wang,王芳,worker,g1,webhook;sms,{at};{PHONE}"
            alone = [c for c in SHEETS["consents"] if ",relative," not in c]
            workers = [wang if w.startswith("wang,") else w for w in SHEETS["workers"]]
            fill(engine, tmp_path / "in", workers=workers, consents=alone)
            engine.dispose()
            dying = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.alerts.dying", str(tmp_path), str(gateways.http_port), SECRET,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            said, _ = await asyncio.wait_for(dying.communicate(), 300)
            assert dying.returncode == 0
            return [json.loads(line) for line in said.splitlines()], gateways.inbox.copies()

    reports, copies = asyncio.run(scenario())
    arrived = Counter(copy.notice for copy in copies)
    assert [report["point"] for report in reports] == list(POINTS)
    known = set()
    for report in reports:
        assert report["killed"] == signal.SIGKILL, f"it was never at {report['point']}"
        assert (report["made"], report["after"]) == (0, 0), report
        ids = [notice for notice, *_ in report["notices"]]
        roots = {root for _, root, *_ in report["notices"]}
        assert len(ids) == len(set(ids)) == 2, report
        assert len(roots) == 1, report
        assert sum(arrived[name] for name in ids) >= 1, f"lost at {report['point']}"
        assert arrived[ids[-1]] >= 1, f"the last channel never got it: {report}"
        assert max(arrived[name] for name in ids) <= 2, report
        assert sum(max(0, arrived[name] - 1) for name in ids) <= 1, f"more than one repeat: {report}"
        known |= set(ids)
    assert set(arrived) <= known, "nothing came under an id that nobody knows"


@pytest.mark.slow
def test_after_random_crashes_everything_owed_was_taken_or_refused_by_every_channel(tmp_path):
    books = drops.run(60, seed=7, folder=tmp_path)
    assert books.crashes == 60
    assert books.taken > 0.9 * books.owed > 0
    assert (books.lost, books.unexplained, books.strangers, books.unfinished) == ([], [], 0, 0)
