"""Hundreds of pages ask again in the same second: each is checked, few blocks are rendered."""

import asyncio
import gzip
import re

import httpx
import pytest

from alerts import access
from alerts.events import Accepted
from alerts.web.renewals import Doorkeeper
from alerts.web.site import SESSION_COOKIES
from tests.web.conftest import BASE
from tests.web.neighbourhood import NOW


def together(community, asked: list[tuple[str, dict[str, str]]]) -> list[httpx.Response]:
    """Ask for all (path, cookies) at once."""

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(community.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            jars = [(path, "; ".join(f"{name}={value}" for name, value in jar.items())) for path, jar in asked]
            return await asyncio.gather(*(client.get(path, headers={"cookie": jar}) for path, jar in jars))

    return asyncio.run(ask())


def test_many_sessions_of_few_people_are_each_let_in_and_cost_few_renderings(community):
    community.red("h1")
    people = [("worker", "w1"), ("worker", "w3"), ("operator", "w9"), ("family", "c2")]
    pages = {"worker": "/w?part=1", "operator": "/c?part=1", "family": "/f?part=1"}
    asked = [(pages[role], community.visitor(role, person).cookies) for role, person in people * 10]
    answers = together(community, asked)
    assert {answer.status_code for answer in answers} == {200}
    assert len(community.app.state.site.fragments) == len(people)
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert "content-security-policy" in answer.headers
        assert answer.text.lstrip().startswith('<div id="part"')
    tokens = [re.findall(r'name="form" value="(\w+)"', answer.text)[0] for answer in answers if "/f" in str(answer.url)]
    assert len(set(tokens)) == len(tokens) == 10  # every session gets the token of its own forms


def test_who_has_no_session_or_one_that_ended_gets_nothing_that_is_kept(community):
    community.red("h1")
    good, ended, role = (community.visitor("worker", "w1").cookies for _ in range(3))
    with community.engine.begin() as conn:
        access.end_session(conn, ended[SESSION_COOKIES["worker"]])
    role = {SESSION_COOKIES["worker"]: community.visitor("family", "c1").cookies[SESSION_COOKIES["family"]]}
    none = {SESSION_COOKIES["worker"]: "made-up"}
    assert [a.status_code for a in together(community, [("/w?part=1", good)] * 2)] == [200, 200]
    answers = together(community, [("/w?part=1", jar) for jar in (good, ended, role, none, {})])
    assert [answer.status_code for answer in answers] == [200, 401, 403, 401, 401]
    assert not any("/w/a/" in answer.text for answer in answers[1:])


def test_a_kept_case_is_kept_from_workers_of_other_areas(community):
    case = community.red("h1")
    mine, other = (community.visitor("worker", who).cookies for who in ("w1", "w5"))
    for _ in range(2):
        answers = together(community, [(f"/w/a/{case}?part=1", mine), (f"/w/a/{case}?part=1", other)])
        assert [answer.status_code for answer in answers] == [200, 404]


def test_a_change_in_between_is_in_the_next_answer(community):
    case = community.red("h1")
    jars = [community.visitor("worker", "w1").cookies for _ in range(5)]
    for text, tap in (("还没有人接单", Accepted("worker:w2")), ("李敏", None)):
        assert all(text in answer.text for answer in together(community, [("/w?part=1", jar) for jar in jars]))
        if tap is not None:
            community.tap(case, tap)


def test_a_block_is_compressed_for_who_can_read_that(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    plain = visitor.get(f"/w/a/{case}?part=1", **{"accept-encoding": "identity"})
    packed = visitor.get(f"/w/a/{case}?part=1", **{"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert len(gzip.decompress(gzip.compress(plain.content))) == len(packed.content)  # httpx has unpacked it


def test_when_the_database_breaks_those_who_ask_are_told_so_kindly(community):
    jars = [community.visitor("worker", "w1").cookies for _ in range(3)]
    with community.engine.begin() as conn:
        conn.exec_driver_sql("ALTER TABLE sessions RENAME TO lost")
    answers = together(community, [("/w?part=1", jar) for jar in jars])
    assert [answer.status_code for answer in answers] == [500] * 3
    assert all("我们这边出了问题" in answer.text for answer in answers)


def test_who_asks_at_the_same_time_is_looked_up_together(community):
    tokens = [community.visitor("worker", "w1").cookies[SESSION_COOKIES["worker"]] for _ in range(30)]
    opened = []

    def looking():
        opened.append(True)
        return community.app.state.site.looking()

    async def ask():
        keeper = Doorkeeper(looking, lambda: NOW)
        doors = await asyncio.gather(*(keeper.door(token) for token in [*tokens, "made-up"]))
        assert all(door.sessions[token].person == "w1" for door, token in zip(doors, tokens, strict=False))
        assert "made-up" not in doors[-1].sessions

    asyncio.run(ask())
    assert len(opened) <= 2


@pytest.mark.parametrize("path", ["/healthz?part=1", "/w/me?part=1", "/static/shuian.js?part=1", "/login?part=1"])
def test_what_has_no_block_of_its_own_answers_as_ever(community, path):
    assert community.visitor("worker", "w1").get(path).status_code == 200
    assert len(community.app.state.site.fragments) == 0
