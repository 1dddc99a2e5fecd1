"""The catalogue of faults in the documents is the one in the code."""

import re
from pathlib import Path

from simulators.faults import faults
from simulators.faults.__main__ import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_the_faults_say():
    """If this fails: ``python -m simulators.faults > docs/faults.md``."""
    assert (DOCS / "faults.md").read_text("utf-8") == page()


def test_the_chinese_page_names_every_fault_once_and_marks_those_of_many_homes():
    named = re.findall(
        r"^\| \*\*([PWM]\d+)\*\*(（多户）)? \|", (DOCS / "faults.zh-CN.md").read_text("utf-8"), re.MULTILINE
    )
    assert {code: bool(many) for code, many in named} == {code: one.group for code, one in faults().items()}
    assert len(named) == len(faults())
