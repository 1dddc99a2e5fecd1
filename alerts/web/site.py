"""What every route gets: the site's parts, who is looking, and how to answer."""

import hashlib
import logging
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy import Connection, Engine
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse

from alerts import access, database, registry
from alerts.go_live import Checklist, Key
from alerts.queries.drills import Marks
from alerts.reports import Reports
from alerts.texts import Texts
from alerts.web.cover import Cover
from alerts.web.fragments import FORM, TAP, Fragments, Page
from alerts.web.headers import origin_proof
from alerts.web.ports import Budget, Day, Fitting, Health, Heard, Meter, Player, Readings, Served, Water
from alerts.web.settings import Settings
from alerts.web.taps import Done
from alerts.web.words import HTML_LANG, Words, language_of

if TYPE_CHECKING:
    from alerts.store import Store
    from alerts.web.live import Hub

log = logging.getLogger(__name__)

NOTHING_KNOWN = Water(None, None, None, None, ())
SESSION_COOKIES: Mapping[access.Role, str] = {
    "worker": "shuian-w", "family": "shuian-f", "operator": "shuian-c", "resident": "shuian-r",
}  # fmt: skip
"""One for each role: a tester, or a worker with an old mother of her own, opens several links in one browser."""
HOME: Mapping[access.Role, str] = {"worker": "/w", "family": "/f", "operator": "/c", "resident": "/r"}
ROLES: Mapping[str, access.Role] = {path.removeprefix("/"): role for role, path in HOME.items()}
"""The first part of a page's address, and whose page it is."""
STATIC = ("shuian.css", "shuian.js", "reports.css")
"""What browsers keep; what only reports and drills need is a file of its own, so that no phone fetches it."""
KEPT_S = 5
"""For how long a rendered block answers the same person's open pages: what is not counted as a change (a notice was
delivered, a meter was heard) is at most so much older than it says. [s]"""
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Cpath fill='%230b6380' "
    "d='M12 2c4 5 7 8.500 7 12.500a7 7 0 0 1-14 0C5 10.500 8 7 12 2z'/%3E%3C/svg%3E"
)


@dataclass(frozen=True)
class Site:
    """The parts that the pages stand on."""

    store: "Store"
    engine: Engine
    readings: Readings
    texts: Texts
    settings: Settings
    clock: Callable[[], datetime]
    health: Callable[[], Health]
    wrong_tries: access.WrongTries
    hub: "Hub"
    fragments: Fragments
    taps: Done
    reports: Reports
    cover: Cover
    fitting: Fitting | None = None
    player: Player | None = None
    marks: Marks = field(default_factory=Marks)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The operators' time zone."""
        return ZoneInfo(self.settings.zone)

    def looking(self) -> AbstractContextManager[Connection]:
        """Return a connection that only reads: it never waits for a writer."""
        return database.reading(self.engine).connect()

    @cached_property
    def templates(self) -> Environment:
        """The templates; a name that is not given is an error, not an empty place."""
        return Environment(
            loader=PackageLoader("alerts.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @cached_property
    def static(self) -> Mapping[str, bytes]:
        """Style and script by file name."""
        return {name: (files("alerts.web") / "static" / name).read_bytes() for name in STATIC}

    @cached_property
    def static_urls(self) -> Mapping[str, str]:
        """Their addresses, which change with their content, so that browsers may keep them for ever."""
        return {
            name: f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:10]}"
            for name, content in self.static.items()
        }

    def block_key(
        self, asking: HTTPConnection, session: access.Session, version: tuple[int, int], now: datetime
    ) -> Hashable:
        """Return all that a rendered block depends on: the page, who looks, the language, what changed, and when."""
        query = tuple(sorted(asking.query_params.multi_items()))
        moment = int(now.timestamp() // KEPT_S)
        return asking.scope["path"], query, session.role, session.person, language_of(asking), version, moment


class Refused(Exception):
    """The page is not for whoever asks; `page` names the template part that says so, `status` the HTTP status."""

    def __init__(self, status: int, page: str) -> None:
        super().__init__(f"{status} {page}")
        self.status = status
        self.page = page


@dataclass(frozen=True)
class Visit:
    """One request: the site, who is looking, in which language, and now."""

    request: Request
    site: Site
    now: datetime
    session: access.Session | None
    words: Words
    sessions: tuple[access.Session, ...] = ()
    """All sessions of this browser, that of the page's own role first."""
    ended: bool = False
    """A session of this browser ended because sharing with its person did."""
    version: tuple[int, int] = (0, 0)
    """Of cases and of the registry, both from before anything else was read."""

    @property
    def wants_part(self) -> bool:
        """Whether the script asks for the live block alone."""
        return self.request.query_params.get("part") == "1"

    def days(self, household: str, count: int = 7) -> list[Day]:
        """Return the home's last days; none when readings cannot be had: the address matters more."""
        try:
            return self.site.readings.days(household, self.now, count)
        except Exception:
            log.exception("days of readings cannot be had")
            return []

    def meters(self) -> list[Meter] | None:
        """Return how well every device is heard; None when that cannot be had."""
        try:
            return self.site.readings.meters(self.now)
        except Exception:
            log.exception("meters cannot be had")
            return None

    def strangers(self) -> list[tuple[str, Heard]]:
        """Return devices that are heard and not registered; none when that cannot be had."""
        try:
            return self.site.fitting.strangers() if self.site.fitting is not None else []
        except Exception:
            log.exception("unregistered devices cannot be had")
            return []

    def water(self, household: str) -> Water:
        """Return what is known of the home's water; nothing when readings cannot be had."""
        try:
            return self.site.readings.water(household, self.now)
        except Exception:
            log.exception("readings cannot be had")
            return NOTHING_KNOWN

    def served(self, household: str) -> Served | None:
        """Return how well a home can be watched; None when it is not watched, or that cannot be had."""
        try:
            return self.site.readings.served(household, self.now)
        except Exception:
            log.exception("how well a home is served cannot be had")
            return None

    def checklists(self) -> Mapping[str, Checklist]:
        """Return what each community has proved before its homes are shown as covered."""
        return self.site.cover.lists(self.now, self.version[1])

    def keeps_back(self, household: str) -> tuple[Key, ...]:
        """Return what keeps a home from being shown as covered; nothing: it is."""
        return self.site.cover.keeps_back(household, self.now, self.version[1])

    def set_up(self) -> frozenset[str]:
        """Return the homes that are being set up: they may not be shown as covered yet."""
        if not self.site.cover.settings.required:
            return frozenset()
        return frozenset(home for one in self.checklists().values() for home, keys in one.homes.items() if keys)

    def budget(self) -> tuple[Budget | None, tuple[str, ...]]:
        """Return whether the budget is kept, and the homes that can only be asked; nothing when that cannot be had."""
        try:
            return self.site.readings.budget(self.now), self.site.readings.irregular()
        except Exception:
            log.exception("the budget cannot be had")
            return None, ()

    def must_be(self, role: access.Role) -> access.Session:
        """Return the session, refusing anybody else.

        Raises
        ------
        Refused
            401 without a session, 403 with one of another role.
        """
        if self.session is None:
            raise Refused(*((403, "sharing_ended") if self.ended and role == "family" else (401, "no_session")))
        if self.session.role != role:
            raise Refused(403, "not_yours")
        return self.session

    def proves_origin(self, form_token: str, realm: str = "live") -> None:
        """Refuse a post of which neither the browser nor the form's token says that it came from our own page.

        `realm`: of what it acts on.  Who was let in by a message of a drill acts on nothing real.

        Raises
        ------
        Refused
            403.
        """
        own_page = origin_proof(self.request.headers, hosts(self.site.settings)) is True
        own_form = self.session is not None and form_token == access.form_token(self.session)
        if not own_page and not own_form:
            raise Refused(403, "not_yours")
        if self.session is not None and self.session.realm not in ("live", realm):
            raise Refused(403, "drill_link")

    def renewed(self, render: Callable[[], Page]) -> Page:
        """Answer the script's asking with what the same person was shown a moment ago, if nothing changed since."""
        if not self.wants_part or self.session is None:
            return render()
        key = self.site.block_key(self.request, self.session, self.version, self.now)
        return self.site.fragments.page(key, access.form_token(self.session), render)

    def page(self, name: str, status: int = 200, /, **context: Any) -> Page:
        """Render ``NAME.html``, or its live part alone when the script asks for that.

        A page that shows how long a tap can be taken back (`undo_s`) is true for that answer only.
        """
        params = {k: v for k, v in self.request.query_params.items() if k != "part"}
        path = self.request.url.path
        base = {
            "w": self.words,
            "t": self.words.t,
            "site": self.site,
            "session": self.session,
            "form_token": self._form_token,
            "version": self.version[0],
            "path": path + (f"?{urlencode(params)}" if params else ""),
            "live": f"{path}?{urlencode(params | {'part': '1'})}",
            "css": self.site.static_urls["shuian.css"],
            "js": self.site.static_urls["shuian.js"],
            "icon": Markup(ICON),  # noqa: S704  (a constant)
            "other_html_lang": HTML_LANG[self.words.other],
            "drill": False,
            "marked": "",
            "zone": self.site.zone,
        }
        template = "live.html" if self.wants_part and "part" in context else f"{name}.html"
        rendered = self.site.templates.get_template(template).render(base | context | {"tap": TAP})
        token = access.form_token(self.session) if self.session else ""
        return Page(rendered, status, token, lasts=not context.get("undo_s"))

    def _form_token(self) -> Markup:
        """The hidden field that shows that a form was ours."""
        if self.session is None:
            return Markup()
        return Markup('<input type="hidden" name="form" value="{}">').format(FORM)

    def go(self, path: str) -> RedirectResponse:
        """Answer a post: see the page at `path`."""
        return RedirectResponse(path, 303)


def hosts(settings: Settings) -> frozenset[str]:
    """Return the host by which browsers know us, for the check where a post comes from."""
    return frozenset({settings.base_url.partition("://")[2].partition("/")[0]})


def stranger(request: Request) -> Visit:
    """Return a visit of somebody unknown."""
    site: Site = request.app.state.site
    now = site.clock()
    return Visit(request, site, now, None, Words(site.texts, language_of(request), now))


def visit(request: Request) -> Visit:
    """Look up who is asking; the dependency of every page."""
    unknown = stranger(request)
    version = unknown.site.hub.version
    top = "/" + request.url.path.split("/")[1]
    names = sorted(SESSION_COOKIES, key=lambda role: HOME[role] != top)
    tokens = [token for role in names if (token := request.cookies.get(SESSION_COOKIES[role]))]
    if not tokens:
        return unknown
    with unknown.site.looking() as conn:
        register = registry.version(conn)
        found = [access.session(conn, token, unknown.now) for token in tokens]
        ended = not any(found) and any(access.ended_with_consent(conn, token) for token in tokens)
    sessions = tuple(session for session in found if session is not None)
    first = sessions[0] if sessions else None
    return replace(unknown, session=first, sessions=sessions, version=(version, register), ended=ended)


Visiting = Annotated[Visit, Depends(visit)]
