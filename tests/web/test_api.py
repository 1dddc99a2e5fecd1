"""The interface for programs: within its token's area, the same request twice is one, errors say what to mend."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from alerts import audit, consent, registry, schema, tokens
from tests.web.conftest import BASE

DAY = timedelta(days=1)


class Program:
    """A program with a token."""

    def __init__(self, community, *scopes, area=None, name="p"):
        self.community, self.headers = community, {}
        if scopes:
            with community.engine.begin() as conn:
                token = tokens.add(conn, name, scopes, area, 30 * DAY, "cli", community.now)
            self.headers = {"authorization": f"Bearer {token}"}

    def __call__(self, method, path, body=None, **headers):
        async def ask():
            transport = httpx.ASGITransport(self.community.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, f"/api/v1{path}", json=body, headers=self.headers | named)

        return asyncio.run(ask())


@pytest.fixture
def writer(community):
    return Program(community, "registry:write", "cases:read")


HOME = {"area": "grid-1", "building": "幸福里 9 号楼", "riser": "1", "floor": "3", "door": "302", "tz": "Asia/Shanghai"}


def test_a_home_with_its_people_is_written_and_read_back(community, writer):
    assert writer("PUT", "/households/h9", HOME).status_code == 201
    assert (
        writer("PUT", "/residents/r9", {"household": "h9", "name": "何秀兰", "phone": "021 5550 0777"}).status_code
        == 201
    )
    contact = {"resident": "r9", "name": "何小明", "order": 1, "channel": "email", "address": "ming@example.org"}
    assert writer("PUT", "/contacts/c9", contact).status_code == 201
    given = {
        "resident": "r9",
        "purpose": "monitor",
        "version": "1",
        "given_at": "2026-11-01T08:00+08:00",
        "given_by": "resident",
    }
    assert writer("PUT", "/consents/k9", given).status_code == 201
    device = {"id": "m-900", "format": "native", "household": "h9", "from": "2026-11-01T08:00+08:00", "period": 900}
    assert writer("PUT", "/devices/d9", device).status_code == 201
    found = writer("GET", "/households/h9")
    assert found.json() == {"id": "h9"} | HOME
    assert writer("GET", "/devices/d9").json()["zone"] == "Asia/Shanghai"
    with community.engine.connect() as conn:
        assert registry.consented(conn, "h9", "monitor", community.now)
        assert [one.consented for one in registry.bindings(conn, community.now) if one.device == "m-900"] == [True]


def test_the_same_write_twice_is_one(community, writer):
    first, second = (writer("PUT", "/households/h9", HOME) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    given = {
        "resident": "r1",
        "purpose": "research",
        "version": "1",
        "given_at": "2026-11-01T08:00Z",
        "given_by": "resident",
    }
    assert [writer("PUT", "/consents/k1", given).status_code for _ in range(2)] == [201, 200]
    with community.engine.connect() as conn:
        kept = conn.execute(select(schema.consents).where(schema.consents.c.purpose == "research")).all()
    assert len(kept) == 1


def test_a_consent_is_withdrawn_with_all_that_follows_and_never_rewritten(community, writer):
    case = community.red("h1")
    (row,) = [one for one in writer("GET", "/consents?resident=r1").json()["items"] if one["purpose"] == "community"]
    assert writer("DELETE", f"/consents/{row['id']}").status_code == 204
    assert community.state(case) == "CONSENT_REVIEW"
    with community.engine.connect() as conn:
        stands = {one.purpose: one.how for one in consent.standing(conn, "r1", community.now)}
    assert stands["community"] == "withdrawn"
    other = {
        "resident": "r1",
        "purpose": "research",
        "version": "1",
        "given_at": "2026-11-01T08:00Z",
        "given_by": "resident",
    }
    writer("PUT", "/consents/k1", other)
    assert writer("PUT", "/consents/k1", other | {"purpose": "monitor"}).status_code == 409


def test_an_old_copy_does_not_overwrite_a_newer_one(writer):
    tag = writer("PUT", "/households/h9", HOME).headers["etag"]
    assert writer("GET", "/households/h9", if_none_match=tag).status_code == 304
    assert writer("PUT", "/households/h9", HOME | {"door": "303"}, if_match=tag).status_code == 200
    late = writer("PUT", "/households/h9", HOME | {"door": "304"}, if_match=tag)
    assert late.status_code == 412
    assert writer("DELETE", "/households/h9", if_match=tag).status_code == 412
    assert writer("PUT", "/households/h9", HOME, if_none_match="*").status_code == 412
    assert writer("GET", "/households/h9").json()["door"] == "303"


def test_pages_follow_each_other_without_a_gap(writer):
    seen, after = [], ""
    while after is not None:
        page = writer("GET", f"/consents?limit=4{after and '&after=' + after}").json()
        seen += [one["id"] for one in page["items"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == 15
    assert [one["id"] for one in writer("GET", "/residents?household=h2").json()["items"]] == ["r2"]
    assert writer("GET", "/consents?after=nothing").status_code == 422
    assert writer("GET", "/consents?limit=0").status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        pytest.param("/households/h9", {}, {"area", "building", "door", "tz"}, id="nothing"),
        pytest.param("/households/h9", HOME | {"area": "nowhere"}, {"area"}, id="an area that is not there"),
        pytest.param("/households/h9", HOME | {"tz": "Mars"}, {"tz"}, id="no such zone"),
        pytest.param("/households/h9", HOME | {"colour": "red"}, {"colour"}, id="no such field"),
        pytest.param("/households/h9", HOME | {"door": ["302"]}, {"door"}, id="a list"),
        pytest.param("/areas/grid-1", {"parent": "grid-1", "kind": "grid", "name": "x"}, {"parent"}, id="within itself"),
        pytest.param(
            "/contacts/c1", {"resident": "r1", "name": "x", "order": 1, "channel": "pigeon", "address": "x"}, {"channel"},
            id="no such channel",
        ),
        pytest.param(
            "/shifts/s1", {"area": "grid-1", "start": "2026-11-21T08:00Z", "end": "2026-11-21T07:00Z", "owner": "w1"}, {"end"},
            id="ends before it begins",
        ),
        pytest.param(
            "/shifts/s1", {"area": "grid-1", "start": "2026-11-21T08:00", "end": "2026-11-21T09:00Z", "owner": "w1"}, {"start"},
            id="a time without offset",
        ),
        pytest.param(
            "/absences/a1", {"household": "h1", "start": "0001-01-01T00:00+20:00", "end": "2026-11-21T07:00Z", "by": "x"},
            {"start"}, id="a time before time",
        ),
        pytest.param(
            "/devices/d1", {"id": "m1", "format": "native", "household": "h2", "from": "2026-11-21T08:00Z"},
            {"from", "household"}, id="a meter that another home has",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_field_by_field(writer, path, body, fields):
    answer = writer("PUT", path, body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert {one["field"] for one in problem["errors"]} == fields


def test_a_row_that_others_need_is_not_deleted(writer):
    assert writer("DELETE", "/households/h1").status_code == 409
    assert writer("DELETE", "/areas/community").status_code == 409
    assert writer("DELETE", "/workers/w1").status_code == 409
    assert writer("PUT", "/households/h9", HOME).status_code == 201
    assert writer("DELETE", "/households/h9").status_code == 204
    assert writer("DELETE", "/households/h9").status_code == 404


def test_a_token_sees_its_area_and_nothing_beside_it(community):
    mine = Program(community, "registry:write", "cases:read", area="grid-2")
    inside, outside = community.red("h5"), community.red("h1")
    lists = {sheet: {one["id"] for one in mine("GET", f"/{sheet}").json()["items"]} for sheet in
             ("areas", "households", "residents", "contacts", "workers")}  # fmt: skip
    assert lists == {
        "areas": {"grid-2"},
        "households": {"h5"},
        "residents": {"r5"},
        "contacts": {"c5"},
        "workers": {"w2"},
    }
    assert [one["id"] for one in mine("GET", "/cases").json()["items"]] == [inside]
    assert mine("GET", f"/cases/{outside}").status_code == 404
    for path, body in (
        ("/households/h1", HOME), ("/households/h9", HOME), ("/households/h5", HOME),
        ("/residents/r9", {"household": "h1", "name": "x"}), ("/areas/new", {"kind": "grid", "name": "x"}),
        ("/areas/new", {"kind": "grid", "name": "x", "parent": "community"}),
        ("/consents/k1", {"resident": "r1", "purpose": "research", "version": "1", "given_at": "2026-01-01T00:00Z", "given_by": "x"}),
    ):  # fmt: skip
        assert mine("PUT", path, body).status_code in (409, 422), path
    for path in ("/households/h1", "/residents/r1", "/contacts/c1", "/areas/community", "/workers/w1"):
        assert mine("GET", path).status_code == 404
        assert mine("DELETE", path).status_code == 404
    with community.engine.connect() as conn:
        home = conn.execute(select(schema.households.c.area).where(schema.households.c.id == "h5")).scalar()
    assert home == "grid-2"


def test_a_token_does_what_its_scopes_say_until_it_ends(community):
    reader = Program(community, "registry:read", name="reader")
    assert reader("GET", "/areas").status_code == 200
    assert reader("PUT", "/households/h9", HOME).status_code == 403
    assert reader("GET", "/cases").status_code == 403
    assert Program(community)("GET", "/areas").status_code == 401
    community.later(days=31)
    assert reader("GET", "/areas").status_code == 401
    again = Program(community, "registry:read", name="again")
    with community.engine.begin() as conn:
        tokens.revoke(conn, "again", "cli", community.now)
    assert again("GET", "/areas").status_code == 401
    wrong = (("x y", ["cases:read"], None), ("ok", ["all"], None), ("ok", [], None), ("ok", ["cases:read"], "nowhere"))
    with community.engine.begin() as conn:
        for name, scopes, area in wrong:
            with pytest.raises(tokens.BadToken):
                tokens.add(conn, name, scopes, area, DAY, "cli", community.now)


def test_what_a_program_does_and_whom_it_read_is_in_the_audit_chain(community, writer):
    writer("PUT", "/households/h9", HOME)
    writer("GET", "/residents/r1")
    writer("GET", "/residents")
    with community.engine.connect() as conn:
        rows = conn.execute(select(schema.audit).where(schema.audit.c.actor == "token:p")).all()
        assert [(row.kind, row.about) for row in rows] == [
            ("registry", "households:h9"), ("view", "household:h1"), ("view", ""),
        ]  # fmt: skip
        assert audit.verify(conn).ok
    assert "另一个系统" in community.visitor("resident", "r1").get("/r").text


def test_a_case_tells_no_names_and_no_evidence(community, writer):
    case = community.accepted("h1")
    body = writer("GET", f"/cases/{case}")
    assert body.json()["state"] == "ACCEPTED"
    assert body.json()["owner"] == "w1"
    assert "陈秀英" not in body.text
    assert writer("GET", "/cases?open=false").json() == {"items": [], "next": None}


def test_a_body_that_is_too_long_or_no_json_is_refused(community, writer):
    assert writer("PUT", "/households/h9", HOME | {"door": "x" * 70_000}).status_code == 413
    assert writer("PUT", "/households/h9", [HOME]).status_code == 422
    for path in ("/nowhere", "/areas/a%0Ab"):
        assert writer("GET", path).json()["type"].endswith("#not-found")
    assert writer("POST", "/areas", {}).status_code == 405
    assert writer("GET", "/households/" + "x" * 65).status_code == 422


def test_a_token_of_one_area_adds_an_area_below_it_and_none_beside_it(community):
    mine = Program(community, "registry:write", area="grid-1")
    row = {"parent": "grid-1", "kind": "grid", "name": "楼上"}
    assert mine("PUT", "/areas/grid-1a", row).status_code == 201
    assert mine("GET", "/areas/grid-1a").json()["name"] == "楼上"
    assert mine("PUT", "/areas/grid-1a", row | {"name": "楼下"}).status_code == 200
    for parent in ("grid-2", "community", None):
        assert mine("PUT", "/areas/grid-1b", row | {"parent": parent}).status_code == 422
    assert mine("PUT", "/areas/grid-2", row).status_code == 409
