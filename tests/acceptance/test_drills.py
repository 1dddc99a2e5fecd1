"""Drills side by side on a service like the demo's, its clock twelve times as fast; and what is told of them."""

import asyncio
import io
import re
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from alerts import registry
from alerts.access import new_link
from shuian import cli_drill, demo, drill, drill_demo, drill_report, registry_import
from shuian.drill_together import Pace, Played, Shown, kind_of, together
from shuian.errors import Trouble
from shuian.neighbourhood import ZONE
from shuian.neighbourhood.drill_area import EMPTY, MANNED, PLACES
from shuian.neighbourhood.homes import HOMES
from shuian.neighbourhood.sheets import write_registry
from shuian.service import Service
from simulators.drills import DRILLS
from simulators.gateways import Gateways
from tests.acceptance.tour import Person, three_free_ports
from tests.browser import chromium

DOCS = Path(__file__).parents[2]
FAST = 12.0
THREE = ("fall_at_night", "phone_company_down", "tap_left_open")
HEARD_S = 90.0


class Clock:
    """Goes twelve times as fast as life, from now on."""

    def __init__(self):
        self.began, self.since = datetime.now(UTC), time.monotonic()

    def __call__(self):
        return self.began + FAST * timedelta(seconds=time.monotonic() - self.since)


@contextmanager
def like_the_demo(folder):
    """Run the demo's service without its meters, in a thread; gives it, and its clock."""
    port, clock, up, stop = three_free_ports(), Clock(), threading.Event(), threading.Event()
    found = []

    async def live():
        write_registry(folder / "registry", clock(), port + 1)
        async with (
            Gateways(folder / "gateways", smtp_port=port + 2, http_port=port + 1, secret="demo", zone=ZONE),
            Service(demo.settings(folder, port), clock, demo=True).running() as service,
        ):
            with service.engine.begin() as conn:
                registry.apply(registry.read(folder / "registry", registry_import.formats()), conn, clock())
                demo.drill_token(conn, folder, clock())
            (folder / "demo.json").write_text(f'{{"port": {port}}}', "utf-8")
            found.append(service)
            up.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    assert up.wait(HEARD_S)
    try:
        yield found[0], clock
    finally:
        stop.set()
        thread.join(HEARD_S)


def play_fast(clock):
    """Play with a cast of its own, looking twelve times as often as in life."""

    def play(name, api, stop):
        how = drill_demo.reach(DRILLS[name])
        said = {"say": lambda _: None, "sleep": lambda s: time.sleep(s / FAST)}
        return drill.play(name, "tabletop", api, how=how, stop=stop, clock=clock, **said)

    return play


def way_in(there):
    return httpx.Client(base_url=there.url, headers={"Authorization": f"Bearer {there.token}"}, trust_env=False)


class AtTheDesk(Shown):
    """The operator, who looks at a drill as soon as somebody is at the door."""

    def __init__(self, out, desk):
        super().__init__(out)
        self.desk, self.looked = desk, False

    def progress(self, every):
        super().progress(every)
        fall = next(one for one in every if one.name == "fall_at_night")
        if not self.looked and any(one["step"] == "on_site" and one["took_s"] for one in fall.score.get("lines", ())):
            self.looked = True
            shown(self.desk, f"/c/drills/{fall.score['id']}").picture("drill-run", "desktop", "phone")


def shown(desk, path):
    """Open a page that there is."""
    assert desk.page.goto(desk.host + path).ok, path
    return desk


def operator(service, clock, browser, pictures):
    """Return the demo's operator, who has come in."""
    with service.engine.begin() as conn:
        token = new_link(conn, "operator", "ops", "/c", clock(), timedelta(hours=4))
    return Person(browser, f"{service.config.base_url}/link/{token}", pictures).enter()


@pytest.mark.slow
def test_three_drills_at_once_are_as_they_had_to_be_and_life_has_nothing_of_them(tmp_path, pictures):
    out = io.StringIO()
    with (
        like_the_demo(tmp_path) as (service, clock),
        drill_demo.running(tmp_path, out.write) as there,
        chromium() as browser,
    ):
        assert out.getvalue() == f"on the demo that runs: {there.url}"
        assert (tmp_path / demo.LETS_IN).stat().st_mode & 0o077 == 0, "a secret is the owner's alone"
        desk = operator(service, clock, browser, pictures)
        every = together(THREE, play_fast(clock), lambda: way_in(there), AtTheDesk(out, desk), Pace(0.02))
        assert [(one.name, one.wrong, one.score["state"]) for one in every] == [(n, "", "ended") for n in THREE]
        # At twelve times life's speed three seconds of a busy machine are more than half a minute: late is no fault of the drill.
        wrong = [line for one in every for line in one.score["lines"] if line["verdict"] not in ("met", "kept", "late")]
        assert wrong == []
        with service.engine.connect() as conn:
            assert conn.exec_driver_sql("SELECT DISTINCT realm FROM cases").scalars().all() == ["drill"]
        shown(desk, "/c/drills").picture("drill-list", "desktop", "phone")
        shown(desk, f"/c/drills/{every[0].score['id']}/report").picture("drill-report", "desktop")
        desk.go("/c")
        assert not re.search("演练住户|dr-", desk.text()), "the desk counts homes in which somebody lives"
        assert "/60" in desk.text()
    table = drill_report.table(every)
    assert table[-1].endswith(f" of 3 drills as they had to be, {sum(one.good for one in every)} of 15 steps")
    assert "fall_at_night" in table[1]
    page = drill_report.markdown(every, datetime.now(UTC))
    assert "## tap_left_open" in page
    assert "| fallen: told family | within 30 s after case | 1 | " in page


def test_every_picture_of_drills_that_the_documentation_shows_is_taken_here(pictures):
    taken = {file.name for file in pictures.glob("drill-*.png")}
    for page in DOCS.glob("docs/*.md"):
        for shown in re.findall(r"pictures/(drill-[\w-]+\.png)", page.read_text("utf-8")):
            assert shown in taken, f"{page.name} shows {shown}"
            assert (DOCS / "docs" / "pictures" / shown).stat().st_size > 4_000, f"renew {shown}: make pictures"


def test_the_demo_has_homes_for_a_drill_that_brings_none_with_and_without_somebody_on_duty():
    manned, empty = ({home for home, grid, _ in PLACES if grid == which} for which in (MANNED, EMPTY))
    assert len(manned) == max(one.number_of_homes for one in DRILLS.values() if "owner" in one.people) == 40
    assert len(empty) == DRILLS["empty_shift"].number_of_homes
    assert not (manned | empty) & {home.id for home in HOMES}


@pytest.mark.parametrize(
    ("name", "broker", "wanted", "kind"),
    [
        ("fall_at_night", "mqtt://127.0.0.1:1", "", "technical"),
        ("fall_at_night", "", "", "tabletop"),
        ("fall_at_night", "mqtt://127.0.0.1:1", "tabletop", "tabletop"),
        ("fall_at_night", "", "technical", None),
        ("meter_swap", "", "", None),
        ("meter_swap", "mqtt://127.0.0.1:1", "tabletop", None),
    ],
)
def test_a_script_is_played_as_it_can_be_where_it_is_played(name, broker, wanted, kind):
    assert kind_of(name, drill_demo.Way("http://127.0.0.1:1", "t", broker), wanted) == kind


@pytest.mark.slow
def test_a_demo_that_does_not_begin_is_told_with_where_to_read_why(tmp_path):
    (tmp_path / "mine-drills").mkdir()
    (tmp_path / "mine-drills" / "letters").touch()
    with (
        pytest.raises(Trouble, match="the demo ended with code 2"),
        drill_demo.running(tmp_path / "mine", lambda _: None),
    ):
        raise AssertionError
    assert "is not a demo's folder; nothing was changed" in (tmp_path / "mine-drills.log").read_text("utf-8")
    assert (tmp_path / "mine-drills" / "letters").exists()


def test_people_of_a_demo_get_text_messages_only_where_these_are_down():
    said = {name: drill_demo.reach(one).channel for name, one in DRILLS.items()}
    assert said.pop("phone_company_down") == "sms;email"
    assert set(said.values()) == {"email"}


def test_a_kind_that_there_is_not_and_a_service_that_is_not_there_are_told():
    run = CliRunner().invoke
    assert "want a kind of tabletop, technical; got 'live'" in str(
        run(cli_drill.app, ["all", "--kind", "live"]).exception
    )
    there_is_none = ["all", "--only", "day_trip", "--url", "http://127.0.0.1:9", "--token", "x"]
    gone = run(cli_drill.app, there_is_none)
    assert gone.exit_code == 1
    assert "the service cannot be reached: ConnectError" in gone.output


def line(verdict, took_s=None, **other):
    usual = {"step": "told", "who": "owner", "home": "fallen", "within_s": 30.0, "after": "case", "never": False}
    return usual | {"verdict": verdict, "took_s": took_s} | other


def score(*lines, **other):
    times = {"started_at": "2026-11-22T06:00:00+00:00", "ended_at": "2026-11-22T06:10:05+00:00"}
    usual = {"id": "d1", "kind": "tabletop", "state": "ended", "why": "finished", "out": ["worker:w"]}
    return usual | times | {"lines": list(lines)} | other


CASE = line("met", 1.0, step="case", who="", within_s=300.0, after="start")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line("missed")], "told owner: it counts from case, which is not known to have happened"),
        ([CASE, line("missed")], "told owner: did not happen within 30 s"),
        ([CASE, line("late", 41.2)], "told owner: took more than 30 s"),
        ([line("broken", 3.0, never=True)], "told owner: it happened, and must not"),
        ([line("late", 40.0, home=f"dry-{n}") for n in (1, 2)], "told owner (2 homes): took more than 30 s"),
        ([CASE, line("waits"), line("waits")], "2 steps had time still"),
    ],
)
def test_what_was_missed_is_told_with_why(lines, said):
    one = Played("fall_at_night", score(*lines), over=True)
    assert said in drill_report.table([one])[1]
    assert not one.passed


def test_a_drill_that_was_stopped_or_never_began_has_not_passed_and_says_why():
    stopped = Played("fall_at_night", score(CASE, line("stopped"), state="aborted", why="real"), over=True)
    refused = Played("day_trip", wrong="the service refuses (409): want homes", over=True)
    rows = drill_report.table([stopped, refused])
    assert "1 steps not known: the drill was stopped before (real)" in rows[1]
    assert (stopped.good, stopped.bad, stopped.stopped) == (1, 0, 1)
    assert "the service refuses (409): want homes" in rows[2]
    assert rows[-1] == "0 of 2 drills as they had to be, 1 of 2 steps, 1 stopped before"
    assert (
        drill.told(stopped.score | {"drill": "fall_at_night", "unsent": []})[-2]
        == "1 of 2 as they had to be, 1 stopped before"
    )
    assert "Out of it, needed for something real: worker:w" in drill_report.markdown([stopped], datetime.now(UTC))


def test_a_drill_has_passed_when_every_line_is_as_it_had_to_be_at_its_end():
    lines = CASE, line("kept", never=True)
    assert Played("fall_at_night", score(*lines), over=True).passed
    assert not Played("fall_at_night", score(*lines, state="running"), over=True).passed
    assert not Played("fall_at_night", score(*lines), "the service cannot be reached", over=True).passed


def test_the_slowest_step_is_the_one_that_used_most_of_its_time():
    used = score(line("met", 60.0, step="case", who="", within_s=300.0), line("met", 9.0), line("kept", never=True))
    assert drill_report.slowest(used) == "told owner 9.0 s of 30 s"
    assert drill_report.slowest(score(line("kept", never=True))) == "–"


def test_events_of_many_drills_together_keep_the_pace():
    pace, began = Pace(0.02), time.monotonic()
    threads = [threading.Thread(target=pace.wait) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began >= 5 * 0.02


def test_a_terminal_shows_a_table_that_renews_itself_and_a_file_a_line_for_each_change():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    one, terminal, file = Played("fall_at_night"), Terminal(), io.StringIO()
    for out in (terminal, file):
        shown = Shown(out)
        one.score = {}
        shown.progress([one])
        one.score = score(CASE, line("missed"))
        shown.progress([one])
        shown.progress([one])
        one.score = score(CASE, line("stopped"), state="aborted", why="asked")
        shown.progress([one])
    assert terminal.getvalue().count("\x1b[2A") == 3
    assert [row.split("  ", 1)[1].rstrip() for row in file.getvalue().splitlines()] == [
        "fall_at_night          waits",
        "fall_at_night          ended      1 of 2    1 missed",
        "fall_at_night          aborted    1 of 2    1 stopped before",
    ]
