"""`shuian report`, and the report that a running service makes by itself."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import load_workbook

from alerts import database
from alerts.cases import Accepted, Arrived, OutcomeRecorded
from alerts.policy import Policy
from alerts.report_rows import Month
from alerts.store import Store
from shuian import cli, config, reports
from tests.alerts import neighbourhood
from tests.web.neighbourhood import HandMade, meter

AT = datetime(2026, 10, 10, 1, tzinfo=UTC)
MIN = timedelta(minutes=1)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a folder with a registry and one case of October; returns (exit code, output, complaint)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shuian-data").mkdir()
    engine = database.open(tmp_path / "shuian-data" / "people.sqlite")
    neighbourhood.fill(engine, tmp_path / "sheets")
    store = Store(engine, Policy())
    case = store.raise_finding(neighbourhood.finding(at=AT), AT)
    for n, event in enumerate(
        (Accepted("worker:wang"), Arrived("worker:wang"), OutcomeRecorded("worker:wang", "HELPED")), 1
    ):
        store.act("live", case, event, AT + n * MIN, f"t-{n}")
    engine.dispose()

    def command(*words):
        code = 0
        try:
            cli.main([*words])
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    command("init", "shuian.toml")
    return command


def test_the_numbers_of_a_month_are_printed_in_either_language(run):
    code, said, _ = run("report", "2026-10")
    assert code == 0
    assert said.startswith("2026-10 月报\n")
    assert "  已协助: 1\n    第三网格: 1\n" in said
    assert "李秀英" not in said
    code, said, _ = run("report", "2026-10", "--lang", "en", "--area", "g1")
    assert "  Accepted · Urgent: too few homes: counts only; n=1; in time 1 of 1\n" in said
    assert "  Not watched: nothing proves that the service ran: not known\n" in said
    assert not re.search(r"page\.month|\{", said)


def test_a_workbook_is_written_and_never_over_another_file(run, tmp_path):
    code, said, _ = run("report", "2026-10", "--out", "october.xlsx", "--lang", "en")
    assert (code, said) == (0, "wrote october.xlsx: 1 grids, numbers only\n")
    lines = {row[0]: row[1:] for row in load_workbook(tmp_path / "october.xlsx").active.iter_rows(values_only=True)}
    assert lines["Helped"] == (1, 1)
    code, _, complaint = run("report", "2026-10", "--out", "october.xlsx")
    assert code == 2
    assert "want a new file" in complaint


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("2026-13",), "want a month such as 2026-10"),
        (("2999-01",), "2999-01 has not begun yet"),
        (("2026-10", "--area", "nowhere"), "there is no area nowhere"),
        (("2026-10", "--out", "october.csv"), "ends in .xlsx"),
        (("2026-10", "--lang", "fr"), "no language 'fr'"),
    ],
)
def test_what_cannot_be_is_one_line_what_and_one_line_what_to_do(run, words, what):
    code, said, complaint = run("report", *words)
    assert (code, said, len(complaint.splitlines())) == (2, "", 2)
    assert what in complaint


def test_a_running_service_keeps_the_report_when_the_month_is_over_and_only_once(run, tmp_path):
    settings = config.load(tmp_path / "shuian.toml")
    engine = database.open(settings.service.data / "people.sqlite")
    kept = reports.of(settings, engine)

    async def live(now, percent):
        readings = HandMade(fitted=[meter("h1", "m2", now, battery_percent=percent)])
        stop = asyncio.Event()
        task = asyncio.create_task(reports.keep(kept, readings, lambda: now, stop))
        while not (settings.service.data / "reports" / "2026-10.json").exists():
            await asyncio.sleep(0.01)
        stop.set()
        await task

    asyncio.run(asyncio.wait_for(live(datetime(2026, 10, 31, 16, tzinfo=UTC), 12.0), 20))
    first = (settings.service.data / "reports" / "2026-10.json").read_bytes()
    asyncio.run(asyncio.wait_for(live(datetime(2026, 11, 2, tzinfo=UTC), 90.0), 20))
    assert (settings.service.data / "reports" / "2026-10.json").read_bytes() == first
    found = kept.kept(Month(2026, 10))
    assert (found.over, found.total.count("batteries.low"), found.total.count("outcome.HELPED")) == (True, 1, 1)
    assert (found.intended.a_month, found.intended.red_a_month) == (1.0, 0.3)
    engine.dispose()
