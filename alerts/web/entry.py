"""Coming in and going out: one-time links, the operators' login, language."""

import re
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from alerts import access, receipts
from alerts.texts import LANGUAGES
from alerts.web.site import HOME, SESSION_COOKIES, Refused, Visit, Visiting
from alerts.web.words import LANG_COOKIE

router = APIRouter()
_YEAR_S = 365 * 24 * 3600


@router.get("/")
def front(visit: Visiting) -> Response:
    """Send everybody to their own page."""
    return visit.go(HOME[visit.session.role] if visit.session else "/login")


@router.get("/link/{token}")
def link(token: str, visit: Visiting) -> Response:
    """Show one button; opening a link changes nothing, because messengers open links to draw previews."""
    with visit.site.looking() as conn:
        found = access.link(conn, token, visit.now)
    if found is None:
        return visit.page("link", 404, state="unknown")
    if found.state == "ended":
        return visit.page("message", 403, about="sharing_ended")
    if _already_in(visit, found):
        with visit.site.engine.begin() as conn:
            touched = receipts.opened(conn, token, visit.now)
        _changed(visit, touched)
        return visit.go(found.goto)
    drill = found.realm == "drill"
    return visit.page("link", 200 if found.state == "fresh" else 410, state=found.state, drill=drill)


@router.post("/link/{token}")
def open_link(token: str, visit: Visiting) -> Response:
    """Redeem a link: the browser gets a session and goes on."""
    with visit.site.engine.begin() as conn:
        found = access.link(conn, token, visit.now)
        if found is None:
            return visit.page("link", 404, state="unknown")
        inside = _already_in(visit, found)
        session = None if inside else access.redeem(conn, token, visit.now)
        touched = receipts.opened(conn, token, visit.now) if inside or session else frozenset[str]()
    _changed(visit, touched)
    if inside:
        return visit.go(found.goto)
    if session is None and found.state == "ended":
        return visit.page("message", 403, about="sharing_ended")
    if session is None:
        state = found.state if found.state != "fresh" else "used"
        return visit.page("link", 410, state=state, drill=found.realm == "drill")
    return _enter(visit, session, found.goto)


def _changed(visit: Visit, households: frozenset[str]) -> None:
    """Let open pages show that a message was seen; the worker's own page of the case is on its way anyhow."""
    if households:
        visit.site.hub.changed(households)


def _already_in(visit: Visit, link: access.Link) -> bool:
    """Whether the browser is this person's already; a session of a drill is not enough for what is real."""
    return any(
        (session.role, session.person) == (link.role, link.person) and session.realm in ("live", link.realm)
        for session in visit.sessions
    )


def _enter(visit: Visit, session: access.Session, goto: str) -> RedirectResponse:
    answer = visit.go(goto)
    answer.set_cookie(
        SESSION_COOKIES[session.role],
        session.token,
        max_age=int((session.expires_at - visit.now).total_seconds()),
        httponly=True,
        samesite="lax",
        secure=visit.site.settings.secure,
    )
    return answer


@router.get("/login")
def login(visit: Visiting) -> Response:
    """Ask an operator for name and password."""
    return visit.page("login", problem=None, name="")


@router.post("/login")
def try_login(visit: Visiting, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "") -> Response:
    """Open an operator's session; five wrong passwords in a quarter of an hour close the door for a while."""
    tries, name = visit.site.wrong_tries, name.strip()[:64]
    if tries.blocked(name, visit.now):
        return visit.page("login", 429, problem="blocked", name=name)
    with visit.site.looking() as conn:
        fits = access.password_fits(conn, name, password)
    if not fits:
        tries.count(name, visit.now)
        return visit.page("login", 401, problem="wrong", name=name)
    tries.forgive(name)
    with visit.site.engine.begin() as conn:
        session = access.new_session(conn, "operator", name, visit.now)
    return _enter(visit, session, "/c")


@router.post("/logout")
def logout(visit: Visiting, form: Annotated[str, Form()] = "") -> Response:
    """End the session."""
    answer = visit.page("message", about="bye")
    session = next((one for one in visit.sessions if access.form_token(one) == form), visit.session)
    if session is not None:
        replace(visit, session=session).proves_origin(form)
        with visit.site.engine.begin() as conn:
            access.end_session(conn, session.token)
        name = SESSION_COOKIES[session.role]
        answer.delete_cookie(name, httponly=True, samesite="lax", secure=visit.site.settings.secure)
    return answer


@router.post("/lang")
def choose_language(visit: Visiting, lang: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "/") -> Response:
    """Keep the language in a cookie and go back to the page."""
    if lang not in LANGUAGES or not re.fullmatch(r"/(?![/\\])[^\s\\]*", back):
        raise Refused(400, "cannot")
    answer = visit.go(back)
    answer.set_cookie(LANG_COOKIE, lang, max_age=_YEAR_S, httponly=True, samesite="lax")
    return answer
