"""The worker on duty does not answer: the backup is asked in time and goes.

What is rehearsed is the ladder itself: that it climbs without anybody who pushes it.
"""

from simulators.drills import DUE, PLATFORM_S, Does, Drill, Expect, Homes, Strikes

DRILL = Drill(
    homes={"fallen": Homes()},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P1", "fallen", DUE),),
    does=(
        Does("backup", "accept", 90.0),
        Does("backup", "arrive", 900.0),
        Does("backup", "outcome", 1100.0, code="HELPED"),
    ),
    must=(
        Expect("case", PLATFORM_S, "fallen"),
        Expect("told", 30.0, "fallen", "owner", after="case"),
        Expect("told", 660.0, "fallen", "backup", after="case"),
        Expect("accepted", 1200.0, "fallen", "backup", after="case"),
        Expect("on_site", 1800.0, "fallen", "backup", after="accepted"),
        Expect("outcome", 7200.0, "fallen", after="case"),
    ),
    ends_s=5400.0,
)
