"""The checklist of going live: what it says, who may accept, and where a home that is being set up is shown as that."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import insert, select, update

from alerts import acceptance, fittings, reach_tests, schema
from alerts.go_live_facts import Settings
from alerts.policy import Policy
from alerts.web.ports import Drawn
from tests.web.neighbourhood import NOW, WORKERS
from tests.web.test_api import Program

DAY = timedelta(days=1)
SETTING_UP = {"zh_CN": "正在开通：还不能依靠它", "en": "do not rely on it yet"}
CELL = {"zh_CN": "502：正在开通", "en": "502: being set up"}
"""A home as a cell of the schematic."""
STAFF = ("worker:w1", "worker:w2", "worker:w3", "operator:w9")


@pytest.fixture
def strict(community):
    """The community where the list is asked for, but no drills."""
    community.app.state.site.cover.settings = Settings(drills=())
    return community


def prove(community, now=NOW, homes=("h1",)):
    """Prove what concerns everybody of the community, and the meters and relatives of some homes."""
    with community.engine.begin() as conn:
        conn.execute(update(schema.shifts).values(end=NOW + 30 * DAY))
        conn.execute(insert(schema.shifts).values(area="grid-2", start=NOW - DAY, end=NOW + 30 * DAY, owner="w2"))
        for home in homes:
            fittings.confirm(conn, f"m{home[1:]}", home, 3.0, "operator:w9", now)
        people = [*STAFF, *(f"contact:c{home[1:]}" for home in homes)]
        reach_tests.send(conn, "community", people, "operator:w9", now, Policy())
        conn.execute(update(schema.notices).values(state="seen", seen_at=now, attempts=1))
        acceptance.sign(conn, "community", WORKERS, "operator:w9", now)
    community.app.state.site.cover.forget()


def desk(community, path="/c/golive/community", lang="zh_CN"):
    return unescape(community.visitor("operator", "w9", lang).get(path).text)


def accept(community):
    return community.visitor("operator", "w9").post("/c/golive/community", do="accept")


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_the_page_says_of_every_item_what_is_missing_and_what_to_do(strict, lang):
    page = desk(strict, lang=lang)
    assert len(re.findall(r'<li id="i-\w+">', page)) == 10
    assert "page.golive" not in page
    assert "王丽" in page
    wanted = {
        "zh_CN": ("还没有开水龙头核对", "请发测试消息", "社区认可"),
        "en": ("no tap was opened yet", "Send the test message"),
    }
    assert all(words in page for words in wanted[lang])
    assert 'href="/c/households/h1"' in page
    overview = desk(strict, "/c/golive", lang)
    assert re.search(r"10 项中 \d 项已通过|\d of 10 items are green", overview)


def test_nobody_accepts_before_the_community_has_proved_its_part(strict):
    assert 'value="accept"' not in desk(strict)
    assert accept(strict).status_code == 409
    assert strict.visitor("worker", "w3").post("/w/golive", do="accept:community").status_code == 409
    prove(strict)
    assert 'value="accept"' in desk(strict)
    assert accept(strict).status_code == 303
    page = desk(strict)
    assert "由 值班室 认可" in page
    assert "5 户中已覆盖 1 户" in page


def test_the_lead_of_the_community_accepts_on_the_telephone_and_nobody_else_does(strict):
    prove(strict)
    assert strict.visitor("worker", "w1").get("/w/golive").status_code == 404
    assert strict.visitor("worker", "w1").post("/w/golive", do="accept:community").status_code == 404
    lead = strict.visitor("worker", "w3")
    assert "我们认可" in lead.get("/w/golive").text
    assert 'href="/w/golive"' in lead.get("/w/me").text
    assert lead.post("/w/golive", do="accept:elsewhere").status_code == 404
    assert lead.post("/w/golive", headers={"origin": "https://evil.example"}, do="accept:community").status_code == 403
    assert lead.post("/w/golive", do="accept:community").status_code == 303
    with strict.engine.connect() as conn:
        (said,) = [one for one in acceptance.entries(conn, ["community"])["community"] if one.did == "accepted"]
    assert (said.by, said.at) == ("worker:w3", NOW)


@pytest.mark.parametrize("lang", SETTING_UP)
def test_a_home_that_is_being_set_up_is_shown_as_that_everywhere_and_alarms_go_out(strict, lang):
    family = strict.visitor("family", "c1", lang)
    assert SETTING_UP[lang] in family.get("/f").text
    assert SETTING_UP[lang] in strict.visitor("resident", "r1", lang).get("/r").text
    assert {"zh_CN": "还不能依靠它", "en": "not to be relied on yet"}[lang] in desk(strict, "/c/households/h1", lang)
    front = desk(strict, "/c", lang)
    assert {"zh_CN": "5 户正在开通", "en": "5 home(s) are being set up"}[lang] in front
    assert "<strong>0<small>/5</small></strong>" in front
    assert f'aria-label="{CELL[lang]}"' in front
    for path in ("/c/households", "/c/households?state=setting_up", "/c/households/h1"):
        states = set(re.findall(r'<span class="how"><span class="home (\w+)"', desk(strict, path, lang)))
        assert states == {"setting_up"}, path
    assert {"zh_CN": "4 户正在开通", "en": "4 home(s)"}[lang] in strict.visitor("worker", "w1", lang).get("/w/me").text
    case = strict.red("h1")
    assert strict.state(case) == "AWAITING"
    with strict.engine.connect() as conn:
        told = set(conn.scalars(select(schema.notices.c.template).where(schema.notices.c.case_id == case)))
    assert {"offer", "family_called_out"} <= told
    during = family.get("/f").text
    assert SETTING_UP[lang] not in during
    assert {"zh_CN": "这项服务还不能依靠", "en": "cannot be relied on yet"}[lang] in during


def test_a_home_that_is_covered_is_shown_as_before_and_a_new_one_is_set_up_for_itself(strict):
    prove(strict)
    accept(strict)
    page = strict.visitor("family", "c1").get("/f").text
    assert "今天一切正常" in page
    assert "正在开通" not in page
    assert "正在开通" in strict.visitor("family", "c2").get("/f").text
    assert "<strong>1<small>/5</small></strong>" in desk(strict, "/c")
    strict.now = NOW + 91 * DAY  # the taps of the staff are too old by then
    assert "正在开通" in strict.visitor("family", "c1").get("/f").text


def test_where_the_list_is_not_asked_for_everybody_is_shown_as_before(community):
    assert "今天一切正常" in community.visitor("family", "c1").get("/f").text
    assert "正在开通" not in desk(community, "/c").split("<main")[1]
    assert "没有要求先做完清单" in desk(community)


def test_a_tap_that_was_just_confirmed_shows_at_once(strict):
    assert ">0/5<" in desk(strict).split('id="i-meter"')[1][:400]
    fitted = strict.fitting.known.setdefault("m1", replace(strict.fitting.device("m1", NOW), household="h1"))
    strict.fitting.told[fitted.device] = Drawn(3.0, NOW, NOW)
    since = str(int(NOW.timestamp() * 1000))
    answer = strict.visitor("operator", "w9").post("/c/device", id="m1", do="confirm", since=since)
    assert answer.status_code == 303
    assert ">1/5<" in desk(strict).split('id="i-meter"')[1][:400]


def test_the_desk_sends_test_messages_to_those_who_were_never_reached(strict):
    operator = strict.visitor("operator", "w9")
    assert operator.post("/c/golive/community", do="test_workers").status_code == 303
    assert operator.post("/c/golive/community", do="test_relatives").status_code == 303
    with strict.engine.connect() as conn:
        sent = conn.execute(select(schema.notices)).all()
    assert {(row.recipient_kind, row.recipient) for row in sent} >= {
        ("worker", "w1"),
        ("operator", "w9"),
        ("contact", "c1"),
    }
    assert "测试消息" in desk(strict, "/c/log")
    prove(strict, homes=("h1", "h2", "h3", "h4", "h5"))
    assert "test_relatives" not in desk(strict)


def test_who_sat_at_the_table_is_written_down_and_nobody_else_is(strict):
    operator = strict.visitor("operator", "w9")
    assert operator.post("/c/golive/community", do="sign").status_code == 409
    assert operator.post("/c/golive/community", do="sign", who="w5").status_code == 409  # works elsewhere
    assert operator.post("/c/golive/community", do="sign", who="w1").status_code == 303
    with strict.engine.connect() as conn:
        (said,) = acceptance.entries(conn, ["community"])["community"]
    assert (said.did, said.workers) == ("signed", {"w1"})


@pytest.mark.parametrize(("path", "do", "status"), [
    ("/c/golive/nowhere", "accept", 404), ("/c/golive/community", "fly", 400), ("/c/golive/community", "", 400),
])  # fmt: skip
def test_what_is_no_button_of_ours_does_nothing(strict, path, do, status):
    assert strict.visitor("operator", "w9").post(path, do=do).status_code == status


def test_a_drill_s_link_accepts_nothing(strict):
    prove(strict)
    with strict.engine.begin() as conn:
        conn.execute(update(schema.sessions).values(realm="drill"))
    visitor = strict.visitor("operator", "w9")
    with strict.engine.begin() as conn:
        conn.execute(update(schema.sessions).values(realm="drill"))
    assert visitor.post("/c/golive/community", do="accept").status_code == 403


def test_an_application_is_not_called_covered_before_its_list_is_done(strict):
    desk_, row = (
        strict.visitor("operator", "w9"),
        {"id": "a-1", "state": "verified", "by": "resident", "household": "h2"},
    )
    with strict.engine.begin() as conn:
        times = {"created_at": NOW, "changed_at": NOW, "test_at": NOW}
        conn.execute(insert(schema.applications).values(**row, **times, said={}, resident="r2"))
    prove(strict)
    accept(strict)
    assert "这户的开通清单还没做完" in desk(strict, "/c/applications")
    assert desk_.post("/c/applications/a-1", do="cover").status_code == 409
    with strict.engine.begin() as conn:
        conn.execute(update(schema.contacts).where(schema.contacts.c.id == "c2").values(address="c1@example.org"))
        reach_tests.send(conn, "community", ["contact:c2"], "operator:w9", NOW, Policy())
        conn.execute(update(schema.notices).values(state="seen", seen_at=NOW))
    assert desk_.post("/c/applications/a-1", do="cover").status_code == 303


def test_it_prints_with_a_place_to_sign_and_without_buttons(strict):
    page = desk(strict)
    assert "签名、日期" in page
    style = strict.visitor().get(re.search(r'href="(/static/shuian\.css[^"]*)"', page)[1]).text
    assert ".answers" in re.search(r"@media print \{([^{]*)\{ display: none", style)[1]
    assert page.index('class="box answers"') < page.index('value="test_workers"') < page.index("</section>\n<p")


def test_a_program_reads_the_same_list_within_its_area_and_no_names(strict):
    prove(strict)
    read = Program(strict, "registry:read")
    (one,) = read("GET", "/golive").json()["items"]
    assert one == {"area": "community", "green": 7, "items": 10, "covered": 0, "homes": 5}
    answer = read("GET", "/golive/community")
    assert answer.json()["kept_back"]["h2"] == ["meter", "contact", "accepted"]
    lack = next(item for item in answer.json()["checklist"] if item["key"] == "meter")["lacks"][0]
    assert lack == {"why": "no_tap", "whom": "h2", "at": None, "areas": []}
    assert not any(name in answer.text for name in ("王丽", "陈秀英", "example.org"))
    assert read("GET", "/golive/nowhere").status_code == 404
    beside = Program(strict, "registry:read", area="elsewhere", name="q")
    assert beside("GET", "/golive").json()["items"] == []
    assert beside("GET", "/golive/community").status_code == 404
    assert Program(strict, "cases:read", name="r")("GET", "/golive").status_code == 403
