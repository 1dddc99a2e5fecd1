"""A gateway dies and twelve homes with it: one notice to the operator, and no visit to anybody.

Silence of meters is not silence of people: what is rehearsed is that nobody is called out for it, and that somebody knows
within the hour who cannot be watched.  Nothing can be sent beforehand here: a meter counts as silent half an hour after it was
last heard, and it was heard when its history came.
"""

from simulators.drills import WATCHED_S, Drill, Expect, Homes, Plays, Strikes

SILENT_S = 1800.0
"""Three report periods, and half an hour at least, without a word from the meters behind a gateway. [s]"""

DRILL = Drill(
    homes={"unheard": Homes(12, "3", "gateway", 600)},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("M7", "unheard", 60.0),),
    plays=(
        Plays("radio_outage", ("unheard",), began_s=-7200.0, until_s=2400.0),
        Plays("meter_silent", ("unheard",), "blue", began_s=-7200.0, at_s=30.0, until_s=2340.0),
    ),
    must=(
        Expect("area", 60.0 + SILENT_S + 300.0, "unheard", "operator"),
        Expect("case", 0.0, "unheard", never=True),
    ),
    ends_s=3600.0,
    watched_s=WATCHED_S,
    history_days=7,
)
