"""The water of a building is cut off, and in one of its homes somebody had fallen before.

Ten homes fall quiet together and are one notice; the eleventh was quiet before, and is a case of its own.  What is
rehearsed: that the cut does not hide the fall.
"""

from simulators.drills import DUE, PLATFORM_S, Does, Drill, Expect, Homes, Plays, Strikes

DRILL = Drill(
    homes={"dry": Homes(11, "2"), "fallen": Homes(1, "2")},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P1", "fallen", DUE), Strikes("W4", "dry", DUE), Strikes("W4", "fallen", DUE)),
    plays=(
        Plays("quiet", ("fallen",)),
        Plays("water_outage", ("dry", "fallen"), began_s=-9000.0, until_s=3000.0),
        Plays("quiet", ("dry",), began_s=-8000.0, at_s=60.0, until_s=2940.0),
    ),
    does=(
        Does("owner", "accept", 60.0, part="fallen"),
        Does("owner", "arrive", 600.0, part="fallen"),
        Does("owner", "outcome", 900.0, part="fallen", code="HELPED"),
    ),
    must=(
        Expect("area", 2 * PLATFORM_S, "dry"),
        Expect("case", 2 * PLATFORM_S, "fallen"),
        Expect("folded", 0.0, "fallen", never=True),
        Expect("told", 30.0, "fallen", "owner", after="case"),
        Expect("outcome", 7200.0, "fallen", after="case"),
        Expect("told", 0.0, "dry", "owner", never=True),
    ),
    ends_s=5400.0,
)
