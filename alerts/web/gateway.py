"""What providers tell us: receipts of messages, and answers by text message.

No browser comes here, and nobody is logged in: a call is believed for its signature alone.  Whoever cannot sign learns
nothing from the answer, and what cannot be read is refused, so that the provider's own log shows it.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from alerts import metrics, receipts, reply_codes
from alerts.channels import Answered, Called, Forged, Reply, Unreadable
from alerts.outbox import Dispatcher
from alerts.web.site import Refused, Site

log = logging.getLogger(__name__)

router = APIRouter()
MOST_BYTES = 256 * 1024
"""Longest call: providers put at most a few hundred receipts into one."""
TAKEN = {"code": 0, "msg": "ok"}
"""What the common services want to hear; otherwise they call again."""


@router.post("/gateway/{channel}/receipt")
async def receipt(channel: str, request: Request) -> Response:
    """Take receipts; the provider says what became of messages that it took before."""
    dispatcher = _dispatcher(request)
    one: object = dispatcher.channels.get(channel)
    if not isinstance(one, Called):
        raise Refused(404, "not_found")
    site: Site = request.app.state.site
    body = await _body(request)
    try:
        said = one.receipts(_headers(request), body, site.clock())
    except (Forged, Unreadable) as error:
        return _refused(channel, error, "receipt")
    done = await run_in_threadpool(dispatcher.hear, channel, said)
    if done["stranger"] or done["contradicted"]:
        log.warning("receipts did not fit", extra={"channel": channel, "effects": dict(done)})
    return JSONResponse(TAKEN)


@router.post("/gateway/{channel}/reply")
async def reply(channel: str, request: Request) -> Response:
    """Take answers; each acts once, and what it did is told to who answered, not to the provider."""
    one: object = _dispatcher(request).channels.get(channel)
    if not isinstance(one, Answered):
        raise Refused(404, "not_found")
    site: Site = request.app.state.site
    body = await _body(request)
    try:
        said = one.replies(_headers(request), body, site.clock())
    except (Forged, Unreadable) as error:
        return _refused(channel, error, "reply")
    done = await run_in_threadpool(_answer_all, site, channel, said)
    for what, times in done.items():
        metrics.REPLIES.labels(channel, what).inc(times)
    return JSONResponse(TAKEN)


def _answer_all(site: Site, channel: str, said: Sequence[Reply]) -> Counter[str]:
    done = [reply_codes.answer(site.store, channel, one, site.clock()) for one in said]
    return Counter(one.done for one in done if one.realm == "live")


def _refused(channel: str, error: Exception, what: Literal["receipt", "reply"]) -> Response:
    forged = isinstance(error, Forged)
    word = "forged" if forged else "unreadable"
    if what == "receipt":
        receipts.count(channel, word)
    else:
        metrics.REPLIES.labels(channel, word).inc()
    log.warning("a call was refused", extra={"channel": channel, "call": what, "why": str(error)})
    return JSONResponse({"code": 1, "msg": "not taken"}, 401 if forged else 422)


def _dispatcher(request: Request) -> Dispatcher:
    dispatcher: Dispatcher | None = getattr(request.app.state, "dispatcher", None)
    if dispatcher is None:
        raise Refused(404, "not_found")
    return dispatcher


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


async def _body(request: Request) -> bytes:
    """Return the body, refusing one that is too long before it is all here."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Refused(413, "cannot")
    return body
