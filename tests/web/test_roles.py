"""The whole table, role by route: whom each address answers, and that nobody reads of a home that is not theirs."""

import re
from datetime import timedelta

import pytest

from alerts import tokens
from alerts.api.fields import RESOURCES
from tests.web.test_api import Program

ROLES = {"worker": "w1", "family": "c1", "operator": "w9", "resident": "r1", None: ""}
OWN = {"/w": "worker", "/f": "family", "/c": "operator", "/r": "resident"}
FOR_ALL = {"/", "/login", "/apply", "/apply/thanks", "/healthz", "/metrics", "/static/{name}", "/link/{token}"}
FOREIGN = ("孙玉珍", "c5@example.org", "家属5", "021 5550 0105")
"""What is written down of the home in the other grid, h5."""


def routes(app):
    """Return (method, path) of every page, also of those that were added since this was written."""
    found = set()

    def walk(one, prefix=""):
        for route in getattr(one, "routes", ()):
            inner = getattr(route, "original_router", None) or getattr(route, "app", None)
            path = prefix + getattr(route, "path", "")
            if path.startswith("/api/"):
                continue
            if inner is not None and not getattr(route, "methods", None):
                walk(inner, path)
            else:
                found.update((method, path) for method in getattr(route, "methods", None) or ())

    walk(app)
    return {(method, path) for method, path in found if method in ("GET", "POST")}


def filled(path, case):
    known = {"case_id": case, "household": "h5", "resident": "r5", "name": "none", "token": "none", "area": "community"}
    return re.sub(r"{(\w+)(?::\w+)?}", lambda part: known.get(part[1], "none"), path)


def test_every_page_answers_its_own_role_and_refuses_all_others(community):
    case = community.red("h5")
    pages = sorted(path for method, path in routes(community.app) if method == "GET" and path not in FOR_ALL)
    own = [path for path in pages if path[:2] in OWN]
    assert len(own) > 12
    for path in own:
        owner = OWN[path[:2]]
        for role, person in ROLES.items():
            answer = community.visitor(role, person).get(filled(path, case))
            if role is None:
                assert answer.status_code in (303, 401), (path, role)
            elif role != owner:
                assert answer.status_code == 403, (path, role)
            else:
                assert answer.status_code in (200, 404), (path, role)
            if role != "operator":
                assert not any(word in answer.text for word in FOREIGN), (path, role)


def test_no_post_of_another_role_does_anything(community):
    case = community.red("h5")
    posts = sorted(path for method, path in routes(community.app) if method == "POST" and path[:2] in OWN)
    assert len(posts) > 7
    for path in posts:
        for role, person in ROLES.items():
            if role == OWN[path[:2]]:
                continue
            form = {"do": "accept", "tap": "t" * 16, "case": case, "kind": "x"}
            answer = community.visitor(role, person).post(filled(path, case), **form)
            assert answer.status_code in ((401,) if role is None else (403,)), (path, role, answer.status_code)
    assert community.state(case) == "AWAITING"


def test_a_worker_never_sees_another_grid(community):
    case = community.red("h5")
    worker = community.visitor("worker", "w1")
    for path in sorted(path for method, path in routes(community.app) if method == "GET"):
        for query in ("", "?tab=mine", "?tab=done", "?tab=slow", "?part=1"):
            answer = worker.get(filled(path, case) + query)
            assert not any(word in answer.text for word in FOREIGN), (path, query)
            assert case not in answer.text or "{case_id}" in path, (path, query)


@pytest.mark.parametrize("sheet", [*RESOURCES, "cases"])
def test_a_program_of_one_grid_never_reads_of_another(community, sheet):
    community.red("h5")
    mine = Program(community, "registry:write", "cases:read", area="grid-1")
    listed = mine("GET", f"/{sheet}")
    assert listed.status_code == 200
    assert not any(word in listed.text for word in (*FOREIGN, "h5", "r5", "c5", '"m5"'))
    assert Program(community)("GET", f"/{sheet}").status_code == 401


def test_a_session_opens_no_interface_and_a_token_no_page(community):
    for role in ("operator", "worker"):
        visitor = community.visitor(role, ROLES[role])
        assert visitor.get("/api/v1/residents").status_code == 401
    with community.engine.begin() as conn:
        token = tokens.add(conn, "t", ["registry:read"], None, timedelta(days=1), "cli", community.now)
    assert community.visitor().get("/w", authorization=f"Bearer {token}").status_code == 401
