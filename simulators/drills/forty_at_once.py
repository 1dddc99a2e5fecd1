"""Forty homes need somebody at the same time: red first, nobody is forgotten, and the load shows.

Forty falls in one hour do not happen; forty alarms in one hour do, when a heat wave or an error of ours makes them.
Each stands in a building of its own: forty homes of one building that fall quiet together are a water cut, and are taken for it.
"""

from simulators.drills import DUE, PLATFORM_S, Does, Drill, Expect, Homes, Strikes

DRILL = Drill(
    homes={"many": Homes(40, "")},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P1", "many", DUE),),
    does=(
        Does("owner", "accept", 120.0),
        Does("owner", "outcome", 900.0, code="SAFE_AT_HOME"),
        Does("backup", "accept", 120.0),
        Does("backup", "outcome", 900.0, code="SAFE_AT_HOME"),
    ),
    must=(
        Expect("case", 2 * PLATFORM_S, "many"),
        Expect("told", 60.0, "many", "owner", after="case"),
        Expect("accepted", 1800.0, "many", after="case"),
        Expect("outcome", 7200.0, "many", after="case"),
    ),
    ends_s=9000.0,
)
