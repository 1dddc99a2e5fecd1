"""The drawn machine is the machine."""

from pathlib import Path

from alerts import diagram
from alerts.casefile import State

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_in_the_documentation_is_made_from_the_machine():
    assert (DOCS / "case-machine.md").read_text("utf-8") == diagram.page()


def test_every_state_can_be_reached_and_left():
    found = diagram.arrows()
    assert {end for _, end in found} | {State.NEW} == set(State)
    open_states = set(State) - diagram.ENDED
    assert {start for start, _ in found} >= open_states
