"""The demo as a process, the people who look at it, and the pictures that their tour leaves behind."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from alerts import database, texts
from alerts.access import new_link
from benchmarks.world import get_json, until

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
LANGUAGES = {"zh": "zh_CN", "en": "en"}
WORDS = texts.load()


def said(key: str) -> str:
    """Return the longest part of a Chinese sentence that is the same whatever is put into its slots."""
    return max(re.split(r"\{\w+\}", WORDS.by_language["zh_CN"][key]), key=len)


def three_free_ports() -> int:
    """Return the first of three neighbouring free ports."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                for more in (port + 1, port + 2):
                    with socket.socket() as other:
                        other.bind(("127.0.0.1", more))
            except (OSError, OverflowError):
                continue
        return port


class Demo:
    """`shuian demo` in a folder of its own; started, killed and started again like anybody's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = three_free_ports()
        self.data = folder / "demo-data"
        self.links: list[str] = []
        self._popen: subprocess.Popen[bytes] | None = None
        self._starts = 0

    def start(self, links_within: float = 240) -> float:
        """Start it and wait for its links; return the seconds until the pages answered."""
        self._starts += 1
        log = self.folder / f"demo-{self._starts}.log"
        command = [sys.executable, "-m", "shuian", "demo", "--data", str(self.data), "--port", str(self.port)]
        began = time.monotonic()
        with log.open("wb") as out:
            self._popen = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        until(lambda: get_json(f"{self.base}/healthz")["ok"], 120, "the demo's pages")
        served = time.monotonic() - began
        until(lambda: "Ctrl-C" in log.read_text("utf-8", "replace"), links_within, "the demo's links")
        self.links = re.findall(r"http://\S+/link/\S+", log.read_text("utf-8"))
        return served

    @property
    def base(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.port}"

    def messages(self, recipient: str) -> list[dict]:
        """Return what the simulated phones and mailboxes of `recipient` received, newest first."""
        every = get_json(f"http://127.0.0.1:{self.port + 1}/messages")
        return [one for one in every if recipient in one["recipient"]]

    def rows(self, query: str, *values: object) -> list[tuple]:
        """Ask the people's database, without touching it."""
        with closing(sqlite3.connect(f"file:{self.data / 'people.sqlite'}?mode=ro", uri=True)) as db:
            return db.execute(query, values).fetchall()

    def case(self, place: str, stream: str = "care") -> str | None:
        """Return the id of the newest case of a home."""
        query = "SELECT id FROM cases WHERE household = ? AND stream = ? ORDER BY opened_at DESC LIMIT 1"
        found = self.rows(query, f"h-{place}", stream)
        return found[0][0] if found else None

    def found(self) -> set[tuple[str, str, str]]:
        """Return (home, kind, severity) of every finding that holds."""
        rows = self.rows("SELECT household, kind, severity FROM findings WHERE cleared_at IS NULL")
        return {(home.removeprefix("h-"), kind, severity) for home, kind, severity in rows}

    def areas(self) -> list[tuple[str, str]]:
        """Return (kind, zone) of every area event that holds."""
        return self.rows("SELECT kind, zone FROM area_events WHERE ended_at IS NULL ORDER BY kind")

    def link(self, role: str, who: str, goto: str) -> str:
        """Write down another one-time link, as the service does for a notice."""
        engine = database.open(self.data / "people.sqlite")
        with engine.begin() as conn:
            token = new_link(conn, role, who, goto, datetime.now(UTC), timedelta(hours=1))
        engine.dispose()
        return f"{self.base}/link/{token}"

    def water_is_back(self, at: float) -> None:
        """Have the plumber come at `at` instead: the demo, which must not run, reads it at its next start."""
        file = self.data / "demo.json"
        state = json.loads(file.read_text("utf-8"))
        state["incidents"]["cut_end_s"] = at
        file.write_text(json.dumps(state), "utf-8")

    def kill(self) -> None:
        """Kill -9, everything that belongs to it."""
        os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(10)

    def kill_quietly(self) -> None:
        """Kill what is left of it."""
        if self._popen is not None and self._popen.poll() is None:
            self.kill()

    def stop(self) -> int:
        """Ctrl-C; return the exit code."""
        os.killpg(self._popen.pid, signal.SIGINT)
        return self._popen.wait(30)


class Person:
    """Somebody with a browser of their own who came in by a link."""

    def __init__(self, browser: Browser, link: str, pictures: Path) -> None:
        self.context: BrowserContext = browser.new_context(viewport=PHONE, locale="zh-CN")
        self.page: Page = self.context.new_page()
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.pictures = pictures
        self.host = re.match(r"http://[^/]+", link)[0]
        self.page.on(
            "request", lambda r: None if r.url.startswith((self.host, "data:")) else self.foreign.append(r.url)
        )
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.goto(link)

    def enter(self) -> "Person":
        """Tap the one button of the link's page."""
        self.page.locator("main button").click()
        self.page.wait_for_url(re.compile(r"/(w|f|c)$"))
        return self

    def go(self, path: str) -> "Person":
        """Open a page."""
        self.page.goto(self.host + path)
        return self

    def text(self) -> str:
        """Return what the page says, without its line breaks."""
        return self.page.locator("main").inner_text().replace("\n", "")

    def reads(self, *keys: str) -> None:
        """Check that the page says one of these sentences."""
        text = self.text()
        assert any(said(key) in text for key in keys), (self.page.url, keys, text)

    def waits(self, words: str, seconds: float = 30) -> None:
        """Reload the page until it says `words`."""

        def there() -> bool:
            self.page.reload()
            return words in self.text()

        until(there, seconds, f"the page to say {words!r}")

    def tap(self, do: str) -> None:
        """Tap a button."""
        self.page.locator(f'button[name=do][value^="{do}"]').first.click()

    def sees(self, do: str, seconds: float = 20) -> None:
        """Wait until a button is there."""
        self.page.locator(f'button[name=do][value^="{do}"]').first.wait_for(state="attached", timeout=seconds * 1000)

    def gone(self, do: str) -> None:
        """Wait until a button is no longer there."""
        self.page.locator(f'button[name=do][value^="{do}"]').first.wait_for(state="detached", timeout=20_000)

    def snap(self, name: str) -> None:
        """Take the page as it is, untouched."""
        self.page.screenshot(path=str(self.pictures / f"{name}.png"))

    def picture(self, name: str, *sizes: str, at: str | None = None) -> None:
        """Take the page in both languages; `sizes`: phone (if none is named), desktop; `at` scrolls an element into view."""
        for lang, value in LANGUAGES.items():
            self.context.add_cookies([{"name": "lang", "value": value, "url": self.host}])
            for size in sizes or ("phone",):
                self.page.set_viewport_size(PHONE if size == "phone" else DESKTOP)
                self.page.reload()
                if at is not None:
                    self.page.locator(at).first.evaluate("e => e.scrollIntoView({block: 'center'})")
                self.page.screenshot(path=str(self.pictures / f"{name}-{lang}-{size}.png"))
        self.page.set_viewport_size(PHONE)
        self.context.add_cookies([{"name": "lang", "value": "zh_CN", "url": self.host}])
        self.page.reload()
