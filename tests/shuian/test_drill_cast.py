"""The homes and people that a run brings: rows that the registry takes, new each time, gone by themselves."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.api import fields
from alerts.registry.sheets import REFERENCES
from shuian.drill_cast import AFTER_S, Cast, Reach, over_by, without_end
from simulators.drills import DRILLS

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def cast(name="fall_at_night", tag="dr-00000001", **more):
    drill = DRILLS[name]
    how = more.get("how", Reach("sms;email", "13900000000;{who}@example.org"))
    return Cast(name, drill, tag, "dr", "Asia/Shanghai", how, NOW, NOW + timedelta(seconds=drill.ends_s))


def by_sheet(made):
    found = {}
    for row in made.rows():
        found.setdefault(row.sheet, {})[row.id] = row.body
    return found


@pytest.mark.parametrize("name", DRILLS)
def test_every_row_is_one_that_the_registry_takes_after_those_that_it_refers_to(name):
    there = {"areas": {"dr"}}
    for row in cast(name).rows():
        assert fields.is_id(row.id)
        assert fields.read(row.sheet, row.body)[1] == []
        for column, target in REFERENCES.get(row.sheet, {}).items():
            assert row.body.get(column) is None or row.body[column] in there[target]
        there.setdefault(row.sheet, set()).add(row.id)


@pytest.mark.parametrize("name", DRILLS)
def test_two_casts_of_a_script_have_no_id_and_no_gateway_in_common(name):
    first, second = (cast(name, tag) for tag in ("dr-00000001", "dr-00000002"))
    ids = [{(row.sheet, row.id) for row in made.rows()} for made in (first, second)]
    assert not ids[0] & ids[1]
    ways = [{row.body["gateway"] for row in made.rows() if row.sheet == "devices"} for made in (first, second)]
    assert not ways[0] & ways[1]


def test_there_is_whoever_the_script_names_and_nobody_else():
    rows = by_sheet(cast())
    assert sorted(rows["workers"]) == [f"dr-00000001-{role}" for role in ("backup", "lead", "operator", "owner")]
    assert [one["owner"] for one in rows["shifts"].values()] == ["dr-00000001-owner"]
    assert {one["purpose"] for one in rows["consents"].values()} == {"monitor", "community", "relative"}
    empty = by_sheet(cast("empty_shift"))
    assert "shifts" not in empty, "nobody is on shift"
    assert sorted(empty["workers"]) == ["dr-00000001-lead", "dr-00000001-operator"]


def test_people_are_told_apart_by_their_addresses():
    rows = by_sheet(cast(how=Reach("webhook", "http://127.0.0.1:1/hook/{who}")))
    assert rows["workers"]["dr-00000001-owner"]["address"].endswith("/hook/dr-00000001-owner")
    assert rows["contacts"]["dr-00000001-01-f"]["address"].endswith("/hook/dr-00000001-01-f")


def test_homes_of_one_gateway_share_it_and_others_have_their_own():
    shared = by_sheet(cast("gateway_down"))["devices"].values()
    assert len(shared) == 12
    assert {one["gateway"] for one in shared} == {"dr-00000001-gateway"}
    assert len({one["gateway"] for one in by_sheet(cast("cut_with_a_fall"))["devices"].values()}) == 12


def test_what_is_left_of_a_killed_player_ends_by_itself_and_says_when():
    made = cast()
    rows, over = by_sheet(made), NOW + timedelta(seconds=made.drill.ends_s + AFTER_S)
    assert {one["end"] for one in rows["shifts"].values()} == {over.isoformat()}
    assert {one["to"] for one in rows["devices"].values()} == {over.isoformat()}
    (area,) = rows["areas"].values()
    assert over_by(area["name"]) == over
    assert over_by(without_end(area["name"])) is None


def test_the_work_order_ends_the_old_meter_when_the_new_one_begins():
    made = cast("meter_swap")
    at = NOW + timedelta(minutes=1)
    old, new = made.swapped(made.homes[0], at)
    assert (old.id, new.id) == ("dr-00000001-01-m", "dr-00000001-01-m2")
    assert old.body["to"] == new.body["from"] == at.isoformat()
    assert old.body["from"] == by_sheet(made)["devices"]["dr-00000001-01-m"]["from"]
