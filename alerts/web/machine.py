"""For machines: style and script, health, metrics."""

from pathlib import PurePath

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response

from alerts.web.site import Refused, Site

router = APIRouter()
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@router.get("/static/{name}")
def static(name: str, request: Request) -> Response:
    """Style and script; their addresses change with their content."""
    site: Site = request.app.state.site
    if name not in site.static:
        raise Refused(404, "not_found")
    keep = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(site.static[name], media_type=_TYPES[PurePath(name).suffix], headers=keep)


@router.get("/healthz")
def healthz(request: Request) -> JSONResponse:
    """Whether every part works: 200 or 503.  Codes and counts only, nothing about people."""
    site: Site = request.app.state.site
    health = site.health()
    body = {
        "ok": health.ok,
        "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in health.checks],
        "counts": dict(health.counts),
    }
    return JSONResponse(body, 200 if health.ok else 503)


@router.get("/metrics")
def metrics() -> Response:
    """Counters for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
