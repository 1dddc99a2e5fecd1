"""The family's page: one sentence, with the part of day at most.  No litres, no times of use, nothing red."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form
from starlette.responses import Response

from alerts import access, queries
from alerts.outcomes import OUTCOMES
from alerts.web import serving
from alerts.web.absences import carry_out, is_about_absence
from alerts.web.actions import FLOW
from alerts.web.fragments import Page
from alerts.web.ports import Water
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.worker import tapped

router = APIRouter()
DAY_STARTS_H = 4
"""Use after this local hour belongs to the new day; earlier use is a visit to the bathroom at night."""
TOLD_FOR = timedelta(hours=24)
"""For how long the page speaks of a case that has ended."""
ANSWERS = (("outcome:SAFE_AT_HOME", "page.f.safe"), ("outcome:SAFE_AWAY", "page.f.away"))
"""What a relative may answer, and the word for it."""
FLOW_ANSWERS = (("outcome:SAFE_AT_HOME", "page.f.safe"), ("outcome:TAP_LEFT_OPEN", "page.f.tap_closed"))
"""The same where water runs: that nobody is at home would not explain it."""
STILL_BUSY = ("HELPED", "TAKEN_TO_CARE", "DECEASED", "NO_ENTRY_HANDED_TO_110")
"""Outcomes after which somebody still cares for the person."""
Look = Literal["ok", "wait", "busy", "blind", "away"]


@dataclass(frozen=True, slots=True)
class State:
    """What the page says: `key` of the sentence, `look` its shape and colour, `params` its slots."""

    key: str
    look: Look
    params: dict[str, str] = field(default_factory=dict)


def part_of_day(local: datetime) -> str:
    """Return the name of the part of day: all that a family is told of a time of use."""
    for end, name in ((5, "night"), (9, "early"), (12, "morning"), (14, "noon"), (18, "afternoon"), (24, "evening")):
        if local.hour < end:
            return name
    raise AssertionError(local)


def state(view: queries.FamilyView, water: Water, now: datetime) -> State:
    """Return what may be said now.  A case comes first; not knowing is said and never taken for calm."""
    if view.case is not None:
        return _in_case(view.case, any(event.kind == "water_outage" for event in view.events))
    if in_care(view) and view.last_closed is not None:
        return _after_case(view.last_closed)  # whatever the meter or the mains say: nobody is at home
    if (cut := _outage(view)) is not None:
        return cut
    if (ended := view.last_closed) is not None and ended.outcome is not None and _is_recent(ended, now):
        return _after_case(ended)
    if view.away_until is not None:
        return State("away", "away")
    if view.silent_since is not None or water.known_until is None:
        return State("unknown", "blind")
    return _of_the_day(view, water, now)


def _outage(view: queries.FamilyView) -> State | None:
    """Return what the home shares with its neighbours; an absence that was declared explains more than a dry pipe."""
    kinds = {event.kind for event in view.events}
    if "water_outage" in kinds and view.away_until is None:
        return State("outage", "blind")
    return State("radio", "blind") if "radio_outage" in kinds and view.away_until is None else None


def _in_case(card: queries.CaseCard, cut: bool) -> State:
    if card.emergency:
        return State("emergency", "busy")
    match card.state:
        case "FOLDED":  # for a while still when the water is back
            return State("outage" if cut else "refilling", "blind")
        case "SUSPECTED":
            return State("asking", "busy")
        case "UNATTENDED":
            return State("unattended", "busy")
        case "CONSENT_REVIEW":
            return State("review", "busy")
        case "EN_ROUTE" | "ON_SITE" | "NEEDS_ACCESS" | "ACCEPTED" if card.owner is not None:
            return State(card.state.lower(), "busy", {"name": card.owner.name})
        case _:
            return State("sos" if _pressed(card) else "awaiting", "busy")


def _pressed(card: queries.CaseCard) -> bool:
    """Whether somebody pressed the button for help: that is said for as long as the case is open."""
    return any(sign.kind == "sos" for sign in card.signs)


def in_care(view: queries.FamilyView) -> bool:
    """Whether the last case ended with a person in a hospital, for as long as that explains a silence, or gone for good."""
    ended = view.last_closed
    if view.case is not None or ended is None or ended.outcome is None:
        return False
    explains = OUTCOMES[ended.outcome].explains
    return explains == "for_good" or (explains == "care" and view.away_until is not None)


def _is_recent(card: queries.CaseCard, now: datetime) -> bool:
    return card.closed_at is not None and now - card.closed_at <= TOLD_FOR


def _after_case(card: queries.CaseCard) -> State:
    return State(f"ended.{card.outcome}", "busy" if card.outcome in STILL_BUSY else "ok")


def _of_the_day(view: queries.FamilyView, water: Water, now: datetime) -> State:
    zone = view.home.zone
    known = water.known_until.astimezone(zone) if water.known_until else now.astimezone(zone)
    local = now.astimezone(zone)
    day = _day_start(local)
    used = water.last_use_at.astimezone(zone) if water.last_use_at else None
    if known < day:  # a meter that sends once a day: nothing is known of today yet
        part = {"part": part_of_day(used)} if used and used >= _day_start(known) else {}
        return State("until_yesterday" if part else "not_yet", "ok" if part else "wait", part)
    if used is not None and used >= day:
        return State("today" if day.date() == local.date() else "evening", "ok", {"part": part_of_day(used)})
    if water.usual_first_use_s is not None and known >= _midnight(day) + timedelta(seconds=water.usual_first_use_s[1]):
        return State("late", "wait")
    return State("not_yet", "wait")


def _midnight(local: datetime) -> datetime:
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def _day_start(local: datetime) -> datetime:
    start = local.replace(hour=DAY_STARTS_H, minute=0, second=0, microsecond=0)
    return start if local >= start else start - timedelta(days=1)


def relied_on(says: State, kept_back: bool) -> State:
    """Return what is said of a home that is being set up: nothing calm, whatever the meter says; troubles as they are."""
    calm = says.look in ("ok", "wait") and not says.key.startswith("ended.")
    return State("setting_up", "wait") if kept_back and calm else says


@router.get("/f")
def page(visit: Visiting) -> Response:
    """The state of the home of one's relative."""
    session = visit.must_be("family")
    return visit.renewed(lambda: _seen(visit, session))


def _seen(visit: Visit, session: access.Session) -> Page:
    view = _view(visit, session)
    if view is None:
        return visit.page("message", about="sharing_ended")
    if not visit.wants_part:
        with visit.site.engine.begin() as conn:
            queries.view_seen(conn, session.actor, view.home.id, "family", visit.now)
    return _page(visit, session, view)


@router.post("/f")
def answer(
    visit: Visiting,
    do: Annotated[str, Form()],
    tap: Annotated[str, Form()],
    case: Annotated[str, Form()] = "",
    form: Annotated[str, Form()] = "",
    part: Annotated[str, Form()] = "",
    until: Annotated[str, Form()] = "",
) -> Response:
    """Say how the resident is, when we asked, or that nobody is at home; what has moved on stays as it is (409)."""
    session = visit.must_be("family")
    view = _view(visit, session)
    visit.proves_origin(form, "drill" if view is not None and view.drill else "live")
    if view is None:
        return visit.page("message", about="sharing_ended")
    if is_about_absence(do):
        if view.drill:
            raise Refused(400, "cannot")  # an absence is of the home, and no part of a drill
        done = carry_out(visit, session, view.home.id, do, tap, until=until)
    else:
        done = _answered(visit, session, view, do, tap, case)
    if not done:
        return _page(visit, session, _view(visit, session) or view, too_late=True)
    return visit.go("/f" + ("?part=1" if part else ""))


def _answered(visit: Visit, session: access.Session, view: queries.FamilyView, do: str, tap: str, case: str) -> bool:
    card = next((c for c in (view.case, view.last_closed) if c is not None and c.id == case), None)
    if card is None or do not in {"undo", *dict(ANSWERS), *dict(FLOW_ANSWERS)}:
        raise Refused(400, "cannot")
    return tapped(visit, session, card, do, tap)


def _view(visit: Visit, session: access.Session) -> queries.FamilyView | None:
    with visit.site.looking() as conn:
        return queries.family(conn, session.person, visit.now)


def _page(visit: Visit, session: access.Session, view: queries.FamilyView, too_late: bool = False) -> Page:
    water = visit.water(view.home.id)
    kept_back = bool(visit.keeps_back(view.home.id))
    says = relied_on(state(view, water, visit.now), kept_back)
    params: dict[str, Any] = dict(says.params)
    if "part" in params:
        params["part"] = visit.words.t(f"page.part.{params['part']}")
    words, case = visit.words, view.case
    return visit.page(
        "f",
        409 if too_late else 200,
        part="parts/f.html",
        title=words.t(f"page.f.{says.key}.short"),
        view=view,
        marked="all" if view.drill else "",
        zone=view.home.zone,
        look=says.look,
        sentence=words.t(f"page.f.{says.key}.sentence", **params),
        more=words.t(f"page.f.{says.key}.more"),
        why=_why(visit, view),
        also=_also(visit, view, says, kept_back),
        answers=_answers(case),
        undo_case=view.last_closed if view.undoable_for(session.actor, visit.now) else None,
        undo_s=view.undoable_for(session.actor, visit.now),
        in_care=in_care(view),
        may_declare=not view.drill and says.key != "ended.DECEASED" and (case is None or case.state == "FOLDED"),
        journeys=view.journeys if says.key != "ended.DECEASED" else (),
        heard=_heard(visit, water),
        promised="" if kept_back else _promised(visit, view, says),
        unpromised=_unpromised(visit, view) if says.key != "ended.DECEASED" else "",
        too_late=too_late,
    )


def _promised(visit: Visit, view: queries.FamilyView, says: State) -> str:
    return serving.calmly(visit.served(view.home.id), visit.words) if says.key != "ended.DECEASED" else ""


def _unpromised(visit: Visit, view: queries.FamilyView) -> str:
    with visit.site.looking() as conn:
        return queries.unpromised_at(conn, visit.site.store.policy.ladders, view.home.id)


def _answers(case: queries.CaseCard | None) -> tuple[tuple[str, str], ...]:
    """Return what a relative may answer: as long as nobody goes, and nothing is urgent."""
    if case is None or case.severity != "amber" or case.owner is not None or case.state == "FOLDED":
        return ()
    return FLOW_ANSWERS if case.signs and case.signs[0].reason in FLOW else ANSWERS


def _why(visit: Visit, view: queries.FamilyView) -> str | None:
    """Return what was found, as long as nobody can say more; that somebody pressed for help, to the end."""
    case = view.case
    if case is None or case.state == "FOLDED" or not case.signs:
        return None
    if _pressed(case):
        pressed = next(sign for sign in case.signs if sign.kind == "sos")
        return visit.words.sign("family", pressed, view.home.zone)
    return visit.words.sign("family", case.signs[0], view.home.zone) if case.owner is None else None


def _also(visit: Visit, view: queries.FamilyView, says: State, kept_back: bool) -> list[str]:
    """Return the lines below: what follows, until when, and what has nothing to do with the person."""
    words, zone, case = visit.words, view.home.zone, view.case
    lines = []
    if kept_back and says.key not in ("setting_up", "ended.DECEASED"):
        lines.append(words.t("page.f.setting_up.note"))
    if case is not None and case.state != "FOLDED" and (follows := _next_step(visit, case)):
        lines.append(follows)
    if says.key == "away" and view.away_until is not None:
        lines.append(words.t("page.f.away.until", end=words.until(view.away_until, zone)))
    if view.leak is not None and says.look != "busy":
        lines.append(words.sign("family", view.leak, zone))
    return lines


def _next_step(visit: Visit, card: queries.CaseCard) -> str | None:
    """Say what follows by itself, and when: that the case is not forgotten."""
    if card.next_due is None:
        return None
    step = card.next_step if card.owner is None else "follow"
    if step == "ask" and card.asks_only_next:
        step = "ask_only"
    return visit.words.t(f"page.f.next.{step}", clock=visit.words.clock(card.next_due, card.home.zone))


def _heard(visit: Visit, water: Water) -> str:
    """Say how fresh the meter is; that it reports tells nothing about the person."""
    if water.heard_at is None:
        return visit.words.t("page.f.never_heard")
    if (visit.now - water.heard_at).total_seconds() < 60:
        return visit.words.t("page.f.heard_now")
    return visit.words.t("page.f.heard", t=visit.words.since(water.heard_at))
