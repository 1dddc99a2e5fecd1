"""The checklists of going live, for programs: which communities have proved what; ids and codes, no names."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import JSONResponse

from alerts import registry
from alerts.api.problems import Problem
from alerts.go_live import Checklist, Item
from alerts.tokens import Token
from alerts.web.site import Site

SCOPE = "registry:read"
Name = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^/\s]+$")]


def routes(asking: Callable[[str], Callable[[Request], Token]]) -> APIRouter:
    """Return the routes; `asking` makes the dependency that wants a token with a scope."""
    router, reader = APIRouter(), asking(SCOPE)
    Reader = Annotated[Token, Depends(reader)]  # noqa: N806  (a type)

    @router.get("/golive", operation_id="list_golive")
    def listed(request: Request, token: Reader) -> JSONResponse:
        """The communities within the token's area, with how much of each list is green and how many homes are covered."""
        site, found = _lists(request, token)
        items = [_short(one) for one in found.values()]
        return JSONResponse({"required": site.cover.settings.required, "items": items})

    @router.get("/golive/{name}", operation_id="get_golive")
    def got(request: Request, name: Name, token: Reader) -> JSONResponse:
        """The list of one community: each item, what it lacks and about whom, and what keeps back which home."""
        found = _lists(request, token)[1].get(name)
        if found is None:
            raise Problem(404, "not-found", "no home lives in such a community")
        homes = {home: list(keys) for home, keys in found.homes.items() if keys}
        return JSONResponse(_short(found) | {"checklist": [_item(one) for one in found.items], "kept_back": homes})

    return router


def _lists(request: Request, token: Token) -> tuple[Site, dict[str, Checklist]]:
    site: Site = request.app.state.site
    with site.looking() as conn:
        register = registry.version(conn)
    lists = site.cover.lists(site.clock(), register)
    return site, {area: one for area, one in lists.items() if token.areas is None or area in token.areas}


def _short(one: Checklist) -> dict[str, Any]:
    said = {"area": one.area, "green": one.green, "items": len(one.items)}
    return said | {"covered": one.covered, "homes": len(one.homes)}


def _item(one: Item) -> dict[str, Any]:
    lacks = [
        {"why": lack.why, "whom": lack.whom, "at": _time(lack.at), "areas": sorted(lack.areas or ())}
        for lack in one.lacks
    ]
    said = {"key": one.key, "state": one.state, "done": one.done, "of": one.of}
    return said | {"since": _time(one.since), "until": _time(one.until), "lacks": lacks}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
