"""The operator's pages in a real browser, with everything going on at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import Read, Watched, chromium, not_accessible, reader, served, sideways
from tests.web.buildings import FALL, TRIP
from tests.web.conftest import Community
from tests.web.neighbourhood import NOW, quiet

pytestmark = pytest.mark.slow

SIZES = ((390, 844), (1440, 900))
WIDTHS = (320, 390, 768, 1440)
MOST_BYTES = 60_000
SMALL = """() => [...document.querySelectorAll('main button, main select, main input:not([type=hidden]), main summary, .home[href]')]
    .filter(el => el.offsetParent && el.getBoundingClientRect().height < (el.matches('.home') ? 26 : 38))
    .map(el => el.outerHTML.slice(0, 90))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@dataclass
class Desk:
    community: Community
    base: str
    cases: dict[str, str]

    @contextmanager
    def page(self, browser: Browser, lang: str = "zh_CN", size=SIZES[1], **context) -> Iterator[tuple[Page, Watched]]:
        opened = browser.new_context(viewport={"width": size[0], "height": size[1]}, **context)
        self.sign_in(opened, lang)
        page = opened.new_page()
        try:
            yield page, Watched(page, self.base)
        finally:
            opened.close()

    def sign_in(self, context: BrowserContext, lang: str) -> None:
        cookies = self.community.visitor("operator", "w9", lang).cookies
        context.add_cookies([{"name": name, "value": value, "url": self.base} for name, value in cookies.items()])

    @property
    def paths(self) -> list[str]:
        return [
            "/c", "/c/households", f"/c/households?building={quote('安和里 1 栋')}", f"/c/households/{TRIP}", "/c/meters",
            "/c/golive", "/c/golive/community",
            "/c/log", f"/c/case/{self.cases[FALL]}", "/c/report", "/c/report?month=2026-11",
            "/c/device?id=stranger", f"/c/device?id=new-7&since={int(NOW.timestamp() * 1000)}",
        ]  # fmt: skip


@pytest.fixture
def desk(quarter) -> Iterator[Desk]:
    community, cases = quarter
    with served(community.app) as base:
        yield Desk(community, base, cases)


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_every_page_of_the_desk_fits_is_light_asks_no_other_host_and_satisfies_axe(browser, desk, lang):
    faults = []
    with reader(browser) as (context, page):
        desk.sign_in(context, lang)
        read = Read(page, Watched(page, desk.base))
        for path in desk.paths:
            page.set_viewport_size(dict(zip(("width", "height"), SIZES[1], strict=True)))
            page.goto(desk.base + path)
            found = []
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 844})
                found += [f"sideways at {width}"] if sideways(page) > 0 else []
            for size, judged in zip(SIZES, ("zh_CN", "en"), strict=True):  # each size's colours once
                page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
                found += not_accessible(page, contrast=lang == judged)
            heavy = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in read.sizes())
            found += [f"{heavy} bytes"] if not 0 < heavy <= MOST_BYTES else []
            found += [f"too small: {html}" for html in page.evaluate(SMALL)]
            faults += [f"{path}: {fault}" for fault in found + read.complaints()]
    assert faults == []


def test_what_needs_hands_is_seen_without_scrolling(browser, desk):
    with desk.page(browser) as (page, _):
        page.goto(f"{desk.base}/c")
        for part in (".siren", ".areas", ".tiles", "#queue", "#map"):
            box = page.locator(part).first.bounding_box()
            assert box["y"] + box["height"] <= 900, part
        first = page.locator(".row-case").first.bounding_box()
        assert first["y"] + first["height"] <= 900
        last_floor = page.locator(".building").first.bounding_box()
        assert last_floor["y"] + last_floor["height"] <= 900


def test_an_absence_is_confirmed_in_place(browser, desk):
    with desk.page(browser) as (page, watched):
        page.goto(f"{desk.base}/c")
        page.evaluate("document.documentElement.dataset.same = 'yes'")
        page.get_by_role("button", name="确认外出").click()
        expect(page.get_by_role("button", name="确认外出")).to_have_count(0)
        assert page.evaluate("document.documentElement.dataset.same") == "yes"  # never loaded again
        assert watched.complaints == []


def test_what_happens_appears_by_itself_and_a_cell_leads_to_the_home(browser, desk):
    with desk.page(browser) as (page, watched):
        page.goto(f"{desk.base}/c")
        cell = page.locator('a.home[href="/c/households/b1-101"]')
        assert cell.get_attribute("class") == "home usual"
        desk.community.store.raise_finding(quiet("b1-101", "red", NOW), NOW)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(cell).to_have_class("home red")
        cell.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("101")
        assert watched.complaints == []


def test_an_absence_is_declared_and_found_without_script(browser, desk):
    with desk.page(browser, java_script_enabled=False) as (page, watched):
        page.goto(f"{desk.base}/c/households")
        page.get_by_label("找").fill("102")
        page.get_by_label("楼").select_option("安和里 1 栋")
        page.get_by_role("button", name="查找").click()
        page.locator(".row-home a").first.click()
        page.get_by_text("登记外出", exact=True).click()
        page.locator('button[value="away:3d"]').click()
        expect(page.locator(".is")).to_contain_text("外出，到")
        assert watched.complaints == []
