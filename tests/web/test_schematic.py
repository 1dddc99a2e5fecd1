"""Buildings as tables: every home has its place, whatever its doors are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.queries.models import Home
from alerts.queries.schematic import Column, buildings, in_order
from alerts.queries.states import STATES, HomeState


def home(door, floor=None, riser=None, building="安和里 1 栋", state="usual"):
    place = Home(f"{building}-{riser}-{floor}-{door}", "网格", building, riser, floor, door, "Asia/Shanghai")
    return HomeState(place, "g1", state)


def doors(building):
    return [[cell and cell.home.door for cell in floor.cells] for floor in building.floors]


def test_floors_stand_as_one_sees_them_and_doors_in_columns_by_riser():
    homes = [home(f"{floor}0{door}", str(floor), riser) for floor in (1, 2, 10) for door, riser in enumerate("AB", 1)]
    (building,) = buildings(homes)
    assert [floor.name for floor in building.floors] == ["10", "2", "1"]
    assert doors(building) == [["1001", "1002"], ["201", "202"], ["101", "102"]]
    assert building.columns == (Column("A", "01"), Column("B", "02"))
    assert building.risers == (("A", 1), ("B", 1))


def test_a_home_that_is_not_registered_leaves_its_place_empty():
    homes = [home("101", "1"), home("102", "1"), home("202", "2"), home("301", "3")]
    (building,) = buildings(homes)
    assert doors(building) == [["301", None], [None, "202"], ["101", "102"]]
    assert building.risers == ()


def test_doors_that_do_not_name_their_floor_stand_in_their_order():
    homes = [home(str(3 * (floor - 1) + n), str(floor)) for floor in (1, 2, 3) for n in (1, 2, 3)]
    (building,) = buildings(homes)
    assert doors(building) == [["7", "8", "9"], ["4", "5", "6"], ["1", "2", "3"]]


def test_without_floors_a_building_is_one_row():
    (building,) = buildings([home("12"), home("2"), home("1")])
    assert doors(building) == [["1", "2", "12"]]


def test_two_homes_behind_the_same_door_are_both_shown():
    second = HomeState(Home("second", "网格", "安和里 1 栋", None, "5", "501", "Asia/Shanghai"), "g1", "red")
    (building,) = buildings([home("501", "5"), second, home("601", "6")])
    assert doors(building) == [["601", None], ["501", "501"]]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("1", "2", "11", "B1", None)), st.sampled_from(("A", "B", None)), st.integers(1, 1200)
        ),
        min_size=1,
        max_size=40,
    )
)
def test_every_home_has_exactly_one_place(places):
    homes = [
        HomeState(Home(f"h{n}", "网格", "栋", riser, floor, str(door), "Asia/Shanghai"), "g1", STATES[n % len(STATES)])
        for n, (floor, riser, door) in enumerate(places)
    ]
    (building,) = buildings(homes)
    shown = [cell.home.id for floor in building.floors for cell in floor.cells if cell]
    assert sorted(shown) == sorted(one.home.id for one in homes)
    assert {len(floor.cells) for floor in building.floors} == {len(building.columns)}
    assert building.homes == len(homes)


def test_too_many_homes_are_counted_and_not_drawn():
    homes = [home(str(n), building=f"{n % 3} 栋", state="red" if n == 5 else "usual") for n in range(9)]
    found = buildings(homes, with_cells=False)
    assert [(one.name, one.counts) for one in found] == [
        ("2 栋", (("red", 1), ("usual", 2))),  # where somebody is needed stands first
        ("0 栋", (("usual", 3),)),
        ("1 栋", (("usual", 3),)),
    ]
    assert [one.floors for one in found] == [(), (), ()]


@pytest.mark.parametrize(
    ("texts", "ordered"),
    [
        pytest.param(["10", "9", "1"], ["1", "9", "10"], id="numbers by size"),
        pytest.param(["2", "B1", "1"], ["B1", "1", "2"], id="a basement below the first floor"),
        pytest.param(["安和里 10 栋", "安和里 2 栋"], ["安和里 2 栋", "安和里 10 栋"], id="names with numbers in them"),
        pytest.param(["²", "1"], ["²", "1"], id="a digit that is not a number"),
    ],
)
def test_order_is_that_of_people(texts, ordered):
    assert sorted(texts, key=in_order) == ordered
