"""Somebody falls at two in the morning with the water off; the worker on duty goes.

The home is quiet from then on.  Nobody is awake who could wonder, so the alarm rests on the water alone.  What is
rehearsed: that the call finds its way at night, that the family hears of it beside the worker, and that somebody stands at
the door within the time that the policy gives.
"""

from simulators.drills import DUE, PLATFORM_S, Does, Drill, Expect, Homes, Strikes

DRILL = Drill(
    homes={"fallen": Homes()},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P1", "fallen", DUE),),
    does=(
        Does("owner", "accept", 60.0),
        Does("owner", "set off", 120.0),
        Does("owner", "arrive", 420.0),
        Does("owner", "outcome", 600.0, code="HELPED"),
    ),
    must=(
        Expect("case", PLATFORM_S, "fallen"),
        Expect("told", 30.0, "fallen", "owner", after="case"),
        Expect("told", 30.0, "fallen", "family", after="case"),
        Expect("accepted", 600.0, "fallen", "owner", after="case"),
        Expect("on_site", 1800.0, "fallen", "owner", after="accepted"),
        Expect("outcome", 7200.0, "fallen", after="case"),
        Expect("unattended", 0.0, "fallen", never=True),
    ),
    ends_s=3600.0,
)
