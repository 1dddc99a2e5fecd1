"""The pages of drills in a real browser, and their report on real paper."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from shuian import rehearsals
from shuian.rehearsals import Rehearsals
from tests.browser import Read, Watched, chromium, not_accessible, reader, served, sideways
from tests.web.conftest import settled
from tests.web.rehearsed import begin, forty, over, stage, strike, told, well

pytestmark = pytest.mark.slow

SIZES = ((390, 844), (1440, 900))
WIDTHS = (320, 390, 768, 1440)
MOST_BYTES = 60_000
PAPER_PX = round((210 - 2 * 12) / 25.4 * 96)
"""What A4 leaves between the margins of the report, in CSS pixels."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def past(tmp_path_factory, people, catalogues):
    """The database after drills: one that went well, one of forty homes, one that was stopped, one that runs."""
    folder = tmp_path_factory.mktemp("past")
    shutil.copy(people, folder / "people.sqlite")
    with settled(folder, catalogues) as community:
        return folder, _lived(community), community.now


def _lived(community):
    homes = stage(community, 40)
    runs = {"well": well(community, homes[0])}
    community.later(hours=5)
    runs["forty"] = forty(community, homes)
    runs["stopped"] = begin(community, "worker_does_not_answer", homes[:1])
    strike(community, runs["stopped"], homes[0])
    told(community)
    over(community, runs["stopped"], "asked")
    runs["running"] = begin(community, "fall_at_night", homes[:1])
    strike(community, runs["running"], homes[0])
    told(community)
    return runs


@pytest.fixture
def street(tmp_path, past, catalogues):
    """That database, with the service's player."""
    folder, runs, now = past
    shutil.copy(folder / "people.sqlite", tmp_path / "people.sqlite")
    with settled(tmp_path, catalogues) as community:
        community.now = now
        yield from _served(community, runs)


def _served(community, runs):
    player = Rehearsals(community.store, lambda: community.now)
    player.serve(community.app)
    community.app.state.site = replace(community.app.state.site, player=player)
    with served(community.app) as base:
        yield community, base, runs
    player.close()


def sign_in(context, community, base, lang):
    cookies = community.visitor("operator", "w9", lang).cookies
    context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies.items()])


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_every_page_of_drills_fits_is_light_asks_no_other_host_and_satisfies_axe(browser, street, lang):
    community, base, runs = street
    paths = [
        "/c/drills",
        "/c/drills/new?script=fall_at_night",
        *(f"/c/drills/{runs[run]}" for run in ("running", "forty")),
    ]
    faults = []
    with reader(browser) as (context, page):
        sign_in(context, community, base, lang)
        read = Read(page, Watched(page, base))
        for path in [*paths, f"/c/drills/{runs['forty']}/report"]:
            page.goto(base + path)
            found = []
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 844})
                found += [f"sideways at {width}"] if sideways(page) > 0 else []
            for (width, height), judged in zip(SIZES, ("zh_CN", "en"), strict=True):  # each size's colours once
                page.set_viewport_size({"width": width, "height": height})
                found += not_accessible(page, contrast=lang == judged)
            heavy = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in read.sizes())
            found += [f"{heavy} bytes"] if not 0 < heavy <= MOST_BYTES else []
            faults += [f"{path}: {fault}" for fault in found + read.complaints()]
    assert faults == []


@contextmanager
def printed(browser, street, lang, run):
    """Open a report as a printer sees it."""
    community, base, runs = street
    with reader(browser) as (context, page):
        sign_in(context, community, base, lang)
        page.goto(f"{base}/c/drills/{runs[run]}/report")
        page.emulate_media(media="print")
        page.set_viewport_size({"width": PAPER_PX, "height": 900})
        yield page


def sheets(page):
    """Return how many sheets of A4 a page is, from its PDF."""
    pdf = page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(595, 842)}
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


@pytest.mark.parametrize(
    ("run", "most", "lang"), [("well", 1, "en"), ("stopped", 1, "zh_CN"), ("forty", 2, "zh_CN"), ("forty", 2, "en")]
)
def test_a_report_is_one_or_two_sheets_with_nothing_cut_off_and_no_bars_or_buttons(browser, street, run, most, lang):
    with printed(browser, street, lang, run) as page:
        assert 1 <= sheets(page) <= most
        assert sideways(page) <= 0
        cut = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.textContent)"
        assert page.locator(".paper td, .paper th, .paper dd").evaluate_all(cut) == []
        for bar in page.locator("nav, form, button, .top .bar, .foot").all():
            expect(bar).to_be_hidden()
        head = page.locator(".paper-head")
        expect(head).to_contain_text({"zh_CN": "演练", "en": "DRILL"}[lang])
        expect(head).to_contain_text(re.compile(r"2026-11-18 \d\d:\d\d"))


def test_the_head_of_a_report_stands_on_every_sheet(browser, street):
    def heads():
        """Return how many copies of the head are printed: it has the only link, and each sheet lists all its copies."""
        return page.pdf(prefer_css_page_size=True).count(b"/URI (") / sheets(page)

    with printed(browser, street, "zh_CN", "well") as page:
        assert (sheets(page), heads()) == (1, 1)
        more = "rows => { for (let n = 0; n < 80; n++) rows[0].parentNode.append(rows[0].cloneNode(true)) }"
        page.locator(".paper .lines tbody tr").evaluate_all(more)
        assert sheets(page) > 2
        assert heads() == sheets(page)


def test_the_score_of_a_drill_appears_by_itself_and_it_is_stopped_in_two_steps(browser, street):
    community, base, runs = street
    with reader(browser, viewport={"width": 1440, "height": 900}) as (context, page):
        sign_in(context, community, base, "zh_CN")
        watched = Watched(page, base)
        page.goto(f"{base}/c/drills/{runs['running']}")
        expect(page.locator(".stands")).to_contain_text("3 / 7")
        community.now += timedelta(minutes=11)  # nobody accepted in time
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(".verdict.missed").first).to_be_visible()
        expect(page.get_by_role("button", name="现在停止")).to_be_hidden()
        page.get_by_text("停止演练…").click()
        page.get_by_role("button", name="现在停止").click()
        expect(page.locator(".drill-facts")).to_contain_text("值班室 停止了它")
        assert watched.complaints == []


def test_a_drill_is_started_without_script(browser, street, monkeypatch):
    monkeypatch.setattr(rehearsals, "BEGINS_S", 25.0)  # on a busy machine
    community, base, runs = street
    over(community, runs["running"])
    context = browser.new_context(java_script_enabled=False)
    try:
        sign_in(context, community, base, "zh_CN")
        page = context.new_page()
        page.goto(f"{base}/c/drills")
        page.get_by_role("link", name="开始演练：出门一天").click()
        page.get_by_role("button", name="现在开始（桌面演练）").click(timeout=60_000)
        expect(page.get_by_role("heading", level=1)).to_contain_text("出门一天")
        expect(page.locator("body")).to_have_class("drill")
        page.get_by_text("停止演练…").click()
        page.get_by_role("button", name="现在停止").click()
        expect(page.locator(".drill-facts")).to_contain_text("停止了它")
    finally:
        context.close()
