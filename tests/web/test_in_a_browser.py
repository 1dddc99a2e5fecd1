"""The pages in a real browser on a real server: nothing foreign, nothing sideways, and they work without script."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import insert

from alerts import schema, web
from alerts.events import Accepted, Arrived, OutcomeRecorded, SetOff
from tests.browser import Read, Watched, chromium, not_accessible, reader, served, sideways
from tests.web.conftest import Community
from tests.web.neighbourhood import NOW, meter_silent, morning_person, water

pytestmark = pytest.mark.slow

PHONE, DESK = (390, 844), (1440, 900)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@dataclass
class Town:
    community: Community
    base: str
    cases: dict[str, str]

    @contextmanager
    def page(
        self, browser, role=None, person="", lang="zh_CN", size=PHONE, **context
    ) -> Iterator[tuple[Page, Watched]]:
        opened = browser.new_context(viewport={"width": size[0], "height": size[1]}, **context)
        self.sign_in(opened, role, person, lang)
        page = opened.new_page()
        try:
            yield page, Watched(page, self.base)
        finally:
            opened.close()

    def sign_in(self, context: BrowserContext, role, person, lang) -> None:
        cookies = self.community.visitor(role, person, lang).cookies
        context.add_cookies([{"name": name, "value": value, "url": self.base} for name, value in cookies.items()])

    def everywhere(self) -> list[tuple[str, str, str]]:
        """Return (role, person, path) of every kind of page."""
        cases, link = self.cases, self.community.link("worker", "w1", "/w")
        return [
            ("worker", "w1", "/w"),
            ("worker", "w1", "/w?tab=done"),
            ("worker", "w5", "/w"),
            ("worker", "w1", f"/w/a/{cases['waiting']}"),
            ("worker", "w1", f"/w/a/{cases['mine']}"),
            ("worker", "w2", f"/w/a/{cases['there']}"),
            ("worker", "w1", f"/w/a/{cases['done']}"),
            ("worker", "w1", f"/w/a/{cases['mine']}/help"),
            ("worker", "w1", "/w/me"),
            ("worker", "w3", "/w/golive"),
            *(("family", f"c{n}", "/f") for n in range(1, 6)),
            ("operator", "w9", "/c"),
            ("operator", "w9", f"/c/case/{cases['waiting']}"),
            (None, "", "/login"),
            (None, "", f"/link/{link}"),
            (None, "", "/w"),
            ("worker", "w1", "/w/a/nothing"),
        ]


@pytest.fixture
def town(community: Community) -> Iterator[Town]:
    """The neighbourhood with a case in every state."""
    community.now = NOW - timedelta(hours=4)
    done = community.accepted("h4")
    community.tap(done, OutcomeRecorded("worker:w1", "SAFE_AT_HOME", "guest"))
    community.now = NOW - timedelta(minutes=20)
    mine = community.accepted("h3")
    there = community.accepted("h5", "w2")
    for event in (SetOff("worker:w2"), Arrived("worker:w2")):
        community.tap(there, event)
    community.now = NOW
    waiting = community.red("h1")
    community.amber("h2")
    community.store.raise_finding(meter_silent("h4"), NOW)
    with community.engine.begin() as conn:
        conn.execute(insert(schema.absences).values(household="h5", start=NOW, end=NOW + timedelta(days=1), by="x"))
    community.readings.weeks = {"h1": morning_person(NOW.date(), NOW - timedelta(minutes=25), True, gap=True)}
    community.readings.waters = {"h1": water(NOW, NOW - timedelta(hours=13, minutes=20))}
    with served(community.app) as base:
        yield Town(community, base, {"done": done, "mine": mine, "there": there, "waiting": waiting})


HEIGHTS = """() => [...document.querySelectorAll('main button, main .button, main summary, header a, footer button')]
    .filter(el => el.offsetParent).map(el => [el.textContent.trim(), el.getBoundingClientRect().height])"""
MAIN_BUTTONS = ("接单", "已出发", "已到场", "拨打 120", "Accept", "Set off", "Arrived", "Call 120")


def too_wide(page: Page) -> list[str]:
    """Return the windows in which the page has to be moved sideways, the last with text as large as care mode's."""
    faults = []
    for width in (320, 360, 390, 768, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        if sideways(page) > 0:
            faults.append(f"sideways at {width}")
    page.set_viewport_size({"width": 360, "height": 780})
    page.evaluate("document.documentElement.style.fontSize = '25.2px'")  # 18 px x 1.4: WeChat's care mode
    if sideways(page) > 0:
        faults.append("sideways with large text")
    page.evaluate("document.documentElement.style.fontSize = ''")
    return faults


def too_small(page: Page) -> list[str]:
    """Return what a thumb cannot hit: below 44 px, or 60 px for the main button."""
    wanted = [(text, height, 60 if text in MAIN_BUTTONS else 44) for text, height in page.evaluate(HEIGHTS)]
    return [f"{text!r} is {height} px high" for text, height, least in wanted if height < least]


def too_heavy(sizes: list[dict[str, int]]) -> list[str]:
    """Return the budget of a phone page if it is exceeded: 4 requests, 20 kB over the wire."""
    total = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    return [] if len(sizes) <= 4 and 0 < total <= 20_000 else [f"{len(sizes)} requests, {total} bytes"]


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_every_page_fits_is_light_asks_no_other_host_and_satisfies_axe(browser, town, lang):
    faults = []
    with reader(browser) as (context, page):
        read = Read(page, Watched(page, town.base))
        for role, person, path in town.everywhere():
            phone = role in ("worker", "family")
            context.clear_cookies()
            town.sign_in(context, role, person, lang)
            page.set_viewport_size(dict(zip(("width", "height"), PHONE, strict=True)))
            page.goto(town.base + path)
            found = (too_small(page) if phone else []) + too_wide(page)
            sizes = read.sizes()
            found += too_heavy(sizes) if phone else []
            page.set_viewport_size(dict(zip(("width", "height"), PHONE if phone else DESK, strict=True)))
            found += not_accessible(page, contrast=lang == "zh_CN")
            found += [line for line in read.complaints() if "status of 40" not in line]
            faults += [f"{path}: {fault}" for fault in found]
    assert faults == []


@pytest.mark.parametrize(("contrast", "faults"), [(True, {"button-name", "color-contrast"}), (False, {"button-name"})])
def test_axe_names_what_is_wrong(browser, contrast, faults):
    with reader(browser) as (_, page):
        pale = "<button></button><p style=color:silver>pale</p>"
        page.goto(f"data:text/html,<html lang=en><title>t</title><main><h1>h</h1>{pale}</main>")
        assert {fault.split()[1].rstrip(":") for fault in not_accessible(page, contrast)} == faults


def test_no_colour_depends_on_the_language():
    """So that contrast, which is judged in one language, holds in both: they differ by the family of letters alone."""
    style = (Path(web.__file__).parent / "static" / "shuian.css").read_text("utf-8")
    by_language = re.findall(r"[^{}]*(?:lang)[^{}]*\{([^}]*)\}", style)
    assert by_language
    assert [rule for rule in by_language if not re.fullmatch(r"\s*font-family:[^;]*;\s*", rule)] == []


def test_the_whole_way_works_without_script(browser, town):
    with town.page(browser, "worker", "w1", java_script_enabled=False) as (page, watched):
        page.goto(f"{town.base}/w")
        page.locator(f"#case-{town.cases['waiting']}").click()
        assert page.locator("svg.days").count() == 1
        page.get_by_text("看数字").click()
        assert page.locator("table.numbers").is_visible()
        for word in ("接单", "已出发", "已到场"):
            page.get_by_role("button", name=word, exact=True).click()
        page.locator("#outcomes > summary").click()
        page.get_by_text("误报").click()
        page.get_by_role("button", name="有客或作客").click()
        expect(page.get_by_text("平安（有客或作客）").first).to_be_visible()
        assert watched.complaints == []
    assert town.community.state(town.cases["waiting"]) == "CLOSED"


def test_a_tap_changes_the_page_in_place_and_can_be_undone(browser, town):
    with town.page(browser, "worker", "w1") as (page, watched):
        page.goto(f"{town.base}/w/a/{town.cases['waiting']}")
        page.evaluate("document.documentElement.dataset.same = 'yes'")
        page.get_by_role("button", name="接单", exact=True).click()
        expect(page.get_by_role("button", name="已出发")).to_be_visible()
        page.get_by_role("button", name="撤销").click()
        expect(page.get_by_role("button", name="接单", exact=True)).to_be_visible()
        assert page.evaluate("document.documentElement.dataset.same") == "yes"  # never loaded again
        assert watched.complaints == []
    assert town.community.state(town.cases["waiting"]) == "AWAITING"


def test_what_others_do_appears_by_itself_and_open_panels_stay_open(browser, town):
    with town.page(browser, "worker", "w1") as (page, watched):
        page.goto(f"{town.base}/w/a/{town.cases['waiting']}")
        page.locator("#numbers > summary").focus()
        page.keyboard.press("Enter")
        town.community.tap(town.cases["waiting"], Accepted("worker:w2"))
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.get_by_text("李敏 在处理，不用您做什么。")).to_be_visible()
        assert page.locator("#numbers").get_attribute("open") is not None
        assert page.evaluate("document.activeElement.parentNode.id") == "numbers"
        assert watched.complaints == []


def test_a_tap_without_network_waits_on_the_page_and_is_sent_once(browser, town):
    with town.page(browser, "worker", "w1") as (page, _):
        page.goto(f"{town.base}/w/a/{town.cases['waiting']}")
        page.context.set_offline(True)
        page.get_by_role("button", name="接单", exact=True).click()
        expect(page.locator("#unsent")).to_be_visible()
        assert town.community.state(town.cases["waiting"]) == "AWAITING"
        page.context.set_offline(False)
        expect(page.get_by_role("button", name="已出发")).to_be_visible(timeout=10_000)
    assert town.community.state(town.cases["waiting"]) == "ACCEPTED"


def test_a_page_that_cannot_see_says_since_when(browser, town):
    with town.page(browser, "worker", "w1") as (page, _):
        page.goto(f"{town.base}/w")
        page.context.set_offline(True)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.get_by_text("没有网络，10:40 之后的变化看不到。")).to_be_visible()
        page.context.set_offline(False)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator("#blind")).to_be_hidden()


def test_the_bar_never_covers_what_has_the_focus(browser, town):
    covered = """() => { const a = document.activeElement, bar = document.querySelector('.actions');
        if (!bar || bar.contains(a) || a === document.body) return false;
        const here = a.getBoundingClientRect(), there = bar.getBoundingClientRect();
        return here.bottom > there.top + 1 && here.top < there.bottom - 1; }"""
    with town.page(browser, "worker", "w1", size=(390, 640)) as (page, _):
        page.goto(f"{town.base}/w/a/{town.cases['waiting']}")
        for _ in range(14):
            page.keyboard.press("Tab")
            assert not page.evaluate(covered), page.evaluate("document.activeElement.outerHTML")


def test_the_panel_of_outcomes_fits_and_scrolls_on_a_small_phone(browser, town):
    with town.page(browser, "worker", "w2", size=(320, 568)) as (page, _):
        page.goto(f"{town.base}/w/a/{town.cases['there']}")
        page.locator("#outcomes > summary").click()
        page.locator("#more > summary").click()
        for summary in page.locator("#deceased > summary").all():
            summary.click()
        sheet = page.locator(".sheet").first.bounding_box()
        assert sheet["y"] >= 0
        assert sheet["x"] == 0
        assert sheet["width"] == 320
        page.get_by_role("button", name="确认记录").click()
        expect(page.get_by_text("老人已离世").first).to_be_visible()
