"""The page of a shift: one tap says "I am here", one takes over what the shift before leaves open."""

from typing import Annotated

from fastapi import APIRouter, Form
from sqlalchemy import Connection
from starlette.responses import Response

from alerts import access, duty_rounds, queries
from alerts.events import TakenOver
from alerts.turns import CannotCome, CheckedIn
from alerts.web.fragments import Page
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.taps import TAP, tap_id

router = APIRouter()


@router.get("/w/duty")
def duty(visit: Visiting) -> Response:
    """Whether I am expected to say that I am here, and what I was asked to take over."""
    return _page(visit, visit.must_be("worker"))


@router.post("/w/duty")
def tapped(
    visit: Visiting, do: Annotated[str, Form()], tap: Annotated[str, Form()], form: Annotated[str, Form()] = ""
) -> Response:
    """``here:TURN``, ``cannot:TURN``, ``take:CASE`` or ``take_all``; what comes too late changes nothing (409)."""
    session = visit.must_be("worker")
    visit.proves_origin(form)
    verb, _, name = do.partition(":")
    if not TAP.fullmatch(tap) or verb not in ("here", "cannot", "take", "take_all"):
        raise Refused(400, "cannot")
    if verb in ("here", "cannot"):
        done = _said(visit, session, name, here=verb == "here")
    else:
        done = _taken(visit, session, None if verb == "take_all" else name, tap)
    return visit.go("/w/duty") if done else _page(visit, session, too_late=True)


def _said(visit: Visit, session: access.Session, turn: str, *, here: bool) -> bool:
    event = (CheckedIn if here else CannotCome)(session.actor)

    def work(conn: Connection) -> bool:
        shift = queries.shift_of(conn, session.person, turn, visit.now)
        if shift is None:
            return False
        duty_rounds.of_shift(conn, shift)
        return duty_rounds.said(conn, visit.site.store.policy, turn, event, visit.now)

    done = visit.site.store.within(work)
    visit.site.store.on_commit(frozenset())
    return done


def _taken(visit: Visit, session: access.Session, name: str | None, tap: str) -> bool:
    """Take over one case, or all of them, each in a transaction of its own: one that went on since stops no other."""
    with visit.site.looking() as conn:
        mine = [card for card in queries.to_take(conn, session.person, visit.now) if name in (None, card.id)]
    event, results = TakenOver(session.actor), []
    for card in mine:
        key = tap_id(session.actor, card.id, tap, "take_over")
        results.append(visit.site.store.act(card.realm, card.id, event, visit.now, key).done)
    return bool(results) and all(results)


def _page(visit: Visit, session: access.Session, *, too_late: bool = False) -> Page:
    with visit.site.looking() as conn:
        posts = queries.posts(conn, session.person, visit.now)
        taking = queries.to_take(conn, session.person, visit.now)
    return visit.page(
        "w_duty",
        409 if too_late else 200,
        part="parts/w_duty.html",
        title=visit.words.t("page.duty.title"),
        posts=posts,
        taking=taking,
        asks=visit.site.store.policy.check_in,
        too_late=too_late,
    )
