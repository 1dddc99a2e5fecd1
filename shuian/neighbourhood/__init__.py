"""The demo's neighbourhood: 60 homes in three buildings, eleven stories, nobody of whom exists.

`homes` says who lives where, `drill_area` which homes are for drills only, `sheets` writes their registry, `incidents` what
goes wrong and `placing` when, `lives` what their devices say.  Every life is a function of the demo's start and of the times
placed then, so that a demo that was killed goes on where it was.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
HISTORY = timedelta(days=56)
SENSOR_HISTORY = timedelta(days=14)
HORIZON = timedelta(days=20)
"""How far ahead lives are drawn at each start."""
