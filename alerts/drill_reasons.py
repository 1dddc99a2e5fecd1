"""Why something that had to happen in a drill did not, or too late: the first reason that the rows give.

A pure function over what happened (`alerts.drill_facts`).  It answers with a code and what fills its sentence; the words are
the pages'.  Read each function as a list, top to bottom: what lies nearest to the cause comes first, so that nobody is blamed
for not answering a message that was never sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.drill_facts import Act, HomeFacts, RunFacts, Sent
from alerts.drill_score import Line


@dataclass(frozen=True, slots=True)
class Reason:
    """A code, and what its sentence names: roles, channels, people as ``worker:ID``, seconds."""

    code: str
    roles: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    who: tuple[str, ...] = ()
    seconds: float | None = field(default=None, compare=False)
    """Not compared: homes for which the same went wrong are told as one."""
    detail: str = ""
    """A code within a code: why a finding was held back, how a drill ended."""


def why(line: Line, home: HomeFacts, run: RunFacts) -> Reason | None:
    """Return why a line is not as it had to be; None: it is, or there is still time."""
    match line.verdict:
        case "missed":
            return _missed(line, home, run)
        case "late":
            return _late(line, home, run)
        case "broken":
            return _broken(line, home)
        case "stopped":
            return _stopped(line, home, run)
        case _:
            return None


# --- missed ------------------------------------------------------------------------------------------------------------


def _missed(line: Line, home: HomeFacts, run: RunFacts) -> Reason:
    since = run.started_at if line.after == "start" else _at(line.after, home)
    if home.out_at is not None:
        return Reason("home_out")
    if _time_left(line, since, run):
        return Reason("cut_short", detail=run.why or "")
    if line.step in ("area", "area_over"):
        return _no_area(line, home)
    if line.step == "case":
        return _no_case(home)
    if line.step == "meter_case":
        return Reason("no_meter_case")
    if home.case_at is None:
        return Reason("case_never")
    if since is None:
        return _not_due(line, home, run)
    return _undone(line, home, run)


def _time_left(line: Line, since: datetime | None, run: RunFacts) -> bool:
    """Whether the hard end came before the time was up; a script that is through has waited for all of it."""
    if run.over_at is None or run.why != "time" or since is None:
        return False
    return since + timedelta(seconds=line.within_s) > run.over_at


def _at(step: str, home: HomeFacts) -> datetime | None:
    """Return when a step that others are counted from happened at a home; None: it did not."""
    match step:
        case "case":
            return home.case_at
        case "meter_case":
            return home.technical_at
        case "area":
            return home.areas[0][0] if home.areas else None
        case "area_over":
            return next((ended for _, ended in home.areas if ended is not None), None)
        case "told":
            return next((one.told_at for one in home.sent if one.told_at is not None), None)
        case "seen":
            return next((one.seen_at for one in home.sent if one.seen_at is not None), None)
        case _:
            act = home.first(step)
            return act.at if act else None


def _no_area(line: Line, home: HomeFacts) -> Reason:
    if not home.areas:
        return Reason("no_area")
    return Reason("area_goes_on") if line.step == "area_over" else Reason("area_untold", roles=(line.who,))


def _no_case(home: HomeFacts) -> Reason:
    held = next((one for one in home.found if one), "")
    if held and all(home.found):
        return Reason("held_back", detail=held)
    if home.technical_at is not None:
        return Reason("technical_instead")
    return Reason("nothing_found")


def _not_due(line: Line, home: HomeFacts, run: RunFacts) -> Reason:
    """Something is counted from a step that did not happen."""
    if line.after == "accepted":
        return _unaccepted("", home, run)
    return Reason("never_due", detail=line.after)


def _undone(line: Line, home: HomeFacts, run: RunFacts) -> Reason:
    match line.step:
        case "told":
            return _untold(line.who, home, run)
        case "seen":
            return Reason("not_seen", roles=(line.who,)) if _told(line.who, home) else _untold(line.who, home, run)
        case "accepted":
            return _unaccepted(line.who, home, run)
        case "on_site":
            return _not_there(line.who, home, run)
        case "outcome":
            return _no_outcome(home, run)
        case "unattended":
            return Reason("accepted_in_time") if home.first("accepted") else Reason("ladder_goes_on")
        case _:
            return Reason("not_folded")


def _told(role: str, home: HomeFacts) -> list[Sent]:
    """Return what reached somebody who plays a role."""
    return [one for one in _to(role, home) if one.told_at is not None]


def _to(role: str, home: HomeFacts) -> list[Sent]:
    return [one for one in home.sent if not role or role in home.roles.get(one.who, ())]


def _untold(role: str, home: HomeFacts, run: RunFacts) -> Reason:
    """Nobody of a role was told."""
    theirs = [who for who in run.people if role in home.roles.get(who, ()) or not role]
    if not theirs:
        return Reason(f"nobody_{role}" if role in ("operator", "family") else "nobody_on_shift", roles=(role,))
    if all(who in run.out for who in theirs):
        return Reason("person_out", roles=(role,))
    owed = _to(role, home)
    if not owed:
        return _not_owed(role, home)
    channels = tuple(sorted({one.channel for one in owed if one.tries}))
    if any(one.held for one in owed):
        return Reason("held_reserve", roles=(role,))
    states = {one.state for one in owed}
    for state, code in (
        ("failed", "send_failed"),
        ("expired", "send_expired"),
        ("unknown", "send_unconfirmed"),
        ("leased", "send_unconfirmed"),
        ("cancelled", "send_cancelled"),
    ):
        if state in states:
            return Reason(code, roles=(role,), channels=channels)
    return Reason("send_failing" if channels else "send_waits", roles=(role,), channels=channels)


def _not_owed(role: str, home: HomeFacts) -> Reason:
    """Nothing was ever written for this role: somebody was quicker, or others were told instead."""
    if home.first("folded"):
        return Reason("folded")
    if taken := home.first("accepted"):
        return Reason("taken_before", who=(taken.who,), roles=(role,))
    told = {played for one in home.sent if one.told_at for played in home.roles.get(one.who, ())}
    if told:
        return Reason("told_instead", roles=(role, *_known(told)))
    return Reason("not_their_turn", roles=(role,))


def _known(roles: set[str]) -> Sequence[str]:
    return [role for role in ("owner", "backup", "lead", "operator", "family") if role in roles]


def _unaccepted(role: str, home: HomeFacts, run: RunFacts) -> Reason:
    if home.first("folded"):
        return Reason("folded")
    if role and (other := home.first("accepted")):
        return Reason("other_accepted", who=(other.who,), roles=(role,))
    if no := home.first("declined", role):
        return Reason("declined", who=(no.who,))
    asked = role or "owner"
    told = _told(role, home)
    if not told:
        return _untold(asked, home, run)
    code = "seen_not_accepted" if any(one.seen_at for one in told) else "told_not_accepted"
    return Reason(code, roles=(asked,))


def _not_there(role: str, home: HomeFacts, run: RunFacts) -> Reason:
    if role and (other := home.first("on_site")):
        return Reason("other_arrived", who=(other.who,), roles=(role,))
    if not home.first("accepted"):
        return _unaccepted(role, home, run)
    return Reason("outcome_unvisited") if home.first("outcome") else Reason("not_arrived", who=_who(home, "accepted"))


def _no_outcome(home: HomeFacts, run: RunFacts) -> Reason:
    if not home.first("accepted"):
        return _unaccepted("", home, run)
    return Reason("no_outcome", who=_who(home, "on_site") or _who(home, "accepted"))


def _who(home: HomeFacts, step: str) -> tuple[str, ...]:
    act = home.first(step)
    return (act.who,) if act else ()


def _stopped(line: Line, home: HomeFacts, run: RunFacts) -> Reason:
    """The drill was stopped before this could be known."""
    if home.out_at is not None:
        return Reason("home_out")
    return Reason("unwatched" if line.never else "cut_short", detail=run.why or "")


# --- late, and what had to stay away ----------------------------------------------------------------------------------------


def _late(line: Line, home: HomeFacts, run: RunFacts) -> Reason:
    over_s = None if line.took_s is None else line.took_s - line.within_s
    if line.step == "told":
        return _told_late(line, home, over_s)
    if line.step == "accepted":
        return _accepted_late(line, home, run, over_s)
    if line.step in ("case", "area"):
        return Reason("found_late", seconds=over_s)
    return Reason("late", seconds=over_s)


def _told_late(line: Line, home: HomeFacts, over_s: float | None) -> Reason:
    """Another channel had failed before, or it was owed late, or the provider took its time."""
    told = min(_told(line.who, home), key=lambda one: one.told_at or one.created_at, default=None)
    failed = {
        one.channel
        for one in _to(line.who, home)
        if one.told_at is None and one.tries and told is not None and one.created_at <= told.created_at
    }
    if failed:
        return Reason("other_channel_late", roles=(line.who,), channels=tuple(sorted(failed)), seconds=over_s)
    since = _at(line.after, home)
    if told is not None and since is not None and told.created_at > since + timedelta(seconds=line.within_s):
        return Reason("owed_late", roles=(line.who,), seconds=over_s)
    return Reason("sent_late", roles=(line.who,), channels=(told.channel,) if told else (), seconds=over_s)


def _accepted_late(line: Line, home: HomeFacts, run: RunFacts, over_s: float | None) -> Reason:
    act: Act | None = home.first("accepted", line.who)
    since = run.started_at if line.after == "start" else _at(line.after, home)
    if act is None or since is None:
        return Reason("late", seconds=over_s)
    told = min((one.told_at for one in home.sent if one.who == act.who and one.told_at), default=None)
    if told is not None and told > since + timedelta(seconds=line.within_s):
        return Reason("told_late", who=(act.who,), seconds=over_s)
    return Reason("answered_late", who=(act.who,), seconds=over_s)


def _broken(line: Line, home: HomeFacts) -> Reason:
    match line.step:
        case "told" | "seen":
            told = next((one for one in _told(line.who, home)), None)
            return Reason("told_anyway", who=(told.who,) if told else (), channels=(told.channel,) if told else ())
        case "accepted" | "on_site" | "outcome":
            return Reason("done_anyway", who=_who(home, line.step), detail=line.step)
        case "unattended":
            return Reason("nobody_accepted")
        case _:
            return Reason("came_anyway", detail=line.step)


CODES = (
    "home_out", "cut_short", "unwatched", "no_area", "area_goes_on", "area_untold", "held_back", "technical_instead",
    "nothing_found", "no_meter_case", "case_never", "never_due", "not_seen", "accepted_in_time", "ladder_goes_on",
    "not_folded", "nobody_operator", "nobody_family", "nobody_on_shift", "person_out", "held_reserve", "send_failed",
    "send_expired", "send_unconfirmed", "send_cancelled", "send_failing", "send_waits", "folded", "taken_before",
    "told_instead", "not_their_turn", "other_accepted", "declined", "seen_not_accepted", "told_not_accepted",
    "other_arrived", "outcome_unvisited", "not_arrived", "no_outcome", "other_channel_late", "owed_late", "sent_late",
    "told_late", "answered_late", "found_late", "late", "told_anyway", "done_anyway", "nobody_accepted", "came_anyway",
)  # fmt: skip
"""Every code that there is, for the catalogues."""
