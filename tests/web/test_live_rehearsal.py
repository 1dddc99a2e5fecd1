"""A live rehearsal: real workers named beforehand act on their own phones, and every page says what is played and what is real."""

import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from alerts import drill_runs, schema, tokens
from alerts.events import Accepted
from shuian import cli_drill
from shuian.drill_api import Api
from shuian.drill_live import named
from shuian.drill_player import Player, script
from shuian.errors import BadInput, Trouble
from shuian.rehearsals import Inside
from tests.alerts.neighbourhood import rehearse
from tests.web.conftest import BASE
from tests.web.neighbourhood import NOW, quiet
from tests.web.test_tabletop import Provider, send

PEOPLE = ["worker:w1", "contact:c1"]
WORD, STRIPED, REAL = "演练", 'class="strip stripes"', "这一次是真的，不是演练"


@pytest.fixture
def api(community):
    """The service, as a program with a token sees it."""
    with community.engine.begin() as conn:
        token = tokens.add(conn, "d", ["registry:read", "drills:run"], None, timedelta(days=1), "cli", community.now)
    headers = {"Authorization": f"Bearer {token}"}
    return Api(httpx.Client(transport=Inside(community.app), base_url=BASE, headers=headers))


@pytest.fixture
def rehearsed(community):
    """A rehearsal at one home with one worker and one relative, and its case; returns the community and the case."""
    rehearse(community.engine, ["h1"], PEOPLE, NOW)
    return community, played(community, "h1")


def played(community, home, name="d"):
    """Play in a fall at a home; returns its case."""
    return community.store.raise_finding(
        replace(quiet(home, "red", community.now, name=name), realm="drill"), community.now
    )


def come(community, took):
    """Open the link of a message as its reader does; returns the browser and where it led."""
    path = re.search(r"/link/\S+", took.text).group(0)
    visitor = community.visitor()
    assert STRIPED in visitor.get(path).text, "the door of a drill is striped, too"
    return visitor, visitor.post(path).headers["location"]


def test_a_real_worker_plays_a_rehearsal_on_her_phone_and_it_is_scored(community, api, catalogues):
    line = {"email": Provider()}
    plan = named(script("fall_at_night"), "live", ["fallen=h1"], PEOPLE)
    player = Player("fall_at_night", script("fall_at_night"), api, lambda: community.now, **plan)
    acts = iter(["accept", "set_off", "arrived", "outcome:HELPED"])
    phone = []

    def sleep(_):
        community.store.fire_due(community.now)
        send(community, catalogues, line)
        offer = next(one for one in line["email"].took if one.role == "worker" and one.realm == "drill")
        if not phone:
            phone.extend(come(community, offer))
        do = next(acts, None)
        if do is not None:
            answer = phone[0].post(phone[1], do=do, tap=f"tap-{do:_<20}".replace(":", "_"))
            assert answer.status_code == 303, answer.text
        community.now += timedelta(seconds=60)

    score = player.run(say=lambda _: None, sleep=sleep)
    assert [line for line in score["lines"] if line["verdict"] not in ("met", "kept")] == []
    assert (score["kind"], score["why"]) == ("live", "finished")
    drills = [one for one in line["email"].took if one.realm == "drill"]
    assert {one.address for one in drills} == {"w1@example.org", "c1@example.org"}, "nobody else hears of it"
    assert all(one.text.startswith("【演练】") and one.subject.startswith("【演练】") for one in drills)


@pytest.mark.parametrize(
    ("kind", "homes", "people", "wanted"),
    [
        ("live", ["fallen=h1"], [], "for people who were named beforehand"),
        ("live", [], ["worker:w1"], "want a home for each of fallen; got none"),
        ("live", ["cellar=h1"], ["worker:w1"], "want a home for each of fallen; got cellar=h1"),
        ("tabletop", [], ["worker:w1"], "real people take part in no tabletop drill"),
        ("joke", [], [], "want a kind of tabletop, live"),
    ],
)
def test_a_rehearsal_that_is_typed_wrong_is_refused_in_words(kind, homes, people, wanted):
    with pytest.raises(BadInput, match=wanted):
        named(script("fall_at_night"), kind, homes, people)
    options = [part for one in homes for part in ("--home", one)] + [
        part for one in people for part in ("--person", one)
    ]
    typed = CliRunner().invoke(
        cli_drill.app, ["run", "fall_at_night", "--kind", kind, *options], env={"SHUIAN_TOKEN": "x"}
    )
    assert isinstance(typed.exception, BadInput)


@pytest.mark.parametrize(
    ("homes", "who", "wanted"),
    [
        ({"fallen": "h1"}, ["worker:nobody"], "it has no worker:nobody"),
        ({"fallen": "nowhere"}, ["worker:w1"], "it has no nowhere"),
        ({"fallen": "h1"}, [], "for real people who are named beforehand"),
        ({"fallen": "h2"}, ["worker:w1"], "something real and red is open for h2"),
    ],
)
def test_a_rehearsal_that_may_not_begin_is_refused_by_the_service_in_words(community, api, homes, who, wanted):
    community.red("h2")
    player = Player("fall_at_night", script("fall_at_night"), api, lambda: community.now, "live", homes, who)
    with pytest.raises(Trouble, match=wanted):
        player.begin()


# --- pages ---------------------------------------------------------------------------------------------------------


def test_every_page_that_shows_something_of_a_drill_is_striped_and_says_so(rehearsed):
    community, case = rehearsed
    seen = {
        ("worker", "w1"): ("/w", "/w?tab=mine", f"/w/a/{case}", f"/w/a/{case}/help"),
        ("family", "c1"): ("/f",),
        ("operator", "w9"): ("/c", f"/c/case/{case}", "/c/log"),
    }
    community.store.act("drill", case, Accepted("worker:w1"), community.now, "t")
    for (role, person), paths in seen.items():
        for path in paths:
            page = community.visitor(role, person).get(path).text
            assert STRIPED in page, path
            assert WORD in page, path
            assert 'class="drill"' in page or 'class="played"' in page, path


def test_pages_without_anything_of_a_drill_are_plain(rehearsed):
    community, case = rehearsed
    plain = {
        ("worker", "w1"): ("/w?tab=done", "/w/me", "/w/duty"),
        ("worker", "w2"): ("/w",),
        ("family", "c2"): ("/f",),
        ("operator", "w9"): ("/c/households", "/c/households/h1", "/c/meters"),
    }
    for (role, person), paths in plain.items():
        for path in paths:
            page = community.visitor(role, person).get(path)
            assert page.status_code == 200, path
            assert STRIPED not in page.text, path
    colleague = community.visitor("worker", "w3")
    assert case not in colleague.get("/w").text
    assert colleague.get(f"/w/a/{case}").status_code == 404, "who takes no part sees nothing of it"


def test_nobody_is_led_to_call_a_real_ambulance_or_a_relative_who_takes_no_part(community):
    with community.engine.begin() as conn:
        for name in ("c1", "c2"):
            conn.execute(schema.contacts.update().where(schema.contacts.c.id == name).values(address="13800000000"))
    rehearse(community.engine, ["h1", "h2"], PEOPLE, NOW)
    cases = played(community, "h1"), played(community, "h2", "e")
    worker = community.visitor("worker", "w1")
    pages = [worker.get(f"/w/a/{case}/help").text for case in cases]
    assert not any("tel:120" in page for page in pages)
    assert all("不要真的拨打 120" in page for page in pages)
    assert ["tel:13800000000" in page for page in pages] == [True, False]
    community.now += timedelta(hours=2)
    community.store.fire_due(community.now)
    assert "tel:120" in worker.get(f"/w/a/{community.red('h3')}/help").text


def test_a_relative_who_takes_no_part_sees_life_and_one_who_does_sees_the_drill_until_it_is_over(community):
    rehearse(community.engine, ["h1", "h2"], PEOPLE, NOW)
    played(community, "h1"), played(community, "h2", "e")
    assert STRIPED in community.visitor("family", "c1").get("/f").text
    assert STRIPED not in community.visitor("family", "c2").get("/f").text
    with community.engine.begin() as conn:
        drill_runs.end(
            conn, conn.scalar(select(schema.drills.c.id)), NOW, "operator:ops", "asked", community.store.policy
        )
    assert STRIPED not in community.visitor("family", "c1").get("/f").text


def test_a_relative_answers_in_a_drill_and_nothing_real_comes_of_it(community):
    rehearse(community.engine, ["h1"], PEOPLE, NOW)
    case = community.store.raise_finding(replace(quiet("h1", "amber", NOW), realm="drill"), NOW)
    relative = community.visitor("family", "c1")
    assert relative.post("/f", do="away:3d", tap="tap-00000001").status_code == 400, "an absence is no part of a drill"
    assert relative.post("/f", do="outcome:SAFE_AWAY", tap="tap-00000002", case=case).status_code == 303
    assert community.state(case) == "CLOSED"
    with community.engine.connect() as conn:
        assert conn.execute(select(schema.absences)).all() == []
    assert STRIPED in relative.get("/f").text, "what became of it is played, too"


def test_when_life_comes_in_the_middle_of_a_rehearsal_the_page_says_that_it_is_real(rehearsed):
    community, drill = rehearsed
    real = community.red("h2")
    with community.engine.connect() as conn:
        told = {(n.realm, n.template) for n in conn.execute(select(schema.notices)) if n.recipient == "w1"}
    assert ("drill", "drill_real") in told
    page = community.visitor("worker", "w1").get(f"/w/a/{real}").text
    assert REAL in page
    assert STRIPED not in page
    assert REAL not in community.visitor("worker", "w1").get(f"/w/a/{drill}").text
    assert REAL not in community.visitor("worker", "w3").get(f"/w/a/{real}").text, "who takes no part knows of no drill"
    listed = community.visitor("worker", "w1").get("/w").text
    assert listed.index(real) < listed.index("</ul>")
