"""The public page on which people apply, and the operator's list with the next step of each application.

Opening the public page changes nothing.  Sending it creates one application, however often the same form is sent; an
address that sends many is put off for a while, and so is everybody when very many come within an hour.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from alerts import access, applications, queries
from alerts.applications import Fitted
from alerts.errors import BadApplication
from alerts.registry.agreed import PURPOSES
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.taps import TAP

router = APIRouter()
FORM_FIELDS = 40


@router.get("/apply")
def form(visit: Visiting) -> Response:
    """The form; nothing in it is ticked beforehand."""
    return _form(visit, {}, ())


def _form(
    visit: Visit, said: dict[str, str], wants: tuple[str, ...], wrong: tuple[str, ...] = (), status: int = 200
) -> Response:
    with visit.site.looking() as conn:
        known = queries.areas_to_apply(conn)
    return visit.page(
        "apply", status, said=said, wants=wants, wrong=wrong, areas=known, purposes=PURPOSES, by=applications.BY
    )


@router.post("/apply")
async def send(visit: Visiting, request: Request) -> Response:
    """Take an application; what is wrong in it is said beside the field, and nothing has to be typed again."""
    return _sent(visit, request, await request.form(max_fields=FORM_FIELDS))


def _sent(visit: Visit, request: Request, sent: FormData) -> Response:
    given = {name: value for name, value in sent.items() if isinstance(value, str)}
    wants = tuple(value for value in sent.getlist("wants") if isinstance(value, str))
    tap, address = given.get("tap", ""), request.client.host if request.client else ""
    if not TAP.fullmatch(tap):
        raise Refused(400, "cannot")
    with visit.site.looking() as conn:
        known = frozenset(area for area, _ in queries.areas_to_apply(conn))
    said, wrong = applications.read(given, wants, known)
    if given.get("website"):  # a field that people do not see: only programs fill it in
        return visit.go("/apply/thanks")
    if said is None:
        return _form(visit, given, wants, wrong, 422)
    tries, sender = visit.site.wrong_tries, f"apply {address}"  # behind a proxy that hides addresses: that proxy
    if tries.blocked(sender, visit.now):
        return visit.page("message", 429, about="apply_later")
    tries.count(sender, visit.now)
    with visit.site.engine.begin() as conn:
        taken = applications.apply(conn, said, hashlib.sha256(tap.encode()).hexdigest()[:24], visit.now)
    return visit.go("/apply/thanks") if taken else visit.page("message", 429, about="apply_later")


@router.get("/apply/thanks")
def thanks(visit: Visiting) -> Response:
    """What happens next."""
    return visit.page("message", about="applied")


# --- the operator's --------------------------------------------------------------------------------------------------


@router.get("/c/applications")
def listed(visit: Visiting) -> Response:
    """Every application with its next step."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    return _list(visit, visit.must_be("operator"))


def _list(visit: Visit, session: access.Session, problem: str = "", about: str = "") -> Response:
    with visit.site.looking() as conn:
        found = [_with_list(visit, one) for one in queries.application_list(conn, visit.now)]
        within = queries.areas_within(conn)
        user = queries.name_of(conn, session.actor)
    tests = {one.id: visit.water(one.household).last_use_at for one in found if one.household and one.state == "fitted"}
    return visit.page(
        "c_applications",
        409 if problem else 200,
        title=visit.words.t("page.c.applications.title"),
        user=user,
        tab="applications",
        found=found,
        within=within,
        seen={
            name: applications.seen(next(o.test_at for o in found if o.id == name), at) for name, at in tests.items()
        },
        reasons=applications.REASONS,
        formats=sorted(visit.site.settings.formats),
        problem=problem,
        about=about,
    )


@router.post("/c/applications/{name}")
def step(
    name: str,
    visit: Visiting,
    do: Annotated[str, Form()],
    form: Annotated[str, Form()] = "",
    area: Annotated[str, Form()] = "",
    evidence: Annotated[str, Form()] = "",
    device: Annotated[str, Form()] = "",
    fmt: Annotated[str, Form(alias="format")] = "",
) -> Response:
    """Take an application one step on, or decline it; what is missing is said (409)."""
    session = visit.must_be("operator")
    visit.proves_origin(form)
    by, now, site = session.actor, visit.now, visit.site
    verb, _, reason = do.partition(":")
    zone = ZoneInfo(site.settings.zone)
    acts: dict[str, Callable[[Connection], object]] = {
        "accept": lambda conn: applications.accept(conn, name, area, zone, by, now, site.store.policy, evidence),
        "decline": lambda conn: applications.decline(conn, name, reason, by, now),
        "fit": lambda conn: applications.fit(conn, name, Fitted(device.strip(), fmt), site.settings.formats, by, now),
        "test": lambda conn: applications.ask_for_tap(conn, name, by, now),
        "verify": lambda conn: applications.verify(conn, name, _used_at(visit, name), by, now),
        "cover": lambda conn: applications.cover(conn, name, by, now),
    }
    if verb not in acts:
        raise Refused(400, "cannot")
    if verb == "cover":
        site.cover.forget()  # what was proved a moment ago counts
        if _kept_back(visit, name):
            return _list(visit, session, verb, name)
    try:
        with site.engine.begin() as conn:
            acts[verb](conn)
    except BadApplication:
        return _list(visit, session, verb, name)
    site.store.on_commit(frozenset())
    return visit.go(f"/c/applications#a-{name}")


def _with_list(visit: Visit, one: queries.Application) -> queries.Application:
    """Return an application that says when the list of going live keeps its home back."""
    waits = one.state == "verified" and one.household is not None and visit.keeps_back(one.household)
    return replace(one, lacking=(*one.lacking, "golive")) if waits else one


def _kept_back(visit: Visit, name: str) -> bool:
    """Whether the list of going live keeps the home of an application from being covered."""
    with visit.site.looking() as conn:
        found = next((one for one in queries.application_list(conn, visit.now) if one.id == name), None)
    return found is not None and found.household is not None and bool(visit.keeps_back(found.household))


def _used_at(visit: Visit, name: str) -> datetime | None:
    with visit.site.looking() as conn:
        found = next((one for one in queries.application_list(conn, visit.now) if one.id == name), None)
    return visit.water(found.household).last_use_at if found and found.household else None
