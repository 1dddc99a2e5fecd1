"""Declaring a home away: by the family for a day at first, by a worker until the day that was said."""

import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select

from alerts import schema
from alerts.events import OutcomeRecorded
from alerts.web.absences import span
from tests.web.neighbourhood import NOW, ZONE, quiet


def tonight(days: int = 0) -> datetime:
    """Return the end of the local day in so many days."""
    return (NOW.astimezone(ZONE) + timedelta(days=days + 1)).replace(hour=0, minute=0)


def rows(community, household="h1"):
    with community.engine.connect() as conn:
        a = schema.absences.c
        return conn.execute(select(a.start, a.end, a.asked_until, a.by).where(a.household == household)).all()


def declare(visitor, path="/f", number="1", **form):
    return visitor.post(path, tap=f"tap-number-{number}", **form)


def plain(page: str) -> str:
    return page.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("do", "start", "until", "expected"),
    [
        ("away:today", "", "", (NOW, tonight())),
        ("away:3d", "", "", (NOW, tonight(3))),
        ("away:7d", "", "", (NOW, tonight(7))),
        ("away:date", "", "2026-11-25", (NOW, tonight(7))),
        ("away:date", "", "2026-11-18", (NOW, tonight())),
        ("away:date", "2026-11-20", "2026-11-25", (tonight(1), tonight(7))),
        ("away:date", "2026-11-10", "2026-11-25", (NOW, tonight(7))),
        ("away:date", "", "2026-12-18", (NOW, tonight(30))),
        ("away:date", "", "2026-12-19", None),
        ("away:date", "", "2026-11-17", None),
        ("away:date", "2026-11-25", "2026-11-20", None),
        ("away:date", "", "", None),
        ("away:date", "", "tomorrow", None),
        ("away:date", "", "2026-02-30", None),
        ("away:2d", "", "2026-11-25", None),
    ],
)
def test_each_button_means_the_end_of_a_local_day(do, start, until, expected):
    assert span(do, start, until, NOW, ZONE) == expected


def test_what_a_relative_declares_counts_for_a_day_and_the_page_says_so(community):
    visitor = community.visitor("family", "c1")
    page = visitor.get("/f").text
    assert "您的登记先算 24 小时，社区确认后才算到您说的那一天" in page
    assert declare(visitor, do="away:3d").status_code == 303
    assert [tuple(row) for row in rows(community)] == [(NOW, NOW + timedelta(days=1), tonight(3), "contact:c1")]
    page = plain(visitor.get("/f").text)
    assert "已声明外出" in page
    assert "家属1登记" in page
    assert "家属说到11/21 周六晚上，等社区确认" in page


def test_until_tonight_needs_no_confirmation(community):
    visitor = community.visitor("family", "c1")
    declare(visitor, do="away:today")
    assert [row.asked_until for row in rows(community)] == [None]
    assert "外出到今晚。" in visitor.get("/f").text


def test_the_same_tap_twice_declares_once(community):
    visitor = community.visitor("family", "c1")
    assert [declare(visitor, do="away:date", until="2026-11-25").status_code for _ in range(2)] == [303, 303]
    assert len(rows(community)) == 1


def test_back_home_ends_it_and_the_same_tap_once_more_is_no_reproach(community):
    visitor = community.visitor("family", "c1")
    declare(visitor, do="away:3d")
    community.later(hours=2)
    (back,) = re.findall(r'value="(back:\d+)"', visitor.get("/f").text)
    assert [declare(visitor, do=back, number="2").status_code for _ in range(2)] == [303, 303]
    assert [(row.end, row.asked_until) for row in rows(community)] == [(community.now, None)]
    assert "今天一切正常" in visitor.get("/f").text
    assert declare(visitor, do=back, number="3").status_code == 409


def test_what_was_not_confirmed_within_a_day_says_that_it_no_longer_counts(community):
    visitor = community.visitor("family", "c1")
    declare(visitor, do="away:7d")
    community.later(hours=25)
    page = plain(visitor.get("/f").text)
    assert "已声明外出" not in page
    assert "外出只算到 10:40，社区还没有确认" in page


def test_a_relative_ends_and_declares_for_the_own_home_only(community):
    declare(community.visitor("family", "c1"), do="away:3d")
    (back,) = re.findall(r'value="(back:\d+)"', community.visitor("family", "c1").get("/f").text)
    other = community.visitor("family", "c2")
    assert back not in other.get("/f").text
    assert declare(other, do=back).status_code == 409
    assert rows(community)[0].end == NOW + timedelta(days=1)
    declare(other, do="away:3d", number="2")
    assert len(rows(community, "h1")) == len(rows(community, "h2")) == 1


@pytest.mark.parametrize("do", ["away", "away:", "away:date", "away:40d", "confirm:1", "back", "away:3d:x", "confirm"])
def test_what_no_button_of_the_family_says_is_refused(community, do):
    assert declare(community.visitor("family", "c1"), do=do).status_code in (400, 409)
    assert rows(community) == []


def test_a_post_from_elsewhere_declares_nothing(community):
    visitor = community.visitor("family", "c1")
    for headers in ({"origin": "https://evil.example"}, {}):
        answer = visitor.post("/f", headers, do="away:3d", tap="tap-number-1")
        assert answer.status_code == 403
    assert rows(community) == []
    token = re.search(r'name="form" value="(\w+)"', visitor.get("/f").text)[1]
    assert visitor.post("/f", {}, do="away:3d", tap="tap-number-1", form=token).status_code == 303


def test_while_a_case_is_open_the_family_is_asked_to_answer_and_not_to_explain(community):
    community.red("h1")
    visitor = community.visitor("family", "c1")
    assert "away:3d" not in visitor.get("/f").text
    assert declare(visitor, do="away:3d").status_code == 303  # from a page that was open before
    assert "已通知社区工作人员" in visitor.get("/f").text


def test_after_a_death_nobody_is_asked_about_journeys(community):
    case = community.accepted("h1")
    community.tap(case, OutcomeRecorded("worker:w1", "DECEASED"))
    page = community.visitor("family", "c1").get("/f").text
    assert "away:" not in page
    assert "back:" not in page


# --- a worker ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "end"), [("today", tonight()), ("3d", tonight(3)), ("7d", tonight(7))])
def test_the_outcome_away_says_until_when(community, days, end):
    case = community.accepted("h1")
    visitor = community.visitor("worker", "w1")
    assert f"outcome:SAFE_AWAY:{days}" in visitor.get(f"/w/a/{case}").text
    assert declare(visitor, f"/w/a/{case}", do=f"outcome:SAFE_AWAY:{days}").status_code == 303
    assert community.state(case) == "CLOSED"
    assert [row.end for row in rows(community)] == [end]
    assert declare(visitor, f"/w/a/{case}", do="undo", number="2").status_code == 303
    assert rows(community) == []


def test_a_home_whose_door_opened_is_asked_about_in_one_tap(community):
    out = quiet("h1", "amber", community.now)
    evidence = dict(out.evidence) | {"door_at": NOW.timestamp() - 7200, "motion_at": None}
    case = community.store.raise_finding(
        type(out)(out.id, "live", "h1", "quiet", "amber", out.onset, community.now, "quiet_maybe_out", evidence),
        community.now,
    )
    visitor = community.visitor("worker", "w1")
    page = visitor.get(f"/w/a/{case}").text
    assert "问清楚是外出了？" in page
    declare(visitor, f"/w/a/{case}", do="outcome:SAFE_AWAY:3d")
    assert community.state(case) == "CLOSED"
    assert [row.end for row in rows(community)] == [tonight(3)]
    assert "问清楚是外出了？" not in visitor.get(f"/w/a/{case}").text


def test_an_ordinary_silence_is_not_answered_without_having_gone(community):
    page = community.visitor("worker", "w1").get(f"/w/a/{community.amber('h1')}").text
    assert "SAFE_AWAY" not in page


def test_a_worker_declares_on_the_page_of_a_case_that_has_ended_and_confirms_what_the_family_said(community):
    case = community.accepted("h1")
    community.tap(case, OutcomeRecorded("worker:w1", "SAFE_AT_HOME"))
    declare(community.visitor("family", "c1"), do="away:7d")
    visitor = community.visitor("worker", "w1")
    (confirm,) = re.findall(r'value="(confirm:\d+)"', visitor.get(f"/w/a/{case}").text)
    assert declare(visitor, f"/w/a/{case}", do=confirm).status_code == 303
    assert [(row.end, row.asked_until) for row in rows(community)][-1] == (tonight(7), None)
    assert declare(visitor, f"/w/a/{case}", do="away:date", until="2026-12-01", number="2").status_code == 303
    assert rows(community)[-1].by == "worker:w1"


def test_a_worker_of_another_area_declares_nothing(community):
    case = community.red("h1")
    assert declare(community.visitor("worker", "w5"), f"/w/a/{case}", do="away:3d").status_code == 404
    assert rows(community) == []


def test_the_slow_tab_names_who_is_away_and_since_nobody_has_to_go_it_has_no_button(community):
    with community.engine.begin() as conn:
        conn.execute(
            insert(schema.absences).values(household="h1", start=NOW, end=tonight(3), by="女儿", asked_until=tonight(9))
        )
        conn.execute(insert(schema.absences).values(household="h5", start=NOW, end=tonight(3), by="x"))
    page = plain(community.visitor("worker", "w1").get("/w?tab=slow").text).split('id="part"')[1].split("</main>")[0]
    assert "幸福里 3 号楼 2 单元 5 层 502" in page
    assert "到11/21 周六晚上，女儿登记" in page
    assert "家属说到11/27 周五晚上，等社区确认" in page
    assert "滨河路" not in page  # another grid
    assert "<button" not in page
