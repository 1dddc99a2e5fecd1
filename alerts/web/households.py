"""The operator's pages of households: a list to search in, and one household with all that is written down about it."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from alerts import access, queries
from alerts.queries.schematic import MOST_CELLS, buildings
from alerts.queries.states import STATES
from alerts.registry import realms
from alerts.web import absences, charts, serving
from alerts.web.ports import Day, Water
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.words import Words

router = APIRouter()
DAYS = 28
"""How many days one household's chart shows: four weeks, so that a weekly habit is seen."""


@router.get("/c/households")
def listed(visit: Visiting, building: str = "", state: str = "", q: str = "", sort: str = "state") -> Response:
    """All households, those that ask most of people first; a form narrows the list down."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    with visit.site.looking() as conn:
        found = queries.household_list(conn, visit.now, building, state, q[:100], sort, set_up=visit.set_up())
        user = queries.name_of(conn, session.actor)
    return visit.page(
        "c_households",
        title=visit.words.t("page.c.households.title"),
        user=user,
        tab="households",
        list=found,
        blocks=buildings(found.states, with_cells=len(found.states) <= MOST_CELLS),
        chosen={"building": building, "state": state, "q": q[:100], "sort": sort},
        states=STATES,
        sorts=queries.SORTS,
    )


@router.get("/c/households/{household}")
def one(household: str, visit: Visiting) -> Response:
    """One household: how it stands, four weeks of water, people, devices, absences, cases and findings."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    view = _view(visit, household)
    with visit.site.engine.begin() as conn:
        queries.view_seen(conn, session.actor, household, "household", visit.now)
    return _page(visit, session, view)


@router.post("/c/households/{household}")
def declare(
    household: str,
    visit: Visiting,
    do: Annotated[str, Form()],
    tap: Annotated[str, Form()],
    form: Annotated[str, Form()] = "",
    first: Annotated[str, Form(alias="from")] = "",
    until: Annotated[str, Form()] = "",
) -> Response:
    """Declare the home away, end an absence, or confirm what a relative asked for."""
    session = visit.must_be("operator")
    visit.proves_origin(form)
    if not absences.is_about_absence(do):
        raise Refused(400, "cannot")
    _view(visit, household)
    absences.carry_out(visit, session, household, do, tap, first, until)
    return visit.go(f"/c/households/{household}")


def _view(visit: Visit, household: str) -> queries.HouseholdView:
    with visit.site.looking() as conn:
        view = queries.household(conn, household, visit.now, visit.set_up())
    if view is None:
        raise Refused(404, "not_found")
    return view


def _page(visit: Visit, session: access.Session, view: queries.HouseholdView) -> Response:
    words, zone, water = visit.words, view.home.zone, visit.water(view.home.id)
    days = visit.days(view.home.id, DAYS) if "monitor" in view.consents else []

    def name(day: Day) -> str:
        return words.short_day(day.date, zone)

    labels = charts.Labels(words.t("page.c.home.chart"), words.t("page.chart.now"), name)
    away = [(absence.start, absence.end) for absence in (*view.past, *view.absences)]
    with visit.site.looking() as conn:
        user = queries.name_of(conn, session.actor)
        drill = bool(realms.rehearsed(conn, [view.home.id]))
        unpromised = queries.unpromised_at(conn, visit.site.store.policy.ladders, view.home.id)
    return visit.page(
        "c_household",
        drill=drill,
        unpromised=unpromised,
        missing=[words.t(f"page.golive.short.{key}") for key in visit.keeps_back(view.home.id)],
        community=next((area for area, one in visit.checklists().items() if view.home.id in one.homes), ""),
        title=words.address(view.home),
        user=user,
        tab="households",
        view=view,
        zone=zone,
        water=water,
        sentence=sentence(view, water, words),
        chart=charts.days(days, water, visit.now, zone, labels, charts.MONTH, away) if days else None,
        numbers=charts.numbers(days, visit.now, zone),
        hours=charts.PARTS_H,
        day_name=name,
        served=serving.lines(visit.served(view.home.id), words),
        meters={meter.device: meter for meter in visit.meters() or ()},
    )


def sentence(view: queries.HouseholdView, water: Water, words: Words) -> str:
    """Return in one sentence how the home stands now."""
    zone, state = view.home.zone, view.state
    case = next((card for card in view.open if card.stream == "care"), None)
    slots = {"title": words.headline(case), "who": words.code("has", case.state)} if case else {}
    match state:
        case "taken" if case and case.owner:
            slots["name"] = case.owner.name
        case "outage" if view.areas:
            slots = {"since": words.clock(view.areas[0].onset, zone), "zone": words.place(view.areas[0].place)}
        case "silent":
            slots = {"heard": words.clock(water.heard_at, zone) if water.heard_at else words.t("unit.unknown")}
        case "away" if current := [row for row in view.absences if row.start <= words.now]:
            slots = {"until": words.until(max(row.end for row in current), zone)}
        case "slow" if view.open:
            slots = {"title": words.headline(view.open[0])}
        case "unwatched":
            return words.t(f"page.unwatched.{'no_meter' if 'monitor' in view.consents else 'no_consent'}")
        case "usual" | "setting_up" if water.known_until is not None:
            used = words.clock(water.last_use_at, zone) if water.last_use_at else words.t("unit.unknown")
            slots = {"used": used, "known": words.clock(water.known_until, zone)}
        case "usual" | "setting_up":
            return words.t("page.c.home.is.unknown")
    return words.t(f"page.c.home.is.{state}", **slots)
