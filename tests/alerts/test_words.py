"""What people read: every reason and every notice has its words in both languages, with nothing left unsaid or half said."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select

from alerts import duty_notices, schema, texts
from alerts import notices as words
from alerts.cases import Accepted
from alerts.notices import TEMPLATES
from alerts.texts import LANGUAGES, Place
from tests.alerts.neighbourhood import T0, cut, finding, notices

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 21, 4, 12, tzinfo=UTC)
AT = (NOW - timedelta(hours=2)).timestamp()
TEXTS = texts.load()
HEARD = {"heard_at": AT, "known_until_at": AT}
QUIET = HEARD | {"quiet_s": 50400, "last_use_at": AT - 50400, "since_at": AT, "usual_s": 28800, "usual_return_at": AT}
RUN = HEARD | {"running_since_at": AT, "running_s": 7200, "flow_l_h": 108.0, "volume_l": 310}
DRIFT = {"since_day": AT, "before_times": 0.8, "now_times": 2.4, "before_l": 96, "now_l": 171, "days": 9, "score": 4.6}
EVIDENCE = {
    "quiet_no_motion": QUIET | {"motion_at": AT},
    "quiet_maybe_out": QUIET | {"door_at": AT},
    "quiet_after_cut": QUIET | {"water_back_at": AT, "homes_back": 41, "of_homes": 48},
    "surge_limit": RUN | {"window_s": 3600.0, "limit_l": 250, "usual_l": 60},
    "surge_usual": RUN | {"window_s": 3600.0, "usual_l": 60, "score": 2.7},
    "water_running": RUN | {"usual_run_s": 2400},
    "drift_night_up": HEARD | DRIFT,
    "drift_litres_up": HEARD | DRIFT,
    "drift_litres_down": HEARD | DRIFT,
    "leak": HEARD | {"leak_l_h": 12.0, "per_day_l": 288, "leak_since_at": AT, "running_s": 86400},
    "sos": HEARD | {"pressed_at": AT, "battery_percent": 90},
    "leak_sensor": HEARD | {"wet_at": AT},
    "away_use": HEARD | {"away_since_at": AT - 86400, "away_until_at": AT + 86400, "used_since_at": AT, "volume_l": 9},
    "meter_steps": HEARD | {"agreed_l": 1.0, "shown_l": 10.0, "volume_l": None},
    "meter_unit": HEARD | {"agreed_l": 1.0, "shown_l": 10.0, "volume_l": 2000.0},
    "meter_unit_changed": HEARD,
    "meter_two_registers": HEARD,
    "meter_clock_behind": HEARD,
    "meter_zone": HEARD | {"shift_s": 3600.0},
    "meter_battery_low": HEARD | {"battery_percent": 12.0, "empty_s": None, "device": 0.0},
    "sensor_battery_low": HEARD | {"battery_percent": 12.0, "empty_s": None, "device": 1.0},
    "meter_battery_falling": HEARD | {"battery_percent": 31.0, "empty_s": 18 * 86400.0, "device": 0.0},
    "sensor_battery_falling": HEARD | {"battery_percent": 31.0, "empty_s": 18 * 86400.0, "device": 1.0},
}
OPTIONAL = {
    "surge_limit": ("running_since_at", "usual_l"), "surge_usual": ("running_since_at",),
    "water_running": ("usual_run_s",), "sos": ("battery_percent",), "meter_battery_low": ("battery_percent",), "sensor_battery_low": ("battery_percent",),
}  # fmt: skip
UNKNOWN = {"zh_CN": "不知道", "en": "unknown"}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("reason", EVIDENCE)
def test_a_reason_is_told_in_three_ways_and_no_number_is_said_to_be_unknown(reason, lang):
    optional = OPTIONAL.get(reason, ())
    for known in range(2 ** len(optional)):
        gone = {name: None for n, name in enumerate(optional) if known & 1 << n}
        for part in ("title", "sentence", "family"):
            said = TEXTS.finding(lang, part, reason, EVIDENCE[reason] | gone, SHANGHAI, NOW)
            assert said
            assert "{" not in said
            assert UNKNOWN[lang] not in said


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("reason", EVIDENCE)
def test_the_family_reads_no_litres_no_clock_and_no_alarm(reason, lang):
    said = TEXTS.finding(lang, "family", reason, EVIDENCE[reason], SHANGHAI, NOW)
    assert not any(digit in said for digit in "0123456789")
    assert not any(word in said.lower() for word in ("alarm", "报警", "警报", "警告", "litre"))


def shown(lang, reason, evidence):
    """Return a sentence with plain spaces."""
    return TEXTS.finding(lang, "sentence", reason, evidence, SHANGHAI, NOW).replace("\xa0", " ")


def test_a_sentence_says_what_happened_since_when_and_what_is_usual():
    said = shown("zh_CN", "surge_limit", EVIDENCE["surge_limit"])
    assert said.startswith("水从 10:12 起一直在流：1 小时用了 310 升，平时最多 60 升。请马上去看")
    said = shown("en", "surge_limit", EVIDENCE["surge_limit"])
    assert said.startswith("Water has been running since 10:12: 310 L in 1 h, usually 60 L at most.")
    stopped = EVIDENCE["surge_limit"] | {"running_since_at": None}
    assert "水现在停了" in TEXTS.finding("zh_CN", "sentence", "surge_limit", stopped, SHANGHAI, NOW)
    assert TEXTS.finding("zh_CN", "title", "surge_limit", stopped, SHANGHAI, NOW) == "短时间用了很多水"
    leak = shown("zh_CN", "leak", EVIDENCE["leak"])
    assert "大约每小时 12 升，一天约 288 升" in leak


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("reason", EVIDENCE)
def test_every_sentence_says_how_fresh_it_is(reason, lang):
    fresh = TEXTS.moment(lang, datetime.fromtimestamp(AT + 60, UTC), SHANGHAI, NOW)
    assert fresh in TEXTS.finding(lang, "sentence", reason, EVIDENCE[reason] | {"heard_at": AT + 60}, SHANGHAI, NOW)


@pytest.mark.parametrize(("rate", "said"), [(1.2, "1.2"), (1.0, "1"), (12.4, "12")])
def test_a_small_leak_is_told_with_a_decimal(rate, said):
    leak = shown("en", "leak", EVIDENCE["leak"] | {"leak_l_h": rate})
    assert f"about {said} L an hour" in leak


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("reason", ["water_outage", "radio_outage"])
@pytest.mark.parametrize("part", ["title", "sentence", "family"])
def test_an_area_event_is_told_in_three_ways(reason, part, lang):
    place = Place("riser", "A", "安和里 3 栋") if reason == "water_outage" else Place("gateway", "gw-2", None)
    counted = "homes" if reason == "water_outage" else "meters"
    evidence = {f"silent_{counted}": 18.0, f"of_{counted}": 20, "since_at": AT}
    said = TEXTS.area(lang, part, reason, place, NOW - timedelta(hours=3), evidence, SHANGHAI, NOW)
    assert "{" not in said
    assert {"water_outage": "安和里 3 栋", "radio_outage": "gw-2"}[reason] in said or part == "family"
    if part == "sentence":
        assert "09:12" in said
        assert "18" in said
        assert "20" in said


def test_people_call_a_riser_by_its_building():
    assert TEXTS.place("zh_CN", Place("riser", "A", "安和里 3 栋")) == "安和里 3 栋 A 单元"
    assert TEXTS.place("en", Place("gateway", "gw-2", "安和里 3 栋")) == "gateway gw-2"
    assert TEXTS.place("en", Place("building", "安和里 3 栋", "安和里 3 栋")) == "安和里 3 栋"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_notice_has_words(store, engine, template, lang):
    store.raise_finding(finding(kind="sos", reason="sos", evidence=EVIDENCE["sos"]), T0)
    store.begin_area(cut(), T0)
    area = TEMPLATES[template].area
    whom = "contact" if template.startswith("family") else "operator" if "operator" in template else "worker"
    with engine.begin() as conn:
        event = conn.execute(select(schema.area_events)).mappings().one()
        row = dict(conn.execute(select(schema.notices)).mappings().first())
        notice = row | {"template": template, "lang": lang, "recipient_kind": whom, "params": {"by": "wang"}}
        about = event if area else store.open_cases()[0]
        if template in (*duty_notices.TO_WORKERS, *duty_notices.TO_LEADS):
            end = T0 + timedelta(hours=8)
            turn = {"id": "turn-1", "area": "g1", "start": T0, "end": end, "owner": "wang", "backup": "li"}
            conn.execute(insert(schema.turns).values(**turn))
            about = conn.execute(select(schema.turns)).mappings().one()
            empty = datetime(2026, 12, 2, tzinfo=UTC).timestamp()
            notice |= {"turn": "turn-1", "params": {"gaps": [["g1", empty, empty + 3600]] * 8}}
        said = words.write(conn, TEXTS, notice, about, "https://x.example/link/1", T0)
    assert "{" not in said.text
    assert "安和里" not in said.subject
    if area == "begun" and whom == "contact":
        assert "安和里 2 栋" in said.text


def test_the_family_of_somebody_who_pressed_for_help_does_not_read_about_water(store, engine):
    store.raise_finding(finding(kind="quiet"), T0)
    store.raise_finding(finding("f-2", kind="sos", reason="sos", evidence=EVIDENCE["sos"]), T0)
    with engine.connect() as conn:
        row = (
            conn.execute(select(schema.notices).where(schema.notices.c.template == "family_called_out"))
            .mappings()
            .first()
        )
        said = words.write(conn, TEXTS, row, store.open_cases()[0], "https://x.example/link/1", T0)
    assert said.text.startswith("老人按了求助键，需要有人马上去看。已请社区工作人员去看看。")


def test_a_case_without_words_of_its_own_still_goes_out(store, engine):
    case = store.raise_finding(finding(reason="something_newer"), T0)
    store.act("live", case, Accepted("worker:wang"), T0, "tap")
    with engine.connect() as conn:
        for row in [n._mapping for n in notices(engine)]:
            assert words.write(conn, TEXTS, row, store.open_cases()[0], "https://x.example/link/1", T0).text
