"""What was rendered a moment ago answers the same person's other pages, and never anybody else's."""

import re
import threading

import pytest

from alerts.events import Accepted
from alerts.web.fragments import FORM, TAP, Fragments, Page


def tap_of(html: str) -> set[str]:
    return set(re.findall(r'name="tap" value="([^"]*)"', html))


def form_of(html: str) -> set[str]:
    return set(re.findall(r'name="form" value="([^"]*)"', html))


def plain(html: str) -> str:
    return re.sub(r'name="(tap|form)" value="[^"]*"', "", html)


def test_two_browsers_of_one_person_share_a_block_but_no_tap_and_no_token(community):
    case = community.red("h1")
    blocks = [community.visitor("worker", "w1").get(f"/w/a/{case}?part=1").text for _ in range(2)]
    assert plain(blocks[0]) == plain(blocks[1])
    assert len(community.app.state.site.fragments) == 1
    for kind in (tap_of, form_of):
        first, second = (kind(block) for block in blocks)
        assert len(first) == len(second) == 1
        assert first.isdisjoint(second)
    assert not any(mark in block for block in blocks for mark in (TAP, FORM))


def test_a_block_is_shared_with_nobody_else_and_in_no_other_language(community):
    community.red("h1")
    mine = community.visitor("worker", "w1").get("/w?part=1").text
    assert "502" in mine
    for other in (community.visitor("worker", "w5"), community.visitor("worker", "w1", "en")):
        assert other.get("/w?part=1").text != mine
    assert "502" not in community.visitor("worker", "w5").get("/w?part=1").text
    assert "502" not in community.visitor("family", "c2").get("/f?part=1").text


def test_a_change_shows_at_once(community):
    case = community.red("h1")
    visitor, other = community.visitor("worker", "w1"), community.visitor("worker", "w1")
    assert "还没有人接单" in visitor.get("/w?part=1").text
    community.tap(case, Accepted("worker:w2"))
    assert "<strong>李敏</strong> 已接单" in visitor.get("/w?part=1").text
    other.post(f"/w/a/{case}", do="outcome:SAFE_AT_HOME", tap="t" * 16)
    assert "还没有人接单" not in other.get("/w?part=1").text


def test_a_shift_that_ends_and_time_that_passes_show_within_seconds(community):
    community.red("h1")
    visitor = community.visitor("worker", "w2")
    assert "502" in visitor.get("/w?part=1").text
    community.later(hours=7)
    assert "502" not in visitor.get("/w?part=1").text


def test_what_can_be_undone_is_never_kept(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    visitor.post(f"/w/a/{case}", do="accept", tap="t" * 16)
    assert 'data-gone="10"' in visitor.get(f"/w/a/{case}?part=1").text
    community.later(seconds=4)
    assert 'data-gone="6"' in visitor.get(f"/w/a/{case}?part=1").text
    community.later(seconds=7)
    assert "data-gone" not in visitor.get(f"/w/a/{case}?part=1").text


def test_an_ended_session_gets_no_kept_block(community):
    community.red("h1")
    visitor = community.visitor("worker", "w1")
    assert visitor.get("/w?part=1").status_code == 200
    community.later(hours=13)
    assert visitor.get("/w?part=1").status_code == 401


def test_a_whole_page_is_always_made_anew_and_its_look_is_written_down(community):
    case = community.red("h1")
    visitor = community.visitor("worker", "w1")
    taps = [tap_of(visitor.get(f"/w/a/{case}").text) for _ in range(2)]
    assert taps[0].isdisjoint(taps[1])
    assert len(community.app.state.site.fragments) == 0


def test_many_who_ask_at_once_cost_one_rendering():
    fragments, made, start = Fragments(), [], threading.Barrier(8)

    def render() -> Page:
        made.append(threading.get_ident())
        return Page(f"<p>{TAP}</p>", 200, "")

    got: list[bytes] = []

    def ask() -> None:
        start.wait()
        got.append(fragments.page("key", "", render).body)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(set(got)) == 8  # each with a tap id of its own


def test_the_number_of_kept_blocks_is_bounded():
    fragments = Fragments(most=3)
    for n in range(10):
        fragments.page(n, "", lambda n=n: Page(str(n), 200, ""))
    assert len(fragments) == 3
    assert fragments.page(9, "", lambda: pytest.fail("was kept")).body == b"9"


@pytest.mark.parametrize("page", [Page("late", 409, ""), Page("soon over", 200, "", lasts=False)])
def test_what_is_not_true_for_others_is_not_kept(page):
    fragments = Fragments()
    assert fragments.page("key", "", lambda: page) is page
    assert fragments.page("key", "", lambda: Page("new", 200, "")).body == b"new"


def test_the_version_of_the_page_is_that_from_before_it_was_read(community):
    visitor = community.visitor("worker", "w1")
    shown = [int(re.search(r'data-v="(\d+)"', visitor.get("/w?part=1").text)[1])]
    community.red("h1")
    shown.append(int(re.search(r'data-v="(\d+)"', visitor.get("/w?part=1").text)[1]))
    assert shown[1] == community.hub.version > shown[0]
