"""What the buttons of the consent forms mean, the resident's own page, and the operator's queue.

A button says ``give:PURPOSE:RECIPIENT``, ``withdraw:PURPOSE:RECIPIENT`` or ``pause:PURPOSE:RECIPIENT:DAYS``.  The resident
needs two taps: one that opens the line, one that does it.  The resident's page shows at least what anybody else is shown
of the home, and who looked.
"""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from alerts import access, consent, queries
from alerts.errors import BadConsent
from alerts.web import charts, family
from alerts.web.ports import Day
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.taps import TAP

router = APIRouter()
PAUSES = (1, 7, 30)
"""Days for which a consent can be paused."""
LINK_LIFE = timedelta(hours=24)
"""How long a link to a resident's page opens it, once."""


def carry_out(visit: Visit, actor: str, resident: str, do: str, given_by: str, evidence: str | None = None) -> None:
    """Do what a button of a consent form says; the same tap twice comes to the same.

    Raises
    ------
    Refused
        400: not one of our buttons.
    """
    verb, _, said = do.partition(":")
    purpose, _, rest = said.partition(":")
    recipient, _, days = rest.partition(":")
    store = visit.site.store
    now, policy = visit.now, store.policy
    try:
        with visit.site.engine.begin() as conn:
            if verb == "give" and not days:
                consent.give(
                    conn, resident, purpose, recipient, now, policy, by=actor, given_by=given_by, evidence=evidence
                )
            elif verb == "withdraw" and not days:
                consent.withdraw(conn, resident, purpose, recipient, now, policy, by=actor)
            elif verb == "pause" and days in map(str, PAUSES):
                until = now + timedelta(days=int(days))
                consent.pause(conn, resident, purpose, recipient, until, now, policy, by=actor)
            else:
                raise Refused(400, "cannot")
            household = queries.household_of(conn, resident)
    except BadConsent:
        raise Refused(400, "cannot") from None
    store.on_commit(frozenset({household}))


# --- the resident's own page ---------------------------------------------------------------------------------------


@router.get("/r")
def mine(visit: Visiting) -> Response:
    """How my home stands, who may see what, who looked."""
    session = visit.must_be("resident")
    return _page(visit, "r", session.person, tab=None)


@router.post("/r")
def answer(
    visit: Visiting, do: Annotated[str, Form()], tap: Annotated[str, Form()] = "", form: Annotated[str, Form()] = ""
) -> Response:
    """Agree, pause or withdraw."""
    session = visit.must_be("resident")
    visit.proves_origin(form)
    if not TAP.fullmatch(tap):
        raise Refused(400, "cannot")
    carry_out(visit, session.actor, session.person, do, "resident")
    return visit.go("/r")


def _page(visit: Visit, template: str, resident: str, **more: Any) -> Response:
    with visit.site.looking() as conn:
        view = queries.resident(conn, resident, visit.now)
    if view is None:
        raise Refused(404, "not_found")
    words, zone, water = visit.words, view.view.home.zone, visit.water(view.household)
    says = family.relied_on(family.state(view.view, water, visit.now), bool(visit.keeps_back(view.household)))
    params: dict[str, Any] = dict(says.params)
    if "part" in params:
        params["part"] = words.t(f"page.part.{params['part']}")

    def name(day: Day) -> str:
        return words.day(day.date, zone)

    days = visit.days(view.household)
    labels = charts.Labels(words.t("page.chart.title"), words.t("page.chart.now"), name)
    return visit.page(
        template,
        title=words.t("page.r.title"),
        me=view,
        zone=zone,
        look=says.look,
        sentence=words.t(f"page.f.{says.key}.sentence", **params),
        water=water,
        chart=charts.days(days, water, visit.now, zone, labels) if days else None,
        pauses=PAUSES,
        **more,
    )


# --- the operator's --------------------------------------------------------------------------------------------------


@router.get("/c/consents")
def queue(visit: Visiting) -> Response:
    """Consents that want an answer: cases in review, new texts, pauses, what was withdrawn of late."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    with visit.site.looking() as conn:
        waiting = queries.consent_queue(conn, visit.now)
        user = queries.name_of(conn, session.actor)
    return visit.page(
        "c_consents", title=visit.words.t("page.c.consents.title"), user=user, tab="consents", waiting=waiting
    )


@router.get("/c/consents/{resident}")
def one(resident: str, visit: Visiting) -> Response:
    """One resident's consents, to write down what was said on the telephone or signed on paper."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    return _of_resident(visit, session, resident)


@router.post("/c/consents/{resident}")
def settle(
    resident: str,
    visit: Visiting,
    do: Annotated[str, Form()],
    form: Annotated[str, Form()] = "",
    given_by: Annotated[str, Form()] = "resident",
    evidence: Annotated[str, Form()] = "",
) -> Response:
    """Write down an answer with who gave it and where that can be looked up; or make a link to the resident's page."""
    session = visit.must_be("operator")
    visit.proves_origin(form)
    if do == "link":
        with visit.site.engine.begin() as conn:
            if not queries.household_of(conn, resident):
                raise Refused(404, "not_found")
            token = access.new_link(conn, "resident", resident, "/r", visit.now, LINK_LIFE)
        return _of_resident(visit, session, resident, link=f"{visit.site.settings.base_url}/link/{token}")
    carry_out(visit, session.actor, resident, do, given_by.strip()[:100] or "resident", evidence.strip()[:200] or None)
    return visit.go(f"/c/consents/{resident}")


def _of_resident(visit: Visit, session: access.Session, resident: str, link: str | None = None) -> Response:
    with visit.site.engine.begin() as conn:
        household = queries.household_of(conn, resident)
        user = queries.name_of(conn, session.actor)
        if household:
            queries.view_seen(conn, session.actor, household, "consents", visit.now)
    return _page(visit, "c_consent", resident, user=user, tab="consents", link=link)
