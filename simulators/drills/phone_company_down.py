"""The company that sends text messages is down: everybody is told by their next channel.

What is rehearsed: that no case waits for one provider, and that what could not be sent is known.
"""

from simulators.drills import DUE, PLATFORM_S, Does, Down, Drill, Expect, Homes, Strikes

DRILL = Drill(
    homes={"fallen": Homes()},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P1", "fallen", DUE),),
    down=(Down("sms"),),
    does=(Does("owner", "accept", 60.0), Does("owner", "outcome", 900.0, code="HELPED")),
    must=(
        Expect("case", PLATFORM_S, "fallen"),
        Expect("told", 180.0, "fallen", "owner", after="case"),
        Expect("told", 300.0, "fallen", "family", after="case"),
        Expect("accepted", 600.0, "fallen", "owner", after="case"),
    ),
    ends_s=3600.0,
)
