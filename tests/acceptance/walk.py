"""The demo as a process, and the pictures that its walk leaves behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from benchmarks.world import get_json, until

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
LANGUAGES = {"zh": "zh_CN", "en": "en"}


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

    def start(self) -> float:
        """Start it and wait for its links; return the seconds until the pages answered."""
        self._starts += 1
        log = self.folder / f"demo-{self._starts}.log"
        command = [sys.executable, "-m", "shuian", "demo", "--data", str(self.data), "--port", str(self.port)]
        began = time.monotonic()
        with log.open("wb") as out:
            self._popen = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        until(lambda: get_json(f"{self.base}/healthz")["ok"], 120, "the demo's pages")
        served = time.monotonic() - began
        until(lambda: "Ctrl-C" in log.read_text("utf-8", "replace"), 120, "the demo's links")
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

    def enter(self) -> None:
        """Tap the one button of the link's page."""
        self.page.locator("main button").click()
        self.page.wait_for_url(re.compile(r"/(w|f|c)$"))

    def tap(self, do: str) -> None:
        """Tap a button of the case."""
        self.page.locator(f'button[name=do][value="{do}"]').first.click()

    def sees(self, do: str, seconds: float = 20) -> None:
        """Wait until a button is there."""
        self.page.locator(f'button[name=do][value="{do}"]').first.wait_for(state="attached", timeout=seconds * 1000)

    def gone(self, do: str) -> None:
        """Wait until a button is no longer there."""
        self.page.locator(f'button[name=do][value="{do}"]').first.wait_for(state="detached", timeout=20_000)

    def snap(self, name: str) -> None:
        """Take the page as it is, untouched."""
        self.page.screenshot(path=str(self.pictures / f"{name}.png"))

    def picture(self, name: str, at: str | None = None) -> None:
        """Take the page as it is: both languages, phone and desktop; `at` scrolls that element to the top."""
        for lang, value in LANGUAGES.items():
            self.context.add_cookies([{"name": "lang", "value": value, "url": self.host}])
            for size, viewport in (("phone", PHONE), ("desktop", DESKTOP)):
                self.page.set_viewport_size(viewport)
                self.page.reload()
                if at is not None:
                    self.page.locator(at).first.evaluate("e => e.scrollIntoView({block: 'center'})")
                self.page.screenshot(path=str(self.pictures / f"{name}-{lang}-{size}.png"))
        self.page.set_viewport_size(PHONE)
        self.context.add_cookies([{"name": "lang", "value": "zh_CN", "url": self.host}])
        self.page.reload()
