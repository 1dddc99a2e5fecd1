"""The worker's pages: what waits, one case, help, me."""

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form
from sqlalchemy import Connection
from sqlalchemy.sql import ColumnElement
from starlette.responses import Response

from alerts import access, queries
from alerts.schema import cases
from alerts.web import actions, charts, signs
from alerts.web.ports import Day
from alerts.web.site import Refused, Visit, Visiting

router = APIRouter()
DONE_DAYS = 7
TAPS = re.compile(r"[A-Za-z0-9_-]{8,64}")


@router.get("/w")
def waiting(visit: Visiting, tab: str = "") -> Response:
    """What waits (mine and what nobody has), what is mine, what is done."""
    session = visit.must_be("worker")
    with visit.site.looking() as conn:
        seen = access.cases_of_worker(session.person, access.areas_of_worker(conn, session.person, visit.now))
        waits = queries.open_cards(conn, seen)
        done = _done(visit, conn, seen) if tab == "done" else []
    mine = [card for card in waits if card.owner and card.owner.id == session.person]
    shown = {"mine": mine, "done": done}.get(tab, waits)
    title = visit.words.t("page.w.title_count", n=len(waits)) if waits else visit.words.t("page.w.title")
    return visit.page(
        "w_list",
        part="parts/w_list.html",
        title=title,
        tab=tab if tab in ("mine", "done") else "",
        shown=shown,
        counts={"": len(waits), "mine": len(mine)},
    )


def _done(visit: Visit, conn: Connection, seen: ColumnElement[bool]) -> list[queries.CaseCard]:
    since = visit.now - timedelta(days=DONE_DAYS)
    return queries.cards(conn, seen, cases.c.stream == "care", cases.c.closed_at > since, newest_first=True)


@router.get("/w/a/{case_id}")
def one(case_id: str, visit: Visiting) -> Response:
    """One case: what, where, who, and the one next step."""
    session = visit.must_be("worker")
    view = _view(visit, session, case_id)
    return seen_case(visit, session, view)


@router.post("/w/a/{case_id}")
def act(
    case_id: str,
    visit: Visiting,
    do: Annotated[str, Form()],
    tap: Annotated[str, Form()],
    form: Annotated[str, Form()] = "",
    part: Annotated[str, Form()] = "",
) -> Response:
    """A tap.  One that comes too late changes nothing and shows how things are (409)."""
    session = visit.must_be("worker")
    visit.proves_origin(form)
    view = _view(visit, session, case_id)
    if not tapped(visit, session, view.card, do, tap):
        return case_page(visit, session, _view(visit, session, case_id), too_late=True)
    return visit.go(f"/w/a/{case_id}" + ("?part=1" if part else ""))


@router.get("/w/a/{case_id}/help")
def call_for_help(case_id: str, visit: Visiting) -> Response:
    """Somebody needs help: the ambulance first."""
    session = visit.must_be("worker")
    view = _view(visit, session, case_id)
    with visit.site.looking() as conn:
        place = queries.place(conn, view.card.home.id)
    return visit.page("w_help", case=view, place=place, tap=new_tap(), drill=view.card.realm == "drill")


@router.get("/w/me")
def me(visit: Visiting) -> Response:
    """Who I am, when I am on duty, who stands in."""
    session = visit.must_be("worker")
    with visit.site.looking() as conn:
        view = queries.worker(conn, session.person, visit.now, visit.now + timedelta(days=2))
    if view is None:
        raise Refused(401, "no_session")
    return visit.page("w_me", me=view)


def _view(visit: Visit, session: access.Session, case_id: str) -> queries.CaseView:
    """Return a case that this worker may see; one of another area looks like one that does not exist."""
    with visit.site.looking() as conn:
        seen = access.cases_of_worker(session.person, access.areas_of_worker(conn, session.person, visit.now))
        view = queries.case(conn, case_id, visit.now, seen)
    if view is None:
        raise Refused(404, "not_found")
    return view


# --- shared with the operator's page of a case ---------------------------------------------------------------------


def new_tap() -> str:
    """Return an id for the taps of one rendered page: sent twice, they act once."""
    return secrets.token_urlsafe(16)


def tapped(visit: Visit, session: access.Session, card: queries.CaseCard, do: str, tap: str) -> bool:
    """Carry out a tap; False when it came too late to mean anything.

    Raises
    ------
    Refused
        400: not one of our buttons.
    """
    event = actions.parse(do, session.actor)
    if event is None or not TAPS.fullmatch(tap):
        raise Refused(400, "cannot")
    tap_id = hashlib.sha256(f"{session.actor} {card.id} {tap} {do}".encode()).hexdigest()[:32]
    return visit.site.store.act(card.realm, card.id, event, visit.now, tap_id).done


def seen_case(visit: Visit, session: access.Session, view: queries.CaseView) -> Response:
    """Show a case and write down who looked; the script's own looking again is nobody's look."""
    if not visit.wants_part:
        with visit.site.engine.begin() as conn:
            queries.view_seen(conn, session.actor, view.card.home.id, "case", visit.now)
    return case_page(visit, session, view)


def case_page(visit: Visit, session: access.Session, view: queries.CaseView, too_late: bool = False) -> Response:
    """Render a case for whoever may act on it."""
    card, words, zone = view.card, visit.words, view.card.home.zone
    days, water = visit.week(card.home.id), visit.water(card.home.id)
    found = card.signs[0] if card.signs else None
    sign = signs.as_it_stands(found, water, visit.now) if found and card.is_open else found

    def name(day: Day) -> str:
        return words.day(day.date, zone)

    labels = charts.Labels(words.t("page.chart.title"), words.t("page.chart.now"), name)
    return visit.page(
        "w_case" if session.role == "worker" else "c_case",
        409 if too_late else 200,
        part="parts/case.html",
        title=words.headline(card),
        case=view,
        sign=sign,
        renewed=sign is not found,
        others=card.other_signs,
        zone=zone,
        drill=card.realm == "drill",
        bar=actions.bar(view, session.actor),
        action=f"/w/a/{card.id}" if session.role == "worker" else f"/c/case/{card.id}",
        undo_s=view.undoable_for(session.actor, visit.now),
        too_late=too_late,
        tap=new_tap(),
        chart=charts.days(days, water, visit.now, zone, labels) if days else None,
        numbers=charts.numbers(days, visit.now, zone),
        hours=charts.PARTS_H,
        day_name=name,
        water=water,
        more_outcomes=actions.MORE_OUTCOMES,
        decline_reasons=actions.DECLINE_REASONS,
        false_reasons=actions.FALSE_REASONS,
    )
