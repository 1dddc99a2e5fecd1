"""The application: routes, headers, and friendly words when something is not there."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response

from alerts import api, database
from alerts.access import WrongTries
from alerts.reports import Reports
from alerts.texts import Texts
from alerts.web import (
    apply,
    consents,
    console,
    devices,
    drills,
    duty,
    entry,
    family,
    gateway,
    golive,
    households,
    machine,
    meters,
    report,
    worker,
)
from alerts.web.cover import Cover
from alerts.web.fragments import Fragments
from alerts.web.headers import SafeHeaders, SameSitePosts
from alerts.web.live import Events, Hub
from alerts.web.ports import Fitting, Health, Player, Readings
from alerts.web.renewals import Renewals
from alerts.web.settings import Settings
from alerts.web.site import Refused, Site, hosts, stranger, visit
from alerts.web.taps import Done

if TYPE_CHECKING:
    from alerts.outbox import Dispatcher
    from alerts.store import Store

INTERFACE = "/api/v1"


def create(
    store: "Store",
    engine: Engine,
    readings: Readings,
    texts: Texts,
    settings: Settings,
    clock: Callable[[], datetime],
    health: Callable[[], Health],
    hub: Hub,
    dispatcher: "Dispatcher | None" = None,
    reports: Reports | None = None,
    fitting: Fitting | None = None,
    player: Player | None = None,
) -> FastAPI:
    """Return the pages as an ASGI application.

    Parameters
    ----------
    store : Store
        Where taps go.
    engine : Engine
        The database of people and cases, for the read models.
    readings : Readings
        What is known of a home's water.
    texts : Texts
        All catalogues.
    settings : Settings
        Of the pages.
    clock : callable
        Returns now, aware UTC.
    health : callable
        Returns how the service is; called by ``/healthz`` and the console.
    hub : Hub
        Hears from `store` what changed; whoever made it closes it before the server ends.
    dispatcher : Dispatcher, optional
        Takes what providers say became of messages; None: nobody calls us.
    reports : Reports, optional
        Of the months; None: none are kept.
    fitting : Fitting, optional
        What an installer asks of a device; None: nobody can be asked.
    player : Player, optional
        Plays drills; None: none can be started from the pages.
    """
    # No generated documentation: its pages load scripts from elsewhere.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    reports = reports or Reports(engine, ZoneInfo(settings.zone))
    site = Site(
        store,
        engine,
        readings,
        texts,
        settings,
        clock,
        health,
        WrongTries(),
        hub,
        Fragments(),
        Done(),
        reports,
        Cover(
            lambda: database.reading(engine).connect(),
            lambda: store.policy.ladders,
            settings.go_live,
            bool(settings.duty_phone),
        ),
        fitting,
        player,
    )
    app.state.site, app.state.dispatcher = site, dispatcher
    rooms = (
        entry,
        duty,
        worker,
        family,
        consents,
        apply,
        console,
        households,
        meters,
        devices,
        drills,
        report,
        golive,
        machine,
        gateway,
    )
    for room in rooms:
        app.routes.extend(room.router.routes)  # as they are: including them would work each out anew for each site
    app.mount(INTERFACE, api.create(site))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _no_such_page)
    app.add_middleware(SameSitePosts, hosts=hosts(settings))
    app.add_middleware(GZipMiddleware, minimum_size=600, compresslevel=6)
    app.add_middleware(Renewals, site=site)
    app.add_middleware(Events, hub=hub)
    app.add_middleware(SafeHeaders, secure=settings.secure, broken=_broken)
    return app


def _refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return visit(request).page("message", refused.status, about=refused.page)


def _broken(request: Request) -> Response:
    """Answer when something of ours failed; asks nothing of the database, which may be what failed."""
    return stranger(request).page("message", 500, about="broken")


def _no_such_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith(INTERFACE):  # a name with a line break does not get to the interface
        return api.refused(error)
    about = "not_found" if error.status_code == 404 else "cannot"
    return visit(request).page("message", error.status_code, about=about)
