"""What befalls the homes of a technical drill has just fallen due when it begins; without it nobody would be told of."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from shuian.drill_cast import Cast, Reach
from shuian.drill_lives import choose
from shuian.drill_placing import place
from shuian.errors import BadInput
from shuian.neighbourhood.rehearsal import joined
from simulators.drills import DUE, Drill, Expect, Homes, Strikes
from simulators.drills._homes import flows, lived

pytestmark = pytest.mark.slow
NOW = datetime(2026, 11, 22, 1, 20, tzinfo=UTC)
"""Twenty past nine in the morning in Shanghai: a water cut shows then."""
HOUR = 3600.0


def cast(homes, strikes, days=14):
    """Return a cast that begins now and lasts an hour."""
    drill = Drill(homes, ("owner",), (Expect("case", 1.0),), HOUR, strikes, history_days=days)
    how = Reach("email", "{who}@example.org")
    return Cast("story", drill, "dr-00000007", "dr", "Asia/Shanghai", how, NOW, NOW + timedelta(hours=1))


@pytest.fixture(scope="module")
def street():
    """Homes in which somebody fell, a tap is open, and water is cut in the building of another fall; who lives there."""
    made = cast(
        {"fallen": Homes(), "open tap": Homes(1, "3"), "dry": Homes(8, "2"), "fallen before": Homes(1, "2")},
        (
            Strikes("P1", "fallen", DUE),
            Strikes("P3", "open tap", DUE),
            Strikes("P10", "fallen before", DUE),
            Strikes("W4", "dry", DUE),
            Strikes("W4", "fallen before", DUE),
        ),
    )
    return made, choose(made, NOW.timestamp())


@pytest.fixture(scope="module")
def struck(street):
    """When it befalls them."""
    return place(*street)


def heard(made, lives, struck, *times):
    """Return what detectors raise of each home until each of these times: (home, kind, severity)."""
    zone = lives.at.zone
    water = flows({home.name: lived(home.name, lives.did[home.id], struck, zone).draws for home in made.homes}, struck)
    partition, found, since = lives.at.fresh(made.homes), [], 0.0
    for until in times:
        parts = []
        for row, home in enumerate(made.homes):
            at = lives.at.times(home, until, [since, until])
            parts.append(lives.at.news(row, water[home.name], at[at >= since], home.period_s, zone))
        raised = partition.step(joined(parts)).raised
        found.append({(made.homes[one.row].name, one.kind, one.severity) for one in raised})
        since = until
    return found


def test_nobody_would_be_told_of_if_nothing_went_wrong(street):
    made, lives = street
    now = lives.at.now_s
    assert heard(made, lives, [], now, now + HOUR) == [set(), set()]


def test_what_strikes_has_fallen_due_when_the_drill_begins(street, struck):
    made, lives = street
    (told,) = heard(made, lives, struck, lives.at.now_s)
    red = {(name, kind) for name, kind, severity in told if severity == "red"}
    assert red == {("fallen", "quiet"), ("open tap", "surge"), ("fallen before", "quiet")}


def test_running_water_is_told_at_the_end_of_the_history_and_not_before(street, struck):
    made, lives = street
    now = lives.at.now_s
    before, last = heard(made, lives, struck, now - 2 * HOUR, now)
    assert not [one for one in before if one[0] == "open tap"]
    assert ("open tap", "surge", "red") in last


def test_a_building_is_cut_off_as_one_and_after_somebody_fell_there(street, struck):
    lives, found = street[1], {(one.fault, one.homes): one for one in struck}
    cut = found["W4", (*(f"dry-{n + 1}" for n in range(8)), "fallen before")]
    assert lives.at.now_s - 14.5 * HOUR < cut.at < lives.at.now_s - HOUR
    assert found["P10", ("fallen before",)].at <= cut.at - HOUR
    assert cut.until == lives.at.now_s + HOUR, "the water comes back when the drill is over"


def test_homes_of_a_run_have_lives_of_their_own(street):
    made, lives = street
    first = [did.draws.start_s[:20].tolist() for did in lives.did.values()]
    assert len({tuple(one) for one in first}) == len(first) == len(made.homes)


def test_a_fault_with_a_time_of_its_own_strikes_then(street):
    _, lives = street
    made = cast({"fallen": Homes()}, (Strikes("P11", "fallen", "08:00"), Strikes("M7", "fallen", 60.0, ends_s=120.0)))
    one = lives._replace(did={made.homes[0].id: next(iter(lives.did.values()))})
    trip, silent = sorted(place(made, one), key=lambda strike: strike.fault, reverse=True)
    assert trip.at == datetime(2026, 11, 22, 0, 0, tzinfo=UTC).timestamp()
    assert (silent.at, silent.until) == (lives.at.now_s + 60.0, lives.at.now_s + 120.0)


@pytest.mark.parametrize("code", ["M7", "M1", "P12"])
def test_what_nobody_can_foresee_needs_a_time_of_its_own(street, code):
    _, lives = street
    made = cast({"a": Homes(2)}, (Strikes(code, "a", DUE),))
    one = lives._replace(did=dict(zip([home.id for home in made.homes], lives.did.values(), strict=False)))
    with pytest.raises(BadInput, match=f"nobody can say when fault {code} falls due"):
        place(made, one)


def test_a_history_is_heard_up_to_two_days_before(street):
    made, lives = street
    partition = lives.at.fresh(made.homes)
    assert np.ptp(partition.known_until()) == 0
    assert lives.at.now_s - 49 * HOUR <= partition.known_until()[0] <= lives.at.now_s - 48 * HOUR
