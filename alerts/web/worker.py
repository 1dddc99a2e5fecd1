"""The worker's pages: what waits, one case, help, me."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form
from sqlalchemy import Connection
from sqlalchemy.sql import ColumnElement
from starlette.responses import Response

from alerts import access, drill_scope, queries, receipts
from alerts.schema import cases
from alerts.web import actions, charts, signs
from alerts.web.absences import carry_out, is_about_absence
from alerts.web.fragments import Page
from alerts.web.ports import Day
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.taps import TAP, tap_id

router = APIRouter()
DONE_DAYS = 7


@router.get("/w")
def waiting(visit: Visiting, tab: str = "") -> Response:
    """What waits (mine and what nobody has), what is mine, what is done, and what is slow."""
    session = visit.must_be("worker")
    return visit.renewed(lambda: _waiting(visit, session, tab))


def _waiting(visit: Visit, session: access.Session, tab: str) -> Page:
    with visit.site.looking() as conn:
        its_areas = access.areas_of_worker(conn, session.person, visit.now)
        seen = access.cases_of_worker(session.person, its_areas)
        waits = queries.open_cards(conn, seen, cases.c.state != "FOLDED")
        done = _done(visit, conn, seen) if tab == "done" else []
        slow = queries.open_cards(conn, seen, cases.c.state != "FOLDED", stream="technical")
        away = queries.journeys_in(conn, its_areas, visit.now) if tab == "slow" else ()
        drifts = queries.drifts_in(conn, its_areas, visit.now) if tab == "slow" else ()
        events = queries.open_areas(conn, access.events_of_worker(session.person, its_areas), realm=None)
        taking = queries.to_take(conn, session.person, visit.now)
        asks = visit.site.store.policy.check_in
        asked = asks and any(post.waits for post in queries.posts(conn, session.person, visit.now))
    mine = [card for card in waits if card.owner and card.owner.id == session.person]
    shown = {"mine": mine, "done": done, "slow": slow}.get(tab, waits)
    title = visit.words.t("page.w.title_count", n=len(waits)) if waits else visit.words.t("page.w.title")
    return visit.page(
        "w_list",
        part="parts/w_list.html",
        title=title,
        tab=tab if tab in ("mine", "done", "slow") else "",
        shown=shown,
        marked="some" if "drill" in {*(card.realm for card in shown), *(event.realm for event in events)} else "",
        away=away,
        drifts=drifts,
        taking=len(taking),
        asked=asked,
        events=[(event, _earlier(event, waits)) for event in events],
        counts={"": len(waits), "mine": len(mine), "slow": len(slow) + len(events)},
    )


def _done(visit: Visit, conn: Connection, seen: ColumnElement[bool]) -> list[queries.CaseCard]:
    since = visit.now - timedelta(days=DONE_DAYS)
    return queries.cards(conn, seen, cases.c.stream == "care", cases.c.closed_at > since, newest_first=True)


def _earlier(event: queries.AreaEvent, waits: Sequence[queries.CaseCard]) -> list[queries.CaseCard]:
    """Return the cases that the event does not explain: in one of its homes, and open for themselves."""
    mine = [card for card in waits if card.realm == event.realm and card.home.id in event.households]
    return mine if event.kind == "water_outage" else []


@router.get("/w/a/{case_id}")
def one(case_id: str, visit: Visiting) -> Response:
    """One case: what, where, who, and the one next step."""
    session = visit.must_be("worker")
    return visit.renewed(lambda: seen_case(visit, session, _view(visit, session, case_id)))


@router.post("/w/a/{case_id}")
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
    """A tap.  One that comes too late changes nothing and shows how things are (409)."""
    session = visit.must_be("worker")
    card = _view(visit, session, case_id).card
    visit.proves_origin(form, card.realm)
    if is_about_absence(do):
        if card.realm != "live":
            raise Refused(400, "cannot")  # an absence is of the home, and no part of a drill
        done = carry_out(visit, session, card.home.id, do, tap, start, until)
    else:
        done = tapped(visit, session, card, do, tap)
    if not done:
        return case_page(visit, session, _view(visit, session, case_id), too_late=True)
    return visit.go(f"/w/a/{case_id}" + ("?part=1" if part else ""))


@router.get("/w/a/{case_id}/help")
def call_for_help(case_id: str, visit: Visiting) -> Response:
    """Somebody needs help: the ambulance first."""
    session = visit.must_be("worker")
    view = _view(visit, session, case_id)
    with visit.site.looking() as conn:
        place = queries.place(conn, view.card.home.id)
    return visit.page("w_help", case=view, place=place, drill=view.card.realm == "drill")


@router.get("/w/me")
def me(visit: Visiting) -> Response:
    """Who I am, when I am on duty, who stands in."""
    session = visit.must_be("worker")
    with visit.site.looking() as conn:
        view = queries.worker(conn, session.person, visit.now, visit.now + timedelta(days=2))
        mine = access.areas_of_worker(conn, session.person, visit.now)
        unpromised = queries.unpromised(conn, visit.site.store.policy.ladders, visit.now, mine)
        set_up = queries.homes_in(conn, visit.set_up(), mine)
    if view is None:
        raise Refused(401, "no_session")
    said = [" ".join(one) for one in unpromised]
    return visit.page("w_me", me=view, unpromised=said, set_up=set_up, leads=view.role == "lead")


def _view(visit: Visit, session: access.Session, case_id: str) -> queries.CaseView:
    """Return a case that this worker may see; one of another area looks like one that does not exist."""
    with visit.site.looking() as conn:
        seen = access.cases_of_worker(session.person, access.areas_of_worker(conn, session.person, visit.now))
        view = queries.case(conn, case_id, visit.now, seen)
    if view is None:
        raise Refused(404, "not_found")
    return view


# --- shared with the operator's page of a case ---------------------------------------------------------------------


def tapped(visit: Visit, session: access.Session, card: queries.CaseCard, do: str, tap: str) -> bool:
    """Carry out a tap; False when it came too late to mean anything.

    Raises
    ------
    Refused
        400: not one of our buttons.
    """
    event = actions.parse(do, session.actor, visit.now, card.home.zone)
    if event is None or not TAP.fullmatch(tap):
        raise Refused(400, "cannot")
    return visit.site.store.act(card.realm, card.id, event, visit.now, tap_id(session.actor, card.id, tap, do)).done


def seen_case(visit: Visit, session: access.Session, view: queries.CaseView) -> Page:
    """Show a case and write down who looked; the script's own looking again is nobody's look."""
    if not visit.wants_part:
        with visit.site.engine.begin() as conn:
            queries.view_seen(conn, session.actor, view.card.home.id, "case", visit.now)
            if session.realm in ("live", view.card.realm):  # what came by a drill proves nothing of a real message
                receipts.looked(conn, view.card.realm, view.card.id, session.actor, visit.now)
    return case_page(visit, session, view)


def case_page(visit: Visit, session: access.Session, view: queries.CaseView, too_late: bool = False) -> Page:
    """Render a case for whoever may act on it."""
    card, words, zone = view.card, visit.words, view.card.home.zone
    with visit.site.looking() as conn:
        events, away = (
            queries.areas_of(conn, card.home.id, card.realm),
            queries.journeys_of(conn, card.home.id, visit.now),
        )
        real = card.realm == "live" and card.is_open and drill_scope.rehearses(conn, session.actor, visit.now)
    days, water = visit.days(card.home.id), visit.water(card.home.id)
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
        real=real,
        bar=actions.bar(view, session.actor),
        action=f"/w/a/{card.id}" if session.role == "worker" else f"/c/case/{card.id}",
        undo_s=view.undoable_for(session.actor, visit.now),
        too_late=too_late,
        events=events,
        away=away,
        maybe_out=_maybe_out(card),
        flow_outcomes=actions.FLOW_OUTCOMES if found and found.reason in actions.FLOW else (),
        chart=charts.days(days, water, visit.now, zone, labels) if days else None,
        numbers=charts.numbers(days, visit.now, zone),
        hours=charts.PARTS_H,
        day_name=name,
        water=water,
        more_outcomes=actions.MORE_OUTCOMES,
        decline_reasons=actions.DECLINE_REASONS,
        false_reasons=actions.FALSE_REASONS,
    )


def _maybe_out(card: queries.CaseCard) -> bool:
    """Whether nobody has gone yet and the first thing to find out is whether somebody is at home at all."""
    first = card.signs[0] if card.signs else None
    ask = first is not None and first.reason == "quiet_maybe_out" and first.cleared_at is None
    return (
        ask
        and card.owner is None
        and card.severity == "amber"
        and card.state in ("SUSPECTED", "AWAITING", "UNATTENDED")
    )
