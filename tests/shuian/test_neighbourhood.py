"""The demo's sixty homes: their registry can be imported, and each story falls due when it is to be watched."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from alerts import registry
from detectors.bins import News
from detectors.outage import Group, Outages
from detectors.partition import Partition, Settings
from ingest.devices import FORMATS
from shuian.neighbourhood import HISTORY
from shuian.neighbourhood.homes import BUILDINGS, HOMES, STORIES, told
from shuian.neighbourhood.incidents import Incidents, left_declared
from shuian.neighbourhood.lives import Life, arriving, messages, phase, reading_times
from shuian.neighbourhood.placing import DUE_S, place
from shuian.neighbourhood.rehearsal import BEFORE_S, Rehearsal, joined, last_signs, sign_news
from shuian.neighbourhood.sheets import write_registry
from tests.stories import FOUND

START = datetime(2026, 11, 21, 6, 40, tzinfo=UTC)
NOW_S = START.timestamp()
STEADY = Incidents(**dict.fromkeys(Incidents.__dataclass_fields__, np.inf))
"""Nothing has happened yet."""


def test_sixty_homes_in_three_buildings_each_with_its_own_name_and_meter():
    assert len(HOMES) == 60
    for building in BUILDINGS:
        mine = [home for home in HOMES if home.building == building]
        assert len(mine) == 20
        assert {home.gateway for home in mine} == {f"gw-{building}A", f"gw-{building}B"}
    for different in ("id", "resident", "device", "seed"):
        assert len({getattr(home, different) for home in HOMES}) == 60
    assert set(STORIES) < {home.place for home in HOMES}
    assert len([home for home in HOMES if home.story == "dead_gateway"]) == 10


def test_the_registry_of_the_demo_can_be_imported(tmp_path):
    write_registry(tmp_path, START, 8081)
    read = registry.read(tmp_path, FORMATS)
    devices = read.rows["devices"]
    assert len(devices) == 60 + sum(len(home.sensors) for home in HOMES)
    assert {row["gateway"] for row in devices} == {f"gw-{b}{r}" for b in BUILDINGS for r in "AB"}
    assert sum(row["resolution_l"] is not None for row in devices) == 60
    assert [row["household"] for row in read.rows["absences"]] == [told("declared").id]


def test_a_life_told_in_pieces_is_the_same_life():
    life = Life(told("sos"), START, START)
    whole = life.water(life.due(NOW_S - 7200, NOW_S))
    assert [*life.water(life.due(NOW_S - 7200, NOW_S - 1800)), *life.water(life.due(NOW_S - 1800, NOW_S))] == whole
    assert len(whole) == 8
    again = Life(told("sos"), START, START + timedelta(days=3))
    assert again.water(again.due(NOW_S - 7200, NOW_S)) == whole
    seen = life.signs("motion", NOW_S - 86_400, NOW_S)
    halves = life.signs("motion", NOW_S - 86_400, NOW_S - 40_000), life.signs("motion", NOW_S - 40_000, NOW_S)
    assert [*halves[0], *halves[1]] == seen
    assert len(seen) > 40


def test_the_recorded_home_speaks_only_when_somebody_looked_then():
    life = Life(told("recorded"), START, START)
    reports = life.water(life.due(NOW_S - 86_400, NOW_S))
    assert 60 < len(reports) <= 97
    assert np.all(np.diff([one.said for one in reports]) >= 0)


def test_what_is_dead_says_nothing_and_a_batch_is_one_message():
    dying = STEADY.__class__(**(vars(STEADY) | {"meter_s": NOW_S - 3600, "gateway_s": NOW_S - 3600}))
    lives = [Life(home, START, START).struck(dying) for home in (told("dead_meter"), told("dead_gateway"), told("sos"))]
    reports = [one for life in lives for one in life.water(life.due(NOW_S - 7200, NOW_S))]
    left = arriving(reports, dying)
    newest = {one.device: one.at for one in left}
    assert newest[told("dead_meter").device] == newest[told("dead_gateway").device] == NOW_S - 3600
    assert newest[told("sos").device] > NOW_S - 900
    written = messages(left, {home.device: home.format for home in HOMES})
    assert sum(b"wm-1" in payload for _, payload in written) == 2  # one batch each


# --- placing -----------------------------------------------------------------------------------------------------------


STARTS = {hours: START + timedelta(hours=hours, days=hours) for hours in (5, 17)}
"""Two hours of the day at which a demo may begin."""


@pytest.fixture(scope="module")
def learnt():
    """Walk the history before each start, side by side, as the service does; return lives and what the demo is placed by."""
    homes = [home for home in HOMES if home.story not in {"life", "recorded", "declared"}]
    lives = {start: [Life(home, start, start) for home in homes] for start in STARTS.values()}
    period = np.array([float(home.period_s) for _ in lives for home in homes])
    partition, parts = Partition(Settings(), period, np.ones(len(period))), []
    for start, some in lives.items():
        until, begin = start.timestamp() - BEFORE_S, (start - HISTORY).timestamp()
        for life in some:
            times = reading_times(begin, until, life.home.period_s, phase(life.home))
            parts.append(Rehearsal.news(len(parts), life.draws, times, life.home.period_s))
    partition.step(joined(parts))
    partition.drop(range(len(partition)))  # what was raised in the past is told, and names rows
    arrays, found = partition.snapshot(), {}
    for n, (start, some) in enumerate(lives.items()):
        rows = slice(n * len(homes), (n + 1) * len(homes))
        own = {name: array[rows] if array.shape[:1] == (len(period),) else array for name, array in arrays.items()}
        now_s, names = start.timestamp(), [home.id for home in homes]
        found[start] = some, Rehearsal(Settings(), own, names, now_s - BEFORE_S, now_s)
    return found


def lived(at, lives, incidents, seconds):
    """Return (findings that hold, area findings) after the last two days and the first `seconds` of the demo."""
    homes = [life.home for life in lives]
    struck = [life.struck(incidents) for life in lives]
    partition, outages = at.fresh(homes), Outages()
    cut = np.array([row for row, home in enumerate(homes) if home.building == 3])
    behind = np.array([row for row, home in enumerate(homes) if home.story == "dead_gateway"])
    outages.set_groups([Group("3", "building", cut), Group("gw", "gateway", behind)])
    areas, before = [], at.until_s
    newest = {home.id: at.times(home, at.until_s + 1)[0] for home in homes}
    for now in [*np.arange(at.until_s + 3600, at.now_s, 3600.0), *np.arange(at.now_s, at.now_s + seconds, 15.0)]:
        parts, signs = [], []
        for row, life in enumerate(struck):
            live = [now] if now >= at.now_s else []
            times = np.union1d(life.due(newest[life.home.id], now), live)
            arrived = [one.at for one in arriving(life.water(times), incidents)]
            if arrived:
                known = np.array([newest[life.home.id], *arrived])
                parts.append(Rehearsal.news(row, life.draws, known, life.home.period_s))
                newest[life.home.id] = arrived[-1]
            signs += [one for one in last_signs(row, life.home, life.did, now) if one[2] > before]
            signs += (
                [(row, "sos", incidents.sos_s)] if life.home.story == "sos" and before < incidents.sos_s <= now else []
            )
        if parts:
            partition.step(joined(parts))
        if signs:
            partition.hear_signs(sign_news(signs))
        if now >= at.now_s:
            partition.heard_when_known(now)
            partition.tick(now, -np.inf)
            areas += outages.look(partition, np.ones(len(homes), np.bool_), now, -np.inf).raised
        before = now
    return {(homes[one.row].place, one.kind, one.severity) for one in partition.open()}, areas


@pytest.mark.slow
@pytest.mark.parametrize("hours", STARTS)
def test_every_story_falls_due_at_any_hour_of_the_day(learnt, hours):
    start = STARTS[hours]
    lives, at = learnt[start]
    incidents = place(at, lives, start)
    found, areas = lived(at, lives, incidents, 300)
    wanted = FOUND | {(home.place, "meter_silent", "blue") for home in HOMES if home.story == "dead_gateway"}
    assert wanted - found == set()
    # A slow change stands on a list; it calls nobody.
    assert {(place, kind) for place, kind, _ in found - wanted if kind != "drift"} <= {
        ("1-301", "quiet"),
        ("1-402", "surge"),
        ("3-502", "quiet"),
    }
    assert {(one.group, one.kind) for one in areas} == {("3", "water_outage"), ("gw", "radio_outage")}
    assert incidents.cut_fall_s < incidents.cut_s
    assert incidents.declared_s == left_declared(start).timestamp()


def test_the_stories_follow_each_other_within_five_minutes():
    times = sorted(DUE_S.values())
    assert times[0] >= 40
    assert times[-1] <= 200
    assert min(np.diff(times)) >= 10


def test_news_of_several_homes_are_joined_without_loss():
    lives = [Life(told(story), START, START) for story in ("fall", "tap")]
    parts = [Rehearsal.news(n, life.draws, life.due(NOW_S - 7200, NOW_S), 900) for n, life in enumerate(lives)]
    both = joined(parts)
    assert isinstance(both, News)
    assert len(both) == sum(len(part) for part in parts)
    assert both.litres.sum() == sum(part.litres.sum() for part in parts)
