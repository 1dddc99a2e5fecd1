"""How figures are written on the realism page."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.realism_charts import short
from benchmarks.realism_distances import Sample
from benchmarks.realism_words import Word

MEASURE = Word("measure", "指标")
RECORDED = Word("recorded", "实录")
RECORD = Word("record", "记录")
YES, NO = Word("yes", "是"), Word("no", "否")
UNKNOWN = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def note(begin: Word, parts: Sequence[str], language: str) -> str:
    """Return a sentence: a few words, and a list."""
    joined, end = ("; ", ".") if language == "en" else ("；", "。")
    return begin.in_(language) + joined.join(parts) + end


def spread(numbers: Sample, form: Callable[[float], str] = short) -> str:
    """Return the median and the span of the middle 80 %."""
    if not len(numbers.values):
        return UNKNOWN
    p10, p50, p90 = (form(numbers.quantile(share)).replace("-", "−") for share in (0.1, 0.5, 0.9))
    return f"**{p50}** ({p10}–{p90})"


def number(value: float, form: str = ".2f") -> str:
    """Return a number, or a dash if it is not known."""
    return UNKNOWN if np.isnan(value) else re.sub(r"^-(?=[0.%]+$)", "", format(value, form))  # no minus nothing
