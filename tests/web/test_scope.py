"""Who sees what: every page, every role."""

from dataclasses import replace

import pytest
from sqlalchemy import insert, select, update

from alerts import schema
from alerts.events import Accepted, OutcomeRecorded
from tests.alerts.neighbourhood import rehearse
from tests.web.neighbourhood import NOW, quiet


def test_without_a_session_no_page_shows_anything(community):
    case = community.red("h1")
    for path in ("/w", f"/w/a/{case}", f"/w/a/{case}/help", "/w/me", "/f", f"/w/a/{case}?part=1"):
        answer = community.visitor().get(path)
        assert answer.status_code == 401
        assert "502" not in answer.text
    assert community.visitor().get("/c").status_code == 303
    assert community.visitor().get(f"/c/case/{case}").status_code == 303
    assert community.visitor().post(f"/w/a/{case}", do="accept", tap="t" * 16).status_code == 401


def test_each_role_is_refused_on_the_pages_of_the_others(community):
    case = community.red("h1")
    pages = {
        "worker": ("w1", ["/w", f"/w/a/{case}"]),
        "family": ("c1", ["/f"]),
        "operator": ("w9", ["/c", f"/c/case/{case}"]),
    }
    for role, (person, own) in pages.items():
        visitor = community.visitor(role, person)
        for other, (_, paths) in pages.items():
            for path in paths:
                assert visitor.get(path).status_code == (200 if other == role else 403), (role, path)
        assert visitor.get("/").headers["location"] == own[0]


def test_a_worker_of_another_area_finds_no_such_case(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w5")
    for path in (f"/w/a/{case}", f"/w/a/{case}/help"):
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert "陈秀英" not in answer.text
    assert visitor.post(f"/w/a/{case}", do="accept", tap="t" * 16).status_code == 404
    assert "幸福里" not in visitor.get("/w").text
    assert community.state(case) == "AWAITING"


def test_a_worker_sees_the_own_area_what_is_below_it_and_the_area_of_the_shift(community):
    cases = {home: community.red(home) for home in ("h1", "h5")}
    sees = {
        "w1": {"h1"},  # posted in grid 1
        "w2": {"h1", "h5"},  # posted in grid 2, backup in grid 1
        "w3": {"h1", "h5"},  # leads the community above both
        "w5": set(),
    }
    for worker, homes in sees.items():
        visitor = community.visitor("worker", worker)
        assert {home for home, case in cases.items() if visitor.get(f"/w/a/{case}").status_code == 200} == homes
    community.later(hours=7)  # the shift is over
    assert community.visitor("worker", "w2").get(f"/w/a/{cases['h1']}").status_code == 404


def test_an_offer_opens_a_case_of_another_area(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w5")
    with community.engine.begin() as conn:
        conn.execute(
            insert(schema.offers).values(
                realm="live", id="x", case_id=case, worker="w5", rung=3, state="offered", offered_at=NOW
            )
        )
    assert visitor.get(f"/w/a/{case}").status_code == 200
    assert case in visitor.get("/w").text


def test_a_relative_sees_the_own_home_only(community):
    community.red("h1")
    assert "陈秀英" in community.visitor("family", "c1").get("/f").text
    other = community.visitor("family", "c2").get("/f").text
    assert "陈秀英" not in other
    assert "已通知社区工作人员" not in other


def test_a_relative_cannot_answer_for_another_home(community):
    case = community.amber("h1")
    answer = community.visitor("family", "c2").post("/f", do="outcome:SAFE_AT_HOME", tap="t" * 16, case=case)
    assert answer.status_code == 400
    assert community.state(case) == "SUSPECTED"


def test_a_withdrawn_consent_ends_sharing_at_once(community):
    community.red("h1")
    visitor = community.visitor("family", "c1")
    assert "陈秀英" in visitor.get("/f").text
    with community.engine.begin() as conn:
        conn.execute(
            update(schema.consents).where(schema.consents.c.resident == "r1", schema.consents.c.purpose == "relative")
            .values(withdrawn_at=NOW)
        )  # fmt: skip
    answer = visitor.get("/f")
    assert "已停止分享" in answer.text
    assert "陈秀英" not in answer.text


def test_a_consent_for_one_contact_shares_with_that_contact_only(community):
    with community.engine.begin() as conn:
        conn.execute(
            insert(schema.contacts).values(
                id="c1b", resident="r1", name="侄子", position=2, channel="email", address="c1b@example.org"
            )
        )
        conn.execute(
            update(schema.consents).where(schema.consents.c.resident == "r1", schema.consents.c.purpose == "relative")
            .values(recipient="c1")
        )  # fmt: skip
    assert "陈秀英" in community.visitor("family", "c1").get("/f").text
    assert "已停止分享" in community.visitor("family", "c1b").get("/f").text


def test_who_looked_at_a_home_is_written_down(community):
    case = community.red("h1")
    community.visitor("worker", "w1").get(f"/w/a/{case}")
    community.visitor("worker", "w1").get(f"/w/a/{case}?part=1")
    community.visitor("worker", "w1").get(f"/w/a/{case}")
    community.visitor("family", "c1").get("/f")
    community.visitor("operator", "w9").get(f"/c/case/{case}")
    community.visitor("worker", "w5").get(f"/w/a/{case}")
    with community.engine.connect() as conn:
        seen = conn.execute(select(schema.view_log.c.viewer, schema.view_log.c.household, schema.view_log.c.what)).all()
    assert seen == [("worker:w1", "h1", "case"), ("contact:c1", "h1", "family"), ("operator:w9", "h1", "case")]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "https://evil.example"}, id="the origin of another site"),
        pytest.param({"sec-fetch-site": "cross-site"}, id="the browser says: another site"),
        pytest.param(
            {"sec-fetch-site": "same-site", "origin": "http://pages.test"}, id="a sister site is another site"
        ),
        pytest.param({"origin": "null"}, id="no origin and no form token"),
        pytest.param({}, id="nothing at all"),
    ],
)
def test_a_post_of_another_site_changes_nothing(community, headers):
    case = community.red("h1")
    answer = community.visitor("worker", "w1").post(f"/w/a/{case}", headers=headers, do="accept", tap="t" * 16)
    assert answer.status_code == 403
    assert community.state(case) == "AWAITING"


def test_a_form_of_ours_is_enough_where_the_browser_tells_no_origin(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    page = visitor.get(f"/w/a/{case}").text
    form = page.split('name="form" value="')[1].split('"')[0]
    answer = visitor.post(f"/w/a/{case}", headers={"origin": "null"}, do="accept", tap="t" * 16, form=form)
    assert answer.status_code == 303
    assert community.state(case) == "ACCEPTED"
    other = community.visitor("worker", "w2")
    assert other.post(f"/w/a/{case}", headers={"origin": "null"}, do="undo", tap="u" * 16, form=form).status_code == 403


def test_every_answer_carries_the_strict_headers(community):
    case = community.red("h1")
    worker = community.visitor("worker", "w1")
    for path in ("/w", f"/w/a/{case}", "/w/a/none", "/login", "/link/none", "/healthz", "/static/shuian.js", "/nope"):
        headers = worker.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-store" if not path.startswith("/static") else headers["cache-control"])
    assert "immutable" in worker.get("/static/shuian.css").headers["cache-control"]


def test_a_drill_looks_like_a_drill(community):
    case = community.red("h1")
    community.tap(case, Accepted("worker:w1"))
    community.tap(case, OutcomeRecorded("worker:w1", "SAFE_AT_HOME"))
    rehearse(community.store.engine, ["h1"], ["worker:w1"], NOW)
    drill = community.store.raise_finding(replace(quiet("h1", name="drill-1"), realm="drill"), NOW)
    page = community.visitor("worker", "w1").get(f"/w/a/{drill}").text
    assert '<body class="drill">' in page
    assert "<title>演练" in page
    assert "演练" not in community.visitor("worker", "w1").get(f"/w/a/{case}").text
