"""A script played at a tabletop on a running service, through its interface for programs.

Findings are played in where a script's faults would be found; then, once a second, what reached the people who do not exist
is read, and they do what the script says they do.  Everything is decided from what the service says, so that a player that is
killed leaves a drill that ends itself.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from shuian.drill_casting import casts
from shuian.errors import BadInput, Trouble
from simulators.drills import DRILLS, Drill, Role
from simulators.drills._story import Deeds, Told, deeds
from simulators.faults import faults

PLAYED = {"quiet": "quiet", "surge": "surge", "leak": "leak"}
"""Findings that can be played in, and the reason that is given; areas and meters need readings."""
BEGAN_S = 12 * 3600.0
"""A finding that falls due at the beginning began so long before. [s]"""
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
    id: str = ""
    done: list[Deeds] = field(default_factory=list)

    def begin(self) -> str:
        """Begin the drill, play in what the detectors would find, and return its id."""
        self.start = self.clock()
        self._part = dict(self.drill.named())
        wanted = [one.data() for one in self.drill.must]
        plan = {"drill": self.name, "kind": "tabletop", "lasts_s": self.drill.ends_s, "wanted": wanted}
        self.id = self._first([plan | {"homes": homes} for homes in casts(self.drill, self.api, self.start)])
        for strikes in self.drill.strikes:
            kinds = [kind for kind in faults()[strikes.fault].finds if kind in PLAYED]
            for home, part in self._part.items():
                if part == strikes.part and kinds:
                    self._play(home, kinds[0], strikes.begins)
        return self.id

    def _first(self, plans: Sequence[Mapping[str, Any]]) -> str:
        """Begin by the first of these plans whose homes are in no other drill, and return the id."""
        for plan in plans[:-1]:
            if begun := self.api("POST", "/drills", plan, may=409):
                return str(begun["id"])
        return str(self.api("POST", "/drills", plans[-1])["id"])

    def _play(self, home: str, kind: str, begins: float | str) -> None:
        before_s = -begins if isinstance(begins, float) else BEGAN_S
        onset = (self.start - timedelta(seconds=before_s)).isoformat()
        said = {"id": f"{home}-{kind}".replace(" ", "_"), "home": home, "kind": kind, "reason": PLAYED[kind]}
        self.api("POST", f"/drills/{self.id}/findings", said | {"severity": "red", "onset": onset})

    def step(self) -> bool:
        """Let people do what is due now; False: the drill is over."""
        score = self.api("GET", f"/drills/{self.id}")
        if score["state"] != "running":
            return False
        due = [line["verdict"] for line in score["lines"] if not line["never"]]
        if "waits" not in due and self._since() >= self.drill.watched_s:
            self.end()
            return False
        told, who = self._told()
        for deed in deeds(self.drill, told, self.done, self._since()):
            self.done.append(deed)
            if deed.because is not None and deed.what not in UNPLAYED:
                self._do(deed, who[deed.because])
        return True

    def _since(self) -> float:
        """Return the seconds since the beginning."""
        return (self.clock() - self.start).total_seconds()

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
    return lines
