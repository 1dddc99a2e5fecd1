"""Errors as RFC 9457 has them: ``application/problem+json`` with a type, a title, and what to mend."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

TYPE = "application/problem+json"
Wrong = tuple[str, str]
"""A field and what it wants."""


class Problem(Exception):
    """A request that cannot be answered as asked."""

    def __init__(self, status: int, kind: str, detail: str, wrong: Sequence[Wrong] = ()) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.wrong = status, kind, detail, tuple(wrong)


def answer(status: int, kind: str, detail: str, wrong: Sequence[Wrong] = ()) -> JSONResponse:
    """Return a problem as an answer; `kind` names it in ``type``, docs/api.md explains each."""
    body: dict[str, Any] = {
        "type": f"https://shuian.example/docs/api#{kind}", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
    }  # fmt: skip
    if wrong:
        body["errors"] = [{"field": field, "wanted": wanted} for field, wanted in wrong]
    headers = {"WWW-Authenticate": 'Bearer realm="shuian"'} if status == 401 else None
    return JSONResponse(body, status, headers=headers, media_type=TYPE)


def refused(error: HTTPException) -> JSONResponse:
    """Return what a router refuses as a problem."""
    kinds: Mapping[int, str] = {404: "not-found", 405: "method"}
    return answer(error.status_code, kinds.get(error.status_code, "refused"), str(error.detail))


def install(api: FastAPI) -> None:
    """Let every error of `api` be answered as a problem."""

    def known(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return answer(error.status, error.kind, error.detail, error.wrong)

    def unreadable(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        wrong = [(".".join(str(part) for part in one["loc"][1:]) or "body", str(one["msg"])) for one in error.errors()]
        return answer(422, "invalid", "the request cannot be read as it is", wrong)

    def other(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return refused(error)

    def broken(_: Request, __: Exception) -> JSONResponse:
        return answer(500, "broken", "something of ours failed; it is in the log")

    api.add_exception_handler(Exception, broken)
    api.add_exception_handler(Problem, known)
    api.add_exception_handler(RequestValidationError, unreadable)
    api.add_exception_handler(HTTPException, other)


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (400, 401, 403, 404, 409, 412, 413, 422)
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"field": {"type": "string"}, "wanted": {"type": "string"}}},
        },
    },
}
