"""A WeCom group robot on loopback: ``POST /cgi-bin/webhook/send?key=…``, its limits, and errors inside an HTTP 200."""

import re
import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from simulators.inbox import Message

if TYPE_CHECKING:
    from simulators.gateways import Gateways

PER_MINUTE = 20
MOST_BYTES = 4096
_NUMBER = re.compile(r"(?:编号|Number) ([0-9a-f]{8})")


def router(gateways: "Gateways") -> APIRouter:
    """Return the route."""
    routes, spoke = APIRouter(), defaultdict[str, deque[float]](deque)

    @routes.post("/cgi-bin/webhook/send")
    async def send(request: Request, key: str = "") -> dict[str, Any]:
        faults = gateways.faults
        if not key or key in faults.bad_numbers:
            return {"errcode": 93000, "errmsg": "invalid webhook url"}
        body = await request.json()
        text = str(body.get("markdown", {}).get("content", ""))
        if body.get("msgtype") != "markdown" or not text:
            return {"errcode": 40008, "errmsg": "invalid message type"}
        if len(text.encode()) > MOST_BYTES:
            return {"errcode": 40058, "errmsg": "markdown.content exceed max length 4096"}
        recent = spoke[key]
        while recent and recent[0] <= time.monotonic() - 60:
            recent.popleft()
        if len(recent) >= PER_MINUTE:
            return {"errcode": 45009, "errmsg": "api freq out of limit"}
        recent.append(time.monotonic())
        subject = text.partition("\n")[0].strip("*")
        link = re.search(r"https?://\S+", text)
        numbers = ",".join(_NUMBER.findall(text))
        message = Message(numbers, "wecom", key, subject, text, link and link.group(), time.time())
        answer = await gateways.take(message)
        if not answer.ok:
            return {"errcode": -1 if answer.later else 93000, "errmsg": "as asked for"}
        return {"errcode": 0, "errmsg": "ok"}

    return routes
