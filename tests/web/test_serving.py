"""How well homes are served, on the pages: a promise, a reason for a level, a budget that is kept or not, and calm words."""

from dataclasses import replace

import pytest

from alerts.web.ports import Budget
from tests.web.neighbourhood import NOW, SERVED, quiet

HOUR = 3600.0
BUDGET = Budget(asked=25, asked_intended=25.4, gone=7, gone_intended=7.6, a_month=1.0)


def read(community, role, person, path, lang="zh_CN"):
    page = community.visitor(role, person, lang).get(path)
    assert page.status_code == 200
    return page.text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_operator_reads_how_soon_a_home_would_be_asked(community):
    page = read(community, "operator", "w9", "/c/households/h1")
    assert "大约 8 小时 后会来问，十次里有九次不超过 13 小时" in page
    assert "每月大约会白问 0.8 次" in page
    english = read(community, "operator", "w9", "/c/households/h1", "en")
    assert "we would ask after about 8 h, nine times in ten within 13 h" in english


def test_before_two_weeks_the_pages_say_that_nothing_is_known(community):
    community.readings.serving["h1"] = replace(SERVED, median_s=None, late_s=None, asked_a_month=None, empty_p=None)
    assert "这户的记录还不到 14 天" in read(community, "operator", "w9", "/c/households/h1")
    assert "我们还在了解家里平时怎样用水" in read(community, "family", "c1", "/f")


@pytest.mark.parametrize(
    ("level", "well", "said"),
    [
        (0.31, 4, "Its level is 0.3 above the common one because of 4 alarms at which all was well."),
        (0.2, 0, "Its level is 0.2 above the common one, because it was asked for nothing more often than others."),
        (-0.12, 0, "Its level is 0.1 below the common one"),
        (0.04, 1, None),
    ],
)
def test_a_level_of_ones_own_is_explained(community, level, well, said):
    community.readings.serving["h1"] = replace(SERVED, own_level=level, well=well)
    page = read(community, "operator", "w9", "/c/households/h1", "en")
    assert said in page if said else "Its level is" not in page


def test_an_irregular_home_is_said_to_be_one_and_the_worker_sees_nothing_of_it(community):
    community.readings.serving["h1"] = replace(SERVED, irregular=True, asked_a_month=4.2, empty_p=0.12)
    home = read(community, "operator", "w9", "/c/households/h1", "en")
    assert "too irregular (asked for nothing 4.2 times a month, hardly any water on 12 % of the days)" in home
    assert "A motion sensor would help" in home
    desk = read(community, "operator", "w9", "/c", "en")
    assert "Homes that cannot be served well" in desk
    assert '<a href="/c/households/h1">' in desk.split("Homes that cannot be served well")[1]
    community.red("h1")
    for path in ("/w", "/w?tab=slow"):
        page = read(community, "worker", "w1", path, "en")
        assert "irregular" not in page
        assert "only asked" not in page
    family = read(community, "family", "c1", "/f", "en")
    assert "irregular" not in family
    assert "we ask first and do not send anybody for that alone" in family


def test_a_case_of_a_home_that_is_only_asked_sends_nobody_and_says_so(community):
    found = quiet("h1", "amber", NOW)
    community.store.raise_finding(replace(found, evidence={**found.evidence, "ask_only": True}), NOW)
    assert "值班人员会打电话问一声" in read(community, "family", "c1", "/f")
    assert "只问不派：再报值班" in read(community, "operator", "w9", "/c")


@pytest.mark.parametrize(
    ("asked", "intended", "said"),
    [
        (25, 25.4, "within the budget"),
        (58, 27.4, "2.1 times the 27 intended (1 a home and month): too often"),
        (10, 27.4, "one could ask sooner"),
        (9, 4.0, "Too little of the last 30 days is known"),
    ],
)
def test_the_desk_says_whether_the_budget_is_kept_and_what_to_do(community, asked, intended, said):
    community.readings.kept = replace(BUDGET, asked=asked, asked_intended=intended)
    page = read(community, "operator", "w9", "/c", "en")
    assert said in page
    outside = said not in ("within the budget", "Too little of the last 30 days is known")
    assert ("shuian backtest --report" in page) == outside


def test_a_page_is_there_when_nothing_can_be_asked(community):
    community.readings.serving = None
    assert "误报" in read(community, "operator", "w9", "/c")
    assert "多久能发现" not in read(community, "operator", "w9", "/c/households/h1")
    assert "今天一切正常" in read(community, "family", "c1", "/f")
