"""A real browser and a real server for tests of pages."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from starlette.types import ASGIApp

CHROMIUM = os.environ.get("SHUIAN_CHROMIUM", "/usr/bin/chromium")
ARGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser of this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve `app` on a free port of the loopback interface; gives its base URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@contextmanager
def reader(browser: Browser, **context) -> Iterator[tuple[BrowserContext, Page]]:
    """Open a page for somebody who reads one after another: each comes as if for the first time, and axe stands in it."""
    opened = browser.new_context(**context)
    try:
        page = opened.new_page()
        wire = opened.new_cdp_session(page)
        wire.send("Network.enable")
        wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.add_init_script(Axe().axe_script)
        yield opened, page
    finally:
        opened.close()


class Watched:
    """Listens to a page: what it asked of other hosts, and what it complained about."""

    def __init__(self, page: Page, base: str) -> None:
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("request", lambda request: self._asked(request.url, base))
        page.on(
            "console", lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, url: str, base: str) -> None:
        if url.startswith("data:"):
            return
        self.requests.append(url)
        if not url.startswith(base):
            self.foreign.append(url)


class Read:
    """What a page of a `reader` brought since it was last asked: the sizes of its requests, and what `Watched` found."""

    def __init__(self, page: Page, watched: Watched) -> None:
        self._watched, self._sizes = watched, []
        page.on("requestfinished", lambda request: self._sizes.append(request.sizes()))

    def sizes(self) -> list[dict[str, int]]:
        """Return the sizes of the requests since then."""
        sizes, self._sizes = self._sizes, []
        assert all(size["responseBodySize"] >= 0 for size in sizes), "it lay in the browser's cache"
        return sizes

    def complaints(self) -> list[str]:
        """Return what was asked of others and what was complained about since then."""
        found = self._watched.foreign + self._watched.complaints
        self._watched.foreign, self._watched.complaints = [], []
        return found


def not_accessible(page: Page, contrast: bool = True) -> list[str]:
    """Return what axe finds on a page of a `reader`, with every panel open.

    Contrast is four fifths of axe's work and is that of the colours, which do not know the language: one language is enough.
    """
    page.evaluate("document.querySelectorAll('details').forEach(panel => { panel.open = true })")
    # Only what is wrong comes back, and no path to it: all that is right weighs megabytes, and paths take a fifth of the time.
    asked = {"resultTypes": ["violations"], "selectors": False, "elementRef": True, "preload": False}
    asked["rules"] = {"color-contrast": {"enabled": contrast}}
    run = "asked => axe.run(asked).then(found => found.violations.map(v => [v.id, v.nodes.map(node => node.html)]))"
    return [f"axe {name}: {nodes}" for name, nodes in page.evaluate(run, asked)]


def sideways(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
