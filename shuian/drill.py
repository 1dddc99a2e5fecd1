"""A script played on a running service, through its interface for programs: at a tabletop, or with real people.

Findings are played in where a script's faults would be found; then, once a second, what reached the people who do not exist
is read, and they do what the script says they do.  In a live rehearsal only findings are played: people act for themselves.
Everything is decided from what the service says, so that a player that is
killed leaves a drill that ends itself.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from shuian.drill_findings import Findings
from shuian.errors import BadInput, Trouble
from simulators.drills import DRILLS, Drill, Kind, Role
from simulators.drills._story import Deeds, Told, deeds

KIND = "drill"
PLAYABLE: tuple[Kind, ...] = ("tabletop", "live")
"""Kinds of drills that are played here."""
LOOK_S = 1.0
"""How often the service is asked: never more than two events a second. [s]"""
UNPLAYED = frozenset({"declare away", "confirm away", "back"})
"""Deeds that are about the registry, and so no part of a tabletop."""


def script(name: str) -> Drill:
    """Return a script.

    Raises
    ------
    BadInput
        There is none of that name.
    """
    if name not in DRILLS:
        raise BadInput(f"there is no drill {name!r}; there are {', '.join(DRILLS)}", "see: shuian drill list")
    return DRILLS[name]


class Api:
    """The service as a program sees it; every refusal is told in words.

    Parameters
    ----------
    client : httpx.Client
        With the service's address and the token in its headers.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, may: int = 0) -> Any:
        """Return what the service answers; None for the refusal `may`.

        Raises
        ------
        Trouble
            It cannot be reached, or refuses.
        """
        try:
            answer = self._client.request(method, f"/api/v1{path}", json=body)
        except httpx.HTTPError as error:
            raise Trouble(
                f"the service cannot be reached: {type(error).__name__}", "is it running? name it with --url"
            ) from None
        if answer.status_code == may:
            return None
        if answer.is_error:
            said = answer.json().get("detail", "") if "json" in answer.headers.get("content-type", "") else ""
            raise Trouble(
                f"the service refuses ({answer.status_code}): {said}", "docs/drills.md says what a drill needs"
            )
        return answer.json()

    def rows(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of all pages of a list."""
        after = ""
        while True:
            joined = "&" if "?" in path else "?"
            page = self("GET", f"{path}{joined}limit=500{after}")
            yield from page["items"]
            if not page["next"]:
                return
            after = f"&after={page['next']}"


def homes_for(drill: Drill, api: Api, now: datetime) -> dict[str, str]:
    """Return a home of the service's drill areas for each that a script names.

    A script with an owner of a shift needs homes for which somebody is on shift; one without needs homes for which nobody is.

    Raises
    ------
    BadInput
        There are fewer.
    """
    areas = {row["id"]: row for row in api.rows("/areas")}
    played = {name for name, row in areas.items() if row["kind"] == KIND}
    while more := {name for name, row in areas.items() if row.get("parent") in played} - played:
        played |= more
    on = {row["area"] for row in api.rows("/shifts") if _holds(row, now)}
    while more := {name for name, row in areas.items() if row.get("parent") in on} - on:
        on |= more
    mine = played & on if "owner" in drill.people else played - on
    free = sorted(row["id"] for area in sorted(mine) for row in api.rows(f"/households?area={area}"))
    if len(free) < drill.number_of_homes:
        who = "somebody" if "owner" in drill.people else "nobody"
        raise BadInput(
            f"want {drill.number_of_homes} homes of drill areas for this drill, for which {who} is on shift now; "
            f"the registry has {len(free)}",
            "import more below an area of the kind drill (docs/drills.md)",
        )
    return {name: home for (name, _), home in zip(drill.named(), free, strict=False)}


def _holds(shift: Mapping[str, Any], now: datetime) -> bool:
    return datetime.fromisoformat(shift["start"]) <= now < datetime.fromisoformat(shift["end"])


def named(drill: Drill, kind: str, homes: Sequence[str], people: Sequence[str]) -> dict[str, Any]:
    """Return how a script is played, as `Player` takes it, from what somebody typed.

    Raises
    ------
    BadInput
        A kind that there is not, homes that do not fit the script, or a live rehearsal without anybody named.
    """
    if kind not in PLAYABLE:
        raise BadInput(f"want a kind of {', '.join(PLAYABLE)}; got {kind!r}", "see: shuian drill list")
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
    return {"kind": kind, "homes": given, "people": people}


@dataclass
class Player:
    """A script while it is played.

    Parameters
    ----------
    name : str
        Of the script.
    drill : Drill
        The script.
    api : Api
        The service.
    clock : callable
        The time, aware UTC.
    """

    name: str
    drill: Drill
    api: Api
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    kind: Kind = "tabletop"
    homes: Mapping[str, str] = field(default_factory=dict)
    """Which home is which of the script; empty: homes of the drill areas."""
    people: Sequence[str] = ()
    """Real people who take part: of a live rehearsal only."""
    id: str = ""
    done: list[Deeds] = field(default_factory=list)

    def begin(self) -> str:
        """Begin the drill, play in what the detectors would find now, and return its id.

        Raises
        ------
        BadInput
            The script cannot be played like this, or there are no homes for it.
        Trouble
            The service refuses.
        """
        self.start = self.clock()
        self._part = dict(self.drill.named())
        if self.kind not in self.drill.kinds:
            raise BadInput(
                f"{self.name} cannot be played as {self.kind}", f"play it as {' or '.join(self.drill.kinds)}"
            )
        plan = {"drill": self.name, "kind": self.kind, "people": list(self.people), "lasts_s": self.drill.ends_s}
        plan |= {"homes": dict(self.homes) or homes_for(self.drill, self.api, self.start)}
        plan |= {"wanted": [one.data() for one in self.drill.must], "down": [asdict(one) for one in self.drill.down]}
        self.id = self.api("POST", "/drills", plan)["id"]
        self._findings = Findings(self.api, self.drill, self.id, self._part, self.start)
        self._findings.play(0.0)
        return self.id

    def step(self) -> bool:
        """Let people do what is due now; False: the drill is over."""
        score = self.api("GET", f"/drills/{self.id}")
        if score["state"] != "running":
            return False
        due = [line["verdict"] for line in score["lines"] if not line["never"]]
        if due and "waits" not in due:
            self.end()
            return False
        self._findings.play((self.clock() - self.start).total_seconds())
        if self.kind == "live":
            return True
        told, who = self._told()
        for deed in deeds(self.drill, told, self.done, (self.clock() - self.start).total_seconds()):
            self.done.append(deed)
            if deed.because is not None and deed.what not in UNPLAYED:
                self._do(deed, who[deed.because])
        return True

    def _told(self) -> tuple[list[Told], dict[str, tuple[str, str]]]:
        """Return what people were told, by each role that they play, and of each notice its reader and home."""
        told, who = [], {}
        for row in self.api("GET", f"/drills/{self.id}/told")["items"]:
            at_s = (datetime.fromisoformat(row["at"]) - self.start).total_seconds()
            who[row["id"]] = row["who"], row["home"]
            roles: list[Role] = row["roles"]
            told += [Told(row["id"], role, self._part[row["home"]], row["notice"], at_s) for role in roles]
        return told, who

    def _do(self, deed: Deeds, of: tuple[str, str]) -> None:
        """Let somebody do something; a case that is over by then stays as it is."""
        who, home = of
        said = {"id": f"{deed.because}-{deed.what}".replace(" ", "_"), "who": who, "home": home, "do": deed.what}
        self.api("POST", f"/drills/{self.id}/deeds", said | {"code": deed.code}, may=409)

    def end(self, why: str = "finished") -> None:
        """End the drill."""
        self.api("POST", f"/drills/{self.id}/end", {"why": why})

    def run(self, say: Callable[[str], None] = print, sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
        """Play it to its end and return its score; Ctrl-C stops it and the drill."""
        say(f"drill {self.begin()}: {self.drill.happens}")
        try:
            while self.step():
                sleep(LOOK_S)
        except KeyboardInterrupt:
            self.end("asked")
        score: dict[str, Any] = self.api("GET", f"/drills/{self.id}")
        return score


def told(score: Mapping[str, Any]) -> list[str]:
    """Return the score in lines to be read."""
    why = f" ({score['why']})" if score["why"] else ""
    lines = [f"{score['drill']}  {score['kind']}  {score['state']}{why}  since {score['started_at']}"]
    for line in score["lines"]:
        took = "–" if line["took_s"] is None else f"{line['took_s']:.0f} s"
        after = "" if line["after"] == "start" else f" after {line['after']}"
        wanted = "never" if line["never"] else f"within {line['within_s']:.0f} s{after}"
        who = f" {line['who']}" if line["who"] else ""
        lines.append(f"{line['verdict']:>7}  {line['home']}: {line['step']}{who}, {wanted}: {took}")
    good = sum(line["verdict"] in ("met", "kept") for line in score["lines"])
    lines.append(f"{good} of {len(score['lines'])} as they had to be")
    lines += [f"out of it, needed for something real: {who}" for who in score["out"]]
    lines += [
        f"not sent to {one['who']} by {one['channel']} ({one['notice']}): {one['why']}" for one in score["unsent"]
    ]
    return lines
