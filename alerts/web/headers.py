"""What every answer carries, and which posts are let in, as plain ASGI middleware.

A plain class instead of ``@app.middleware("http")``: no task and no buffer per request.
"""

import logging
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for kernels that do not know frame-ancestors
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class SafeHeaders:
    """Adds the headers above; pages are never kept by a cache unless they say otherwise (style and script do).

    Also the top of the pages: what nobody caught is logged here and answered with `broken`, a friendly page.
    """

    def __init__(self, app: ASGIApp, secure: bool, broken: Callable[[Request], Response]) -> None:
        self._app = app
        self._broken = broken
        self._always = ALWAYS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._always.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            if started:
                raise
            log.exception("a page broke", extra={"method": scope["method"]})
            await self._broken(Request(scope))(scope, receive, send_with_headers)


class SameSitePosts:
    """Refuses posts that a page of another site sent.

    Browsers say where a post comes from in ``Sec-Fetch-Site`` (only over TLS and on loopback) or in ``Origin``.  Under
    ``Referrer-Policy: no-referrer`` a form's ``Origin`` is ``null`` (Fetch standard, "append a request Origin header"),
    so ``null`` and absence pass here, and the routes ask such posts for the form token of their session instead.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            headers = Headers(scope=scope)
            if origin_proof(headers, self._hosts) is False:
                await PlainTextResponse("This request came from another site.\n", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def origin_proof(headers: Headers, hosts: frozenset[str]) -> bool | None:
    """Return True for a post of our own page, False for one of another site, None when the browser does not say."""
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = headers.get("origin", "null")
    if origin == "null":
        return None
    return urlsplit(origin).netloc in hosts | {headers.get("host", "")}
