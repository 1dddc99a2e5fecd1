"""The registry of a simulated fleet, as the .csv sheets that `shuian import` reads: invented people, homes, meters.

Two homes on each of the ten floors of a riser, two risers a building, ten buildings a grid; each grid has its worker, and the
worker of the next grid is the backup.  Messages to people go to addresses under `.invalid`, which nobody has.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shuian.neighbourhood.homes import GIVEN, SURNAMES
from shuian.neighbourhood.sheets import Sheet, write_sheets
from simulators import encoding
from simulators.plan import BEHIND_ONE, Plan, gateway
from simulators.struck import declared

RISERS = ("A", "B")
A_BUILDING = BEHIND_ONE * len(RISERS)
A_GRID = 10 * A_BUILDING
SENSOR_PERIOD_S = 3600
BUTTON_PERIOD_S = 86_400
SINCE = timedelta(days=90)
SHIFT = timedelta(days=3650)


def write(folder: Path, plan: Plan) -> None:
    """Write the sheets of a fleet."""
    write_sheets(folder, _people(plan) | _homes(plan) | _absences(plan))


def household(home: int) -> str:
    """Return the id of a home's household."""
    return f"h-{home:06d}"


def resident(home: int) -> str:
    """Return the invented name of who lives there."""
    given = 2 * ((home * 3 + home // 20) % (len(GIVEN) // 2))
    return SURNAMES[home * 7 % len(SURNAMES)] + GIVEN[given : given + 2]


def _people(plan: Plan) -> dict[str, Sheet]:
    grids = range((plan.homes - 1) // A_GRID + 1)
    first, last = (plan.start - timedelta(days=1)).isoformat(), (plan.start + SHIFT).isoformat()
    areas = [
        ("d1", "", "district", "模拟区"),
        ("s1", "d1", "street", "模拟街道"),
        ("c1", "s1", "community", "模拟社区"),
    ]
    workers = [(f"w{n + 1}", f"网格员{n + 1}", "worker", _grid(n), "email", f"w{n + 1}@fleet.invalid") for n in grids]
    lead, operator = (
        ("lead", "组长", "lead", "c1", "email", "lead@fleet.invalid"),
        ("ops", "值班员", "operator", "s1", "email", "ops@fleet.invalid"),
    )
    shifts = [
        (_grid(n), first, last, f"w{n + 1}", f"w{(n + 1) % len(grids) + 1}" if len(grids) > 1 else "lead", "lead")
        for n in grids
    ]
    return {
        "areas": ("id,parent,kind,name", [*areas, *((_grid(n), "c1", "grid", f"第 {n + 1} 网格") for n in grids)]),
        "workers": ("id,name,role,area,channel,address", [*workers, lead, operator]),
        "shifts": ("area,start,end,owner,backup,lead", shifts),
    }


def _homes(plan: Plan) -> dict[str, Sheet]:
    since, homes = (plan.start - SINCE).isoformat(), range(plan.homes)
    purposes = ("monitor", "community", "relative")
    return {
        "households": (
            "id,area,building,riser,floor,door,tz",
            [(household(n), _grid(n // A_GRID), *_address(n), plan.zone.key) for n in homes],
        ),
        "residents": (
            "id,household,name,phone,risk,risk_until",
            [(f"r-{n:06d}", household(n), resident(n), "", "", "") for n in homes],
        ),
        "consents": (
            "resident,purpose,recipient,version,given_at,given_by,evidence,withdrawn_at",
            [(f"r-{n:06d}", what, "", "1", since, "resident", "simulated", "") for n in homes for what in purposes],
        ),
        "contacts": (
            "id,resident,name,order,channel,address",
            [
                (f"f-{n:06d}", f"r-{n:06d}", f"{resident(n)[0]}家女儿", 1, "email", f"family-{n:06d}@fleet.invalid")
                for n in homes
            ],
        ),
        "devices": (
            "id,format,household,from,to,unit,litres_per_pulse,resolution_l,modulus,period,zone,gateway",
            [row for n in homes for row in _devices(plan, n, since)],
        ),
    }


def _devices(plan: Plan, home: int, since: str) -> Iterable[tuple[object, ...]]:
    fmt = plan.format(home)
    how = encoding.played(fmt)
    pulse = f"{plan.resolution_l:g}" if how.counts else ""
    step_l = max(plan.resolution_l, how.step_l)
    yield (
        plan.meter(home), fmt, household(home), since, "", how.unit, pulse, f"{step_l:g}", "",
        round(plan.cadence.period_s), "UTC", gateway(home),
    )  # fmt: skip
    for kind in encoding.SENSORS if plan.sensors else ():
        period = BUTTON_PERIOD_S if kind == "sos" else SENSOR_PERIOD_S
        yield (
            encoding.sensor(kind, home), "zigbee2mqtt", household(home), since, "", "", "", "none", "", period, "",
            gateway(home),
        )  # fmt: skip


def _absences(plan: Plan) -> dict[str, Sheet]:
    rows = [(household(home), _iso(left), _iso(back), f"contact:f-{home:06d}") for home, left, back in declared(plan)]
    return {"absences": ("household,start,end,by", rows)}


def _address(home: int) -> tuple[str, str, int, str]:
    """Return building, riser, floor and door."""
    building, inside = divmod(home, A_BUILDING)
    riser, place = divmod(inside, BEHIND_ONE)
    floor, nth = place // 2 + 1, 2 * riser + place % 2 + 1
    return f"模拟里 {building + 1} 栋", RISERS[riser], floor, f"{floor}{nth:02d}"


def _grid(number: int) -> str:
    return f"g{number + 1}"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(round(seconds), UTC).isoformat()
