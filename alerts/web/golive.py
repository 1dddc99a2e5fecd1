"""Going live: which communities have proved what, what is missing, and the button with which one accepts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from alerts import acceptance, access, queries, reach_tests
from alerts.go_live import HOME_KEYS, Checklist, Item, Key, Lack
from alerts.go_live_facts import Facts
from alerts.queries.go_live import Names, names
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.words import Words

router = APIRouter()
MOST = 12
"""Most lines of one item; the others are counted."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is missing, in words, and where it can be seen to."""

    text: str
    href: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """One item as the page shows it."""

    item: Item
    lines: tuple[Line, ...]
    more: int
    """How many further lines there are."""
    notes: tuple[str, ...]

    @property
    def key(self) -> Key:
        """Return the item's key."""
        return self.item.key


# --- the operator's ------------------------------------------------------------------------------------------------


@router.get("/c/golive")
def listed(visit: Visiting) -> Response:
    """Every community with how much of its list is green, and how many of its homes are covered."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    lists = visit.checklists()
    with visit.site.looking() as conn:
        user, known = queries.name_of(conn, session.actor), names(conn)
    return visit.page(
        "c_golive",
        title=visit.words.t("page.golive.title"),
        user=user,
        tab="golive",
        lists=sorted(lists.values(), key=lambda one: (one.green == len(one.items), known.areas.get(one.area, ""))),
        names=known,
        required=visit.site.cover.settings.required,
    )


@router.get("/c/golive/{area}")
def one(area: str, visit: Visiting) -> Response:
    """The checklist of one community; it prints on A4."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    return _page(visit, visit.must_be("operator"), area)


@router.post("/c/golive/{area}")
def act(
    area: str,
    visit: Visiting,
    do: Annotated[str, Form()] = "",
    form: Annotated[str, Form()] = "",
    who: Annotated[str, Form()] = "",
) -> Response:
    """Accept, write down who sat at the table, or send test messages; what cannot be done is said (409)."""
    session = visit.must_be("operator")
    visit.proves_origin(form)
    checklist = _checklist(visit, area)
    facts = _facts(visit)
    acts: Mapping[str, Callable[[Connection], object]] = {
        "accept": lambda conn: acceptance.accept(conn, checklist, session.actor, visit.now),
        "sign": lambda conn: acceptance.sign(conn, area, _at_table(checklist, who), session.actor, visit.now),
        "test_workers": lambda conn: _test(visit, conn, area, session, _staff(facts, checklist)),
        "test_relatives": lambda conn: _test(visit, conn, area, session, _relatives(visit, facts, checklist)),
    }
    if do not in acts:
        raise Refused(400, "cannot")
    if (do == "accept" and not checklist.may_accept) or (do == "sign" and not _at_table(checklist, who)):
        return _page(visit, session, area, problem=do)
    _do(visit, acts[do])
    return visit.go(f"/c/golive/{area}")


def _do(visit: Visit, work: Callable[[Connection], object]) -> None:
    visit.site.store.within(work)
    visit.site.cover.forget()
    visit.site.store.on_commit(frozenset())


def _test(visit: Visit, conn: Connection, area: str, session: access.Session, people: list[str]) -> None:
    reach_tests.send(conn, area, people, session.actor, visit.now, visit.site.store.policy)


def _page(visit: Visit, session: access.Session, area: str, problem: str = "") -> Response:
    checklist = _checklist(visit, area)
    with visit.site.looking() as conn:
        user, known = queries.name_of(conn, session.actor), names(conn)
        shown = _shown(conn, visit.words, visit.site.zone, checklist, known, links=True)
        said = acceptance.entries(conn, [area]).get(area, ())
        accepted = next((entry for entry in reversed(said) if entry.did == "accepted"), None)
        by = queries.name_of(conn, accepted.by) if accepted else ""
    return visit.page(
        "c_golive_area",
        409 if problem else 200,
        title=visit.words.t("page.golive.title_of", area=known.areas.get(area, area)),
        user=user,
        tab="golive",
        list=checklist,
        shown=shown,
        names=known,
        accepted=accepted,
        accepted_by=by,
        table=[(lack.whom, known.workers.get(lack.whom, lack.whom)) for lack in _unrehearsed(checklist)],
        tests={"workers": len(_staff(_facts(visit), checklist)),
               "relatives": len(_relatives(visit, _facts(visit), checklist))},
        required=visit.site.cover.settings.required,
        settings=visit.site.cover.settings,
        before=max(checklist.before.values(), default=None),
        problem=problem,
        home_keys=HOME_KEYS,
    )  # fmt: skip


def _checklist(visit: Visit, area: str) -> Checklist:
    found = visit.checklists().get(area)
    if found is None:
        raise Refused(404, "not_found")
    return found


def _facts(visit: Visit) -> Facts:
    return visit.site.cover.known(visit.now, visit.version[1])[0]


def _unrehearsed(checklist: Checklist) -> list[Lack]:
    return [lack for lack in checklist.item("rehearsal").lacks if lack.whom]


def _at_table(checklist: Checklist, who: str) -> list[str]:
    """Return `who` if a rehearsal is wanted of that worker, nobody else."""
    return [lack.whom for lack in _unrehearsed(checklist) if lack.whom == who]


def _staff(facts: Facts, checklist: Checklist) -> list[str]:
    """Return the people of the ladder who are not proved to be reached."""
    lacking = {lack.whom for lack in checklist.item("workers").lacks}
    return [
        f"{'operator' if person.role == 'operator' else 'worker'}:{person.id}"
        for person in facts.people
        if person.id in lacking
    ]


def _relatives(visit: Visit, facts: Facts, checklist: Checklist) -> list[str]:
    """Return the relatives who are not proved to be reached."""
    since = visit.now - timedelta(days=visit.site.cover.settings.contact_days)
    return [
        f"contact:{relative.id}"
        for home in facts.homes
        if home.id in checklist.homes
        for relative in home.relatives
        if relative.bad or relative.reached_at is None or relative.reached_at < since
    ]


# --- in words ------------------------------------------------------------------------------------------------------


def _shown(
    conn: Connection, words: Words, zone: ZoneInfo, checklist: Checklist, known: Names, *, links: bool
) -> list[Shown]:
    """Return the items in words, each with its first lines."""
    wanted = {lack.whom for item in checklist.items if item.key in HOME_KEYS for lack in item.lacks[:MOST]}
    homes = {home.id: home for home in queries.homes(conn, sorted(wanted))}

    def line(item: Item, lack: Lack) -> Line:
        href, whom = "", lack.whom
        match item.key:
            case "consent" | "meter" | "contact":
                href = f"/c/households/{whom}"
                whom = words.address(homes[whom]) if whom in homes else whom
            case "shifts":
                whom = known.areas.get(whom, whom)
            case "drills":
                href, whom = "/c/drills", words.code("golive.drill", whom)
            case "channels":
                href, whom = "/c/log", words.code("channel", whom)
            case "accepted":
                whom = queries.name_of(conn, whom) if whom else ""
            case _:
                whom = known.workers.get(whom, whom)
        places = words.join(sorted(known.areas.get(area, area) for area in lack.areas or ()))
        at = words.whole_day(lack.at, zone) if lack.at else ""
        text = words.t(f"page.golive.why.{lack.why}", whom=whom, at=at, places=places)
        return Line(text, href if links else "", lack.failed)

    return [
        Shown(
            item,
            tuple(line(item, lack) for lack in item.lacks[:MOST]),
            max(0, len(item.lacks) - MOST),
            _notes(words, item),
        )
        for item in checklist.items
    ]


def _notes(words: Words, item: Item) -> tuple[str, ...]:
    if item.key == "shifts":
        return tuple(words.t("page.golive.note.hours", hours=hours) for hours in item.notes)
    return tuple(words.t(f"page.golive.note.{note}") for note in item.notes)


# --- the lead's ----------------------------------------------------------------------------------------------------


@router.get("/w/golive")
def mine(visit: Visiting) -> Response:
    """The checklists of the communities that somebody leads."""
    return _mine(visit, visit.must_be("worker"))


@router.post("/w/golive")
def accept_mine(visit: Visiting, do: Annotated[str, Form()] = "", form: Annotated[str, Form()] = "") -> Response:
    """``accept:AREA``: the lead of a community accepts what it will use."""
    session = visit.must_be("worker")
    visit.proves_origin(form)
    verb, _, area = do.partition(":")
    checklist = _led(visit, session).get(area)
    if verb != "accept":
        raise Refused(400, "cannot")
    if checklist is None:
        raise Refused(404, "not_found")
    if not checklist.may_accept:
        return _mine(visit, session, problem=True)
    _do(visit, lambda conn: acceptance.accept(conn, checklist, session.actor, visit.now))
    return visit.go("/w/golive")


def _mine(visit: Visit, session: access.Session, *, problem: bool = False) -> Response:
    led = _led(visit, session)
    if not led:
        raise Refused(404, "not_found")
    with visit.site.looking() as conn:
        known = names(conn)
        shown = {area: _shown(conn, visit.words, visit.site.zone, one, known, links=False) for area, one in led.items()}
    return visit.page(
        "w_golive",
        409 if problem else 200,
        title=visit.words.t("page.golive.title"),
        led=led,
        shown=shown,
        names=known,
        problem=problem,
        required=visit.site.cover.settings.required,
    )


def _led(visit: Visit, session: access.Session) -> dict[str, Checklist]:
    """Return the communities whose lead somebody is: of the community itself, or of what holds it."""
    facts = _facts(visit)
    me = next((one for one in facts.people if (one.id, one.role) == (session.person, "lead")), None)
    lists = visit.checklists()
    return {area: one for area, one in lists.items() if me is not None and me.area in facts.up(area)}
