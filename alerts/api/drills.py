"""The routes of drills: begin one, play into it, end it, read its score.

A program with the scope ``drills:run`` plays a script (`shuian drill run` is one).  It can do nothing real with it: what it
plays in is of the realm ``drill`` by the store's own decision, and only people who do not exist act through it.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, RowMapping, select
from starlette.responses import JSONResponse

from alerts import drill_runs, drill_scope, drill_score, receipts
from alerts.api import drill_areas
from alerts.api.drill_areas import Event
from alerts.api.problems import Problem
from alerts.claims import NewFinding
from alerts.drill_runs import Down, Plan
from alerts.errors import DrillError, UnknownOutcome
from alerts.events import Accepted, Arrived, Declined, NoAnswer, OutcomeRecorded, SetOff, Tap
from alerts.outcomes import outcome
from alerts.registry import realms
from alerts.schema import cases, drill_homes, drill_people, drills, households
from alerts.tokens import Token
from alerts.web.site import Site

SCOPE = "drills:run"
MOST = 100
LONGEST_AGO = timedelta(days=31)
"""What is played in began at most so long ago."""
Name = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^/\s]+$")]
Short = Annotated[str, Field(min_length=1, max_length=64)]
EVENTS: dict[str, Callable[[str, str], Tap]] = {
    "accept": lambda by, _: Accepted(by),
    "decline": lambda by, code: Declined(by, code or "busy"),
    "set off": lambda by, _: SetOff(by),
    "arrive": lambda by, _: Arrived(by),
    "no answer": lambda by, _: NoAnswer(by),
    "outcome": OutcomeRecorded,
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Wanted(_Body):
    """One thing that must happen (`simulators.drills.Expect`)."""

    step: Short
    within_s: float = Field(ge=0)
    part: str = Field("", max_length=64)
    who: str = Field("", max_length=16)
    after: str = Field("start", max_length=16)
    never: bool = False


class Fails(_Body):
    """A provider of messages that is played to be down for this drill; seconds from its beginning."""

    channel: Short
    begins_s: float = Field(0.0, ge=0)
    ends_s: float | None = Field(None, gt=0)


class Begin(_Body):
    """A drill to be begun."""

    drill: Short
    kind: Short
    homes: dict[Short, Short]
    people: list[Short] = Field(default_factory=list, max_length=100)
    lasts_s: float = Field(gt=0)
    wanted: list[Wanted] = Field(default_factory=list, max_length=200)
    down: list[Fails] = Field(default_factory=list, max_length=20)


class Played(_Body):
    """A finding that is played in, as if detectors had raised it now."""

    id: Annotated[str, Field(min_length=1, max_length=40)]
    home: Short
    kind: Annotated[str, Field(min_length=1, max_length=32)] = "quiet"
    severity: Literal["red", "amber", "blue"] = "red"
    onset: AwareDatetime
    reason: Annotated[str, Field(min_length=1, max_length=48)] = "quiet"
    evidence: dict[str, float | str | bool | None] = Field(default_factory=dict, max_length=40)


class Deed(_Body):
    """What somebody who does not exist does about a home's case; the same `id` again changes nothing."""

    id: Annotated[str, Field(min_length=1, max_length=40)]
    who: Short
    home: Short
    do: Literal["see", "accept", "decline", "set off", "arrive", "no answer", "outcome"]
    code: str = Field("", max_length=32)


class End(_Body):
    """How it ends."""

    why: Literal["finished", "asked"] = "finished"


def routes(asking: Callable[[str], Callable[[Request], Token]]) -> APIRouter:
    """Return the routes of drills; `asking` makes the dependency that wants a token with a scope."""
    router, player = APIRouter(), asking(SCOPE)
    Player = Annotated[Token, Depends(player)]  # noqa: N806  (a type)
    _reading(router, Player)
    _hearing(router, Player)
    _playing(router, Player)
    _of_many(router, Player)
    return router


def _reading(router: APIRouter, Player: Any) -> None:  # noqa: N803
    @router.get("/drills", operation_id="list_drills")
    def listed(request: Request, token: Player) -> JSONResponse:
        """The newest hundred drills within the token's area."""
        with _site(request).looking() as conn:
            rows = conn.execute(select(drills).order_by(drills.c.started_at.desc(), drills.c.id)).mappings()
            mine = [_plain(dict(row)) for row in rows if _within(conn, token, row["id"])][:MOST]
        return JSONResponse({"items": [{k: v for k, v in one.items() if k not in ("wanted", "down")} for one in mine]})

    @router.get("/drills/{name}", operation_id="get_drill")
    def got(request: Request, name: Name, token: Player) -> JSONResponse:
        """The score of a drill as it stands now."""
        site = _site(request)
        with site.looking() as conn:
            _mine(conn, token, name)
            return JSONResponse(_plain(asdict(drill_score.score(conn, name, site.clock()))))


def _hearing(router: APIRouter, Player: Any) -> None:  # noqa: N803
    @router.get("/drills/{name}/told", operation_id="list_told")
    def told(request: Request, name: Name, token: Player) -> JSONResponse:
        """What reached the people who do not exist: a program that plays them reads no messages."""
        with _site(request).looking() as conn:
            _mine(conn, token, name)
            found = drill_score.heard(conn, name)
            virtual = realms.played(conn, {one.who for one in found})
        return JSONResponse({"items": [_plain(asdict(one)) for one in found if one.who in virtual]})


def _playing(router: APIRouter, Player: Any) -> None:  # noqa: N803
    @router.post("/drills", operation_id="begin_drill", status_code=201)
    def begun(request: Request, said: Begin, token: Player) -> JSONResponse:
        """Begin a drill; 409 with why it may not be."""
        site, now = _site(request), _site(request).clock()
        wanted = [one.model_dump() for one in said.wanted]
        lasts, down = timedelta(seconds=min(said.lasts_s, 1e6)), [Down(**one.model_dump()) for one in said.down]
        plan = Plan(said.drill, said.kind, said.homes, said.people, lasts, wanted, down)
        with site.engine.begin() as conn:
            if token.areas is not None:
                _all_within(conn, token, set(said.homes.values()))
            try:
                name = drill_runs.start(conn, plan, now, token.actor)
            except DrillError as wrong:
                raise Problem(409, "drill", str(wrong)) from None
        return JSONResponse({"id": name, "ends_at": (now + plan.lasts).isoformat()}, 201)

    @router.post("/drills/{name}/findings", operation_id="play_finding")
    def played(request: Request, name: Name, said: Played, token: Player) -> JSONResponse:
        """Play in a finding; the case that it opened, null if none."""
        site, now = _site(request), _site(request).clock()
        with site.looking() as conn:
            home = _home(conn, token, name, said.home)
            _runs(conn, name)
        _lately(said.onset, now)
        finding = NewFinding(
            f"{name}-{said.id}", "drill", home, said.kind, said.severity, said.onset, now, said.reason, said.evidence
        )
        return JSONResponse({"case": site.store.raise_finding(finding, now)})

    @router.post("/drills/{name}/findings/{finding}/clear", operation_id="clear_finding")
    def cleared(request: Request, name: Name, finding: Name, token: Player) -> JSONResponse:
        """Let a finding that was played in hold no longer: the water is used again, the meter is heard."""
        site, now = _site(request), _site(request).clock()
        with site.looking() as conn:
            _mine(conn, token, name)
        site.store.clear_finding(f"{name}-{finding}", now, now, "drill")
        return JSONResponse({"cleared": True})

    @router.post("/drills/{name}/deeds", operation_id="play_deed")
    def done(request: Request, name: Name, said: Deed, token: Player) -> JSONResponse:
        """Let somebody who does not exist do something; what became of it, and 409 when there is no case to do it to."""
        site, now = _site(request), _site(request).clock()
        with site.looking() as conn:
            home = _home(conn, token, name, said.home)
            _may_play(conn, name, said.who)
            case = _case(conn, name, home, ended=said.do == "see")
        if case is None:
            raise Problem(409, "no-case", "no case of this drill is open at that home")
        if said.do == "see":
            with site.engine.begin() as conn:
                receipts.looked(conn, "drill", case["id"], said.who, now)
            return JSONResponse({"result": "done", "state": case["state"]})
        event = _event(said)
        acted = site.store.act("drill", case["id"], event, now, f"{name}-{said.id}")
        return JSONResponse({"result": acted.result, "state": acted.case.state})

    @router.post("/drills/{name}/end", operation_id="end_drill")
    def ended(request: Request, name: Name, said: End, token: Player) -> JSONResponse:
        """End a drill at once; one that is over stays as it is."""
        site, now = _site(request), _site(request).clock()
        with site.engine.begin() as conn:
            _mine(conn, token, name)
            homes = drill_runs.end(conn, name, now, token.actor, said.why, site.store.policy)
        site.store.on_commit(homes)
        return JSONResponse({"ended": bool(homes)})


def _of_many(router: APIRouter, Player: Any) -> None:  # noqa: N803
    @router.post("/drills/{name}/areas", operation_id="begin_area", status_code=201)
    def cut(request: Request, name: Name, said: Event, token: Player) -> JSONResponse:
        """Let several homes of a drill have one trouble; how many it has.  The same id again changes nothing."""
        site, now = _site(request), _site(request).clock()
        with site.looking() as conn:
            homes = {_home(conn, token, name, part) for part in said.homes}
            _runs(conn, name)
            _lately(said.onset, now)
            new = drill_areas.event(conn, name, said, homes, now)
        site.store.begin_area(new, now)
        return JSONResponse({"homes": len(homes)}, 201)

    @router.post("/drills/{name}/areas/{event}/end", operation_id="end_area")
    def back(request: Request, name: Name, event: Name, token: Player) -> JSONResponse:
        """Let it be over; one that is over or was never begun stays as it is."""
        site, now = _site(request), _site(request).clock()
        with site.looking() as conn:
            _mine(conn, token, name)
        site.store.end_area(drill_areas.named(name, event), now, now, "drill")
        return JSONResponse({"ended": True})


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def _plain(value: Any) -> Any:
    """Return what JSON can hold."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _all_within(conn: Connection, token: Token, homes: set[str]) -> None:
    h = households.c
    inside = set(conn.scalars(select(h.id).where(h.id.in_(homes), h.area.in_(token.areas or ()))))
    if homes - inside:
        raise Problem(403, "area", "homes of this drill lie outside the token's area")


def _within(conn: Connection, token: Token, name: str) -> bool:
    """Whether all homes of a drill lie in the token's areas; what is half another's is not shown."""
    homes = set(drill_runs.homes_of(conn, name))
    if token.areas is None:
        return bool(homes)
    h = households.c
    return bool(homes) and homes == set(conn.scalars(select(h.id).where(h.id.in_(homes), h.area.in_(token.areas))))


def _mine(conn: Connection, token: Token, name: str) -> None:
    if not _within(conn, token, name):
        raise Problem(404, "not-found", "there is no such drill")


def _home(conn: Connection, token: Token, name: str, part: str) -> str:
    """Return the home that a drill of the token's calls `part`."""
    _mine(conn, token, name)
    h = drill_homes.c
    home: str | None = conn.scalar(select(h.household).where(h.drill == name, h.part == part))
    if home is None:
        raise Problem(422, "invalid", "the body is not of this drill", [("home", "the name of one of its homes")])
    return home


def _runs(conn: Connection, name: str) -> None:
    if drill_scope.ends_by(conn, name) is None:
        raise Problem(409, "over", "this drill is over: nothing can be played into it any more")


def _lately(onset: datetime, now: datetime) -> None:
    """Refuse what no detector would say: words and pages tell how long it has lasted."""
    if not now - LONGEST_AGO <= onset <= now:
        raise Problem(422, "invalid", "the body cannot be", [("onset", f"a time of the last {LONGEST_AGO.days} days")])


def _may_play(conn: Connection, name: str, who: str) -> None:
    p = drill_people.c
    inside = conn.scalar(select(p.person).where(p.drill == name, p.person == who))
    if inside is None or not realms.played(conn, [who]):
        wanted = "somebody of this drill who does not exist: real people act for themselves"
        raise Problem(403, "real", f"want {wanted}", [("who", wanted)])


def _case(conn: Connection, name: str, home: str, *, ended: bool) -> RowMapping | None:
    """Return the newest case of a drill at a home: one that is open, or also one that has ended, which can be read."""
    c, since = cases.c, select(drills.c.started_at).where(drills.c.id == name).scalar_subquery()
    mine = c.realm == "drill", c.household == home, c.opened_at >= since
    found = select(c.id, c.state).where(*mine).order_by(c.closed_at.is_(None).desc(), c.opened_at.desc())
    return conn.execute(found if ended else found.where(c.closed_at.is_(None))).mappings().first()


def _event(said: Deed) -> Tap:
    if said.do == "outcome":
        try:
            outcome(said.code)
        except UnknownOutcome as wrong:
            raise Problem(422, "invalid", "there is no such outcome", [("code", str(wrong))]) from None
    return EVENTS[said.do](said.who, said.code)
