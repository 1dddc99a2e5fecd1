"""The whole demo through a browser: every picture of the documentation is taken here, so that none can rot.

One life in one order, as a visitor would live it: eleven stories come up; each is read on the worker's, the family's and
the operator's page; nobody accepts, so that a case climbs to the end of the ladder and the lead takes it; a daughter
declares an absence; everything is killed and comes back; the water comes back; the fall ends at the door.
"""

import re
import time
from pathlib import Path

import pytest

from benchmarks.world import until
from tests.acceptance.tour import Demo, Person, said
from tests.browser import chromium
from tests.stories import FOUND

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2]
BEHIND = tuple(f"2-{floor}02" for floor in range(1, 11))
"""Homes behind the gateway that dies."""
AREAS = [("radio_outage", "gw-2B"), ("water_outage", "安和里 3 栋")]
CALLED = {
    "1-301": ("quiet_no_motion",),
    "1-402": ("surge_usual", "surge_limit"),
    "1-501": ("water_running",),
    "1-701": ("quiet_maybe_out",),
    "1-901": ("sos",),
    "3-502": ("quiet",),
}
"""Home -> why somebody is called out."""
FAMILIES = {
    "1-602": ("finding.leak.family", "family-leak"),
    "1-802": ("page.f.away.sentence", "family-away"),
    "1-1002": ("page.f.unknown.sentence", "family-dead-meter"),
    "2-302": ("page.f.radio.sentence", "family-dead-gateway"),
    "3-301": ("page.f.outage.sentence", "family-cut"),
}
"""Home -> what its family reads where nobody is called out, and the picture of it."""
DESK = {
    "1-602": "finding.leak.title",
    "1-802": "page.c.home.is.away",
    "1-1002": "page.c.home.is.silent",
    "2-302": "area.radio_outage.sentence",
    "3-301": "area.water_outage.sentence",
}


class Tour:
    """Everybody who looks at the demo."""

    def __init__(self, demo, browser, pictures):
        self.demo, self.browser, self.pictures = demo, browser, pictures
        self.people = [Person(browser, link, pictures) for link in demo.links]
        self.wang, self.li, self.chen, self.zhao, self.daughter, self.son, self.dry, self.desk = self.people
        self.wang.picture("link")
        for person in self.people:
            person.enter()

    def visit(self, role, who, goto):
        """Somebody else looks in."""
        person = Person(self.browser, self.demo.link(role, who, goto), self.pictures).enter()
        self.people.append(person)
        return person

    def opened(self, person, place):
        """Open the case of a home on a worker's phone."""
        return person.go(f"/w/a/{until(lambda: self.demo.case(place), 240, f'a case of {place}')}")

    def heard(self, recipient, words, seconds=60):
        """Wait until a telephone or mailbox has received these words."""
        until(
            lambda: any(words in one["text"] for one in self.demo.messages(recipient)), seconds, f"{recipient}: {words}"
        )


def stories_come_up(tour):
    """Wait for all, and look at what is there meanwhile."""
    tour.opened(tour.wang, "1-402").reads("finding.surge_usual.sentence", "finding.surge_limit.sentence")
    tour.wang.picture("worker-case-running", "phone", "desktop")
    tour.opened(tour.wang, "1-501").reads("finding.water_running.sentence")
    tour.wang.picture("worker-case-tap")
    until(lambda: tour.demo.case("1-901"), 240, "the emergency button")
    tour.opened(tour.wang, "1-901").reads("finding.sos.sentence")
    tour.wang.picture("worker-case-sos")
    until(lambda: tour.demo.found() >= FOUND, 300, "all findings")
    until(lambda: tour.demo.areas() == AREAS, 120, "both area events")


def nothing_else_is_claimed(demo):
    """No case from the cut but the fall, no quiet of a home whose meter or gateway is dead, nothing of who is away."""
    quiet = {home for home, kind, _ in demo.found() if kind == "quiet"}
    assert quiet == {"1-301", "1-701", "3-502"}
    # A slow change stands on a list; it calls nobody.
    about = {home for (home,) in demo.rows("SELECT household FROM findings WHERE kind != 'drift'")}
    about -= {f"h-{home}" for home in BEHIND}
    assert about == {f"h-{home}" for home, _, _ in FOUND}
    cases = demo.rows("SELECT household FROM cases WHERE stream = 'care' AND state != 'FOLDED'")
    assert {home.removeprefix("h-") for (home,) in cases} == set(CALLED)
    behind = demo.rows("SELECT DISTINCT kind FROM findings WHERE household LIKE 'h-2-%'")
    assert behind in ([], [("meter_silent",)])


def workers_read(tour):
    """What has to be done, what is slow, and what concerns many homes."""
    tour.opened(tour.wang, "1-301").reads("finding.quiet_no_motion.sentence")
    tour.wang.picture("worker-case-fall", "phone", "desktop")
    tour.wang.picture("worker-case-water", at="svg[role=img]")
    tour.opened(tour.wang, "1-701").reads("finding.quiet_maybe_out.sentence")
    tour.wang.picture("worker-case-out")
    tour.wang.go("/w")
    for reasons in (reasons for home, reasons in CALLED.items() if home.startswith("1-")):
        tour.wang.reads(*(f"finding.{reason}.title" for reason in reasons))
    tour.wang.picture("worker-list")
    tour.wang.go("/w?tab=slow").reads("finding.leak.title")
    tour.wang.reads("finding.meter_silent.title")
    assert "802" in tour.wang.text(), "who is away is known"
    tour.wang.picture("worker-slow")
    tour.li.go("/w").reads("area.radio_outage.title")
    tour.chen.go("/w").reads("area.water_outage.title")
    tour.chen.picture("worker-cut")
    tour.opened(tour.chen, "3-502").reads("finding.quiet.sentence")


def families_read(tour):
    """One calm sentence each, and the right one."""
    for home, reasons in CALLED.items():
        tour.visit("family", f"f-{home}", "/f").reads(*(f"finding.{reason}.family" for reason in reasons))
    for home, (key, picture) in FAMILIES.items():
        family = tour.visit("family", f"f-{home}", "/f")
        family.reads(key)
        assert not re.search(r"\d 升|紧急", family.text())
        family.picture(picture)
    tour.daughter.go("/f").picture("family-fall")
    tour.dry.go("/f").reads("page.f.outage.sentence")


def the_desk_reads(tour):
    """Each story on the operator's pages."""
    tour.desk.go("/c").reads("area.radio_outage.title")
    tour.desk.reads("area.water_outage.title")
    for reasons in CALLED.values():
        tour.desk.reads(*(f"finding.{reason}.title" for reason in reasons))
    for home, reasons in CALLED.items():
        tour.desk.go(f"/c/households/h-{home}").reads(*(f"finding.{reason}.title" for reason in reasons))
    for home, key in DESK.items():
        tour.desk.go(f"/c/households/h-{home}").reads(key)
    tour.desk.go("/c/households/h-1-602").picture("desk-household", "desktop")
    tour.desk.go("/c/meters").reads("area.radio_outage.title")
    tour.desk.picture("desk-meters", "desktop")


def nobody_accepts(tour):
    """Owner, backup, lead, then the siren; the lead takes it after all."""
    nobody = "SELECT 1 FROM cases WHERE state = 'UNATTENDED' AND household = 'h-1-402'"
    until(lambda: tour.demo.rows(nobody), 240, "nobody to have accepted")
    for who in ("wang", "li@", "zhao@", "ops@"):
        tour.heard(who, "402")
    tour.desk.go("/c").reads("page.c.siren")
    tour.desk.picture("desk", "desktop", "phone")
    tour.opened(tour.zhao, "1-402").tap("accept")
    tour.zhao.sees("set_off")
    tour.zhao.picture("worker-accepted")
    tour.heard("family-1-402", said("notice.family_accepted"))


def families_say_who_is_away(tour):
    """A son answers that his mother is out; a daughter says so before: a day at once, the rest when the desk confirms."""
    tour.son.go("/f").tap("outcome:SAFE_AWAY")
    tour.son.sees("undo")
    family = tour.visit("family", "f-1-201", "/f")
    family.page.locator("#away summary").click()
    family.page.locator("#away").scroll_into_view_if_needed()
    family.snap("family-declares-zh-phone")
    family.tap("away:3d")
    family.waits(said("page.f.away.sentence"))
    held = "SELECT \"end\", asked_until FROM absences WHERE household = 'h-1-201'"
    ((day, asked),) = tour.demo.rows(held)
    assert day < asked, "a day first"
    tour.desk.go("/c").picture("desk-held", "desktop", at="#held")
    tour.desk.go("/c/households/h-1-201").tap("confirm:")
    until(lambda: tour.demo.rows(held)[0][0] == asked, 20, "the rest")


def everything_dies_and_is_there_again(tour):
    """Kill -9; the same cases with the same people, no message lost, and no story told anew."""
    tour.opened(tour.chen, "3-502").tap("accept")
    tour.chen.sees("set_off")
    sent = {one["notice"] for one in tour.demo.messages("")}
    before = set(tour.demo.rows("SELECT id FROM cases"))
    tour.demo.kill()
    tour.demo.water_is_back(time.time() + 30)
    tour.demo.start()
    assert {one["notice"] for one in tour.demo.messages("")} >= sent
    assert set(tour.demo.rows("SELECT id FROM cases")) == before
    tour.opened(tour.chen, "3-502").sees("set_off")
    tour.chen.picture("worker-after-restart")
    tour.opened(tour.zhao, "1-402").sees("set_off")
    tour.opened(tour.li, "1-402")
    assert tour.li.page.locator('button[value="accept"]').count() == 0, "taken is taken"
    assert tour.demo.rows("SELECT 1 FROM absences WHERE household = 'h-1-201'"), "declared is declared"


def the_water_comes_back(tour):
    """The event ends, its families hear it; the fall inside it stays a fall."""
    until(lambda: tour.demo.areas() == AREAS[:1], 180, "the water")
    tour.heard("family-3-301", said("notice.family_outage_over.water_outage"))
    assert said("page.f.outage.sentence") not in tour.dry.go("/f").text()
    assert tour.demo.rows("SELECT state FROM cases WHERE household = 'h-3-502'") == [("ACCEPTED",)]
    others = "SELECT 1 FROM cases WHERE household LIKE 'h-3-%' AND household != 'h-3-502' AND state != 'FOLDED'"
    assert tour.demo.rows(others) == []


def at_the_door(tour):
    """The fall inside the cut ends with help."""
    tour.opened(tour.chen, "3-502").tap("set_off")
    tour.chen.sees("arrived")
    tour.chen.tap("arrived")
    tour.chen.gone("arrived")
    tour.chen.page.locator('summary:has-text("结果")').first.click()
    tour.chen.snap("worker-outcome-zh-phone")
    tour.chen.go(f"/w/a/{tour.demo.case('3-502')}/help").picture("worker-help")
    tour.chen.tap("outcome:HELPED")
    tour.heard("family-3-502", said("notice.family_outcome.HELPED"))
    tour.visit("family", "f-3-502", "/f").picture("family-helped")
    phones = Person(tour.browser, f"http://127.0.0.1:{tour.demo.port + 1}/?lang=zh", tour.pictures)
    phones.snap("phones-zh-phone")
    tour.people.append(phones)


def test_the_tour_through_eleven_stories(tmp_path, pictures):
    demo = Demo(tmp_path)
    assert demo.start() < 60, "pages within a minute"
    try:
        with chromium() as browser:
            tour = Tour(demo, browser, pictures)
            stories_come_up(tour)
            nothing_else_is_claimed(demo)
            workers_read(tour)
            families_read(tour)
            the_desk_reads(tour)
            nobody_accepts(tour)
            families_say_who_is_away(tour)
            everything_dies_and_is_there_again(tour)
            the_water_comes_back(tour)
            at_the_door(tour)
            for person in tour.people:
                assert person.foreign == []
                assert [c for c in person.complaints if "ERR_" not in c and "Failed to load" not in c] == []
        assert demo.stop() == 0
    finally:
        demo.kill_quietly()


def test_every_picture_that_the_documentation_shows_is_taken_by_the_tour(pictures):
    taken = {file.name for file in pictures.glob("*.png")}
    for page in (*DOCS.glob("*.md"), *DOCS.glob("docs/*.md")):
        for shown in re.findall(r"pictures/((?!drill-)[\w-]+\.png)", page.read_text("utf-8")):
            assert shown in taken, f"{page.name} shows {shown}"
            assert (DOCS / "docs" / "pictures" / shown).stat().st_size > 4_000, f"renew {shown}: make pictures"
