"""The pages of applications and consents in a real browser: they fit, ask no other host, and satisfy axe."""

from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe

from alerts import consent
from alerts.web.site import SESSION_COOKIES
from tests.browser import Watched, chromium, served, sideways
from tests.web.test_apply import FORM, WANTS

pytestmark = pytest.mark.slow
PAGES = [
    (None, "", "/apply"), ("resident", "r1", "/r"), ("operator", "w9", "/c/consents"),
    ("operator", "w9", "/c/consents/r1"), ("operator", "w9", "/c/applications"),
]  # fmt: skip


@pytest.fixture
def asked(community):
    """A text to answer, a case in review, and an application to take on."""
    site = community.app.state.site
    community.app.state.site = replace(site, settings=replace(site.settings, formats={"native": False}))
    with community.engine.begin() as conn:
        now = community.now
        consent.publish(conn, "monitor", "2", "新的看护说明", "A new text on watching", now, "cli", now)
    community.visitor().post("/apply", **(FORM | {"wants": list(WANTS)}))
    return community


def test_every_page_fits_asks_no_other_host_and_satisfies_axe(asked):
    faults = []
    cookies = {
        (role, lang): asked.visitor(role, who, lang).cookies
        for role, who, _ in PAGES for lang in ("zh_CN", "en")
    }  # fmt: skip
    assert set(SESSION_COOKIES) == {"worker", "family", "operator", "resident"}
    with served(asked.app) as base, chromium() as browser:
        for lang in ("zh_CN", "en"):
            for role, _, path in PAGES:
                opened = browser.new_context(viewport={"width": 390, "height": 844})
                opened.add_cookies([{"name": k, "value": v, "url": base} for k, v in cookies[role, lang].items()])
                page = opened.new_page()
                watched = Watched(page, base)
                page.goto(base + path)
                page.evaluate("document.querySelectorAll('details').forEach(panel => { panel.open = true })")
                for width in (320, 390, 1440):
                    page.set_viewport_size({"width": width, "height": 844})
                    if sideways(page) > 0:
                        faults.append(f"{path} {lang}: sideways at {width}")
                faults += [f"{path} {lang}: {v['id']}" for v in Axe().run(page).response["violations"]]
                faults += watched.foreign + watched.complaints
                opened.close()
    assert faults == []
