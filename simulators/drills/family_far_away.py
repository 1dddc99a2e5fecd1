"""The only relative is abroad and asleep: the worker does not wait for them, and they read in the morning what was done.

What is rehearsed: that a relative who does not see a message delays nobody.  The night is short here: they read some
minutes after it is over, and nothing that was done before waited for them.
"""

from simulators.drills import DUE, PLATFORM_S, Does, Drill, Expect, Homes, Strikes

DRILL = Drill(
    homes={"fallen": Homes()},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P1", "fallen", DUE),),
    does=(
        Does("owner", "accept", 60.0),
        Does("owner", "arrive", 600.0),
        Does("owner", "outcome", 900.0, code="HELPED"),
        Does("family", "see", 240.0, told="family_outcome.HELPED"),
    ),
    must=(
        Expect("case", PLATFORM_S, "fallen"),
        Expect("told", 30.0, "fallen", "owner", after="case"),
        Expect("accepted", 600.0, "fallen", "owner", after="case"),
        Expect("on_site", 1800.0, "fallen", "owner", after="accepted"),
        Expect("outcome", 7200.0, "fallen", after="case"),
        Expect("seen", 7200.0, "fallen", "family", after="outcome"),
    ),
    ends_s=9000.0,
)
