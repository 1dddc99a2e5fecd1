"""The desk says whom the next step reaches; then the step reaches exactly them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from alerts import queries, registry, schema
from alerts.events import Accepted, Declined, SetOff
from alerts.queries.duty import duty, reached
from alerts.queries.load import loads
from tests.web.neighbourhood import HOMES, NOW


def foretold(community, case):
    with community.engine.connect() as conn:
        cards = queries.cards(conn, schema.cases.c.id == case)
        names = reached(conn, cards, duty(conn, community.now), community.now)
    return names.get(("live", case)), cards[0]


def offered(community, case):
    with community.engine.connect() as conn:
        query = (
            select(schema.workers.c.name)
            .join(schema.offers, schema.offers.c.worker == schema.workers.c.id)
            .where(schema.offers.c.case_id == case, schema.offers.c.state == "offered")
        )
        return set(conn.scalars(query))


@pytest.mark.parametrize("at", [NOW, NOW + timedelta(hours=8)], ids=["on shift", "nobody on shift"])
def test_the_ladder_of_every_home_is_that_of_the_registry(community, at):
    with community.engine.connect() as conn:
        on = duty(conn, at)
        for home, (area, *_) in HOMES.items():
            asked = registry.roster(conn, home, at)
            minute = asked.minute
            assert on.roster(area, minute, asked.zone) == replace(asked, family=(), operators=(), loads={}), home


def test_of_two_shifts_the_one_that_began_last_counts(community):
    with community.engine.begin() as conn:
        later = {"start": NOW - timedelta(hours=1), "end": NOW + timedelta(hours=1)}
        conn.execute(insert(schema.shifts).values(area="grid-1", owner="w2", **later))
        for asked in (duty(conn, NOW).roster("grid-1"), registry.roster(conn, "h1", NOW)):
            assert (asked.owner, asked.backup, asked.lead) == ("w2", None, "w3")


def test_each_step_reaches_whom_the_desk_foretold_until_nobody_is_left(community):
    case = community.red("h1")
    for _ in range(8):
        name, card = foretold(community, case)
        before = offered(community, case)
        community.now = card.next_due + timedelta(seconds=1)
        community.store.fire_due(community.now)
        now_asked = offered(community, case) - before
        if name == queries.DESK:
            assert now_asked == set()
            assert community.state(case) == "UNATTENDED"
        elif card.state != "UNATTENDED":
            assert now_asked == {name}
        else:
            assert name in offered(community, case)
    assert community.state(case) == "UNATTENDED"


def test_a_refusal_is_not_forgotten(community):
    case = community.red("h1")
    community.tap(case, Declined("worker:w1", "busy"))
    assert foretold(community, case)[0] == "赵刚"  # the backup is asked now, the lead is next


def test_family_first_then_the_owner_of_the_shift(community):
    assert foretold(community, community.amber("h1"))[0] == "王丽"


def test_without_consent_to_the_community_nobody_but_the_desk_is_reached(community):
    with community.engine.begin() as conn:
        withdrawn = update(schema.consents).where(schema.consents.c.purpose == "community")
        conn.execute(withdrawn.values(withdrawn_at=NOW))
    assert foretold(community, community.amber("h1"))[0] == queries.DESK


def test_who_has_it_is_asked_first_and_then_it_goes_to_the_lead(community):
    case = community.accepted("h1")
    assert foretold(community, case)[0] == "王丽"
    community.tap(case, SetOff("worker:w1"))
    community.later(minutes=21)
    community.store.fire_due(community.now)
    name, card = foretold(community, case)
    assert (card.next_step, name) == ("hand_back", "赵刚")


def test_a_lead_who_makes_no_progress_hands_it_to_whoever_was_not_asked_yet(community):
    case = community.accepted("h1", "w3")
    community.later(minutes=21)
    community.store.fire_due(community.now)
    name, _ = foretold(community, case)
    assert name == "王丽"
    community.later(minutes=11)
    community.store.fire_due(community.now)
    assert community.state(case) == "AWAITING"
    assert name in offered(community, case)


def test_the_load_counts_what_one_has_what_waits_and_what_came_this_hour(community):
    held = community.red("h1")
    community.amber("h2")
    community.later(minutes=11)
    community.store.fire_due(community.now)  # the amber one is offered, the red one goes to the backup
    community.tap(held, Accepted("worker:w1"))
    with community.engine.connect() as conn:
        rows = {one.id: one for one in loads(conn, duty(conn, community.now), community.now)}
    assert (rows["w1"].held, rows["w1"].offered, rows["w1"].last_hour) == ((1, 0), (0, 1), 2)
    assert (rows["w2"].held, rows["w2"].offered, rows["w2"].last_hour) == ((0, 0), (0, 0), 1)
    assert rows["w2"].parts == (("backup", "第一网格"),)
    assert "w5" not in rows  # neither on shift nor asked
