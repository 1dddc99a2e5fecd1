"""From an application to somebody who is covered: one tap a step, nothing typed twice."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from alerts import consent, schema
from tests.web.neighbourhood import water

FORM = {
    "tap": "a" * 16, "by": "resident", "name": "何秀兰", "phone": "021 5550 0777", "area": "community",
    "building": "幸福里 9 号楼", "riser": "1", "floor": "3", "door": "302", "contact_name": "何小明",
    "contact_email": "ming@example.org",
}  # fmt: skip
WANTS = ("monitor", "community", "relative")


def send(community, visitor=None, wants=WANTS, **changed):
    return (visitor or community.visitor()).post("/apply", **(FORM | changed | {"wants": list(wants)}))


def rows(community, table=schema.applications):
    with community.engine.connect() as conn:
        return conn.execute(select(table)).all()


@pytest.fixture
def desk(community):
    site = community.app.state.site
    community.app.state.site = replace(site, settings=replace(site.settings, formats={"native": False}))
    return community.visitor("operator", "w9")


def step(desk, community, do, **more):
    (row,) = rows(community)
    return desk.post(f"/c/applications/{row.id}", do=do, **more)


def test_from_the_form_to_covered_with_one_tap_a_step(community, desk):
    assert send(community).headers["location"] == "/apply/thanks"
    assert "何秀兰" in desk.get("/c/applications").text
    assert step(desk, community, "accept", area="grid-1").status_code == 303
    (row,) = rows(community)
    assert row.state == "consented"
    with community.engine.connect() as conn:
        home = conn.execute(select(schema.households).where(schema.households.c.id == row.household)).one()
        assert (home.area, home.building, home.riser, home.floor, home.door) == (
            "grid-1",
            "幸福里 9 号楼",
            "1",
            "3",
            "302",
        )
        how = {
            (one.purpose, bool(one.recipient)): one.how for one in consent.standing(conn, row.resident, community.now)
        }
    assert how == {("monitor", False): "given", ("community", False): "given", ("relative", True): "given",
                   ("research", False): "never"}  # fmt: skip
    assert step(desk, community, "fit", device="m-900", format="native").status_code == 303
    assert step(desk, community, "test").status_code == 303
    community.later(minutes=2)
    used = community.now
    assert step(desk, community, "verify").status_code == 409
    community.readings.waters = {row.household: water(community.now, used=used)}
    assert "水表看到用水了" in desk.get("/c/applications").text
    assert step(desk, community, "verify").status_code == 303
    assert step(desk, community, "cover").status_code == 303
    assert rows(community)[0].state == "covered"


def test_water_from_before_the_tap_or_long_after_it_proves_nothing(community, desk):
    send(community)
    step(desk, community, "accept", area="grid-1")
    step(desk, community, "fit", device="m-900", format="native")
    (row,) = rows(community)
    before = community.now
    community.later(minutes=1)
    step(desk, community, "test")
    community.readings.waters = {row.household: water(community.now, used=before)}
    assert step(desk, community, "verify").status_code == 409
    community.later(hours=2)
    community.readings.waters = {row.household: water(community.now, used=community.now)}
    assert step(desk, community, "verify").status_code == 409


def test_whoever_applies_for_somebody_else_needs_that_persons_word(community, desk):
    send(community, by="relative")
    assert step(desk, community, "accept", area="grid-1").status_code == 409
    assert rows(community)[0].state == "applied"
    assert step(desk, community, "accept", area="grid-1", evidence="电话录音 88").status_code == 303
    evidence = {row.evidence for row in rows(community, schema.consents)} - {None}
    assert evidence == {"电话录音 88"}


def test_a_declined_application_is_emptied(community, desk):
    send(community)
    assert step(desk, community, "decline:not_here").status_code == 303
    (row,) = rows(community)
    assert (row.state, row.said) == ("declined", {})
    assert "何秀兰" not in desk.get("/c/applications").text
    assert step(desk, community, "accept", area="grid-1").status_code == 409
    assert step(desk, community, "fly").status_code == 400


def test_a_step_that_cannot_be_taken_says_what_is_missing(community, desk):
    send(community)
    assert step(desk, community, "fit", device="m-900", format="native").status_code == 409
    assert step(desk, community, "accept", area="nowhere").status_code == 409
    step(desk, community, "accept", area="grid-2")
    for wrong in (
        {"device": "m1", "format": "native"},
        {"device": "", "format": "native"},
        {"device": "m-9", "format": "x"},
    ):
        answer = step(desk, community, "fit", **wrong)
        assert answer.status_code == 409
        assert "不能装" in answer.text


def test_opening_the_page_changes_nothing_and_nothing_is_ticked(community):
    for _ in range(20):
        page = community.visitor().get("/apply")
        assert page.status_code == 200
    assert "checked" not in page.text
    assert rows(community) == []


@pytest.mark.parametrize("missing", ["by", "name", "phone", "area", "building", "door"])
def test_what_is_missing_is_said_and_nothing_has_to_be_typed_again(community, missing):
    answer = send(community, **{missing: ""})
    assert answer.status_code == 422
    assert 'class="wrong"' in answer.text
    assert ("何秀兰" in answer.text) == (missing != "name")
    assert rows(community) == []


@pytest.mark.parametrize(
    ("wants", "changed"),
    [((), {}), (("community",), {}), (WANTS, {"contact_name": ""}), (WANTS, {"contact_email": ""}), (("monitor", "all"), {}),
     (WANTS, {"contact_email": "no address"}), (WANTS, {"phone": "1.38E+10"}), (WANTS, {"name": "x" * 61})],
)  # fmt: skip
def test_a_form_that_cannot_be_is_refused(community, wants, changed):
    assert send(community, wants=wants, **changed).status_code == 422
    assert rows(community) == []


def test_the_same_form_sent_twice_is_one_application(community):
    visitor = community.visitor()
    for _ in range(3):
        assert send(community, visitor).status_code == 303
    assert len(rows(community)) == 1


def test_many_applications_from_one_place_are_put_off(community):
    answers = [send(community, tap=f"{n:016d}").status_code for n in range(8)]
    assert answers == [303] * 5 + [429] * 3
    assert len(rows(community)) == 5
    community.later(minutes=16)
    assert send(community, tap="z" * 16).status_code == 303


def test_a_program_that_fills_in_everything_gets_nowhere(community):
    assert send(community, website="https://spam.example").status_code == 303
    assert rows(community) == []
    assert send(community, tap="short").status_code == 400


def test_only_an_operator_sees_applications(community):
    send(community)
    assert community.visitor().get("/c/applications").status_code == 303
    for role, person in (("worker", "w1"), ("family", "c1"), ("resident", "r1")):
        assert community.visitor(role, person).get("/c/applications").status_code == 403
