"""The page of a shift: one tap that one is there, one that takes over what the shift before leaves."""

import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from sqlalchemy import insert, select, update

from alerts import schema
from alerts.events import Arrived
from alerts.policy import Policy
from tests.web.neighbourhood import HOMES, NOW, WORKERS


@pytest.fixture
def changing(community):
    """Two cases of a shift that ends in half an hour; who comes next is at home already."""
    cases = [community.accepted("h1")]
    community.later(seconds=1)
    cases.append(community.accepted("h2"))
    end = NOW + timedelta(minutes=30)
    with community.engine.begin() as conn:
        conn.execute(update(schema.shifts).values(end=end, backup=None))
        follows = {"area": "grid-1", "start": end, "end": end + timedelta(hours=8), "owner": "w2", "lead": "w3"}
        conn.execute(insert(schema.shifts).values(**follows))
    community.store.fire_due(community.now)
    return cases


def button(text, do):
    """Return the fields of the form in which a button stands."""
    form = next(one for one in re.findall(r"<form.*?</form>", text, re.DOTALL) if f'value="{do}"' in one)
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)) | {"do": do}


def owners(community, cases):
    with community.engine.connect() as conn:
        return {conn.scalar(select(schema.cases.c.owner).where(schema.cases.c.id == case)) for case in cases}


def test_one_tap_takes_over_all_of_it(community, changing):
    visitor = community.visitor("worker", "w2")
    assert "/w/duty" in visitor.get("/w").text
    page = visitor.get("/w/duty").text
    assert all(f"take:{case}" in page for case in changing)
    assert owners(community, changing) == {"w1"}
    assert visitor.post("/w/duty", **button(page, "take_all")).status_code == 303
    assert owners(community, changing) == {"w2"}
    assert "take_all" not in visitor.get("/w/duty").text


def test_one_case_is_taken_over_from_its_own_page_and_a_second_time_is_too_late(community, changing):
    visitor, case = community.visitor("worker", "w2"), changing[0]
    page = visitor.get(f"/w/a/{case}").text
    assert "take_over" in page
    assert visitor.post(f"/w/a/{case}", **button(page, "take_over")).status_code == 303
    lead = community.visitor("worker", "w3")
    assert f"take:{changing[1]}" in lead.get("/w/duty").text
    late = lead.post("/w/duty", **(button(lead.get("/w/duty").text, f"take:{changing[1]}") | {"do": f"take:{case}"}))
    assert late.status_code == 409
    assert owners(community, [case]) == {"w2"}


def test_whom_it_does_not_concern_takes_nothing_over(community, changing):
    other = community.visitor("worker", "w5")
    assert "take:" not in other.get("/w/duty").text
    assert other.post("/w/duty", do="take_all", tap="t" * 16).status_code == 409
    assert other.post("/w/duty", do="take_everything", tap="t" * 16).status_code == 400
    assert owners(community, changing) == {"w1"}


def test_the_desk_says_whom_the_end_of_the_shift_reaches(community, changing):
    community.tap(changing[0], Arrived("worker:w1"))
    page = community.visitor("operator", "w9", "en").get("/c").text
    assert "nobody took it over: 赵刚 is told" in page


def test_a_shift_asks_for_one_tap_where_the_programme_wants_it(community):
    community.store.policy = Policy(check_in=True)
    visitor = community.visitor("worker", "w1")
    assert "/w/duty" in visitor.get("/w").text
    page = visitor.get("/w/duty").text
    (do,) = re.findall(r'value="(here:\w+)"', page)
    assert visitor.post("/w/duty", **button(page, do)).status_code == 303
    assert "here:" not in visitor.get("/w/duty").text
    assert visitor.post("/w/duty", **button(page, do)).status_code == 409


def test_without_that_no_page_asks(community):
    visitor = community.visitor("worker", "w1")
    assert "here:" not in visitor.get("/w/duty").text
    assert 'href="/w/duty"' not in visitor.get("/w").text


def test_5_get_by_preview_bot_changes_nothing(community, changing):
    with community.engine.connect() as conn:
        tables = [table for name, table in schema.metadata.tables.items() if name not in ("sessions", "audit")]
        visitor = community.visitor("worker", "w2")
        before = [conn.execute(select(table)).all() for table in tables]
        for path in ("/w/duty", "/w/duty?do=take_all", "/w/duty?part=1", "/w"):
            assert visitor.get(path).status_code == 200
        assert [conn.execute(select(table)).all() for table in tables] == before


def test_23_no_person_in_a_url(community, changing):
    pages = [("worker", "w2", "/w/duty"), ("worker", "w2", "/w"), ("worker", "w2", f"/w/a/{changing[0]}"),
             ("worker", "w1", "/w/me"), ("operator", "w9", "/c"), ("family", "c1", "/f")]  # fmt: skip
    people = [one for home in HOMES.values() for one in (home[5], home[6]) if one]
    secrets = [*people, *(name for name, *_ in WORKERS.values()), "example.org", "家属"]
    for role, person, path in pages:
        text = unquote(community.visitor(role, person).get(path).text)
        urls = [url for url in re.findall(r'(?:href|action|src|data-live)="([^"]+)"', text) if url[:4] != "tel:"]
        assert len(urls) > 2
        assert [(url, one) for url in urls for one in secrets if one in url] == [], path
