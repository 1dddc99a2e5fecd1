"""One device, for whoever fits it: what was understood of its last messages, what is missing, and whose tap it hears."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from alerts import fittings, queries
from alerts.registry import realms
from alerts.web.ports import Drawn, Fitted
from alerts.web.site import Refused, Visit, Visiting

router = APIRouter()
MOST_ID = 256
TAP_FOR = timedelta(hours=26)
"""How long water is looked for after a tap was asked for: a meter that uploads once a day tells of it tomorrow."""
LOOK_EVERY_S = 3
"""How often an open page asks again; somebody stands before the meter. [s]"""


@dataclass(frozen=True, slots=True)
class TapTest:
    """What came of "open a tap now"."""

    at: datetime
    drawn: Drawn | None
    others: tuple[str, ...]
    """Other meters of the building that told of water since; asked only while this one tells of none."""

    @property
    def heard(self) -> bool:
        """Whether this meter told of water."""
        return self.drawn is not None and self.drawn.litres > 0


def tap_test(visit: Visit, fitted: Fitted, since: str) -> TapTest | None:
    """Return what came of a tap that was asked for at `since` (ms since 1970); None: none was, or too long ago."""
    if visit.site.fitting is None or fitted.household is None or not since.isascii() or not since.isdigit():
        return None
    try:
        at = datetime.fromtimestamp(int(since[:15]) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not visit.now - TAP_FOR <= at <= visit.now:
        return None
    drawn = visit.site.fitting.drawn(fitted.device, at)
    told = drawn is not None and drawn.litres > 0
    return TapTest(at, drawn, () if told else tuple(visit.site.fitting.others(fitted.device, at)))


@router.get("/c/device")
def device(visit: Visiting, id: str = "", since: str = "") -> Response:
    """What is known of one device, live."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    fitted = _fitted(visit, id)
    with visit.site.looking() as conn:
        user = queries.name_of(conn, session.actor)
        facts = queries.meter_facts(conn)
        proof = fittings.confirmed(conn, fitted.device)
        by = queries.name_of(conn, proof.by) if proof else ""
        drill = fitted.household is not None and bool(realms.rehearsed(conn, [fitted.household]))
    held = proof if proof and proof.household == fitted.household else None
    return visit.page(
        "c_device",
        drill=drill,
        title=visit.words.t("page.c.device.title"),
        user=user,
        tab="meters",
        part="parts/device.html",
        every_s=LOOK_EVERY_S,
        fitted=fitted,
        home=facts.homes.get(fitted.household or ""),
        test=tap_test(visit, fitted, since),
        proof=held,
        proof_by=by,
        now_ms=int(visit.now.timestamp() * 1000),
    )


@router.post("/c/device")
def act(
    visit: Visiting,
    id: Annotated[str, Form()] = "",
    do: Annotated[str, Form()] = "",
    form: Annotated[str, Form()] = "",
    since: Annotated[str, Form()] = "",
) -> Response:
    """Ask for a tap, or note that this meter told of it."""
    session = visit.must_be("operator")
    visit.proves_origin(form)
    fitted = _fitted(visit, id)
    if fitted.household is None or do not in ("tap", "confirm"):
        raise Refused(400, "cannot")
    if do == "tap":
        with visit.site.engine.begin() as conn:
            fittings.asked(conn, fitted.device, fitted.household, session.actor, visit.now)
        since = str(int(visit.now.timestamp() * 1000))
        return visit.go(f"/c/device?{urlencode({'id': id, 'since': since})}")
    test = tap_test(visit, fitted, since)
    if test is None or test.drawn is None or not test.heard:
        raise Refused(409, "cannot")
    with visit.site.engine.begin() as conn:
        fittings.confirm(conn, fitted.device, fitted.household, test.drawn.litres, session.actor, visit.now)
    visit.site.cover.forget()
    return visit.go(f"/c/device?{urlencode({'id': id})}")


def _fitted(visit: Visit, name: str) -> Fitted:
    if visit.site.fitting is None or not 1 <= len(name) <= MOST_ID or not name.isprintable():
        raise Refused(404, "not_found")
    return visit.site.fitting.device(name, visit.now)
