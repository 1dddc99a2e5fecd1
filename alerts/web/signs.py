"""A sign as it stands now: it was found at one moment, and the page is read hours later."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from alerts.queries import Sign
from alerts.web.ports import Water

NO_USE: Mapping[str, str] = {
    "quiet": "quiet_s", "quiet_new_home": "quiet_s", "quiet_after_absence": "quiet_s", "quiet_after_gap": "quiet_s",
    "quiet_no_motion": "quiet_s", "quiet_maybe_out": "quiet_s", "quiet_after_cut": "quiet_s", "rule_no_use": "measured_s",
}  # fmt: skip
"""Reasons that say for how long no water was used, and the name of that duration."""
SILENT = ("meter_silent", "meter_never_heard")


def as_it_stands(sign: Sign, water: Water, now: datetime) -> Sign:
    """Return the sign with its durations up to now, or the very same sign where that cannot be told.

    A quiet goes on as long as readings come in and none of them shows use; it never grows over time that is not known.
    Use that the finding did not know of leaves it as it was found: the detector has the next word.
    """
    evidence = sign.evidence
    if sign.cleared_at is not None:
        return sign
    if (lasting := NO_USE.get(sign.reason)) is not None:
        return _quiet(sign, lasting, water)
    if sign.reason in SILENT and _at(evidence.get("heard_at")) == _at(water.heard_at):
        longer_s = max(0.0, (now - sign.raised_at).total_seconds())
        return replace(sign, evidence={**evidence, "silent_s": evidence["silent_s"] + longer_s})
    return sign


def _quiet(sign: Sign, lasting: str, water: Water) -> Sign:
    evidence = sign.evidence
    known, then, last_use = (
        _at(water.known_until),
        _at(evidence.get("known_until_at")),
        _at(evidence.get("last_use_at")),
    )
    used = _at(water.last_use_at)
    if known is None or then is None or known < then or evidence.get(lasting) is None:
        return sign
    if used is not None and (last_use is None or used > last_use):
        return sign
    now_known = {lasting: evidence[lasting] + known - then, "known_until_at": known}
    if (heard := _at(water.heard_at)) is not None:
        now_known["heard_at"] = heard
    return replace(sign, evidence={**evidence, **now_known})


def _at(moment: Any) -> float | None:
    """Return whole seconds since 1970 of a time in either form; None: not known."""
    if moment is None:
        return None
    return float(int(moment.timestamp() if isinstance(moment, datetime) else moment))
