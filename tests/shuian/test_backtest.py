"""The back-test: what would have been raised, and never before it could be known."""

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.settings import Settings
from shuian.backtest import BacktestError, episodes, run
from shuian.backtest_input import Record, load, offsets
from simulators.households import life
from simulators.meters import register

MADRID = ZoneInfo("Europe/Madrid")
START = datetime(2025, 3, 10, tzinfo=MADRID)
T0 = int(START.timestamp())
DAYS = 26
HOUSEHOLDS = """household_id,occupants,tz,resolution
reg,1,Europe/Madrid,"1 h, 1 L"
holes,2,Europe/Madrid,"1 h, 1 L"
draws,1,Europe/Madrid,"1 s, 1 mL"
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def recorded() -> tuple[list[tuple], list[tuple]]:
    """Return rows (household, ts, volume, cumulative, fixture) of three homes with falls and holes, and coverage."""
    rng = np.random.default_rng(3)
    rows = []
    for name, seed in (("reg", 5), ("holes", 6)):
        one = life(seed, START, DAYS, MADRID, trips=False)
        at = T0 + 137 + 3600 * np.arange(DAYS * 24) + rng.integers(-9, 9, DAYS * 24)
        if name == "holes":
            at = at[rng.random(len(at)) > 0.02]
            at = at[(at < T0 + 9 * 86_400) | (at > T0 + 9 * 86_400 + 20_000)]
        shown = register(one, at, 1.0)
        if name == "reg":  # a fall on day 20; found on day 21
            lies = (at > T0 + 20.4 * 86_400) & (at < T0 + 21.4 * 86_400)
            shown = np.where(
                lies,
                shown[lies][0],
                np.where(at >= T0 + 21.4 * 86_400, shown - shown[lies][-1] + shown[lies][0], shown),
            )
        rows += [(name, int(t), v, c, "") for t, v, c in zip(at, np.diff(shown, prepend=shown[0]), shown, strict=True)]
    one = life(7, START, DAYS, MADRID, trips=False)
    for n, (start, litres) in enumerate(zip(one.start_s, one.litres, strict=True)):
        if not T0 + 15.5 * 86_400 < start < T0 + 16.5 * 86_400:
            rows.append(("draws", int(start), round(litres, 3), "", ("tap", "toilet")[n % 2]))
    coverage = [
        ("draws", "home", T0, T0 + 12 * 86_400), ("draws", "home", T0 + 12 * 86_400 + 9000, T0 + DAYS * 86_400),
        ("draws", "tap", T0 - 10 * 86_400, T0 + 40 * 86_400),
    ]  # fmt: skip
    return rows, coverage


def until(cut: float, rows, coverage) -> tuple[list[tuple], list[tuple]]:
    """Return the rows and the coverage of a record that ends at `cut`."""
    return [row for row in rows if row[1] <= cut], [(h, p, a, min(b, cut)) for h, p, a, b in coverage if a <= cut]


def around_the_fall(rows, coverage) -> tuple[list[tuple], list[tuple]]:
    """Return the days of the home `draws` around day 16, on which nothing is drawn; a week before is enough to know it by."""
    begin, end = T0 + 8 * 86_400, T0 + 17.5 * 86_400
    spans = [(h, p, max(a, begin), min(b, end)) for h, p, a, b in coverage if h == "draws"]
    return [row for row in rows if row[0] == "draws" and begin <= row[1] <= end], [x for x in spans if x[2] < x[3]]


def copy(name: str, rows) -> list[tuple]:
    """Return rows or coverage of other homes that live the same."""
    return [(f"{home} {name}", *rest) for home, *rest in rows]


def files(folder: Path, rows, coverage, copies=()) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    text = "household_id,ts,volume_l,cumulative_l,fixture\n"
    text += "".join(f"{','.join(str(cell) for cell in row)}\n" for row in rows)
    (folder / "readings.csv.gz").write_bytes(gzip.compress(text.encode()))
    spans = "".join(f"{h},{p},{a},{b:.0f}\n" for h, p, a, b in coverage)
    homes = HOUSEHOLDS + "".join(
        line.replace(",", f" {name},", 1) for name in copies for line in HOUSEHOLDS.splitlines(keepends=True)[1:]
    )
    return {
        "readings": folder / "readings.csv.gz",
        "households": write(folder / "households.csv", homes),
        "coverage": write(folder / "coverage.csv", "household_id,part,start_ts,end_ts\n" + spans),
    }


def of(name: str, lines) -> list[dict]:
    """Return the lines about such copies, as if they were the homes themselves."""
    mine = [line for line in lines if line["household_id"].endswith(f" {name}")]
    return [{**line, "household_id": line["household_id"].removesuffix(f" {name}")} for line in mine]


RULES = ["12h<10L", "8h-zero", "250l-1h", "2h-continuous", "windows-05-09-17-21"]


def found(folder: Path, absences=None, rules=RULES, report=None, **asked):
    summary = run(**asked, absences=absences, rules=rules, out=folder / "out.jsonl", report=report)
    return [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()], summary


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    rows, coverage = recorded()
    lines, summary = found(folder, report=folder / "report.html", **files(folder, rows, coverage))
    return folder, rows, coverage, lines, summary


def test_a_fall_is_found_and_the_line_says_all(whole):
    *_, lines, _ = whole
    fall = [x for x in lines if x["household_id"] == "reg" and x["kind"] == "quiet" and x["onset"] > T0 + 20 * 86_400]
    red = [x for x in fall if x["severity"] == "red"]
    assert red
    assert any(x["raised_at"] < T0 + 21.4 * 86_400 and x["cleared_at"] > T0 + 21.3 * 86_400 for x in red)
    for line in lines:
        assert set(line) == {
            "household_id", "kind", "severity", "onset", "raised_at", "cleared_at", "evidence", "sentence"
        }  # fmt: skip
        assert line["onset"] <= line["raised_at"]
        assert line["cleared_at"] is None or line["cleared_at"] >= line["raised_at"]
        assert set(line["sentence"]) == {"zh", "en"}
        assert not re.search(r"[{}]|None|nan", " ".join(line["sentence"].values()))
    assert [x["raised_at"] for x in lines] == sorted(x["raised_at"] for x in lines)


def test_every_finding_is_raised_by_a_row_that_had_arrived(whole):
    _, rows, coverage, lines, _ = whole
    arrived = {float(row[1]) for row in rows if row[0] != "draws"}
    covered = [(a, b) for _, part, a, b in coverage if part == "home"]
    grid = {float(q) for a, b in covered for q in range(a // 900 * 900, -(-b // 900) * 900 + 1, 900)}
    assert {line["raised_at"] for line in lines} <= arrived | grid


@pytest.mark.slow
def test_cutting_the_record_changes_nothing_that_was_raised_before(whole, tmp_path):
    _, rows, coverage, lines, _ = whole
    raised = sorted({x["raised_at"] for x in lines})
    moments = [T0 + 86_400 * d + 777 for d in (3.2, 12.05, 16.31)] + [
        raised[n] + s for n, s in ((4, -1), (9, 0), (-3, 0.5))
    ]
    # Side by side, as homes do not know each other; the first two by themselves as well.
    short = {f"until {cut}": until(cut, rows, coverage) for cut in moments}
    all_rows = [row for name, (some, _) in short.items() for row in copy(name, some)]
    all_coverage = [span for name, (_, some) in short.items() for span in copy(name, some)]
    together, _ = found(tmp_path, **files(tmp_path, all_rows, all_coverage, short))
    alone = {cut: found(tmp_path, **files(tmp_path, *until(cut, rows, coverage)))[0] for cut in moments[:2]}
    for cut in moments:
        before = [{**x, "cleared_at": 0} for x in lines if x["raised_at"] <= cut]
        for again in (of(f"until {cut}", together), *([alone[cut]] if cut in alone else [])):
            assert [{**x, "cleared_at": 0} for x in again if x["raised_at"] <= cut] == before
            assert all(x["cleared_at"] is None or x["cleared_at"] <= cut + 900 for x in again)


def test_only_named_rules_run_and_quiet_always_does(whole, tmp_path):
    _, rows, *_, summary = whole
    assert {kind for kind, _ in summary.counts} >= {"quiet", "rule:12h-10l", "rule:8h-zero"}
    hourly = [row for row in rows if row[0] != "draws"]  # the fall among them is enough
    few, _ = found(tmp_path, rules=[], **files(tmp_path, *until(T0 + 21.5 * 86_400, hourly, [])))
    assert {x["kind"] for x in few} <= {"quiet", "meter_silent"}
    assert any(x["kind"] == "quiet" for x in few)


def test_silence_outside_coverage_means_nothing(whole):
    *_, lines, _ = whole
    hole = (T0 + 12 * 86_400, T0 + 12 * 86_400 + 9000)
    for line in lines:
        if line["household_id"] == "draws" and line["kind"] == "quiet":
            assert not (line["onset"] < hole[0] and line["raised_at"] > hole[1])
    silent = [x for x in lines if x["household_id"] == "draws" and x["kind"] == "meter_silent"]
    assert [x["onset"] for x in silent] == [hole[0]]


def test_a_declared_absence_is_no_alarm(whole, tmp_path):
    _, rows, coverage, *_ = whole
    rows, coverage = around_the_fall(rows, coverage)
    both = rows + copy("unsaid", rows), coverage + copy("unsaid", coverage), ["unsaid"]
    away = write(
        tmp_path / "away.csv",
        f"household_id,start_ts,end_ts\ndraws,{T0 + int(15.4 * 86_400)},{T0 + int(16.6 * 86_400)}\n",
    )
    lines, _ = found(tmp_path, absences=away, **files(tmp_path, *both))
    in_it = (T0 + 15.4 * 86_400, T0 + 16.6 * 86_400)
    quiets = {x["household_id"] for x in lines if x["kind"] == "quiet" and in_it[0] < x["raised_at"] < in_it[1]}
    assert quiets == {"draws unsaid"}


def test_the_summary_and_the_page_hold_the_figures(whole):
    folder, _, _, lines, summary = whole
    table = summary.table()
    assert f"{sum(x['kind'] == 'quiet' and x['severity'] == 'amber' for x in lines)}" in table
    assert summary.months(range(3)) == pytest.approx(3 * DAYS / 30.4, rel=0.1)
    page = (folder / "report.html").read_text("utf-8")
    assert "<svg" in page
    assert not re.search(r"<script[^>]*src|https?://|<link|@import|url\(", page)


def test_rows_without_register_and_coverage_never_pass_for_quiet(tmp_path):
    rows = [("reg", T0 + 3600 * h, 2.0, "", "") for h in (1, 2, 3, 4, 60, 61)]
    lines, summary = found(tmp_path, **(files(tmp_path, rows, [])))
    assert [x for x in lines if x["kind"] != "meter_silent"] == []
    assert "no coverage" in summary.notes[0]


def test_hourly_volumes_without_a_register_are_intervals(tmp_path):
    rows = [("reg", T0 + 3600 * h, float(4 * (7 <= h % 24 < 22)) if h < 200 else 0.0, "", "") for h in range(240)]
    lines, _ = found(tmp_path, rules=["no-draw-12h"], **(files(tmp_path, rows, [])))
    assert {(x["kind"], x["onset"]) for x in lines} == {
        ("quiet", T0 + 3600.0 * 199), ("rule:no-draw-12h", T0 + 3600.0 * 199)
    }  # fmt: skip


def test_an_open_tap_is_counted_though_no_rule_was_asked_for(tmp_path):
    rows = [
        ("reg", T0 + 3600 * h, 350.0 if 200 <= h < 204 else float(4 * (7 <= h % 24 < 22)), "", "") for h in range(240)
    ]
    lines, summary = found(tmp_path, rules=[], **(files(tmp_path, rows, [])))
    assert ("surge", "red") in {(x["kind"], x["severity"]) for x in lines}
    assert summary.counts["surge", "red"].sum() == 1


@pytest.mark.slow
def test_fixtures_are_summed_and_order_in_the_file_does_not_matter(tmp_path):
    mine, coverage = around_the_fall(*recorded())
    ways = {
        "plain": [(h, t, v, c, "") for h, t, v, c, _ in mine],
        "turned": mine[::-1],
        "halves": [(h, t, v / 2, c, f) for h, t, v, c, _ in mine for f in "ab"],
    }
    all_rows = [row for name, some in ways.items() for row in copy(name, some)]
    lines, _ = found(tmp_path, **files(tmp_path, all_rows, [span for n in ways for span in copy(n, coverage)], ways))
    assert {"quiet", "meter_silent"} <= {line["kind"] for line in of("plain", lines)}
    assert of("plain", lines) == of("turned", lines) == of("halves", lines)


BAD = "household_id,ts,volume_l,cumulative_l,fixture\n"


@pytest.mark.parametrize(("readings", "said"), [
    pytest.param(f"{BAD}reg,12,1,1,\nreg,noon,1,1,\n", "readings.csv line 3, column ts: .*got 'noon'", id="no time"),
    pytest.param(f"{BAD}reg,12,-4,1,\n", "line 2, column volume_l: .*got '-4'", id="negative"),
    pytest.param(f"{BAD}reg,12,nan,1,\n", "line 2, column volume_l", id="not a number"),
    pytest.param(f"{BAD}reg,12,1,1,\nreg,13,1,x,\n", "line 3, column cumulative_l: .*got 'x'", id="no register"),
    pytest.param(f"{BAD}who,12,1,1,\n", "line 2, column household_id: .*got 'who'", id="unknown household"),
    pytest.param(f"{BAD}reg,12,1\n", "line 2: want 5 cells, got 3", id="short row"),
    pytest.param("household_id,ts\n", "missing: volume_l", id="no column"),
    pytest.param("", "missing: household_id", id="empty file"),
])  # fmt: skip
def test_a_bad_row_is_named_by_file_line_and_column(tmp_path, readings, said):
    with pytest.raises(BacktestError, match=said):
        found(tmp_path, readings=write(tmp_path / "readings.csv", readings), coverage=None,
              households=write(tmp_path / "h.csv", HOUSEHOLDS))  # fmt: skip
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(("households", "said"), [
    pytest.param(HOUSEHOLDS.replace("Europe/Madrid", "Atlantis", 1), "line 2, column tz: .*'Atlantis'", id="zone"),
    pytest.param(HOUSEHOLDS.replace("reg,1", "reg,one", 1), "line 2, column occupants", id="occupants"),
    pytest.param(HOUSEHOLDS.replace("1 h, 1 L", "0 h, 1 L", 1), "line 2, column resolution", id="resolution"),
])  # fmt: skip
def test_a_bad_household_is_named_too(tmp_path, households, said):
    with pytest.raises(BacktestError, match=said):
        load(write(tmp_path / "r.csv", f"{BAD}reg,12,1,1,\n"), write(tmp_path / "h.csv", households), None, None)


def test_bytes_that_are_no_text_and_unknown_rules_are_refused(tmp_path):
    homes = write(tmp_path / "h.csv", HOUSEHOLDS)
    (tmp_path / "r.csv.gz").write_bytes(b"\x1f\x8bbroken")
    with pytest.raises(BacktestError, match=r"r\.csv\.gz: cannot be read"):
        load(tmp_path / "r.csv.gz", homes, None, None)
    with pytest.raises(BacktestError, match="no rule 'hunch'"):
        found(tmp_path, rules=["hunch"], readings=tmp_path / "r.csv.gz", households=homes, coverage=None)


def test_a_file_with_no_rows_gives_no_lines(tmp_path):
    lines, summary = found(tmp_path, **files(tmp_path, [], []))
    assert lines == []
    assert "0.0 household-months" in summary.table()


@pytest.mark.parametrize("zone", ["Europe/Madrid", "Asia/Shanghai", "America/St_Johns"])
def test_local_time_is_exact_over_changes_of_the_clock(zone):
    at = datetime(2025, 3, 27, tzinfo=UTC).timestamp() + 1800.0 * np.arange(48 * 8)
    exact = [datetime.fromtimestamp(t, ZoneInfo(zone)).utcoffset() / timedelta(seconds=1) for t in at]
    assert offsets(ZoneInfo(zone), at).tolist() == exact


def test_homes_shared_out_among_processes_have_the_same_episodes():
    start = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    ends = start + 3600.0 * np.arange(1, 24 * 16 + 1)
    none = np.zeros(len(ends), np.bool_)
    records = []
    for n in range(5):
        litres = np.where((np.arange(len(ends)) % 24 >= 7 + n) & (np.arange(len(ends)) < 24 * (8 + n)), 8.0, 0.0)
        records.append(
            Record(f"h{n}", UTC, 1, 3600.0, 1.0, ends - 3600, ends, litres, none, ends, np.zeros(len(ends)), ())
        )
    settings = Settings(rules=("12h-10l",))
    alone = episodes(records, settings)
    assert {finding.row for finding in alone} == set(range(5))
    assert episodes(records, settings, processes=2) == alone
    assert episodes(records, settings, processes=9) == alone
