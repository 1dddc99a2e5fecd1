"""What a drill's message opens acts on nothing real, and takes nobody's own way to what is."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts import access, drill_runs, queries, schema
from alerts.web.site import SESSION_COOKIES
from tests.alerts.neighbourhood import rehearse
from tests.web.neighbourhood import NOW, quiet


@pytest.fixture
def both(community):
    """The community with an amber case of life and a red one of a drill in the same home; returns both ids."""
    rehearse(community.engine, ["h1"], ["worker:w1"], NOW)
    real = community.amber("h1")
    drill = community.store.raise_finding(replace(quiet("h1", name="drill-1"), realm="drill"), NOW)
    return real, drill


def through(community, realm, person="w1", visitor=None):
    """Open the link of a message of a realm."""
    with community.engine.begin() as conn:
        hour = timedelta(hours=1)
        token = access.new_link(conn, "worker", person, "/w", community.now, hour, realm=realm, notice="n")
    visitor = visitor or community.visitor()
    visitor.get(f"/link/{token}")
    visitor.post(f"/link/{token}")
    return visitor


def tap(visitor, case, do="accept", name="tap-00000001"):
    """Press a button of a case."""
    return visitor.post(f"/w/a/{case}", do=do, tap=name)


def test_who_comes_by_a_drills_link_acts_on_the_drill_and_on_nothing_real(community, both):
    real, drill = both
    visitor = through(community, "drill")
    refused = tap(visitor, real)
    assert refused.status_code == 403
    assert "这是演练的链接" in refused.text
    assert community.state(real) == "SUSPECTED"
    assert tap(visitor, drill).status_code == 303
    assert community.state(drill) == "ACCEPTED"
    assert visitor.post("/w/duty", do="take_all", tap="tap-00000002").status_code == 403


def test_the_next_real_link_opens_what_is_real_to_the_same_browser(community, both):
    real, _ = both
    visitor = through(community, "live", visitor=through(community, "drill"))
    assert tap(visitor, real).status_code != 403


def test_a_drills_link_takes_nobodys_own_session_away(community, both):
    visitor = through(community, "live")
    before = visitor.cookies[SESSION_COOKIES["worker"]]
    through(community, "drill", visitor=visitor)
    assert visitor.cookies[SESSION_COOKIES["worker"]] == before
    assert tap(visitor, both[0]).status_code != 403


def test_nobody_is_declared_away_from_a_drill(community, both):
    _, drill = both
    visitor = through(community, "drill")
    for do in ("away:86400", "away", "back"):
        assert tap(visitor, drill, do).status_code == 400


def test_the_pages_of_a_case_that_ended_with_its_drill_can_be_read(community, both):
    _, drill = both
    with community.engine.begin() as conn:
        name = conn.scalar(select(schema.drills.c.id))
        drill_runs.end(conn, name, NOW, "operator:ops", "asked", community.store.policy)
    page = community.visitor("operator", "w9").get(f"/c/case/{drill}")
    assert page.status_code == 200
    assert "演练结束" in page.text
    assert through(community, "live").get(f"/w/a/{drill}").status_code == 200


def test_the_operator_sees_that_a_drill_runs_and_counts_only_what_is_real(community, both):
    real, drill = both
    n = schema.cases
    with community.engine.begin() as conn:
        conn.execute(n.update().where(n.c.realm == "drill").values(state="UNATTENDED"))
        view = queries.overview(conn, NOW)
    assert [card.id for card in view.queue] == [real, drill], "the real one first, though less urgent"
    assert (view.unattended, view.unowned) == ((), 1)
    assert "演练进行中：夜里摔倒" in community.visitor("operator", "w9").get("/c").text
