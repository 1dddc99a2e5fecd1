"""Three buildings of twenty homes with everything going on at once: what the operator's pages must show apart."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, insert

from alerts import schema
from alerts.events import Accepted, SetOff
from alerts.store import NewArea, NewFinding
from alerts.web.ports import Drawn, Fitted, Heard, Lack, Said
from detectors.findings import Severity
from tests.web.neighbourhood import LONG_AGO, NOW, HandFitted, meter, meter_silent, quiet

if TYPE_CHECKING:
    from tests.web.conftest import Community

BUILDINGS, FLOORS, RISERS = (1, 2, 3), range(1, 11), ("A", "B")
SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗"
NO_READING = timedelta(minutes=10)


class Place(NamedTuple):
    """Where one of the sixty homes is."""

    building: int
    floor: int
    riser: str

    @property
    def home(self) -> str:
        return f"b{self.building}-{self.door}"

    @property
    def door(self) -> str:
        return f"{self.floor}0{RISERS.index(self.riser) + 1}"


PLACES = [Place(building, floor, riser) for building in BUILDINGS for floor in FLOORS for riser in RISERS]


def register(conn: Connection, now: datetime = NOW) -> None:
    """Add the three buildings beside the small neighbourhood, each a grid with a shift of its own."""
    for n in BUILDINGS:
        conn.execute(
            insert(schema.areas).values(id=f"g{n}", parent="community", kind="grid", name=f"安和里 {n} 栋网格")
        )
        shift = {"start": now - timedelta(hours=2), "end": now + timedelta(hours=6)}
        conn.execute(insert(schema.shifts).values(area=f"g{n}", owner="w1" if n < 3 else "w2", lead="w3", **shift))
    for n, place in enumerate(PLACES):
        _home(conn, n, place)


def _home(conn: Connection, n: int, place: Place) -> None:
    name = f"{SURNAMES[n % 20]}{'秀国玉建桂德'[n % 6]}{'英强兰明珍华平'[n % 7]}"
    conn.execute(
        insert(schema.households).values(
            id=place.home, area=f"g{place.building}", building=f"安和里 {place.building} 栋", riser=place.riser,
            floor=str(place.floor), door=place.door, tz="Asia/Shanghai",
        )
    )  # fmt: skip
    resident = f"{place.home}-r"
    conn.execute(insert(schema.residents).values(id=resident, household=place.home, name=name, phone="021 5550 0700"))
    given = {"recipient": "", "version": "1", "given_at": LONG_AGO, "given_by": name}
    for purpose in ("monitor", "community", "relative"):
        conn.execute(insert(schema.consents).values(resident=resident, purpose=purpose, **given))
    conn.execute(
        insert(schema.contacts).values(
            id=f"{place.home}-c", resident=resident, name=f"{name[0]}家女儿", position=1, channel="email",
            address=f"{place.home}@example.org",
        )
    )  # fmt: skip
    conn.execute(
        insert(schema.devices).values(
            id=f"m-{place.home}", format="native", household=place.home, valid_from=LONG_AGO, resolution_l=1.0,
            period_s=3600, zone="Asia/Shanghai", gateway=gateway(place),
        )
    )  # fmt: skip


def gateway(place: Place) -> str:
    return f"gw-{place.building}{place.riser}"


def meters(now: datetime = NOW) -> Iterator[Any]:
    """Return how the sixty meters are heard: one dead, one gateway of ten dead, one late, one with a weak battery."""
    for place in PLACES:
        other: dict[str, Any] = {"gateway": gateway(place)}
        if place.home == DEAD:
            other |= {"heard_at": now - timedelta(hours=5), "share_24h": 0.78, "share_7d": 0.97}
        elif gateway(place) == "gw-2B":
            other |= {"heard_at": now - timedelta(hours=4), "share_24h": 0.82}
        elif place.home == "b1-901":
            other |= {"battery_percent": 12.0, "share_24h": 0.64, "share_7d": None}
        elif place.home == "b1-902":
            other |= {"heard_at": now - timedelta(hours=4), "battery_percent": None}
        yield meter(place.home, f"m-{place.home}", now, **other)


DEAD = "b2-301"
FALL, RUNNING, TAP, LEAK, TRIP, GONE, SOS, CUT_FALL = (
    "b1-301", "b1-401", "b1-502", "b1-702", "b1-802", "b1-1002", "b1-601", "b3-702",
)  # fmt: skip


def finding(
    home: str, kind: str, severity: Severity, reason: str, at: datetime, ago: timedelta, **evidence: Any
) -> NewFinding:
    """Return a finding that began some time before `at`."""
    known = {"heard_at": (at - NO_READING).timestamp(), "known_until_at": (at - NO_READING).timestamp()}
    return NewFinding(f"{home}-{kind}", "live", home, kind, severity, at - ago, at, reason, evidence | known)


def fitting(now: datetime) -> HandFitted:
    """Return what is known of three devices: one that was just fitted, one nobody registered, and a neighbour's."""
    register = Said("water_volume_total", 82184.0, "L", now - timedelta(minutes=3), ("time_zone_missing",))
    pulses = Said("pulse_count_total", 82184.0, "count", None, ("pulse_factor_unknown", "time_missing"))
    said = (register, pulses, Said("battery", 91.0, "%", None))
    message = Heard(now - timedelta(minutes=3), "tasmota", "tele/new-7/SENSOR", said, 1, ("unit unknown: want a unit",))
    lacks = (Lack("litres_per_pulse", True), Lack("period", False, {"want": "60", "got": "5"}), Lack("zone", False))
    hidden = tuple(replace(one, value=None) for one in said)
    stranger = replace(
        message, said=hidden, stored=0, topic="tele/stranger/SENSOR", refused=("unknown device: want …",)
    )
    return HandFitted(
        known={"new-7": Fitted("new-7", "b1-101", "tasmota", (message, message), (register,), lacks, now)},
        told={"new-7": Drawn(0.0, now - timedelta(minutes=3), now), "m-102": Drawn(6.0, now, now)},
        heard=[("stranger", stranger)],
    )


def everything(community: "Community") -> dict[str, str]:
    """Let all of it happen within the last hours; return the ids of the cases by home."""
    now = community.now
    with community.engine.begin() as conn:
        register(conn, now)
        conn.execute(
            insert(schema.absences).values(
                household=TRIP, start=now - timedelta(hours=20), end=now + timedelta(hours=4), by=f"contact:{TRIP}-c",
                asked_until=now + timedelta(days=3), declared_at=now - timedelta(hours=20),
            )
        )  # fmt: skip
    community.readings.fitted = list(meters(now))
    at = now - timedelta(minutes=40)
    store, hour = community.store, timedelta(hours=1)
    cut = [place.home for place in PLACES if place.building == 3]
    cases: dict[str, str | None] = {CUT_FALL: store.raise_finding(quiet(CUT_FALL, "red", at), at)}
    store.begin_area(
        NewArea(
            "cut-3", "live", "water_outage", "building", "安和里 3 栋", "安和里 3 栋", "g3", now - 2 * hour, at,
            "water_outage", {"silent_homes": 19, "of_homes": 20, "since_at": (now - 2 * hour).timestamp(),
            "chance_log10": -9.2, "heard_at": at.timestamp()}, tuple(cut),
        ),
        at,
    )  # fmt: skip
    deaf = [place.home for place in PLACES if gateway(place) == "gw-2B"]
    store.begin_area(
        NewArea(
            "radio-2b", "live", "radio_outage", "gateway", "gw-2B", "安和里 2 栋", "g2", now - 4 * hour, at,
            "radio_outage", {"silent_meters": 10, "of_meters": 10, "since_at": (now - 4 * hour).timestamp(),
            "period_s": 3600.0}, tuple(deaf),
        ),
        at,
    )  # fmt: skip
    for home in ("b3-201", "b3-502"):
        late = finding(home, "quiet", "amber", "quiet", at, hour, **quiet(home).evidence)
        cases[home] = store.raise_finding(late, at)
    flow = {"volume_l": 260.0, "window_s": 3600.0, "flow_l_h": 396.0, "running_s": 2400.0}
    flow["running_since_at"] = (at - hour).timestamp()
    for home, kind, severity, reason, evidence in (
        (RUNNING, "surge", "red", "surge_limit", flow | {"limit_l": 250.0, "usual_l": 60.0}),
        (TAP, "surge", "amber", "water_running", flow | {"usual_run_s": 1800.0, "flow_l_h": 108.0}),
        (LEAK, "leak", "blue", "leak", {"leak_l_h": 12.0, "per_day_l": 288.0, "running_s": 86400.0,
            "leak_since_at": (at - 24 * hour).timestamp()}),
        (GONE, "quiet", "amber", "quiet_maybe_out", quiet(GONE).evidence | {"door_at": (at - 3 * hour).timestamp(),
            "motion_at": (at - 3 * hour).timestamp()}),
        (SOS, "sos", "red", "sos", {"pressed_at": at.timestamp(), "battery_percent": 80.0}),
    ):  # fmt: skip
        cases[home] = store.raise_finding(finding(home, kind, severity, reason, at, hour, **evidence), at)
    cases[DEAD] = store.raise_finding(meter_silent(DEAD, at), at)
    held = quiet(TRIP, "red", at)
    assert store.raise_finding(held, at) is None
    cases[FALL] = store.raise_finding(quiet(FALL, "red", at), at)
    moment = at
    while moment < now - timedelta(minutes=5):
        moment += timedelta(minutes=1)
        store.fire_due(moment)
    community.now = now - timedelta(minutes=3)
    community.tap(str(cases[CUT_FALL]), Accepted("worker:w2"))
    community.tap(str(cases[CUT_FALL]), SetOff("worker:w2"))
    community.now = now
    cases["b1-201"] = store.raise_finding(
        quiet("b1-201", "red", now - timedelta(minutes=2)), now - timedelta(minutes=2)
    )
    return {home: case for home, case in cases.items() if case is not None}
