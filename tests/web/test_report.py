"""The page of the monthly report: the kept one first, numbers without names, the same as a workbook, what is unknown said so."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from io import BytesIO

import pytest
from openpyxl import load_workbook

from alerts.events import Accepted, Arrived, OutcomeRecorded
from alerts.report import Intended
from alerts.report_rows import Month
from alerts.reports import Reports
from alerts.web.report_chart import Bar, bars
from alerts.web.words import Words
from tests.web import buildings, neighbourhood
from tests.web.conftest import settled
from tests.web.neighbourhood import NOW, ZONE, quiet

OCTOBER = Month(2026, 10)
MADE = datetime(2026, 11, 1, 1, tzinfo=UTC)


def lived(community) -> None:
    """Let eight homes have a case each in October, in three grids: seven red ones that somebody goes for, one amber one."""
    for n, place in enumerate(buildings.PLACES[::8]):
        at = datetime(2026, 10, 3 + n, 2, tzinfo=UTC)
        severity = "amber" if n == 7 else "red"
        case = community.store.raise_finding(quiet(place.home, severity, at, f"october-{n}"), at)
        if severity == "amber":
            continue
        code = "HELPED" if n == 0 else "SAFE_AT_HOME"
        taps = (Accepted("worker:w1"), Arrived("worker:w1"), OutcomeRecorded("worker:w1", code))
        for minutes, event in zip((3 + 2 * n, 20 + 5 * n, 59), taps, strict=True):
            assert community.store.act("live", case, event, at + timedelta(minutes=minutes), f"{n}-{minutes}").done


@pytest.fixture(scope="module")
def october(tmp_path_factory, people, catalogues):
    folder = tmp_path_factory.mktemp("october")
    shutil.copy(people, folder / "people.sqlite")
    with settled(folder, catalogues) as community:
        with community.engine.begin() as conn:
            buildings.register(conn)
        lived(community)
    return folder / "people.sqlite"


@pytest.fixture
def desk(tmp_path, october, catalogues):
    shutil.copy(october, tmp_path / "people.sqlite")
    with settled(tmp_path, catalogues) as community:
        site = community.app.state.site
        kept = Reports(community.engine, ZONE, tmp_path, None, Intended(1.0, 0.3))
        community.app.state.site = replace(site, reports=kept)
        yield community


def shown(community, path="/c/report", lang="zh_CN"):
    answer = community.visitor("operator", "w9", lang).get(path)
    assert answer.status_code == 200
    return unescape(answer.text).replace("\N{NO-BREAK SPACE}", " ")


def cells(page, label):
    """Return the cells of a line, each as its parts."""
    line = page.split(f'<th scope="row">{label}</th>')[1].split("</tr>")[0]
    return [re.findall(r"<span[^>]*>([^<]*)</span>", cell) for cell in line.split("</td>")[:-1]]


def test_the_last_month_that_is_over_is_shown_with_every_grid_and_each_number_has_its_n(desk):
    page = shown(desk)
    assert "<h1>2026-10 月报</h1>" in page
    heads = re.findall(r'<th scope="col">([^<]*)</th>', page.split('id="s-homes"')[1].split("</thead>")[0])
    assert heads == ["项目", "合计", "安和里 1 栋网格", "安和里 2 栋网格", "安和里 3 栋网格", "第一网格", "第二网格"]
    total, *grids = cells(page, "有人接单 · 紧急")
    assert total == ["中位 9 分钟，九成在 15 分钟内", "n=7", "按时 4/7"]
    assert [one[0] for one in grids[:3]] == ["户数太少，只给件数"] * 3
    assert [one[1:] for one in grids[:2]] == [["n=3", "按时 3/3"], ["n=2", "按时 1/2"]]
    assert grids[3] == ["没有"]
    assert cells(page, "因没用水而白问")[0][1:] == ["n=6", "预算 1"]
    assert cells(page, "确有其事 · 紧急")[0] == ["1"]
    assert cells(page, "还没结束 · 关注")[0] == ["1"]
    assert cells(page, "上门次数")[0] == ["7"]
    assert cells(page, "到期没有回访")[0] == ["7"]


def test_what_is_not_known_is_said_and_never_zero(desk, monkeypatch):
    monkeypatch.setattr(desk.readings, "meters", lambda _: 1 / 0)
    page = shown(desk)
    assert cells(page, "看不到：不能证明服务在运行")[0] == ["不知道"]
    assert {one[0] for one in cells(page, "电池低于 20 %")} == {"不知道"}
    assert cells(page, "人均上门")[4] == ["没有"]
    assert "服务是否一直在运行：不知道" in page


def test_nothing_on_the_page_or_in_the_workbook_says_who_or_where_exactly(desk):
    file = desk.visitor("operator", "w9").get("/c/report.xlsx?month=2026-10").content
    written = " ".join(str(cell.value) for row in load_workbook(BytesIO(file)).active.iter_rows() for cell in row)
    for text in (shown(desk).split("<main")[1], shown(desk, lang="en").split("<main")[1], written):
        for private in ("王丽", "陈秀英", "家女儿", "021 5550", "幸福里 3", "b1-101", "1001", "example.org"):
            assert private not in text, private


def test_english_is_complete(desk):
    page = shown(desk, lang="en").split("<main")[1].split("</main>")[0]
    names = ("安和里 1 栋网格", "安和里 2 栋网格", "安和里 3 栋网格", "第一网格", "第二网格")
    for name in names:
        page = page.replace(name, "")
    assert re.findall(r"[\u4e00-\u9fff]+", page) == []
    assert "median 9 min, 90 % within 15 min" in page
    assert "page.month" not in page


def test_the_workbook_holds_the_same_numbers_as_numbers(desk):
    answer = desk.visitor("operator", "w9", "en").get("/c/report.xlsx?month=2026-10")
    assert answer.headers["content-disposition"] == 'attachment; filename="2026-10.xlsx"'
    page = load_workbook(BytesIO(answer.content)).active
    lines = {row[0]: row[1:] for row in page.iter_rows(values_only=True) if row[0]}
    assert lines["Number"][:2] == ("Total", "安和里 1 栋网格")
    assert lines["Accepted · Urgent · median (s)"][:2] == (9 * 60, "–")
    assert lines["Accepted · Urgent · n"][:3] == (7, 3, 2)
    assert lines["Asked for nothing about missing use · n"][0] == 6
    assert lines["Asked for nothing about missing use · budget"][0] == 1.0
    assert lines["Not watched: nothing proves that the service ran · hours"][0] == "–"
    assert sum(lines["Visits"][1:]) == lines["Visits"][0] == 7
    assert all(cell.data_type != "f" for row in page.iter_rows() for cell in row)


def test_an_area_that_is_called_like_a_formula_stays_a_text(desk):
    reports = desk.app.state.site.reports
    found = reports.made(OCTOBER, NOW)
    evil = replace(found, columns=(replace(found.columns[0], name="=1+1"), *found.columns[1:]))
    reports.keep(evil)
    page = load_workbook(BytesIO(desk.visitor("operator", "w9").get("/c/report.xlsx?month=2026-10").content)).active
    assert [cell.data_type for row in page.iter_rows() for cell in row if cell.value == "=1+1"] == ["s"]


def test_the_kept_report_is_shown_first_and_can_be_worked_out_again(desk):
    reports = desk.app.state.site.reports
    assert "没有留存的月报" in shown(desk)
    assert reports.keep_if_due(MADE, lambda: [("b1-101", 5.0)]) == OCTOBER
    page = shown(desk)
    assert "数据截至 2026-11-01 09:00" in page
    assert "自动生成并留存" in page
    assert cells(page, "电池低于 20 %")[0] == ["1"]
    assert cells(page, "到期没有回访")[0] == ["7"]
    again = shown(desk, "/c/report?month=2026-10&fresh=1")
    assert "留存的一份没有改动" in again
    assert cells(again, "电池低于 20 %")[0] == ["0"]
    assert reports.kept(OCTOBER).made_at == MADE


def test_a_month_that_is_not_over_says_so_and_one_to_come_is_refused(desk):
    assert "还没有结束" in shown(desk, "/c/report?month=2026-11")
    operator = desk.visitor("operator", "w9")
    for month in ("2026-12", "2026-1", "../../etc"):
        for path in ("/c/report", "/c/report.xlsx"):
            answer = operator.get(f"{path}?month={month}")
            assert answer.status_code == 400
            assert "没有这个月的月报" in answer.text


def test_only_operators_see_it(desk):
    assert desk.visitor().get("/c/report").headers["location"] == "/login"
    assert desk.visitor().get("/c/report.xlsx").status_code == 401
    assert desk.visitor("worker", "w1").get("/c/report").status_code == 403
    assert desk.visitor("family", "c1").get("/c/report.xlsx").status_code == 403
    assert 'href="/c/report"' in shown(desk, "/c")


def test_a_month_that_is_not_known_is_a_question_mark_and_no_bar(catalogues):
    drawn = bars("t", [Bar("26-09", None, "0"), Bar("26-10", 0.0, "0.00"), Bar("<b>", 2.0, "2.00")], line=1.0)
    assert drawn.count('class="bar-of"') == 2
    assert drawn.count(">?<") == 1
    assert 'height="70.0"' in drawn
    assert 'class="intended" d="M0 53.0' in drawn
    assert "<b>" not in drawn
    assert bars("t", [Bar("26-09", None, "")]).count("rect") == 0
    assert Words(catalogues, "en", NOW).t("page.month.trail.unknown") == "?"


def test_every_kind_outcome_and_state_has_its_words(desk):
    assert neighbourhood.ZONE == ZONE
    page = shown(desk, "/c/report?month=2026-11") + shown(desk, lang="en")
    assert not re.search(r">(outcome|cases|hours|alarm|page)\.[\w.]+<", page)
