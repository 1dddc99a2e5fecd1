"""The operator's page of meters: which are heard, how completely, and through which gateway; silent ones first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from alerts import queries
from alerts.queries import AreaEvent, Home, MeterFacts
from alerts.queries.schematic import in_order
from alerts.web.ports import Meter
from alerts.web.site import Visiting

router = APIRouter()
LATE_PERIODS = 3.0
"""A device that missed this many reports is late; the detectors decide when it counts as silent."""
LOW_BATTERY_PERCENT = 20.0
STATES = ("silent", "never", "late", "heard")
"""How a device is heard, the worst first."""
MOST = 200


@dataclass(frozen=True, slots=True)
class MeterRow:
    """One device, its home, and how it is heard."""

    meter: Meter
    home: Home
    state: str

    @property
    def low(self) -> bool:
        """Whether its battery wants changing."""
        return self.meter.battery_percent is not None and self.meter.battery_percent < LOW_BATTERY_PERCENT

    @property
    def gateway(self) -> str:
        """The gateway through which it speaks, empty when the registry names none."""
        return self.meter.gateway or ""


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """One gateway and what is heard through it."""

    name: str
    devices: int
    heard: int
    """How many of its devices are neither silent nor late."""
    heard_at: datetime | None
    """When any of them was last heard."""
    outage: AreaEvent | None
    """The radio outage that holds for it now."""


def meter_rows(meters: Iterable[Meter], facts: MeterFacts, now: datetime) -> list[MeterRow]:
    """Return every device of a registered home, silent ones first and then by address."""
    rows = [
        MeterRow(meter, facts.homes[meter.household], _state(meter, facts, now))
        for meter in meters
        if meter.household in facts.homes
    ]
    return sorted(rows, key=lambda row: (STATES.index(row.state), _share(row.meter), _address(row), row.meter.device))


def _state(meter: Meter, facts: MeterFacts, now: datetime) -> str:
    if meter.heard_at is None:
        return "never"
    late = (now - meter.heard_at).total_seconds() > LATE_PERIODS * meter.period_s
    lost = any(meter.household in event.households for event in facts.outages)
    if late and (lost or (meter.household in facts.silent and meter.resolution_l is not None)):
        return "silent"
    return "late" if late else "heard"


def _share(meter: Meter) -> float:
    return 2.0 if meter.share_24h is None else meter.share_24h


def _address(row: MeterRow) -> tuple[object, ...]:
    return in_order(row.home.building), in_order(row.home.riser or ""), in_order(row.home.door)


def gateway_rows(rows: Sequence[MeterRow], outages: Sequence[AreaEvent]) -> list[GatewayRow]:
    """Return every gateway that a device names, those with an outage first."""
    by_name: dict[str, list[MeterRow]] = defaultdict(list)
    for row in rows:
        if row.gateway:
            by_name[row.gateway].append(row)
    found = [_gateway(name, members, outages) for name, members in by_name.items()]
    return sorted(found, key=lambda row: (row.outage is None, row.heard == row.devices, in_order(row.name)))


def _gateway(name: str, members: Sequence[MeterRow], outages: Sequence[AreaEvent]) -> GatewayRow:
    heard = [row.meter.heard_at for row in members if row.meter.heard_at is not None]
    return GatewayRow(
        name=name,
        devices=len(members),
        heard=sum(row.state == "heard" for row in members),
        heard_at=max(heard, default=None),
        outage=next((event for event in outages if event.zone_kind == "gateway" and event.zone == name), None),
    )


@router.get("/c/meters")
def meters(visit: Visiting, building: str = "", gateway: str = "", state: str = "") -> Response:
    """Every device, silent ones first; a form narrows it down."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    with visit.site.looking() as conn:
        facts = queries.meter_facts(conn)
        user = queries.name_of(conn, session.actor)
    known = visit.meters()
    rows = meter_rows(known or (), facts, visit.now)
    found = [row for row in rows if _wanted(row, building, gateway, state)]
    return visit.page(
        "c_meters",
        title=visit.words.t("page.c.meters.title"),
        user=user,
        tab="meters",
        known=known is not None,
        rows=found[:MOST],
        found=len(found),
        total=len(rows),
        gateways=gateway_rows(rows, facts.outages),
        outages=facts.outages,
        strangers=visit.strangers(),
        buildings=sorted({row.home.building for row in rows}, key=in_order),
        chosen={"building": building, "gateway": gateway, "state": state},
        states=STATES,
    )


def _wanted(row: MeterRow, building: str, gateway: str, state: str) -> bool:
    return (
        (not building or row.home.building == building)
        and (not gateway or row.gateway == gateway)
        and (not state or row.state == state)
    )
