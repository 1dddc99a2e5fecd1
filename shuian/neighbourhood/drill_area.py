"""The demo's area for drills: homes in which nobody lives, and people who do not exist.

A drill that is played from a program brings homes of its own below this area (`shuian.drill_cast`).  The homes that stand here
are for one that is begun with what is there: as many as the script that needs most, in a grid where three are on duty, and
one grid where nobody is.  No device hangs here.
"""

from shuian.neighbourhood import ZONE
from simulators.drills import DRILLS

AREA, MANNED, EMPTY = "dr", "dr-1", "dr-2"
OPERATOR = "dr-ops"
STAFF = (("dr-owner", "演练甲", "worker"), ("dr-backup", "演练乙", "worker"), ("dr-lead", "演练丙", "lead"))
EMPTY_LEAD = ("dr-lead-2", "演练丁", "lead")
TEXTED = ("dr-texted", "演练戊", "worker", AREA, "sms;email", "13900000000;dr-texted@demo.invalid")
"""How people are reached in a drill that takes text messages down; the number is only known on this machine."""
Rows = list[tuple[object, ...]]


def _most(*, manned: bool) -> int:
    return max(drill.number_of_homes for drill in DRILLS.values() if ("owner" in drill.people) == manned)


PLACES = tuple(
    (f"{grid}-{n // 2 + 1}0{n % 2 + 1}", grid, n)
    for grid, homes in ((MANNED, _most(manned=True)), (EMPTY, _most(manned=False)))
    for n in range(homes)
)
"""Every home: its id, its grid, and its number there."""


def drill_people(first: str, last: str) -> dict[str, Rows]:
    """Return the rows of areas, workers and shifts; the one shift is from `first` until `last`."""
    staff = [(OPERATOR, "演练值班", "operator", AREA), *((*one, MANNED) for one in STAFF), (*EMPTY_LEAD, EMPTY)]
    return {
        "areas": [
            (AREA, "", "drill", "演练区"),
            (MANNED, AREA, "grid", "演练第一网格"),
            (EMPTY, AREA, "grid", "演练第二网格（无人值班）"),
        ],
        "workers": [*((*one, "email", _mail(one[0])) for one in staff), TEXTED],
        "shifts": [(MANNED, first, last, *(who for who, *_ in STAFF))],
    }


def drill_homes(since: str) -> dict[str, Rows]:
    """Return the rows of households, residents, consents and contacts; everything is agreed to, `since` then."""
    return {
        "households": [
            (home, grid, f"演练 {grid[-1]} 栋", "", n // 2 + 1, home.rpartition("-")[2], ZONE.key)
            for home, grid, n in PLACES
        ],
        "residents": [(f"r-{home}", home, f"演练住户 {home[3:]}", "", "", "") for home, *_ in PLACES],
        "consents": [
            (f"r-{home}", purpose, "", "1", since, "resident", "demo", "")
            for home, *_ in PLACES
            for purpose in ("monitor", "community", "relative")
        ],
        "contacts": [
            (f"f-{home}", f"r-{home}", f"演练家属 {home[3:]}", 1, "email", _mail(f"family-{home}"))
            for home, *_ in PLACES
        ],
    }


def _mail(who: str) -> str:
    return f"{who}@demo.invalid"
