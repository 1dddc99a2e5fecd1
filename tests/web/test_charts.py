"""The chart of a week: what is not known is never drawn as nothing."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.web import charts
from alerts.web.ports import Day
from tests.web.neighbourhood import NOW, ZONE, morning_person, water

LABELS = charts.Labels("seven days", "now", lambda day: f"{day.date:%a}")
TODAY = NOW.astimezone(ZONE).date()
SVG = "{http://www.w3.org/2000/svg}"


def drawn(rows, now=NOW, labels=LABELS, **other):
    svg = str(charts.days(rows, water(now, None), now, ZONE, labels, **other))
    return ET.fromstring(svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))


def of_class(root, name):
    return [el for el in root.iter() if el.get("class") == name]


def bars(root):
    return sum(path.get("d").count("M") for path in of_class(root, "use") + of_class(root, "today"))


def test_a_week_is_seven_rows_with_the_band_of_the_usual_first_use():
    root = drawn(morning_person(TODAY, NOW, quiet_today=True))
    assert len(of_class(root, "track")) == 7
    assert len(of_class(root, "band")) == 7
    assert [el.text for el in of_class(root, "day-name")] == ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue"]
    assert [el.text for el in of_class(root, "today-name")] == ["Wed"]
    assert of_class(root, "today") == []
    assert len(of_class(root, "now")) == 1


def test_what_is_not_known_is_a_block_and_not_an_empty_row():
    rows = morning_person(TODAY, NOW - timedelta(minutes=25), quiet_today=True, gap=True)
    blocks = of_class(drawn(rows), "unknown")
    assert len(blocks) == 2  # six hours on Monday, and since the last reading
    assert float(blocks[0].get("width")) == 24 * charts.WIDTH / 96
    assert float(blocks[1].get("width")) > 0
    assert of_class(drawn(morning_person(TODAY, NOW, quiet_today=True)), "unknown")[0:] != []


def test_hours_that_have_not_been_are_left_blank():
    root = drawn([Day(TODAY, (None,) * 96)])
    block = of_class(root, "unknown")[0]
    now_at = charts.LEFT + charts.WIDTH * (10 * 60 + 40) / (24 * 60)
    assert abs(float(block.get("x")) + float(block.get("width")) - now_at) < 0.2


def test_the_chart_names_itself_and_keeps_to_classes():
    svg = str(charts.days(morning_person(TODAY, NOW, False), water(NOW, None), NOW, ZONE, LABELS))
    assert 'role="img" aria-label="seven days"' in svg
    assert "style=" not in svg
    assert not re.search(r"<text[^>]*font-size", svg)


def test_words_in_the_chart_are_escaped():
    evil = replace(LABELS, title='"><script>', day=lambda _: "<b>")
    svg = str(charts.days(morning_person(TODAY, NOW, False), water(NOW, None), NOW, ZONE, evil))
    assert "<script" not in svg
    assert "<b>" not in svg


@given(
    litres=st.lists(st.none() | st.floats(0, 500), min_size=96, max_size=96),
    back=st.integers(0, 6),
    minute=st.integers(0, 24 * 60 - 1),
)
def test_each_quarter_is_a_bar_or_a_block_or_known_to_be_dry(litres, back, minute):
    midnight = NOW.astimezone(ZONE).replace(hour=0, minute=0)
    day = Day(TODAY - timedelta(days=back), tuple(litres))
    root = drawn([day], now=midnight + timedelta(minutes=minute))
    past = 96 if back else -(-minute // 15)
    over = litres[:past]
    width = sum(float(block.get("width")) for block in of_class(root, "unknown"))
    unknown = sum(amount is None for amount in over)
    assert abs(width * 96 / charts.WIDTH - unknown) <= 1 + 0.05 * unknown  # the last quarter may be cut by now
    assert bars(root) == sum(bool(amount) for amount in litres)


def test_numbers_say_what_is_only_partly_known():
    rows = morning_person(TODAY, NOW - timedelta(minutes=25), quiet_today=True, gap=True)
    (monday, sums), (_, today) = charts.numbers(rows, NOW, ZONE)[-3], charts.numbers(rows, NOW, ZONE)[-1]
    assert monday.date == date(2026, 11, 16)
    assert [(s.known, s.over) for s in sums] == [(20, 20), (16, 16), (12, 12), (4, 24), (20, 24)]
    assert [(s.litres, s.known, s.over) for s in today] == [(0, 20, 20), (0, 16, 16), (0, 5, 6), (0, 0, 0), (0, 0, 0)]


def test_four_weeks_stand_in_lower_rows():
    month = [Day(TODAY - timedelta(days=back), (0.0,) * 96) for back in range(27, -1, -1)]
    root = drawn(month, shape=charts.MONTH)
    tracks = of_class(root, "track")
    assert len(tracks) == 28
    assert {track.get("height") for track in tracks} == {"13"}
    tops = [float(track.get("y")) for track in tracks]
    assert tops == sorted(set(tops))
    assert tops[-1] + 13 < float(root.get("viewBox").split()[3])


def test_a_declared_absence_is_framed_on_each_of_its_days():
    midnight = NOW.astimezone(ZONE).replace(hour=0, minute=0)
    away = [(midnight - timedelta(hours=30), midnight + timedelta(hours=6))]
    frames = of_class(drawn(morning_person(TODAY, NOW, False), away=away), "away")
    hours = [(float(frame.get("x")) - charts.LEFT) * 24 / charts.WIDTH for frame in frames]
    lengths = [float(frame.get("width")) * 24 / charts.WIDTH for frame in frames]
    assert [round(hour, 1) for hour in hours] == [18.0, 0.0, 0.0]
    assert [round(length, 1) for length in lengths] == [6.0, 24.0, 6.0]
