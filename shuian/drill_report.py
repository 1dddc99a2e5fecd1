"""What became of drills, to be read: a table at the end of the run, and a page of Markdown."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from shuian import drill
from shuian.drill_together import Played, Score
from simulators.drills import DRILLS

Line = Mapping[str, Any]
HEAD = ("drill", "steps", "met", "slowest step, against its time", "took", "missed, and why")


def table(every: Sequence[Played]) -> list[str]:
    """Return the table of all drills, in columns of equal width, and a last line with the sum."""
    rows = [HEAD, *(_cells(one) for one in every)]
    wide = [max(len(row[n]) for row in rows) for n in range(len(HEAD) - 1)]
    lines = ["  ".join([*(c.ljust(w) for c, w in zip(row, wide, strict=False)), row[-1]]).rstrip() for row in rows]
    return [*lines, "", total(every)]


def total(every: Sequence[Played]) -> str:
    """Return the sum in a line."""
    passed, good, of = sum(one.passed for one in every), sum(one.good for one in every), sum(one.of for one in every)
    stopped = sum(one.stopped for one in every)
    return f"{passed} of {len(every)} drills as they had to be, {good} of {of} steps{drill.stopped_before(stopped)}"


def markdown(every: Sequence[Played], began: datetime) -> str:
    """Return the report as a page of Markdown.

    Parameters
    ----------
    every : sequence of Played
        The drills, over.
    began : datetime
        When they began (aware).
    """
    lines = [f"# Drills of {began:%Y-%m-%d %H:%M %Z}", "", f"{total(every)}.", ""]
    lines += ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(_escaped(cell) for cell in _cells(one)) + " |" for one in every]
    for one in every:
        lines += ["", f"## {one.name}", "", DRILLS[one.name].happens, ""]
        if one.wrong:
            lines += [f"Not played to its end: {_escaped(one.wrong)}", ""]
        if one.score:
            lines += _details(one.score)
    return "\n".join(lines) + "\n"


def _cells(one: Played) -> tuple[str, ...]:
    why = [one.wrong] if one.wrong else []
    why += misses(one.score)
    return one.name, str(one.of), str(one.good), slowest(one.score), _length(one.score), "; ".join(why)


def slowest(score: Score) -> str:
    """Return the step that used the largest part of its time."""
    timed = [line for line in score.get("lines", ()) if line["took_s"] is not None and line["within_s"] > 0]
    if not timed:
        return "–"
    most = max(timed, key=lambda line: line["took_s"] / line["within_s"])
    return f"{_step(most)} {_seconds(most['took_s'])} of {most['within_s']:.0f} s"


def misses(score: Score) -> list[str]:
    """Return what was not as it had to be, and why, once for all homes to which it happened."""
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    happened = {(line["home"], line["step"]) for line in score.get("lines", ()) if line["took_s"] is not None}
    for line in score.get("lines", ()):
        if line["verdict"] in drill.BAD:
            found[_step(line), _why(line, happened)] += 1
    told = [f"{step}{f' ({homes} homes)' if homes > 1 else ''}: {why}" for (step, why), homes in found.items()]
    waits = drill.count(score.get("lines", ()), "waits")
    told += [f"{waits} steps had time still"] if waits else []
    stopped = drill.count(score.get("lines", ()), "stopped")
    return [*told, f"{stopped} steps not known: the drill was stopped before ({score['why']})"] if stopped else told


def _why(line: Line, happened: set[tuple[str, str]]) -> str:
    if line["verdict"] == "broken":
        return "it happened, and must not"
    if line["verdict"] == "late":
        return f"took more than {line['within_s']:.0f} s"
    if line["after"] != "start" and (line["home"], line["after"]) not in happened:
        return f"it counts from {line['after']}, which is not known to have happened"
    return f"did not happen within {line['within_s']:.0f} s"


def _details(score: Score) -> Iterator[str]:
    """Yield a table of one drill: a row for each thing that had to happen, whatever the number of homes."""
    why = f" ({score['why']})" if score["why"] else ""
    yield f"{score['kind']}, {score['state']}{why}, after {_length(score)}; page: `/c/drills/{score['id']}/report`"
    yield from ("", "| step | wanted | homes | as it had to be | median | slowest |", "|---|---|---|---|---|---|")
    same: defaultdict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for line in score["lines"]:
        part = line["home"].rstrip("0123456789").rstrip("-")
        same[part, _step(line), line["within_s"], line["after"], line["never"]].append(line)
    for (part, step, within_s, after, never), lines in same.items():
        since = "" if after == "start" else f" after {after}"
        wanted = "never" if never else f"within {within_s:.0f} s{since}"
        took = [line["took_s"] for line in lines if line["took_s"] is not None]
        good = drill.count(lines, *drill.GOOD)
        middle, most = (_seconds(median(took)), _seconds(max(took))) if took else ("–", "–")
        yield f"| {part}: {step} | {wanted} | {len(lines)} | {good} | {middle} | {most} |"
    for who in score["out"]:
        yield from ("", f"Out of it, needed for something real: {who}")


def _step(line: Line) -> str:
    return f"{line['step']} {line['who']}".rstrip()


def _seconds(s: float) -> str:
    return f"{s:.1f} s" if s < 10 else f"{s:.0f} s"


def _length(score: Score) -> str:
    if not score or not score["ended_at"]:
        return "–"
    took = datetime.fromisoformat(score["ended_at"]) - datetime.fromisoformat(score["started_at"])
    minutes, seconds = divmod(round(took.total_seconds()), 60)
    return f"{minutes}:{seconds:02d} min"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
