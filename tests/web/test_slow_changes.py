"""Slow changes: a line on the worker's list for the next visit and on the operator's page of the home, nowhere else."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from alerts import schema
from alerts.store import NewFinding
from tests.web.neighbourhood import NOW

EVIDENCE = {
    "since_day": (NOW - timedelta(days=13)).timestamp(), "before_times": 0.8, "now_times": 2.4, "before_l": 96, "now_l": None,
    "days": 12, "score": 4.6, "heard_at": NOW.timestamp(),
}  # fmt: skip


def drift(home, reason="drift_night_up", **more):
    onset = NOW - timedelta(days=13)
    return NewFinding(f"{home}-drift", "live", home, "drift", "blue", onset, NOW, reason, EVIDENCE | more)


def read(community, role, person, path, lang="zh_CN"):
    page = community.visitor(role, person, lang).get(path)
    assert page.status_code == 200
    return page.text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_worker_reads_what_to_ask_on_the_next_visit_and_no_button(community):
    assert community.store.raise_finding(drift("h1"), NOW) is None
    page = read(community, "worker", "w1", "/w?tab=slow")
    part = page.split('id="part"')[1].split("</main>")[0]
    assert "下次走访时问问" in part
    assert "夜里用水比以前多</strong> 幸福里 3 号楼 2 单元 5 层 502" in part
    assert "从11月5日前后起" in part
    assert "平均每晚有 2.4 个钟头用水，以前是 0.8 个" in part
    assert "<button" not in part
    english = read(community, "worker", "w1", "/w?tab=slow", "en")
    assert "Since about 5 Nov water is drawn at night more often" in english


def test_nothing_about_it_waits_for_anybody(community):
    community.store.raise_finding(drift("h1"), NOW)
    assert "夜里用水" not in read(community, "worker", "w1", "/w")
    assert "夜里用水" not in read(community, "operator", "w9", "/c")
    family = read(community, "family", "c1", "/f")
    assert "今天一切正常" in family
    assert "夜里" not in family


def test_the_operator_finds_it_on_the_page_of_the_home(community):
    community.store.raise_finding(drift("h1", "drift_litres_down", before_l=120, now_l=70), NOW)
    page = read(community, "operator", "w9", "/c/households/h1")
    assert "一天约 70 升，以前约 120 升" in page
    assert "记在下次走访的单子上" in page
    assert "下次走访时问问" not in read(community, "operator", "w9", "/c/households/h2")


@pytest.mark.parametrize("why", ["another area", "over", "not agreed"])
def test_who_has_no_business_with_it_does_not_read_it(community, why):
    home = "h5" if why == "another area" else "h1"
    community.store.raise_finding(drift(home), NOW)
    if why == "over":
        community.store.clear_finding("h1-drift", NOW, NOW)
    if why == "not agreed":
        with community.engine.begin() as conn:
            c = schema.consents.c
            conn.execute(update(schema.consents).where(c.purpose == "community").values(withdrawn_at=NOW))
    assert "夜里用水" not in read(community, "worker", "w1", "/w?tab=slow")
