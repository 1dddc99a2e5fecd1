"""The operator's pages of drills: start one, watch it, read what became of it and print that."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from alerts import access, drill_runs, queries
from alerts.drill_times import Mark
from alerts.queries import drills as found
from alerts.queries.drills import Run, Seen, Stage
from alerts.web import drill_words
from alerts.web.fragments import Page
from alerts.web.ports import CannotPlay, Script
from alerts.web.report_chart import Bar, bars
from alerts.web.site import Refused, Visit, Visiting

router = APIRouter()
TREND = 6
"""Drills in one chart: as many bars as fit."""
EVERY_S = 5
"""How often an open page of a drill that runs asks again: what is due changes with the clock alone. [s]"""
MOST_ID = 64


@router.get("/c/drills")
def listed(visit: Visiting, trend: str = "") -> Response:
    """Scripts to play, drills that run, drills of the past, and how one script went over time."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    return visit.renewed(lambda: _listed(visit, session, trend))


def _listed(visit: Visit, session: access.Session, trend: str) -> Page:
    scripts = _scripts(visit)
    with visit.site.looking() as conn:
        runs = found.runs(conn, session.person)
        sight = found.in_sight(conn, session.person)
        user = queries.name_of(conn, session.actor)
        going = visit.site.marks.of(conn, [run for run in runs if run.runs], visit.now)
        past = visit.site.marks.of(conn, [run for run in runs if not run.runs], visit.now)
    started = [
        one for one in (visit.site.player.started() if visit.site.player else ()) if sight is None or one.area in sight
    ]
    marks = {mark.id: mark for mark in [*going, *past]}
    charted = _chosen(past, trend)
    says = drill_words.of(visit.words, scripts)
    return visit.page(
        "c_drills",
        part="parts/drills.html",
        title=visit.words.t("page.c.room.drills"),
        user=user,
        tab="drills",
        every_s=EVERY_S if any(run.runs for run in runs) or started else visit.site.settings.refresh_s,
        scripts=scripts,
        can_play=visit.site.player is not None,
        runs=runs,
        marks=marks,
        started=started,
        says=says,
        trends=sorted({(mark.drill, mark.kind) for mark in past}),
        chosen=(charted[0].drill, charted[0].kind) if charted else None,
        charted=charted,
        charts=_charts(charted, visit),
    )


def _scripts(visit: Visit) -> Sequence[Script]:
    return visit.site.player.scripts() if visit.site.player is not None else ()


def _chosen(past: Sequence[Mark], trend: str) -> list[Mark]:
    """Return the last drills of the script and kind that is asked for, ``NAME.KIND``, else of the one played last."""
    name, _, kind = trend.rpartition(".")
    if not any((mark.drill, mark.kind) == (name, kind) for mark in past) and past:
        last = next((mark for mark in reversed(past) if mark.whole), past[-1])
        name, kind = last.drill, last.kind
    return [mark for mark in past if (mark.drill, mark.kind) == (name, kind)][-TREND:]


def _charts(marks: Sequence[Mark], visit: Visit) -> list[tuple[str, Markup]]:
    words, zone = visit.words, visit.site.zone
    unknown = words.t("page.c.drills.trend.unknown")

    def chart(name: str, values: Sequence[float | None], form: str) -> tuple[str, Markup]:
        title = words.t(f"page.c.drills.trend.{name}")
        drawn = [
            Bar(words.short_day(mark.started_at.astimezone(zone).date(), zone), value, f"{value or 0:{form}}")
            for mark, value in zip(marks, values, strict=True)
        ]
        return title, bars(title, drawn, 100.0 if name == "share" else None, unknown)

    def minutes(seconds: float | None, mark: Mark) -> float | None:
        return None if seconds is None or not mark.whole else seconds / 60

    return [
        chart("share", [None if mark.share is None else 100 * mark.share for mark in marks], ".0f"),
        chart("accepted", [minutes(mark.accepted_s, mark) for mark in marks], ".1f"),
        chart("arrived", [minutes(mark.arrived_s, mark) for mark in marks], ".1f"),
    ]


# --- starting one ----------------------------------------------------------------------------------------------------


@router.get("/c/drills/new")
def asked(visit: Visiting, script: str = "") -> Response:
    """What a script does and what it needs, with the button that begins it."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    return _before(visit, session, _script(visit, script))


@router.post("/c/drills/new")
def start(
    visit: Visiting,
    script: Annotated[str, Form()] = "",
    kind: Annotated[str, Form()] = "",
    form: Annotated[str, Form()] = "",
) -> Response:
    """Begin one, and go to its page."""
    session = visit.must_be("operator")
    visit.proves_origin(form)
    wanted = _script(visit, script)
    if kind not in wanted.kinds:
        raise Refused(400, "cannot")
    with visit.site.looking() as conn:
        stages = found.stages(conn, session.person)
    if _lacks(wanted, stages) is not None:
        return _before(visit, session, wanted, 409)
    assert visit.site.player is not None
    try:
        drill = visit.site.player.start(wanted.name, kind, stages[0].area, session.actor)
    except CannotPlay as refused:
        return _before(visit, session, wanted, 409, str(refused))
    visit.site.hub.changed()
    return visit.go("/c/drills" if drill is None else f"/c/drills/{drill}")


def _script(visit: Visit, name: str) -> Script:
    script = next((one for one in _scripts(visit) if one.name == name), None)
    if script is None:
        raise Refused(404, "not_found")
    return script


def _before(visit: Visit, session: access.Session, script: Script, status: int = 200, refused: str = "") -> Page:
    with visit.site.looking() as conn:
        stages = found.stages(conn, session.person)
        user = queries.name_of(conn, session.actor)
    lacks = _lacks(script, stages)
    says = drill_words.of(visit.words, [script])
    return visit.page(
        "c_drill_new",
        status,
        title=says.script(script.name),
        user=user,
        tab="drills",
        drill=True,
        script=script,
        says=says,
        lacks=lacks,
        stage=stages[0] if stages else None,
        refused=refused,
    )


def _lacks(script: Script, stages: Sequence[Stage]) -> str | None:
    """Return what keeps a script from being played, as a code; None: nothing that is known before."""
    if not script.kinds:
        return "no_kind"
    if not stages:
        return "no_area"
    return None if stages[0].staffed else "no_worker"


# --- one ---------------------------------------------------------------------------------------------------------------


@router.get("/c/drills/{drill}")
def one(drill: str, visit: Visiting) -> Response:
    """How a drill stands: what had to happen, what did, who did what when, and why something did not."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    return visit.renewed(lambda: visit.page("c_drill", part="parts/drill.html", **_seen(visit, session, drill)))


@router.get("/c/drills/{drill}/report")
def report(drill: str, visit: Visiting) -> Response:
    """The same to be printed."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    return visit.page("c_drill_report", **_seen(visit, visit.must_be("operator"), drill))


@router.post("/c/drills/{drill}")
def stop(drill: str, visit: Visiting, do: Annotated[str, Form()] = "", form: Annotated[str, Form()] = "") -> Response:
    """Stop it; one that is over stays as it is."""
    session = visit.must_be("operator")
    visit.proves_origin(form)
    if do != "stop":
        raise Refused(400, "cannot")
    with visit.site.engine.begin() as conn:
        if not _is_id(drill) or not found.may_see(conn, drill, session.person):
            raise Refused(404, "not_found")
        homes = drill_runs.end(conn, drill, visit.now, session.actor, "asked", visit.site.store.policy)
    visit.site.store.on_commit(homes)
    return visit.go(f"/c/drills/{drill}")


def _is_id(drill: str) -> bool:
    return len(drill) <= MOST_ID and drill.isascii() and drill.isprintable()


def _seen(visit: Visit, session: access.Session, drill: str) -> Mapping[str, Any]:
    """Return what the page of a drill and its report show."""
    with visit.site.looking() as conn:
        if not _is_id(drill) or not found.may_see(conn, drill, session.person):
            raise Refused(404, "not_found")
        seen = found.seen(conn, drill, visit.now)
        user = queries.name_of(conn, session.actor)
    says = drill_words.of(visit.words, _scripts(visit))
    return {
        "title": says.script(seen.run.drill),
        "user": user,
        "tab": "drills",
        "drill": True,
        "every_s": EVERY_S if seen.run.runs else visit.site.settings.refresh_s,
        "seen": seen,
        "run": seen.run,
        "says": says,
        "alone": _alone(visit, seen.run),
        "verdicts": _verdicts(seen),
    }


def _alone(visit: Visit, run: Run) -> bool:
    """Whether it was begun from these pages and nobody plays it any more: the service was restarted since."""
    player = visit.site.player
    return run.runs and run.by.startswith("operator:") and run.kind != "live" and not (player and player.plays(run.id))


def _verdicts(seen: Seen) -> Mapping[str, int]:
    """Return how many lines there are of each verdict, homes counted one by one."""
    counts = dict.fromkeys(("broken", "missed", "late", "waits", "stopped", "met", "kept"), 0)
    for line in seen.score.lines:
        counts[line.verdict] += 1
    return {verdict: number for verdict, number in counts.items() if number}
