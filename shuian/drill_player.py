"""A script played on a running service, through its interface for programs.

At a tabletop findings are played in where a script's faults would be found; in a technical drill meters speak
(`shuian.drill`), and the service has to find out.  Then, once a second, what reached the people who do not exist is read,
and they do what the script says they do; in a live rehearsal people act for themselves.  Everything is decided from what the service
says, so that a player that is killed leaves a drill that ends itself.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shuian.drill_api import Api
from shuian.drill_findings import Findings
from shuian.drill_stage import drill_areas, is_cast
from shuian.errors import BadInput
from simulators.drills import DRILLS, Drill, Kind, Role
from simulators.drills._story import Deeds, Told, deeds

LOOK_S = 1.0
"""How often the service is asked: never more than two events a second. [s]"""
UNPLAYED = frozenset({"declare away", "confirm away", "back"})
"""Deeds that are about the registry, and so no part of a tabletop."""


def wall_clock() -> datetime:
    """Return the time of this machine, aware UTC."""
    return datetime.now(UTC)


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


def homes_for(drill: Drill, api: Api, now: datetime) -> dict[str, str]:
    """Return a home of the service's drill areas for each that a script names; homes of other runs are left alone.

    A script with an owner of a shift needs homes for which somebody is on shift; one without needs homes for which nobody is.

    Raises
    ------
    BadInput
        There are fewer.
    """
    areas = {name: row for name, row in drill_areas(api).items() if not is_cast(name)}
    on = {row["area"] for row in api.rows("/shifts") if _holds(row, now)}
    while more := {name for name, row in areas.items() if row.get("parent") in on} - on:
        on |= more
    mine = areas.keys() & on if "owner" in drill.people else areas.keys() - on
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
    kind : {"tabletop", "technical", "live"}
        At a tabletop it plays in findings; in a technical drill meters speak, and the service has to find out; in a live
        rehearsal it plays in findings, and people act for themselves.
    homes : mapping, optional
        The home of each that the script names; None: homes of the service's drill areas (`homes_for`).
    people : sequence of str
        Real people who take part: of a live rehearsal only.
    besides : callable
        What else has to be done now, asked at each look; told how many seconds have passed since the beginning.
    """

    name: str
    drill: Drill
    api: Api
    clock: Callable[[], datetime] = wall_clock
    kind: Kind = "tabletop"
    homes: Mapping[str, str] | None = None
    people: Sequence[str] = ()
    besides: Callable[[float], None] = lambda _: None
    id: str = ""
    done: list[Deeds] = field(default_factory=list)
    _seen: dict[tuple[str, ...], str] = field(default_factory=dict)
    _say: Callable[[str], None] = lambda _: None

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
        homes = homes_for(self.drill, self.api, self.start) if self.homes is None else self.homes
        plan = {"drill": self.name, "kind": self.kind, "people": list(self.people), "lasts_s": self.drill.ends_s}
        plan |= {"homes": dict(homes), "wanted": [one.data() for one in self.drill.must]}
        self.id = self.api("POST", "/drills", plan | {"down": [asdict(one) for one in self.drill.down]})["id"]
        self._findings = Findings(self.api, self.drill, self.id, self._part, self.start)
        self._play_in()
        return self.id

    def _play_in(self) -> None:
        if self.kind != "technical":
            self._findings.play(self._since_s())

    def _since_s(self) -> float:
        """Return the seconds since the beginning."""
        return (self.clock() - self.start).total_seconds()

    def step(self) -> bool:
        """Let people do what is due now; False: the drill is over."""
        score = self.api("GET", f"/drills/{self.id}")
        self._tell(score["lines"])
        if score["state"] != "running":
            return False
        due = [line["verdict"] for line in score["lines"] if not line["never"]]
        since_s = self._since_s()
        if "waits" not in due and since_s >= self.drill.watched_s:
            self.end()
            return False
        self._play_in()
        self.besides(since_s)
        if self.kind == "live":
            return True
        told, who = self._told()
        for deed in deeds(self.drill, told, self.done, since_s):
            self.done.append(deed)
            if deed.because is not None and deed.what not in UNPLAYED:
                self._do(deed, who[deed.because])
        return True

    def _tell(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Say what is new: what happened for many homes at once in one line."""
        news = Counter[str]()
        for line in lines:
            key = tuple(str(line[name]) for name in ("home", "step", "who", "after", "never"))
            if line["verdict"] != "waits" and line["verdict"] != self._seen.get(key) and not line["never"]:
                news[f"{line['verdict']}: {line['step']} {line['who']}".rstrip()] += 1
            self._seen[key] = line["verdict"]
        for words, homes in news.items():
            self._say(f"{self.clock().astimezone():%H:%M:%S}  {words}" + (f", {homes} homes" if homes > 1 else ""))

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

    def run(
        self,
        say: Callable[[str], None] = print,
        sleep: Callable[[float], None] = time.sleep,
        begun: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        """Play it to its end and return its score; Ctrl-C stops it and the drill.

        `begun` is called when the service knows that it runs.
        """
        say(f"drill {self.begin()}: {self.drill.happens}")
        last = (self.start + timedelta(seconds=self.drill.ends_s)).astimezone()
        say(f"its page: {self.api.url}/c/drills/{self.id}; it ends by itself, at {last:%H:%M} at the latest")
        self._say = say
        over = False
        try:
            begun()
            while self.step():
                sleep(LOOK_S)
            over = True
        except KeyboardInterrupt:
            pass
        finally:
            if not over:
                self.end("asked")
        score: dict[str, Any] = self.api("GET", f"/drills/{self.id}")
        self._tell(score["lines"])
        return score
