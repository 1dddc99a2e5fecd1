"""A gateway dies and twelve homes with it: one notice to the operator, and no visit to anybody.

Silence of meters is not silence of people: what is rehearsed is that nobody is called out for it, and that somebody knows
at once who cannot be watched.
"""

from simulators.drills import PLATFORM_S, WATCHED_S, Drill, Expect, Homes, Plays, Strikes

DRILL = Drill(
    homes={"unheard": Homes(12, "3", "drill-gateway")},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("M7", "unheard", -7200.0),),
    plays=(
        Plays("radio_outage", ("unheard",), began_s=-7200.0, until_s=2400.0),
        Plays("meter_silent", ("unheard",), "blue", began_s=-7200.0, at_s=30.0, until_s=2340.0),
    ),
    must=(
        Expect("area", 2 * PLATFORM_S, "unheard", "operator"),
        Expect("case", 0.0, "unheard", never=True),
    ),
    ends_s=3600.0,
    watched_s=WATCHED_S,
)
