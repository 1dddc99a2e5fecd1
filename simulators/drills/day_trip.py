"""Somebody goes out for the day without a word and comes back: at most a question, and nobody is sent for nothing.

The drill that must stay quiet: what is rehearsed is what a false alarm costs.
"""

from simulators.drills import WATCHED_S, Does, Drill, Expect, Homes, Plays, Strikes

DRILL = Drill(
    homes={"out": Homes()},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P11", "out", "08:00"),),
    plays=(Plays("quiet", ("out",), "amber", at_s=30.0, until_s=480.0),),
    does=(Does("family", "outcome", 30.0, told="family_ask", code="SAFE_AWAY"),),  # asked, a relative answers
    must=(
        Expect("unattended", 0.0, "out", never=True),
        Expect("accepted", 0.0, "out", never=True),
    ),
    ends_s=1800.0,
    watched_s=WATCHED_S,
)
