"""Drills over the interface: a program plays one to its end, and does nothing real with it."""

import pytest
from sqlalchemy import select

from alerts import schema
from tests.web.test_api import Program


@pytest.fixture
def program(played):
    return Program(played, "drills:run")


PLAN = {
    "drill": "fall_at_night", "kind": "tabletop", "homes": {"fallen": "v1"}, "lasts_s": 3600,
    "wanted": [
        {"step": "case", "within_s": 300, "part": "fallen"},
        {"step": "accepted", "within_s": 600, "part": "fallen", "who": "owner", "after": "case"},
        {"step": "unattended", "within_s": 0, "part": "fallen", "never": True},
    ],
}  # fmt: skip
FALL = {"id": "1", "home": "fallen", "onset": "2026-11-17T18:00:00Z"}
CUT = {"id": "cut", "kind": "water_outage", "homes": ["fallen", "fallen"], "onset": "2026-11-17T18:00:00Z"}
ACCEPT = {"id": "a", "who": "worker:vw", "home": "fallen", "do": "accept"}


def test_a_program_plays_a_drill_to_its_end_and_reads_its_score(played, program):
    begun = program("POST", "/drills", PLAN)
    assert begun.status_code == 201, begun.text
    at = f"/drills/{begun.json()['id']}"
    assert program("POST", f"{at}/deeds", ACCEPT).status_code == 409, "there is no case yet"
    assert program("POST", f"{at}/findings", FALL).json()["case"]
    assert program("POST", f"{at}/deeds", ACCEPT).json() == {"result": "done", "state": "ACCEPTED"}
    assert program("POST", f"{at}/deeds", ACCEPT).json()["result"] == "repeated"
    outcome = ACCEPT | {"id": "b", "do": "outcome", "code": "HELPED"}
    assert program("POST", f"{at}/deeds", outcome).json()["state"] == "CLOSED"
    assert program("POST", f"{at}/end", {}).json() == {"ended": True}
    assert program("POST", f"{at}/end", {}).json() == {"ended": False}
    score = program("GET", at).json()
    assert (score["state"], score["why"]) == ("ended", "finished")
    assert [line["verdict"] for line in score["lines"]] == ["met", "met", "kept"]
    assert [one["id"] for one in program("GET", "/drills").json()["items"]] == [begun.json()["id"]]
    with played.engine.connect() as conn:
        realms = set(conn.scalars(select(schema.cases.c.realm)))
        assert realms == {"drill"}


@pytest.mark.parametrize(
    ("path", "change", "status", "said"),
    [
        ("", {"homes": {"fallen": "h1"}}, 409, "are real"),
        ("", {"kind": "joke"}, 409, "want a kind of"),
        ("", {"lasts_s": 1e9}, 409, "want a hard end within"),
        ("", {"surprise": 1}, 422, "Extra inputs"),
        ("", {"down": [{"channel": "sms", "begins_s": 60, "ends_s": 60}]}, 409, "want a provider down from 0 s on"),
        ("", {"down": [{"channel": "sms", "begins_s": -1}]}, 422, "begins_s"),
        ("/areas", {"kind": "flood"}, 422, "water_outage"),
        ("/areas", {"homes": ["fallen"]}, 422, "at least 2"),
        ("/areas", {"homes": ["fallen", "h1"]}, 422, "name of one of its homes"),
        ("/findings", {"home": "h1"}, 422, "name of one of its homes"),
        ("/deeds", {"home": "h1"}, 422, "name of one of its homes"),
        ("/findings", {"home": "cellar"}, 422, "name of one of its homes"),
        ("/findings", {"onset": "yesterday"}, 422, "onset"),
        ("/findings", {"onset": "0001-01-01T00:00:00Z"}, 422, "a time of the last 31 days"),
        ("/areas", {"homes": ["fallen", "fallen"], "onset": "9999-12-31T23:59:59Z"}, 422, "a time of the last 31 days"),
        ("/deeds", {"who": "worker:w1"}, 403, "real people act for themselves"),
        ("/deeds", {"do": "outcome", "code": "FINE"}, 422, "want one of SAFE_AT_HOME"),
    ],
)
def test_what_cannot_be_played_is_refused_with_what_was_wanted(program, path, change, status, said):
    at = ""
    if path:
        at = f"/{program('POST', '/drills', PLAN).json()['id']}"
        program("POST", f"/drills{at}/findings", FALL)
    body = {"": PLAN, "/findings": FALL, "/deeds": ACCEPT, "/areas": CUT}[path]
    answer = program("POST", f"/drills{at}{path}", body | change)
    assert answer.status_code == status
    assert said in answer.text


def test_a_token_without_the_scope_or_of_another_area_sees_and_plays_no_drill(played, program):
    name = program("POST", "/drills", PLAN).json()["id"]
    assert Program(played, "cases:read", name="q")("GET", "/drills").status_code == 403
    other = Program(played, "drills:run", area="grid-1", name="r")
    assert other("GET", "/drills").json() == {"items": []}
    assert other("GET", f"/drills/{name}").status_code == 404
    assert other("POST", f"/drills/{name}/end", {}).status_code == 404
    assert other("POST", "/drills", PLAN).status_code == 403


def test_what_is_played_in_ends_when_it_is_said_to_and_nothing_comes_after_the_end(played, program):
    at = f"/drills/{program('POST', '/drills', PLAN).json()['id']}"
    program("POST", f"{at}/findings", FALL | {"severity": "amber"})
    assert program("POST", f"{at}/areas", CUT).json() == {"homes": 1}
    assert program("POST", f"{at}/areas", CUT).status_code == 201, "once more changes nothing"
    assert program("POST", f"{at}/findings/1/clear", {}).json() == {"cleared": True}
    assert program("POST", f"{at}/areas/cut/end", {}).json() == {"ended": True}
    with played.engine.connect() as conn:
        f, e = schema.findings.c, schema.area_events.c
        assert conn.scalar(select(f.cleared_at)) == played.now
        assert [tuple(row) for row in conn.execute(select(e.realm, e.zone, e.ended_at))] == [
            ("drill", "演练楼", played.now)
        ]
    program("POST", f"{at}/end", {})
    for path, body in (("findings", FALL | {"id": "2"}), ("areas", CUT | {"id": "late"})):
        refused = program("POST", f"{at}/{path}", body)
        assert (refused.status_code, "this drill is over" in refused.text) == (409, True)


def test_one_drill_clears_and_ends_nothing_of_another_or_of_life(played, program):
    real = played.amber("h1")
    at = f"/drills/{program('POST', '/drills', PLAN).json()['id']}"
    with played.engine.connect() as conn:
        name = conn.scalar(select(schema.findings.c.id))
    program("POST", f"{at}/findings/{name}/clear", {})
    program("POST", f"{at}/areas/{name}/end", {})
    with played.engine.connect() as conn:
        assert conn.scalar(select(schema.findings.c.cleared_at)) is None
    assert played.state(real) == "SUSPECTED"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (
            "/households/v1",
            {"area": "grid-1", "building": "演练楼", "door": "101", "tz": "Asia/Shanghai"},
            "an area of drills",
        ),
        (
            "/households/h1",
            {"area": "dr", "building": "x", "door": "1", "tz": "Asia/Shanghai"},
            "in which somebody lives",
        ),
        ("/areas/dr", {"kind": "street", "name": "x"}, "for home v1, an area of drills"),
        (
            "/areas/grid-1",
            {"kind": "drill", "name": "x", "parent": "community"},
            "for home h1, an area in which somebody lives",
        ),
    ],
)
def test_no_program_makes_a_home_of_drills_real_or_a_real_one_unheard(played, program, path, body, said):
    at = f"/drills/{program('POST', '/drills', PLAN).json()['id']}"
    program("POST", f"{at}/end", {})
    played.red("h1")
    answer = Program(played, "registry:write", name="w")("PUT", path, body)
    assert answer.status_code == 422, answer.text
    assert said in answer.text
    assert (
        Program(played, "registry:write", name="x")("PUT", "/areas/dr", {"kind": "drill", "name": "新名"}).status_code
        == 200
    )
