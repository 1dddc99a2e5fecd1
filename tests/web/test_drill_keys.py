"""Every key that a drill gives away, tried on what is real over HTTP: a token, a link, a session, a reply code.  Nothing happens."""

import contextlib
import json
from datetime import timedelta

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select

from alerts import access, reply_codes, schema, tokens
from alerts.channels import sms
from alerts.outbox import Dispatcher
from alerts.signatures import key, signature
from tests.alerts.neighbourhood import rehearse
from tests.alerts.test_drill_apart import OF_LIFE
from tests.browser import served
from tests.web.conftest import BASE
from tests.web.neighbourhood import NOW
from tests.web.test_live_rehearsal import played as play_in

PHONE, SECRET = "13900000001", "whsec_" + "A" * 32
REAL = "h2"
"""A home with something amber and real, in no drill."""


class Town:
    """A served community: one drill that runs at one home, something real at another."""

    def __init__(self, community, base):
        self.community, self.engine, self.base = community, community.engine, base
        with self.engine.begin() as conn:
            who = schema.workers.c.id == "w1"
            conn.execute(schema.workers.update().where(who).values(channel="sms", address=PHONE))
            scopes = ["registry:read", "drills:run"]
            self.token = tokens.add(conn, "d", scopes, None, timedelta(days=1), "cli", NOW)
        self.run = rehearse(self.engine, ["h1"], ["worker:w1", "operator:w9", "contact:c1"], NOW)
        self.played = play_in(community, "h1")
        self.real = community.amber(REAL)
        channel = sms.Channel(sms.Settings(key_id="x", secret="x", sign_name="x", call_secret=SECRET))
        community.app.state.dispatcher = Dispatcher(
            self.engine, {"sms": channel}, None, base, lambda: NOW, make_links=access.new_links,
            policy=community.store.policy,
        )  # fmt: skip

    def api(self, method, path, body=None):
        """Ask the interface with the token of drills."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.request(method, f"{self.base}/api/v1{path}", json=body, headers=headers, trust_env=False)

    def visitor(self, role, person):
        """Return a browser that came in by the link of a message of the drill."""
        with self.engine.begin() as conn:
            hour = timedelta(hours=1)
            token = access.new_link(conn, role, person, "/", NOW, hour, realm="drill", notice="n")
        browser = httpx.Client(base_url=self.base, headers={"origin": BASE, "connection": "close"}, trust_env=False)
        assert browser.post(f"/link/{token}").status_code == 303
        return browser

    def life(self):
        """Return every row of life."""
        tables = [*OF_LIFE, schema.households, schema.residents, schema.workers, schema.areas, schema.devices]
        with self.engine.connect() as conn:
            return {
                table.name: sorted(
                    repr(dict(row))
                    for row in conn.execute(select(table)).mappings()
                    if row.get("realm") in (None, "live")
                )
                for table in tables
            }


@pytest.fixture
def town(community):
    with served(community.app) as base:
        yield Town(community, base)


def paths(app, role):
    """Return the pages of a role that take a post."""
    found = [route.path for route in app.routes if isinstance(route, APIRoute) and "POST" in route.methods]
    return sorted(path for path in found if path.split("/")[1] == {"worker": "w", "operator": "c", "family": "f"}[role])


DEEDS = ("accept", "decline:busy", "set_off", "arrived", "outcome:SAFE_AT_HOME", "outcome:HELPED", "emergency", "undo",
         "away:3d", "back:1", "confirm:1", "take_all", "here", "withdraw:monitor", "pause:monitor", "close_consent",
         "called:well:{case}", "accept_all", "check_in", "set:1", "confirm")  # fmt: skip


@pytest.mark.parametrize(
    ("role", "person"), [("worker", "w1"), pytest.param("operator", "w9", marks=pytest.mark.slow), ("family", "c1")]
)
def test_the_link_and_the_session_of_a_drill_act_on_no_page_about_what_is_real(town, role, person):
    before, answers = town.life(), []
    filled = {"case_id": town.real, "household": REAL, "name": "a1", "resident": "r2", "drill": town.run, "area": "c1"}
    with contextlib.closing(town.visitor(role, person)) as browser:
        for path in paths(town.community.app, role):
            for n, do in enumerate(DEEDS):
                form = {"do": do.format(case=town.real), "tap": f"tap-{n:08d}", "case": town.real, "id": "m2"}
                answers.append(browser.post(path.format(**filled), data=form | {"until": "2026-12-24"}).status_code)
        for page in ("/w", f"/w/a/{town.real}", "/c", f"/c/case/{town.real}", "/f"):
            browser.get(page)
    assert set(answers) <= {400, 403, 404, 422}, answers
    assert town.life() == before
    assert town.community.state(town.real) == "SUSPECTED"


def test_a_program_that_plays_drills_names_what_is_real_in_vain(town):
    before, run = town.life(), town.run
    onset = {"onset": "2026-11-17T18:00:00Z"}
    asked = [
        ("POST", f"/drills/{run}/findings", onset | {"id": "1", "home": REAL}, 422),
        ("POST", f"/drills/{run}/findings", onset | {"id": "1", "home": "home h2"}, 422),
        ("POST", f"/drills/{run}/findings", onset | {"id": "1", "home": "home h1", "realm": "live"}, 422),
        ("POST", f"/drills/{run}/areas", onset | {"id": "1", "kind": "water_outage", "homes": ["home h1", REAL]}, 422),
        ("POST", f"/drills/{run}/deeds", {"id": "1", "who": "worker:w1", "home": REAL, "do": "accept"}, 422),
        ("POST", f"/drills/{run}/deeds", {"id": "1", "who": "worker:w1", "home": "home h1", "do": "accept"}, 403),
        ("POST", f"/drills/{run}/deeds", {"id": "1", "who": "worker:w3", "home": "home h1", "do": "accept"}, 403),
        ("POST", f"/drills/{town.real}/end", {}, 404),
        ("POST", "/drills", {"drill": "x", "kind": "tabletop", "homes": {"a": REAL}, "lasts_s": 60}, 409),
        ("POST", "/drills", {"drill": "x", "kind": "technical", "homes": {"a": REAL}, "lasts_s": 60}, 409),
        ("PUT", "/households/h9", {"area": "grid-1", "building": "x", "door": "1", "tz": "Asia/Shanghai"}, 403),
        ("DELETE", f"/households/{REAL}", None, 403),
        ("GET", f"/cases/{town.real}", None, 403),
    ]  # fmt: skip
    for method, path, body, status in asked:
        assert (path, town.api(method, path, body).status_code) == (path, status)
    with town.engine.connect() as conn:
        finding = conn.scalar(select(schema.findings.c.id).where(schema.findings.c.realm == "live"))
    for path in (f"/drills/{run}/findings/{finding}/clear", f"/drills/{run}/areas/{finding}/end"):
        assert town.api("POST", path, {}).status_code == 200, "of this drill there is none of that name"
    assert town.life() == before


def call(town, path, rows):
    """Call the gateway as the provider does."""
    body, at = json.dumps(rows).encode(), int(NOW.timestamp())
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": str(at),
        "webhook-signature": signature(key(SECRET), "m", at, body),
    }
    return httpx.post(f"{town.base}/gateway/sms/{path}", content=body, headers=headers, trust_env=False).status_code


def test_a_reply_code_of_a_drill_moves_the_drill_and_a_dead_number_in_it_marks_nobody(town):
    with town.engine.begin() as conn:
        n = schema.notices
        mine = n.c.realm == "drill", n.c.template == "offer"
        conn.execute(n.update().where(*mine).values(state="accepted", attempts=1, channel="sms", address=PHONE))
        row = conn.execute(select(n).where(*mine)).mappings().one()
        code = reply_codes.issue(conn, row, NOW)
    before = town.life()
    other = {"11": "12", "22": "21"}.get(code, code[::-1])
    said = [f"1 {code}", f"1 {code}", f"2 {code}", f"1 {other}" if other != code else "1 00"]
    answers = [{"sequence_id": f"{n}", "phone_number": PHONE, "content": text} for n, text in enumerate(said)]
    assert call(town, "reply", answers) == 200
    assert town.community.state(town.played) == "ACCEPTED"
    dead = {"phone_number": PHONE, "success": False, "err_code": "MOBILE_NOT_ON_SERVICE", "out_id": row["id"]}
    assert call(town, "receipt", [dead]) == 200
    assert town.life() == before
    assert town.community.state(town.real) == "SUSPECTED"
