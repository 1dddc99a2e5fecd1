"""What a script has found where no meters are simulated: played in when it is found, and let go when it holds no longer.

Nothing is kept but what was done: the ids are made of the script, so that the same thing said twice changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from simulators.drills import GROUPS, Drill, Plays

HOUR_S = 3600.0
FLOW_L_H = 480.0
"""A tap that was left open. [l/h]"""
DRIP_L_H = 18.0
"""A toilet that leaks. [l/h]"""

Api = Callable[[str, str, Mapping[str, Any]], Any]
"""How the service is asked: method, path, body."""


def words(kind: str, onset: datetime, now: datetime) -> dict[str, Any]:
    """Return the reason of a finding and what its sentence tells: numbers as they might be, in seconds and litres."""
    since, heard, lasting_s = onset.timestamp(), now.timestamp() - 300.0, (now - onset).total_seconds()
    evidence: dict[str, float] = {"heard_at": heard}
    if kind == "meter_silent":
        evidence |= {"silent_s": lasting_s, "heard_at": since, "period_s": 900.0, "limit_s": HOUR_S}
    elif kind == "surge":
        flowed = {"running_s": lasting_s, "volume_l": FLOW_L_H * lasting_s / HOUR_S, "flow_l_h": FLOW_L_H}
        evidence |= flowed | {"running_since_at": since, "usual_run_s": 1200.0}
    elif kind == "leak":
        evidence |= {"leak_since_at": since, "running_s": lasting_s, "leak_l_h": DRIP_L_H, "per_day_l": 24 * DRIP_L_H}
    else:
        usual_s = lasting_s / 2  # overdue: it is usually half as long
        evidence |= {"quiet_s": lasting_s, "last_use_at": since, "usual_s": usual_s, "usual_return_at": since + usual_s}
    return {"reason": {"surge": "water_running"}.get(kind, kind), "evidence": evidence}


class Findings:
    """The findings of one drill.

    Parameters
    ----------
    api : Api
        The service.
    drill : Drill
        The script.
    run : str
        The id of the drill that runs.
    parts : mapping of str to str
        Its homes, as the script calls them, to their parts.
    start : datetime
        The beginning of the drill (aware).
    """

    def __init__(self, api: Api, drill: Drill, run: str, parts: Mapping[str, str], start: datetime) -> None:
        self._api, self._at, self._parts, self._start = api, f"/drills/{run}", parts, start
        self._due = [(one.at_s, n, True) for n, one in enumerate(drill.played())]
        self._due += [(one.until_s, n, False) for n, one in enumerate(drill.played()) if one.until_s is not None]
        self._due.sort()
        self._played = drill.played()

    def play(self, now_s: float) -> None:
        """Play in what is found by now, and let go what is over; `now_s` after the beginning of the drill."""
        while self._due and self._due[0][0] <= now_s:
            _, n, begins = self._due.pop(0)
            one = self._played[n]
            homes = [home for home, part in self._parts.items() if part in one.parts]
            if one.kind in GROUPS:
                self._together(one, f"{n}", homes, begins=begins)
            else:
                self._each(one, f"{n}", homes, begins=begins)

    def _onset(self, one: Plays) -> datetime:
        return self._start + timedelta(seconds=one.began_s)

    def _together(self, one: Plays, name: str, homes: Sequence[str], *, begins: bool) -> None:
        said = {"id": name, "kind": one.kind, "homes": homes, "onset": self._onset(one).isoformat()}
        if begins:
            self._api("POST", f"{self._at}/areas", said)
        else:
            self._api("POST", f"{self._at}/areas/{name}/end", {})

    def _each(self, one: Plays, name: str, homes: Sequence[str], *, begins: bool) -> None:
        for home in homes:
            its = f"{name}-{home}".replace(" ", "_")
            if begins:
                onset, now = self._onset(one), self._start + timedelta(seconds=one.at_s)
                said = {"id": its, "home": home, "kind": one.kind, "severity": one.severity, "onset": onset.isoformat()}
                self._api("POST", f"{self._at}/findings", said | words(one.kind, onset, now))
            else:
                self._api("POST", f"{self._at}/findings/{its}/clear", {})
