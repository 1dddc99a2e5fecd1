"""The operator's desk: everything at one look, one case with its whole history, and what became of every notice."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from alerts import access, audit, call_backs, queries
from alerts.queries.states import STATES
from alerts.web import absences, serving
from alerts.web.fragments import Page
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.worker import case_page, seen_case, tapped

router = APIRouter()
LOG = ("lost", *queries.NOTICE_STATES)
"""What the log can be narrowed down to."""


def _operator(visit: Visit) -> access.Session | None:
    """Return the operator's session, None when nobody is logged in (then the login page is the answer)."""
    return visit.must_be("operator") if visit.session else None


@router.get("/c")
def overview(visit: Visiting) -> Response:
    """What waits and whom it reaches next, what is held back, what is not watched, how the service is."""
    session = _operator(visit)
    if session is None:
        return RedirectResponse("/login", 303)
    return visit.renewed(lambda: _overview(visit, session))


def _overview(visit: Visit, session: access.Session) -> Page:
    with visit.site.looking() as conn:
        view = queries.overview(conn, visit.now, visit.set_up())
        user = queries.name_of(conn, session.actor)
    words = visit.words
    title = words.t("page.c.title_count", n=view.unowned) if view.unowned else words.t("page.c.title")
    health = visit.site.health()
    budget, irregular = visit.budget()
    with visit.site.looking() as conn:
        asked_only = queries.homes(conn, irregular)
        unpromised = queries.unpromised(conn, visit.site.store.policy.ladders, visit.now)
    return visit.page(
        "c",
        part="parts/c.html",
        title=title,
        unpromised=[" ".join(one) for one in unpromised],
        view=view,
        marked="some" if view.drills or len(view.real) < len(view.queue) else "",
        user=user,
        tab="desk",
        health=health,
        states=STATES,
        answers=call_backs.ANSWERS,
        budget=serving.budget(budget, words),
        irregular=asked_only,
    )


@router.post("/c")
def settle(
    visit: Visiting,
    do: Annotated[str, Form()],
    tap: Annotated[str, Form()],
    form: Annotated[str, Form()] = "",
    part: Annotated[str, Form()] = "",
) -> Response:
    """Confirm what a relative asked for, end an absence, or note a call; for what is over it changes nothing."""
    session = visit.must_be("operator")
    visit.proves_origin(form)
    verb, _, what = do.partition(":")
    if verb == "called":
        _called(visit, session, what)
    elif verb in ("confirm", "back"):
        with visit.site.looking() as conn:
            known = {str(row.id): row.home.id for row in queries.absences_now(conn, visit.now)}
        if what in known:
            absences.carry_out(visit, session, known[what], do, tap, "", "")
    else:
        raise Refused(400, "cannot")
    return visit.go("/c" + ("?part=1" if part else ""))


def _called(visit: Visit, session: access.Session, what: str) -> None:
    """Note what somebody said who was called after an outcome: ``ANSWER:CASE``."""
    answer, _, case = what.partition(":")
    found = next((one for one in call_backs.ANSWERS if one == answer), None)
    if found is None:
        raise Refused(400, "cannot")
    with visit.site.engine.begin() as conn:
        if call_backs.made(conn, "live", case, session.actor, found, visit.now):
            audit.append(conn, visit.now, "call_back", session.actor, f"case:{case}", answer=found)


@router.get("/c/case/{case_id}")
def one(case_id: str, visit: Visiting) -> Response:
    """One case with every notice and every step."""
    session = _operator(visit)
    if session is None:
        return RedirectResponse("/login", 303)
    return visit.renewed(lambda: seen_case(visit, session, _view(visit, case_id)))


@router.post("/c/case/{case_id}")
def act(
    case_id: str,
    visit: Visiting,
    do: Annotated[str, Form()],
    tap: Annotated[str, Form()],
    form: Annotated[str, Form()] = "",
    part: Annotated[str, Form()] = "",
    start: Annotated[str, Form(alias="from")] = "",
    until: Annotated[str, Form()] = "",
) -> Response:
    """An operator records what it was, takes that back, or declares the home away."""
    session = visit.must_be("operator")
    card = _view(visit, case_id).card
    visit.proves_origin(form, card.realm)
    if absences.is_about_absence(do):
        if card.realm != "live":
            raise Refused(400, "cannot")  # an absence is of the home, and no part of a drill
        done = absences.carry_out(visit, session, card.home.id, do, tap, start, until)
    elif do.startswith("outcome:") or do in ("undo", "close_consent"):
        done = tapped(visit, session, card, do, tap)
    else:
        raise Refused(400, "cannot")
    if not done:
        return case_page(visit, session, _view(visit, case_id), too_late=True)
    return visit.go(f"/c/case/{case_id}" + ("?part=1" if part else ""))


@router.get("/c/log")
def deliveries(visit: Visiting, state: str = "") -> Response:
    """What was sent to whom, and what became of it; the newest first."""
    session = _operator(visit)
    if session is None:
        return RedirectResponse("/login", 303)
    chosen = state if state in LOG else ""
    with visit.site.looking() as conn:
        shown = queries.delivery_log(conn, chosen, visit.now)
        counts = queries.delivery_counts(conn, visit.now)
        user = queries.name_of(conn, session.actor)
    return visit.page(
        "c_log",
        part="parts/c_notices.html",
        title=visit.words.t("page.c.log.title"),
        user=user,
        tab="log",
        notices=shown,
        marked="some" if any(one.realm != "live" for one in shown) else "",
        counts=counts,
        chosen=chosen,
        states=queries.NOTICE_STATES,
    )


def _view(visit: Visit, case_id: str) -> queries.CaseView:
    with visit.site.looking() as conn:
        view = queries.case(conn, case_id, visit.now)
    if view is None:
        raise Refused(404, "not_found")
    return view
