"""The operator's pages: everything at one look, and one case with its whole history."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from alerts import access, queries
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.worker import case_page, seen_case, tapped

router = APIRouter()


def _operator(visit: Visit) -> access.Session | None:
    """Return the operator's session, None when nobody is logged in (then the login page is the answer)."""
    return visit.must_be("operator") if visit.session else None


@router.get("/c")
def overview(visit: Visiting) -> Response:
    """What waits, what was delivered, what is not watched, how the service is."""
    session = _operator(visit)
    if session is None:
        return RedirectResponse("/login", 303)
    with visit.site.looking() as conn:
        view = queries.overview(conn, visit.now)
        user = queries.name_of(conn, session.actor)
    words = visit.words
    title = words.t("page.c.title_count", n=view.unowned) if view.unowned else words.t("page.c.title")
    return visit.page("c", part="parts/c.html", title=title, view=view, user=user, health=visit.site.health())


@router.get("/c/case/{case_id}")
def one(case_id: str, visit: Visiting) -> Response:
    """One case with every notice and every step."""
    session = _operator(visit)
    if session is None:
        return RedirectResponse("/login", 303)
    view = _view(visit, case_id)
    return seen_case(visit, session, view)


@router.post("/c/case/{case_id}")
def act(
    case_id: str,
    visit: Visiting,
    do: Annotated[str, Form()],
    tap: Annotated[str, Form()],
    form: Annotated[str, Form()] = "",
    part: Annotated[str, Form()] = "",
) -> Response:
    """An operator records what it was, or takes that back."""
    session = visit.must_be("operator")
    visit.proves_origin(form)
    if not do.startswith("outcome:") and do != "undo":
        raise Refused(400, "cannot")
    if not tapped(visit, session, _view(visit, case_id).card, do, tap):
        return case_page(visit, session, _view(visit, case_id), too_late=True)
    return visit.go(f"/c/case/{case_id}" + ("?part=1" if part else ""))


def _view(visit: Visit, case_id: str) -> queries.CaseView:
    with visit.site.looking() as conn:
        view = queries.case(conn, case_id, visit.now)
    if view is None:
        raise Refused(404, "not_found")
    return view
