"""Somebody was taken to hospital and nobody said so: a visit finds an empty flat, and the family knows.

What is rehearsed: that a home found empty is not closed as well without a fact, and that the next days are then explained.
"""

from simulators.drills import DUE, PLATFORM_S, Does, Drill, Expect, Homes, Strikes

DRILL = Drill(
    homes={"in hospital": Homes()},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P10", "in hospital", DUE),),
    does=(
        Does("owner", "accept", 60.0),
        Does("owner", "arrive", 600.0),
        Does("owner", "no answer", 660.0),
        Does("family", "see", 300.0, told="family_called_out"),
        Does("owner", "outcome", 1200.0, code="TAKEN_TO_CARE"),
    ),
    must=(
        Expect("case", PLATFORM_S, "in hospital"),
        Expect("told", 30.0, "in hospital", "family", after="case"),
        Expect("seen", 1800.0, "in hospital", "family", after="case"),
        Expect("on_site", 1800.0, "in hospital", "owner", after="accepted"),
        Expect("outcome", 7200.0, "in hospital", after="case"),
    ),
    ends_s=5400.0,
)
