"""The words for doubts: every flag that a stored reading may carry, and which of them are counted one by one.

What each of them means for the detectors stands in docs/quality.md.
"""

from collections.abc import Iterable

OF_TIME = ("time_missing", "time_zone_missing", "implausible_time", "clock_skew")
OF_DELIVERY = ("retained", "cached_state", "batch", "history", "late", "delta_time_uncertain", "interval_count")
OF_REGISTER = (
    "out_of_order_possible",
    "backflow_possible",
    "counter_reset_possible",
    "counter_rollover_possible",
    "implausible_value",
    "pulse_bounce_possible",
    "two_registers_possible",
    *(f"unit_change:{way}{factor}" for way in ("x", "/") for factor in (10, 100, 1000)),
)
OF_UNIT = (
    "unit_unknown",
    "unit_assumed_m3",
    "unit_assumed_l",
    "unit_assumed_gal_tenth",
    "pulse_factor_unknown",
    "meaning_unknown",
    "polarity_unknown",
)
_ALARMS = (
    "leak", "burst", "dry", "blocked", "underflow", "backflow", "continuous_flow", "battery_low", "temporary_error",
    "not_measuring", "unknown",
)  # fmt: skip
OF_DEVICE = (
    "no_reading",
    "raw_payload",
    "tamper",
    "battery_low",
    "sensor_fault",
    "read_error",
    "device_restart",
    "test",
    "meter_alarm_past:leak",
    *(f"meter_alarm:{alarm}" for alarm in _ALARMS),
)
FLAGS = frozenset((*OF_TIME, *OF_DELIVERY, *OF_REGISTER, *OF_UNIT, *OF_DEVICE))
OTHER = "other"


def counted(flags: Iterable[str]) -> list[str]:
    """Return the names under which `flags` are counted: a reader may say a new word, but not make a counter of it."""
    return [flag if flag in FLAGS else OTHER for flag in flags]
