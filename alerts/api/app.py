"""The routes of the interface: the same five for each sheet, two for cases, one for the description of all of them."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Header, Path, Query, Request
from fastapi.openapi.utils import get_openapi
from sqlalchemy import RowMapping
from starlette.responses import JSONResponse, Response

from alerts import tokens
from alerts.api import drills, fields, golive, problems, rows
from alerts.api.fields import RESOURCES
from alerts.api.problems import Problem
from alerts.registry.sheets import REFERENCES
from alerts.tokens import Token
from alerts.web.site import Site

MOST_BYTES = 64 * 1024
"""The longest body of a request."""
MOST = 500
"""Rows of one page."""
DELETED = 204
Name = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^/\s]+$")]
After = Annotated[str | None, Query(max_length=64, description="The cursor that the page before named in next.")]
Limit = Annotated[int, Query(ge=1, le=MOST)]


def create(site: Site) -> FastAPI:
    """Return the interface as an application of its own, to be mounted; it shares the site's database and clock."""
    api = _all_routes()
    api.state.site = site

    @api.get("/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        """The description; it needs no token, since it tells nothing of anybody."""
        return JSONResponse(_described())

    return api


def _all_routes() -> FastAPI:
    """Return the interface of no site yet."""
    api = FastAPI(
        title="Shuian", version="1", docs_url=None, redoc_url=None, openapi_url=None, responses=problems.RESPONSES
    )
    problems.install(api)
    for tag, router in _routers().items():
        api.include_router(router, tags=[tag])
    return api


@cache
def _described() -> dict[str, Any]:
    """Return the description, the same for every site: worked out when somebody first asks for it."""
    api = _all_routes()
    whole = get_openapi(title=api.title, version=api.version, routes=api.routes, servers=[{"url": "/api/v1"}])
    parts = whole.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = problems.SCHEMA
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    whole["security"] = [{"token": []}]
    return whole


@cache
def _routers() -> Mapping[str, APIRouter]:
    """Return the routes by their tag; they learn from each request whose site they serve, and are made once."""
    return {sheet: _resource(sheet) for sheet in RESOURCES} | {
        "cases": _cases(),
        "drills": drills.routes(asking),
        "golive": golive.routes(asking),
    }


# --- who asks ------------------------------------------------------------------------------------------------------


def asking(scope: str) -> Callable[[Request], Token]:
    """Return the dependency that wants a token with a scope."""

    def known(request: Request) -> Token:
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            raise Problem(413, "too-long", f"want a body of at most {MOST_BYTES} bytes")
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        site = _site(request)
        with site.looking() as conn:
            token = tokens.of(conn, secret.strip(), site.clock()) if kind.casefold() == "bearer" and secret else None
        if token is None:
            raise Problem(
                401, "no-token", "want a token: Authorization: Bearer shuian_…; make one with: shuian token add"
            )
        if not token.may(scope):
            raise Problem(403, "scope", f"this token lacks the scope {scope}")
        return token

    return known


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def _id(name: str) -> str:
    if not fields.is_id(name):
        raise Problem(404, "not-found", "there is no such row")
    return name


# --- the registry --------------------------------------------------------------------------------------------------


def _resource(sheet: str) -> APIRouter:
    """Return list, get, put and delete of one sheet."""
    router = APIRouter()
    _reading(router, sheet)
    _writing(router, sheet)
    return router


def _reading(router: APIRouter, sheet: str) -> None:
    """Add list and get."""
    reader, only = asking("registry:read"), tuple(REFERENCES.get(sheet, {}))

    @router.get(
        f"/{sheet}", operation_id=f"list_{sheet}", openapi_extra={"parameters": [_filter(name) for name in only]}
    )
    def listed(
        request: Request, token: Annotated[Token, Depends(reader)], after: After = None, limit: Limit = 100
    ) -> JSONResponse:
        """A page of rows; next is the cursor of the page after it, null at the end."""
        narrowed = {name: request.query_params[name] for name in only if request.query_params.get(name)}
        site = _site(request)
        with site.engine.begin() if sheet in rows.PERSONAL else site.looking() as conn:
            found = rows.page(conn, sheet, token, after, limit + 1, narrowed)
            rows.seen(conn, sheet, found[:limit], token, site.clock())
        return _page(found, limit, lambda row: fields.shown(sheet, row), lambda row: _cursor(sheet, row))

    @router.get(f"/{sheet}/{{name}}", operation_id=f"get_{sheet}")
    def got(
        request: Request, name: Name, token: Annotated[Token, Depends(reader)],
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:  # fmt: skip
        """One row with its ETag; 304 if it is the one that If-None-Match names."""
        site = _site(request)
        with site.engine.begin() if sheet in rows.PERSONAL else site.looking() as conn:
            row = rows.one(conn, sheet, _id(name), token)
            rows.seen(conn, sheet, [row] if row else [], token, site.clock())
        if row is None:
            raise Problem(404, "not-found", "there is no such row")
        said = fields.shown(sheet, row)
        if if_none_match == fields.tag(said):
            return Response(status_code=304, headers={"ETag": fields.tag(said)})
        return JSONResponse(said, headers={"ETag": fields.tag(said)})


def _writing(router: APIRouter, sheet: str) -> None:
    """Add put and delete."""
    writer = asking("registry:write")
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": fields.schema(sheet)}}}}

    @router.put(f"/{sheet}/{{name}}", operation_id=f"put_{sheet}", openapi_extra=body)
    def put(
        request: Request, name: Name, said: Annotated[dict[str, Any], Body()], token: Annotated[Token, Depends(writer)],
        if_match: Annotated[str | None, Header()] = None, if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:  # fmt: skip
        """Write a row under an id of one's own choice; the same once more changes nothing."""
        values, wrong = fields.read(sheet, said)
        if wrong:
            raise Problem(422, "invalid", "the body is not a row of this sheet", wrong)
        site, now = _site(request), _site(request).clock()
        with site.engine.begin() as conn:
            _matches(conn, sheet, _id(name), token, if_match, if_none_match)
            if sheet == "consents":
                new = rows.agree(conn, name, values, token, now, site.store.policy)
            else:
                new = rows.put(conn, sheet, name, values, token, now, site.settings.formats)
            row = rows.one(conn, sheet, name, token)
        site.store.on_commit(frozenset())
        assert row is not None
        shown = fields.shown(sheet, row)
        return JSONResponse(shown, 201 if new else 200, headers={"ETag": fields.tag(shown)})

    @router.delete(f"/{sheet}/{{name}}", operation_id=f"delete_{sheet}", status_code=DELETED)
    def deleted(
        request: Request, name: Name, token: Annotated[Token, Depends(writer)],
        if_match: Annotated[str | None, Header()] = None,
    ) -> Response:  # fmt: skip
        """Delete a row; a consent is withdrawn instead, at once and with all that follows."""
        site, now = _site(request), _site(request).clock()
        with site.engine.begin() as conn:
            _matches(conn, sheet, _id(name), token, if_match, None)
            if sheet == "consents":
                rows.withdraw(conn, name, token, now, site.store.policy)
            else:
                rows.remove(conn, sheet, name, token, now)
        site.store.on_commit(frozenset())
        return Response(status_code=DELETED)


def _filter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string", "maxLength": 64}}


def _matches(conn: Any, sheet: str, name: str, token: Token, if_match: str | None, if_none_match: str | None) -> None:
    """Refuse a write for which the row is not as its writer believes."""
    if if_match is None and if_none_match is None:
        return
    row = rows.one(conn, sheet, name, token)
    tag = fields.tag(fields.shown(sheet, row)) if row else None
    if if_match is not None and (tag is None or if_match not in ("*", tag)):
        raise Problem(412, "changed", "the row is not the one that If-Match names: read it again")
    if if_none_match is not None and tag is not None and if_none_match in ("*", tag):
        raise Problem(412, "changed", "there is such a row already")


def _cursor(sheet: str, row: RowMapping) -> str:
    return str(row["id"]) if sheet in fields.NAMED else str(row["n" if sheet == "devices" else "id"])


def _page(
    found: list[RowMapping],
    limit: int,
    shown: Callable[[RowMapping], Mapping[str, Any]],
    cursor: Callable[[RowMapping], str],
) -> JSONResponse:
    more = len(found) > limit
    items = found[:limit]
    return JSONResponse({"items": [shown(row) for row in items], "next": cursor(items[-1]) if more else None})


# --- cases ---------------------------------------------------------------------------------------------------------


def _cases() -> APIRouter:
    """Return the routes that read cases."""
    router, reader = APIRouter(), asking("cases:read")

    @router.get("/cases", operation_id="list_cases")
    def listed(
        request: Request, token: Annotated[Token, Depends(reader)], after: After = None, limit: Limit = 100,
        is_open: Annotated[bool | None, Query(alias="open", description="true: that have not ended; false: that have")] = None,
    ) -> JSONResponse:  # fmt: skip
        """A page of cases; no names, no evidence."""
        with _site(request).looking() as conn:
            found = rows.case_page(conn, token, after, limit + 1, is_open)
        return _page(found, limit, _case, lambda row: str(row["id"]))

    @router.get("/cases/{name}", operation_id="get_case")
    def got(request: Request, name: Name, token: Annotated[Token, Depends(reader)]) -> JSONResponse:
        """One case."""
        with _site(request).looking() as conn:
            row = rows.one_case(conn, name, token)
        if row is None:
            raise Problem(404, "not-found", "there is no such case")
        return JSONResponse(_case(row), headers={"ETag": fields.tag(_case(row))})

    return router


def _case(row: RowMapping) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
