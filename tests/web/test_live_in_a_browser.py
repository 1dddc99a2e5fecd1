"""Pages that renew themselves, and every story on the phones of worker and family, in a real browser."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import insert

from alerts import absence, access, schema
from alerts.events import Accepted, OutcomeRecorded
from alerts.web.site import SESSION_COOKIES
from tests.browser import Watched, chromium, not_accessible, reader, served
from tests.web.buildings import CUT_FALL, DEAD, FALL, GONE, LEAK, PLACES, RUNNING, SOS, TAP, TRIP
from tests.web.conftest import Community
from tests.web.neighbourhood import quiet
from tests.web.test_in_a_browser import too_heavy, too_small, too_wide

pytestmark = pytest.mark.slow

SOON_MS = 5_000
"""Far less than a page waits before it asks by itself. [ms]"""
VISIBLE = """() => { Object.defineProperty(document, "hidden", { configurable: true, get: () => window.away === true });
    window.turn = away => { window.away = away; document.dispatchEvent(new Event("visibilitychange")); }; }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def opened(
    browser: Browser, community: Community, role: access.Role, person: str, **more
) -> Iterator[tuple[Page, str]]:
    """Open a phone of somebody on a served neighbourhood."""
    with served(community.app) as base:
        context = browser.new_context(viewport={"width": 390, "height": 844}, **more)
        sign_in(context, base, community, role, person)
        page = context.new_page()
        try:
            yield page, base
        finally:
            context.close()
            community.hub.close()


def sign_in(
    context: BrowserContext, base: str, community: Community, role: access.Role, person: str, lang: str = "zh_CN"
) -> None:
    cookies = community.visitor(role, person, lang).cookies
    context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies.items()])


def until(done) -> None:
    end = time.monotonic() + 5
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_others_do_shows_by_itself_and_nothing_that_was_open_or_typed_is_lost(browser, community):
    case = community.accepted("h1")
    community.tap(case, OutcomeRecorded("worker:w1", "SAFE_AT_HOME"))
    with opened(browser, community, "worker", "w1") as (page, base):
        watched = Watched(page, base)
        page.goto(f"{base}/w/a/{case}")
        page.locator("#away > summary").click()
        page.locator("input[name=until]").fill("2026-11-25")
        page.locator("#away > summary").focus()
        until(lambda: community.hub.open == 1)
        with community.engine.begin() as conn:
            row = {"start": community.now, "end": community.now + timedelta(days=2), "by": "女儿"}
            conn.execute(insert(schema.absences).values(household="h1", **row))
        community.hub.changed({"h1"})
        expect(page.get_by_text("女儿登记")).to_be_visible(timeout=SOON_MS)
        assert page.locator("#away").get_attribute("open") is not None
        assert page.locator("input[name=until]").input_value() == "2026-11-25"
        assert page.evaluate("document.activeElement.parentNode.id") == "away"
        assert watched.complaints == []


def test_a_page_that_nobody_looks_at_holds_no_stream_and_is_up_to_date_when_somebody_does(browser, community):
    case = community.red("h1")
    with opened(browser, community, "worker", "w1") as (page, base):
        page.goto(f"{base}/w")
        until(lambda: community.hub.open == 1)
        page.evaluate(VISIBLE)
        page.evaluate("turn(true)")
        until(lambda: community.hub.open == 0)
        community.tap(case, Accepted("worker:w2"))
        page.evaluate("turn(false)")
        expect(page.get_by_text("李敏")).to_be_visible(timeout=SOON_MS)
        until(lambda: community.hub.open == 1)


def test_without_a_stream_the_page_asks_by_itself(browser, community):
    case = community.red("h1")
    community.hub.close()
    with opened(browser, community, "worker", "w1") as (page, base):
        page.clock.install()
        page.goto(f"{base}/w")
        expect(page.get_by_text("还没有人接单")).to_be_visible()
        community.tap(case, Accepted("worker:w2"))
        page.clock.fast_forward(31_000)
        expect(page.get_by_text("李敏")).to_be_visible(timeout=SOON_MS)


def test_a_session_that_was_ended_leaves_nothing_on_the_screen(browser, community):
    community.red("h1")
    community.hub.beat_s = 0.2
    with opened(browser, community, "worker", "w1") as (page, base):
        page.goto(f"{base}/w")
        expect(page.get_by_text("502")).to_be_visible()
        token = next(c["value"] for c in page.context.cookies() if c["name"] == SESSION_COOKIES["worker"])
        with community.engine.begin() as conn:
            access.end_session(conn, token)
        expect(page.get_by_text("请从消息里打开").last).to_be_visible(timeout=SOON_MS)
        expect(page.get_by_text("502")).to_have_count(0)


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_family_declares_a_journey_and_ends_it(browser, community, script):
    with opened(browser, community, "family", "c1", java_script_enabled=script) as (page, base):
        page.goto(f"{base}/f")
        page.locator("#away > summary").click()
        page.get_by_role("button", name="3 天").click()
        expect(page.get_by_text("已声明外出")).to_be_visible()
        expect(page.get_by_text("等社区确认")).to_be_visible()
        page.get_by_role("button", name="已回家").click()
        expect(page.get_by_text("今天一切正常")).to_be_visible()
        page.locator("#away > summary").click()
        page.locator("input[name=until]").fill("2026-11-20")
        page.get_by_role("button", name="登记到这一天").click()
        expect(page.get_by_text("已声明外出")).to_be_visible()


def test_a_worker_says_until_when_somebody_is_out_without_script(browser, quarter):
    community, cases = quarter
    with opened(browser, community, "worker", "w1", java_script_enabled=False) as (page, base):
        page.goto(f"{base}/w/a/{cases[GONE]}")
        page.locator("form.answer").get_by_role("button", name="一周").click()
        expect(page.get_by_text("外出").first).to_be_visible()
    assert community.state(cases[GONE]) == "CLOSED"


def phones(cases: dict[str, str], ended: str) -> list[tuple[access.Role, str, str]]:
    """Return (role, person, path) of each story on a worker's and a family's phone."""
    shown = [cases[home] for home in (RUNNING, LEAK, GONE, SOS, DEAD)]
    return [
        ("worker", "w1", "/w"),
        ("worker", "w1", "/w?tab=slow"),
        ("worker", "w2", "/w"),
        *(("worker", "w1", f"/w/a/{case}") for case in (*shown, ended)),
        *(("worker", "w2", f"/w/a/{cases[home]}") for home in (CUT_FALL, "b3-201")),
        *(("family", f"{home}-c", "/f") for home in (FALL, TAP, LEAK, TRIP, SOS, DEAD, "b2-402", "b3-201", CUT_FALL)),
    ]


@pytest.fixture
def busy_list(quarter):
    """The buildings with twelve more urgent cases, and one that ended with a journey after it."""
    community, cases = quarter
    for place in [place for place in PLACES if place.building == 1 and place.home not in cases][:12]:
        community.store.raise_finding(quiet(place.home, "red", community.now), community.now)
    community.tap(cases[FALL], OutcomeRecorded("operator:w9", "SAFE_AT_HOME"))
    with community.engine.begin() as conn:
        week = community.now, community.now + timedelta(days=7)
        absence.declare(conn, FALL, f"contact:{FALL}-c", *week, community.now, community.store.policy)
    return community, cases


def test_phone_pages_are_light_when_they_come_for_the_first_time(browser, busy_list):
    community, cases = busy_list
    faults = []
    with served(community.app) as base:
        for role, person, path in (
            ("worker", "w1", "/w"),
            ("worker", "w1", f"/w/a/{cases[GONE]}"),
            ("family", f"{TRIP}-c", "/f"),
        ):
            context = browser.new_context(viewport={"width": 390, "height": 844})
            sign_in(context, base, community, role, person)
            page, sizes = context.new_page(), []
            page.on("requestfinished", lambda request, sizes=sizes: sizes.append(request.sizes()))
            page.goto(base + path, wait_until="networkidle")
            faults += [f"{path}: {fault}" for fault in too_heavy(sizes)]
            context.close()
        community.hub.close()
    assert faults == []


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_every_story_fits_a_phone_and_satisfies_axe(browser, busy_list, lang):
    community, cases = busy_list
    faults = []
    with served(community.app) as base, reader(browser, viewport={"width": 390, "height": 844}) as (context, page):
        watched = Watched(page, base)
        for role, person, path in phones(cases, cases[FALL]):
            sign_in(context, base, community, role, person, lang)
            page.goto(base + path)
            found = too_small(page) + not_accessible(page, contrast=lang == "zh_CN")  # which opens every panel
            found += too_wide(page)
            page.set_viewport_size({"width": 390, "height": 844})
            faults += [f"{path} of {person}: {fault}" for fault in found]
        page.goto("about:blank")  # nobody listens any more
        community.hub.close()
    assert faults + watched.foreign + watched.complaints == []
