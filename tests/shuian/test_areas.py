"""What neighbours have in common: a building without water is told once, and before it looks like twenty emergencies."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from detectors.outage import AreaFinding
from shuian.areas import AreaDesk, area_id, zones
from shuian.rows import Place, Rows
from tests.shuian.street import HOUR, T0, Inbox, Street, bound

HOMES = 12
METERS = tuple(f"m{n}" for n in range(HOMES))


def block(gateway: str = "gw-1"):
    return [
        bound(f"h{n}", f"m{n}", place=Place("g1", "安和里 3 栋", "AB"[n % 2], gateway), period_s=3600)
        for n in range(HOMES)
    ]


def test_homes_are_grouped_by_building_riser_and_gateway():
    rows = Rows()
    rows.refresh([*block(), bound("h99", "m99"), bound("h0", "sos", resolution_l=None)], T0)
    groups, named = zones(rows)
    by_kind = {(g.kind, named[g.name].name): len(g.rows) for g in groups}
    assert by_kind == {
        ("building", "安和里 3 栋"): HOMES,
        ("riser", "A"): HOMES // 2,
        ("riser", "B"): HOMES // 2,
        ("gateway", "gw-1"): HOMES,
    }
    assert all(zone.building == "安和里 3 栋" and zone.area == "g1" for zone in named.values())


def test_a_gateway_of_two_buildings_has_no_building():
    rows = Rows()
    one, other = block()[0], block()[1]
    elsewhere = bound("h1", "m1", place=Place("g2", "安和里 1 栋", "", "gw-1"))
    rows.refresh([one, elsewhere, bound("h5", "m5", place=Place("g2", "安和里 1 栋", "", "gw-1"))], T0)
    _, named = zones(rows)
    assert (named["gateway|gw-1"].building, named["gateway|gw-1"].area) == (None, "g2")
    assert other.household == "h1"


def finding(group: str, onset: float = 0.0) -> AreaFinding:
    return AreaFinding(group, "water_outage", onset, onset + 60, (0,), "water_outage", {}, silent=(0,))


def test_what_begins_is_told_before_what_ends():
    rows, told = Rows(), []
    rows.refresh(block(), T0)
    _, named = zones(rows)

    class Listens(Inbox):
        def area_began(self, event, zone, found, households):
            told.append(("began", zone.kind))
            super().area_began(event, zone, found, households)

        def area_over(self, event, ended_at):
            told.append(("over",))
            super().area_over(event, ended_at)

    riser = next(name for name in named if name.startswith("riser"))
    building = next(name for name in named if name.startswith("building"))
    desk = AreaDesk(Listens())
    desk.settle([finding(riser)], named, rows, 100.0)
    desk.settle([finding(building)], named, rows, 160.0)
    desk.settle([finding(building)], named, rows, 161.0)
    assert told == [("began", "riser"), ("began", "building"), ("over",)]


def test_an_event_that_only_the_alert_store_still_knows_is_ended():
    inbox, rows = Inbox(), Rows()
    rows.refresh(block(), T0)
    inbox.areas["old"] = ("building", "x", ())
    AreaDesk(inbox).settle([], {}, rows, 100.0)
    assert inbox.areas_ended == ["old"]


def test_an_event_has_the_same_id_after_a_restart():
    assert area_id(finding("building|g1|a", 12.3)) == area_id(finding("building|g1|a", 12.4))
    assert area_id(finding("building|g1|a")) != area_id(finding("building|g1|b"))


# --- through the pipeline ----------------------------------------------------------------------------------------------


@pytest.fixture
def street(tmp_path: Path):
    made = Street(tmp_path, block(), rules=())
    yield made
    made.store.close()


CHANCE = np.random.default_rng(1)
RISE, BED = CHANCE.uniform(5, 8, HOMES), CHANCE.uniform(20, 24, HOMES)


def lived(street: Street, hours: int, at_once: int = 1) -> None:
    """Let every home live its own day: up between five and eight, to bed between eight and midnight, awake once a night.

    `at_once`: hours that arrive together.
    """
    chance = np.random.default_rng(street.now.day)
    for _ in range(hours // at_once):
        rows = []
        for _ in range(at_once):
            street.now += HOUR
            hour = (street.now + timedelta(hours=8)).hour  # Asia/Shanghai
            awake = (RISE + chance.normal(0, 0.5, HOMES) < hour) & (hour < BED + chance.normal(0, 0.7, HOMES))
            uses = chance.random(HOMES) < np.where(awake, 0.75, 0.12)
            for meter, drawn in zip(METERS, uses, strict=True):
                street.litres[meter] = street.litres.get(meter, 1000.0) + 6.0 * drawn
                rows.append(street.reading(meter, street.now, street.now))
        street.store.commit(rows, [])
        street.work()


@pytest.fixture
def settled(street: Street):
    """Three weeks later, at ten in the morning."""
    lived(street, 21 * 24, at_once=24)
    lived(street, 2)
    street.inbox.told.clear()
    return street


def dry(street: Street, hours: int) -> None:
    """Nobody draws; every meter speaks."""
    for _ in range(hours):
        street.now += HOUR
        street.store.commit([street.reading(meter, street.now, street.now) for meter in METERS], [])
        street.work()


def area_kinds(street: Street) -> list[str]:
    return [one[1] for one in street.inbox.told if one[2] == "area"]


def test_a_building_without_water_is_one_event_and_it_ends(settled):
    dry(settled, 6)
    assert area_kinds(settled) == ["water_outage"]
    (event,) = settled.inbox.areas.values()
    assert event[0] == "building"
    lived(settled, 4)
    assert settled.inbox.areas_open() == set()


def test_the_event_is_told_before_any_neighbour_is_called_quiet(settled):
    dry(settled, 14)
    kinds = [one[1] for one in settled.inbox.told]
    assert "quiet" in kinds, "folded by the alert store, never unseen"
    assert kinds.index("water_outage") < kinds.index("quiet")


def test_a_kill_in_the_middle_tells_nothing_twice(settled):
    dry(settled, 5)
    settled.pipeline.save()
    settled.restart()
    dry(settled, 2)
    assert area_kinds(settled) == ["water_outage"]
    assert settled.inbox.areas_ended == []


def test_a_lost_state_does_not_forget_to_end_an_event(settled):
    dry(settled, 5)
    (settled.folder / "detect.npz").unlink(missing_ok=True)
    settled.restart()
    lived(settled, 5)
    assert len(settled.inbox.areas_open()) == 0


def test_a_gateway_that_dies_is_one_event_and_nobody_is_quiet(settled):
    for _ in range(60):
        settled.now += HOUR / 6
        settled.work()
    assert area_kinds(settled) == ["radio_outage"]
    assert [one for one in settled.inbox.told if one[1] == "quiet"] == []


def test_the_home_that_stays_silent_when_its_neighbours_draw_again_is_told(settled):
    dry(settled, 5)
    for _ in range(2):
        settled.now += HOUR
        for meter in METERS[:-1]:
            settled.litres[meter] += 6.0
        settled.store.commit([settled.reading(meter, settled.now, settled.now) for meter in METERS], [])
        settled.work()
    last = f"h{HOMES - 1}"
    assert [one[::2] for one in settled.inbox.told if one[1] == "quiet"] == [(last, "red"), (last, "amber")]
    assert {one.finding.reason for one in settled.inbox.findings.values() if one.household == last} == {
        "quiet_after_cut"
    }
