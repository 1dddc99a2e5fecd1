"""One page: every message, newest first, in Chinese or English; works without JavaScript, asks no other host."""

from datetime import datetime, tzinfo
from functools import partial
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from simulators.inbox import Inbox

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

WORDS = {
    "zh": {
        "lang": "zh-CN", "title": "手机与邮箱（模拟）", "other": "English", "other_lang": "en",
        "about": "这里显示系统发给演示人物的消息。人物均为虚构，消息没有离开本机。",
        "none": "还没有消息。", "email": "邮件", "webhook": "工作消息", "sms": "短信", "wecom": "企业微信", "open": "打开链接",
        "repeats": "同一条消息重复 {n} 次", "to": "收件人", "count": "{n} 条消息",
    },
    "en": {
        "lang": "en", "title": "Phones and mail (simulated)", "other": "中文", "other_lang": "zh",
        "about": "What the system sent to the people of this demo. Nobody here exists; no message left this machine.",
        "none": "No messages yet.", "email": "Mail", "webhook": "Work message", "sms": "Text message", "wecom": "WeCom robot", "open": "Open the link",
        "repeats": "Same message repeated {n} times", "to": "To", "count": "{n} messages",
    },
}  # fmt: skip


def router(inbox: Inbox, zone: tzinfo | None = None) -> APIRouter:
    """Return the routes of the page and its two files."""
    here = files(__package__)
    css, js = (here / "gateways.css").read_bytes(), (here / "gateways.js").read_bytes()
    environment = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined)
    environment.filters["clock"] = partial(_clock, zone)
    template = environment.get_template("gateways.html")
    routes = APIRouter()

    @routes.get("/")
    def page(request: Request, lang: str | None = None) -> HTMLResponse:
        words = WORDS[_language(request, lang)]
        return HTMLResponse(
            template.render(t=words, messages=[_view(one, words) for one in inbox.shown()]), headers=HEADERS
        )

    @routes.get("/gateways.css")
    def style() -> Response:
        return Response(css, media_type="text/css", headers=HEADERS)

    @routes.get("/gateways.js")
    def script() -> Response:
        return Response(js, media_type="text/javascript", headers=HEADERS)

    return routes


def _language(request: Request, asked: str | None) -> str:
    if asked in WORDS:
        return asked
    return "en" if request.headers.get("accept-language", "zh").lower().startswith("en") else "zh"


def _clock(zone: tzinfo | None, seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone(zone):%m-%d %H:%M:%S}"


def _view(one: Any, words: dict[str, str]) -> dict[str, Any]:
    m = one.first
    link = m.link if m.link and m.link.startswith(("http://", "https://")) else None
    lines = [line for line in m.text.splitlines() if line.strip() and not (link and link in line)]
    repeats = words["repeats"].format(n=one.repeats) if one.repeats else ""
    return {
        "kind": words[m.channel], "channel": m.channel, "to": m.recipient, "subject": m.subject, "lines": lines,
        "link": link, "at": m.received_at, "repeats": repeats,
    }  # fmt: skip
