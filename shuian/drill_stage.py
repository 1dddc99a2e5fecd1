"""A drill's cast on a running service: put in through its interface for programs, and taken out again.

What can be deleted is deleted: relatives, with their addresses.  What the report of the drill still needs stays, and has ended:
homes in which nobody is watched any more, because the consents of their residents are withdrawn; meters; the shift and who was
on it.
"""

import re
import secrets
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from shuian.drill_api import Api
from shuian.drill_cast import Cast, Reach, agreed, over_by, without_end
from shuian.errors import BadInput
from simulators.drills import Drill

KIND = "drill"
CAST = re.compile(r"dr-[0-9a-f]{8}")
"""The id of a cast's area."""
NEW_ROOM = "import an area of the kind drill (docs/drills.md), or name one with --area"


def drill_areas(api: Api) -> dict[str, dict[str, str]]:
    """Return the areas of drills of a service, each of the kind ``drill`` and all below it, by id."""
    areas = {row["id"]: row for row in api.rows("/areas")}
    played = {name for name, row in areas.items() if row["kind"] == KIND}
    while more := {name for name, row in areas.items() if row.get("parent") in played} - played:
        played |= more
    return {name: areas[name] for name in sorted(played)}


def is_cast(area: str) -> bool:
    """Whether an area was made for a run: its homes are that run's alone."""
    return CAST.fullmatch(area) is not None


def room(api: Api, wanted: str = "") -> str:
    """Return the area below which a cast can be put: `wanted`, or the first of the kind ``drill``.

    Raises
    ------
    BadInput
        There is none, or `wanted` is an area in which somebody lives.
    """
    areas = drill_areas(api)
    if wanted and wanted not in areas:
        raise BadInput(f"{wanted!r} is no area of drills of this service", NEW_ROOM)
    first = [name for name, row in areas.items() if row["kind"] == KIND]
    if not first:
        raise BadInput("the registry of this service has no area for drills", NEW_ROOM)
    return wanted or first[0]


def reach(api: Api, area: str, down: Collection[str] = ()) -> Reach:
    """Return how people of a drill are reached where nothing else is said: as whoever works in the area of drills itself.

    Of several the first who has the channels that a script takes down: otherwise nobody would miss them.

    Raises
    ------
    BadInput
        Nobody works there.
    """
    found = [Reach(one["channel"], one["address"]) for one in api.rows(f"/workers?area={area}")]
    if not found:
        raise BadInput(
            f"nobody works in the drill area {area}, so it is not known how the people of a drill are reached",
            "say it with --channel and --address, or import a worker there with a number for tests",
        )
    return next((one for one in found if not missing(one, down)), found[0])


def missing(how: Reach, down: Collection[str]) -> list[str]:
    """Return the channels among `down` by which people reached like this are not reached."""
    return sorted(set(down) - set(how.channel.split(";")))


def zone(api: Api, otherwise: str = "Asia/Shanghai") -> str:
    """Return the time zone of the homes of a service: that of the first one."""
    found = api("GET", "/households?limit=1")["items"]
    return str(found[0]["tz"]) if found else otherwise


def cast(
    api: Api, name: str, drill: Drill, now: datetime, *, area: str = "", how: Reach | None = None, tz: str = "",
    lead_s: float = 0.0,
) -> Cast:  # fmt: skip
    """Return a new cast for a script; nothing is changed yet.

    Parameters
    ----------
    area : str
        Below which it is put; empty: `room` finds one.
    how : Reach, optional
        How its people are reached; None: as `reach` finds.
    tz : str
        Of its homes; empty: as `zone` finds.
    lead_s : float
        How long it may take until the drill begins. [s]

    Raises
    ------
    BadInput
        There is no room for it, or a provider would be down by whom nobody is reached: nothing would be rehearsed.
    """
    parent, down = room(api, area), {one.channel for one in drill.down}
    how = how or reach(api, parent, down)
    if lacking := missing(how, down):
        raise BadInput(
            f"{name} takes {', '.join(lacking)} down, and its people are reached by {how.channel}: nothing would be rehearsed",
            "reach them by it first: --channel 'sms;email' --address 'NUMBER;MAILBOX', or import such a worker in the drill area",
        )
    until = now + timedelta(seconds=lead_s + drill.ends_s)
    tag = f"dr-{secrets.token_hex(4)}"
    return Cast(name, drill, tag, parent, tz or zone(api), how, now, until)


def enter(api: Api, made: Cast) -> None:
    """Put a cast into the registry; what is there already stays as it is."""
    for row in made.rows():
        api("PUT", f"/{row.sheet}/{row.id}", row.body)


def leave(api: Api, tag: str) -> None:
    """Take out the cast of an area: it may be half there, or gone already."""
    row = api("GET", f"/areas/{tag}", may=404)
    if row is None:
        return
    for home in list(api.rows(f"/households?area={tag}")):
        for consent in agreed(home["id"]):
            api("DELETE", f"/consents/{consent}", may=404)
        api("DELETE", f"/contacts/{home['id']}-f", may=404)
    body = {"parent": row["parent"], "kind": row["kind"], "name": without_end(row["name"])}
    api("PUT", f"/areas/{tag}", body)


def clean(api: Api, now: datetime) -> list[str]:
    """Take out what players left that were killed; return the areas.  Casts whose time is not over stay."""
    left = list(_left(api, now))
    for tag in left:
        leave(api, tag)
    return left


def _left(api: Api, now: datetime) -> Iterator[str]:
    for name, row in drill_areas(api).items():
        until = over_by(row["name"])
        if until is not None and until < now:
            yield name
