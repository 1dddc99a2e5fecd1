"""A meter is changed and the new one begins at another count: no flood is seen, and no silence.

What is rehearsed: that the registry's word about the new meter reaches the detectors, and that changing meters calls
nobody out.
"""

from simulators.drills import WATCHED_S, Drill, Expect, Homes, Strikes

DRILL = Drill(
    homes={"new meter": Homes()},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("M3", "new meter", 60.0),),
    must=(Expect("case", 0.0, "new meter", never=True), Expect("meter_case", 0.0, "new meter", never=True)),
    kinds=("technical",),  # what detectors make of a register that falls cannot be played in
    ends_s=2700.0,
    watched_s=WATCHED_S,
)
