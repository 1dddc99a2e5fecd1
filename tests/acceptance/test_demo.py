"""The whole demo through a browser: every picture of the documentation is taken here, so that none can rot.

One life in one order, as a visitor would live it: a tap left open is accepted and ended; a fall nobody answers goes to
the backup; everything is killed; it comes back; the fall ends at the door.
"""

import os
import re
from pathlib import Path

import pytest

from benchmarks.world import until
from tests.acceptance.walk import Demo, Person
from tests.browser import chromium

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2]


def case_of(person: Person, door: str, seconds: float = 60) -> None:
    """Open the case of the home with this door from the worker's list."""
    card = person.page.locator('a[href^="/w/a/"]', has_text=door).first

    def there() -> bool:
        person.page.goto(f"{person.host}/w")
        return card.count() > 0

    until(there, seconds, f"a case of {door}")
    card.click()
    person.page.wait_for_url(re.compile(r"/w/a/"))


def reads(person: Person, words: str, seconds: float = 30) -> None:
    """Reload the page until it says `words`."""

    def there() -> bool:
        person.page.reload()
        return words in person.page.locator("main").inner_text().replace("\n", "")

    until(there, seconds, f"the page to say {words!r}")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = Path(os.environ.get("SHUIAN_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_the_walk_from_the_first_message_to_the_last_sentence(tmp_path, pictures):
    demo = Demo(tmp_path)
    assert demo.start() < 60, "pages within a minute"
    try:
        with chromium() as browser:
            people = [Person(browser, link, pictures) for link in demo.links]
            worker, backup, daughter, son, operator = people
            worker.picture("link")
            for person in people:
                person.enter()

            # A tap left open: told at once, accepted, gone to, ended.
            case_of(worker, "402", 240)
            worker.picture("worker-case-tap")
            worker.tap("accept")
            worker.sees("set_off")
            worker.picture("worker-accepted")
            reads(son, "社区工作人员")
            son.picture("family-underway")
            worker.tap("set_off")
            worker.sees("arrived")
            worker.tap("arrived")
            worker.gone("arrived")
            worker.page.locator('summary:has-text("结果")').first.click()
            worker.snap("worker-outcome-zh-phone")
            worker.page.locator('summary:has-text("更多")').first.click()
            worker.tap("outcome:TAP_LEFT_OPEN")
            worker.sees("undo")
            until(
                lambda: any("漏水" in m["text"] or "水龙头" in m["text"] for m in demo.messages("family-402")),
                40,
                "news",
            )

            # A fall: the first worker does not answer, the backup is asked a minute later.
            until(
                lambda: any("紧急" in m["text"] for m in demo.messages("wang") if "301" in m["text"]),
                300,
                "red for 301",
            )
            case_of(worker, "301")
            worker.picture("worker-case-red")
            worker.picture("worker-case-water", at="svg[role=img]")
            worker.page.goto(f"{worker.host}/w")
            worker.picture("worker-list")
            daughter.picture("family-open")
            operator.picture("operator")
            until(lambda: demo.messages("li@"), 120, "the backup to be asked")
            case_of(backup, "301")
            backup.tap("accept")
            backup.sees("set_off")
            sent = {m["notice"]: m["repeats"] for m in demo.messages("")}

            # Everything dies; everything is there again.
            demo.kill()
            demo.start()
            assert {m["notice"] for m in demo.messages("")} >= set(sent)
            case_of(backup, "301")
            backup.sees("set_off")
            backup.picture("worker-after-restart")
            case_of(worker, "301")
            assert worker.page.locator('button[value="accept"]').count() == 0, "taken is taken"
            worker.page.goto(f"{worker.host}/w?tab=done")
            assert "402" in worker.page.locator("main").inner_text()

            # At the door.
            backup.tap("set_off")
            backup.sees("arrived")
            backup.tap("arrived")
            backup.gone("arrived")
            backup.page.goto(backup.page.url.split("?")[0] + "/help")
            backup.picture("worker-help")
            backup.tap("outcome:HELPED")
            until(
                lambda: any("已到场协助" in m["text"] for m in demo.messages("family-301")),
                40,
                "the family's last sentence",
            )
            daughter.picture("family-helped")
            phones = Person(browser, f"http://127.0.0.1:{demo.port + 1}/?lang=zh", pictures)
            phones.snap("phones-zh-phone")
            for person in [*people, phones]:
                assert person.foreign == []
                assert [c for c in person.complaints if "ERR_" not in c and "Failed to load" not in c] == []
        assert demo.stop() == 0
    finally:
        demo.kill_quietly()


def test_every_picture_that_the_documentation_shows_is_taken_by_the_walk(pictures):
    taken = {file.name for file in pictures.glob("*.png")}
    for page in (*DOCS.glob("*.md"), *DOCS.glob("docs/*.md")):
        for shown in re.findall(r"pictures/([\w-]+\.png)", page.read_text("utf-8")):
            assert shown in taken, f"{page.name} shows {shown}"
            assert (DOCS / "docs" / "pictures" / shown).stat().st_size > 4_000, f"renew {shown}: make pictures"
