"""A tap is left open: water runs and does not stop, and somebody calls at the door before the flat below is wet.

Use that goes on is no sign of life: what is rehearsed is that it is told as what it is, and quickly.
"""

from simulators.drills import DUE, PLATFORM_S, Does, Drill, Expect, Homes, Plays, Strikes

DRILL = Drill(
    homes={"open tap": Homes()},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P3", "open tap", DUE),),
    plays=(Plays("surge", ("open tap",), began_s=-7200.0),),
    does=(
        Does("owner", "accept", 90.0),
        Does("owner", "arrive", 600.0),
        Does("owner", "outcome", 700.0, code="TAP_LEFT_OPEN"),
    ),
    must=(
        Expect("case", PLATFORM_S, "open tap"),
        Expect("told", 30.0, "open tap", "owner", after="case"),
        Expect("accepted", 600.0, "open tap", "owner", after="case"),
        Expect("outcome", 7200.0, "open tap", after="case"),
    ),
    ends_s=3600.0,
)
