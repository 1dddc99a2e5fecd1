"""Nobody is on shift: the case goes to the lead and the desk at once, and it is said that nobody has accepted.

What is rehearsed: that an empty step costs no time, and that the family is told plainly.
"""

from simulators.drills import DUE, PLATFORM_S, Does, Drill, Expect, Homes, Strikes

DRILL = Drill(
    homes={"fallen": Homes()},
    people=("lead", "operator", "family"),
    strikes=(Strikes("P1", "fallen", DUE),),
    does=(Does("lead", "accept", 240.0), Does("lead", "outcome", 900.0, code="HELPED")),
    must=(
        Expect("case", PLATFORM_S, "fallen"),
        Expect("told", 60.0, "fallen", "lead", after="case"),
        Expect("accepted", 600.0, "fallen", "lead", after="case"),
        Expect("outcome", 7200.0, "fallen", after="case"),
    ),
    ends_s=5400.0,
)
