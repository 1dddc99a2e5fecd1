"""What somebody types to play a script with homes and people of their choice: read, and refused in words."""

from collections.abc import Sequence
from typing import Any

from shuian.errors import BadInput
from simulators.drills import Drill, Kind

KINDS: tuple[Kind, ...] = ("tabletop", "live")
"""Kinds of drills that are played with homes that are there already."""


def named(drill: Drill, kind: str, homes: Sequence[str], people: Sequence[str]) -> dict[str, Any]:
    """Return how a script is played, as `Player` takes it, from what somebody typed.

    Raises
    ------
    BadInput
        A kind that there is not, homes that do not fit the script, or a live rehearsal without anybody named.
    """
    if kind not in KINDS:
        raise BadInput(f"want a kind of {', '.join(KINDS)}; got {kind!r}", "see: shuian drill list")
    parts = [name for name, _ in drill.named()]
    given = dict(one.partition("=")[::2] for one in homes)
    if (homes or kind == "live") and sorted(given) != sorted(parts):
        raise BadInput(
            f"want a home for each of {', '.join(parts)}; got {', '.join(homes) or 'none'}",
            f"name each: --home '{parts[0]}=HOUSEHOLD'",
        )
    if kind == "live" and not people:
        raise BadInput("a live rehearsal is for people who were named beforehand", "name them: --person worker:ID")
    if kind != "live" and people:
        raise BadInput(f"real people take part in no {kind} drill; got {', '.join(people)}", "play it with --kind live")
    return {"kind": kind, "homes": given or None, "people": people}
