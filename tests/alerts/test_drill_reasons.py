"""Why something did not happen in a drill: the reason that lies nearest to the cause, from rows alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts import drill_reasons, texts
from alerts.drill_facts import Act, HomeFacts, RunFacts, Sent
from alerts.drill_reasons import Reason, why
from alerts.drill_score import Line, Score
from alerts.drill_times import MOST_PEOPLE, lines, people
from tests.alerts.neighbourhood import T0

MIN = timedelta(minutes=1)
ROLES = {"worker:o": ("owner",), "worker:b": ("backup",), "operator:d": ("operator",), "contact:c": ("family",)}
CASE = T0 + MIN
HOME = HomeFacts("fallen", "h1", None, CASE, None, ("",), (), (), (), ROLES)
RUN = RunFacts("run", T0, T0 + 90 * MIN, "finished", (HOME,), tuple(ROLES), {}, 0, 0)
NO_CASE = replace(HOME, case_at=None, found=())


def sent(who="worker:o", state="accepted", channel="sms", tries=1, after=0, took=1, seen=None):
    """Return a notice, owed so many minutes after the case and taken so many after that."""
    at = CASE + after * MIN
    told = at + took * MIN if state in ("accepted", "delivered", "seen") else None
    return Sent(who, "offer", channel, state, tries, at, told, None, seen)


def act(step, who="worker:o", minutes=5):
    return Act(step, who, CASE + minutes * MIN)


def line(step, who="", verdict="missed", within_s=600.0, after="case", never=False, took_s=None):
    return Line(step, "fallen", who, within_s, after, never, took_s, verdict)


def home(*things, **other):
    told = tuple(one for one in things if isinstance(one, Sent))
    return replace(HOME, sent=told, acts=tuple(one for one in things if isinstance(one, Act)), **other)


SEEN = sent(seen=CASE + 2 * MIN)
TELL, TELL_BACKUP = line("told", "owner"), line("told", "backup")
ACCEPT, ARRIVE, OUTCOME = line("accepted", "owner"), line("on_site", "owner", after="accepted"), line("outcome")
MISSED = [
    ("a home where something real happened", line("case", after="start"), home(out_at=CASE), "home_out"),
    ("nothing was found", line("case", after="start"), NO_CASE, "nothing_found"),
    ("what was found was held back", line("case", after="start"), replace(NO_CASE, found=("away",)), "held_back"),
    ("it was about the meter", line("case", after="start"), replace(NO_CASE, technical_at=CASE), "technical_instead"),
    ("there was no case to be told of", TELL, NO_CASE, "case_never"),
    ("nothing was owed", TELL, home(), "not_their_turn"),
    ("it waits", TELL, home(sent(state="pending", tries=0)), "send_waits"),
    ("it fails", TELL, home(sent(state="pending", tries=2)), "send_failing"),
    ("it was refused", TELL, home(sent(state="failed")), "send_failed"),
    ("it came to nothing in time", TELL, home(sent(state="expired")), "send_expired"),
    ("the provider did not confirm", TELL, home(sent(state="unknown")), "send_unconfirmed"),
    ("it was not needed any more", TELL, home(sent(state="cancelled", tries=0)), "send_cancelled"),
    ("the reserve", TELL, home(replace(sent(state="failed"), held=True)), "held_reserve"),
    ("somebody was quicker", TELL_BACKUP, home(sent(), act("accepted")), "taken_before"),
    ("others were told", TELL_BACKUP, home(sent()), "told_instead"),
    ("it was folded", TELL, home(act("folded", "system")), "folded"),
    ("nobody is lead", line("told", "lead"), home(), "nobody_on_shift"),
    ("nobody is a relative", line("told", "family"), home(roles={"worker:o": ("owner",)}), "nobody_family"),
    ("told, not seen", line("seen", "owner"), home(sent()), "not_seen"),
    ("seen by nobody, told to nobody", line("seen", "owner"), home(sent(state="failed")), "send_failed"),
    ("told and not answered", ACCEPT, home(sent()), "told_not_accepted"),
    ("seen and not answered", ACCEPT, home(SEEN), "seen_not_accepted"),
    ("declined", ACCEPT, home(SEEN, act("declined")), "declined"),
    ("never told, so not accepted", ACCEPT, home(sent(state="failed")), "send_failed"),
    ("another accepted", ACCEPT, home(sent(), act("accepted", "worker:b")), "other_accepted"),
    ("nobody accepted, so nobody came", ARRIVE, home(SEEN), "seen_not_accepted"),
    ("another came", ARRIVE, home(act("accepted"), act("on_site", "worker:b")), "other_arrived"),
    ("nobody came", ARRIVE, home(act("accepted")), "not_arrived"),
    ("an outcome from afar", ARRIVE, home(act("accepted"), act("outcome")), "outcome_unvisited"),
    ("no outcome", OUTCOME, home(act("accepted"), act("on_site")), "no_outcome"),
    ("never accepted, so no outcome", OUTCOME, home(sent()), "told_not_accepted"),
    ("no outcome to be seen", line("seen", "family", after="outcome"), home(sent()), "never_due"),
    ("no area event", line("area", after="start"), NO_CASE, "no_area"),
    ("an area event nobody was told of", line("area", "operator"), home(areas=((CASE, None),)), "area_untold"),
    ("an area event that goes on", line("area_over"), home(areas=((CASE, None),)), "area_goes_on"),
    ("the ladder goes on", line("unattended"), home(sent()), "ladder_goes_on"),
    ("it stood for itself", line("folded"), home(), "not_folded"),
    ("no trouble with the meter", line("meter_case", after="start"), home(), "no_meter_case"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "asked", "at", "code"), MISSED, ids=[one[0] for one in MISSED])
def test_what_was_missed_has_the_reason_nearest_to_its_cause(said, asked, at, code):
    assert why(asked, at, RUN).code == code


def test_a_reason_names_who_and_what_it_is_about():
    assert why(TELL, home(sent(state="failed")), RUN) == Reason("send_failed", ("owner",), ("sms",))
    assert why(TELL_BACKUP, home(sent(), sent("contact:c")), RUN).roles == ("backup", "owner", "family")
    assert why(ACCEPT, home(act("accepted", "worker:b")), RUN).who == ("worker:b",)
    assert why(line("case"), replace(NO_CASE, found=("outage",)), RUN).detail == "outage"


def test_somebody_who_was_needed_for_something_real_is_not_blamed():
    assert why(TELL, home(), replace(RUN, out={"worker:o": T0})).code == "person_out"


@pytest.mark.parametrize("end", ["asked", "reserve", "real"])
def test_a_drill_that_was_stopped_early_explains_what_had_time_left(end):
    early = replace(RUN, over_at=CASE + 5 * MIN, why=end)
    assert why(line("accepted", "owner", "stopped"), home(sent()), early) == Reason("cut_short", detail=end)
    never = line("unattended", "", "stopped", never=True)
    assert why(never, home(sent()), early) == Reason("unwatched", detail=end)
    assert why(never, home(out_at=CASE), early).code == "home_out", "that was its end"
    assert why(ACCEPT, home(sent()), early).code == "told_not_accepted", "what is missed had its time"


def test_a_hard_end_explains_only_what_had_time_left():
    over = replace(RUN, over_at=CASE + 60 * MIN, why="time")
    assert why(line("outcome", within_s=7200.0), home(act("accepted")), over).code == "cut_short"
    assert why(line("outcome", within_s=1800.0), home(act("accepted")), over).code == "no_outcome"
    assert why(ARRIVE, home(sent()), over).code == "told_not_accepted"


LATE = [
    ("found late", line("case", "", "late", 60.0, "start", took_s=90.0), home(), "found_late"),
    ("another channel had failed", line("told", "owner", "late", 60.0, took_s=240.0),
     home(sent(state="failed"), sent(channel="voice", after=3)), "other_channel_late"),
    ("it was their turn late", line("told", "backup", "late", 60.0, took_s=240.0), home(sent("worker:b", after=3)), "owed_late"),
    ("the provider was slow", line("told", "owner", "late", 60.0, took_s=120.0), home(sent(took=2)), "sent_late"),
    ("told late", line("accepted", "owner", "late", 60.0, took_s=300.0), home(sent(took=3), act("accepted")), "told_late"),
    ("answered late", line("accepted", "", "late", 120.0, took_s=300.0), home(sent(), act("accepted")), "answered_late"),
    ("a long way", line("on_site", "owner", "late", 60.0, "accepted", took_s=120.0), home(), "late"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "asked", "at", "code"), LATE, ids=[one[0] for one in LATE])
def test_what_was_late_says_where_the_time_went_and_how_much(said, asked, at, code):
    found = why(asked, at, RUN)
    assert (found.code, found.seconds) == (code, asked.took_s - asked.within_s)


BROKEN = [
    (line("told", "owner", "broken", never=True), home(sent()), Reason("told_anyway", (), ("sms",), ("worker:o",))),
    (line("accepted", "", "broken", never=True), home(act("accepted")),
     Reason("done_anyway", who=("worker:o",), detail="accepted")),
    (line("unattended", "", "broken", never=True), home(), Reason("nobody_accepted")),
    (line("case", "", "broken", never=True), home(), Reason("came_anyway", detail="case")),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "at", "reason"), BROKEN)
def test_what_had_to_stay_away_and_came_says_what_it_was(asked, at, reason):
    assert why(asked, at, RUN) == reason


@pytest.mark.parametrize("verdict", ["met", "kept", "waits"])
def test_what_is_as_it_had_to_be_has_no_reason(verdict):
    assert why(line("told", "owner", verdict), home(), RUN) is None


def test_every_code_has_words_and_every_code_is_tried_here():
    catalogue = texts.load()
    assert [code for code in drill_reasons.CODES if not catalogue.has(f"page.c.drills.why.{code}")] == []
    tried = {code for *_, code in (*MISSED, *LATE)} | {reason.code for *_, reason in BROKEN}
    tried |= {"person_out", "cut_short", "unwatched", "nobody_operator", "accepted_in_time"}
    assert set(drill_reasons.CODES) == tried
    assert why(line("told", "operator"), home(roles={}), RUN).code == "nobody_operator"
    assert why(line("unattended"), home(act("accepted")), RUN).code == "accepted_in_time"


# --- told in few lines ---------------------------------------------------------------------------------------------------


def of(*homes, run=RUN, asked=ACCEPT):
    """Return the lines of a drill with many homes, in each of which the same had to happen."""
    facts = replace(run, homes=tuple(replace(one, part=f"many-{n}") for n, one in enumerate(homes, 1)))
    made = [
        replace(asked, home=f"many-{n}", verdict="met" if one.acts else "missed", took_s=60.0 * n if one.acts else None)
        for n, one in enumerate(homes, 1)
    ]
    return lines(Score("r", "x", "tabletop", "ended", "time", T0, T0, T0, tuple(made), ()), facts)


def test_homes_at_which_the_same_happened_are_one_line_and_what_went_wrong_stands_first():
    found = of(*[home(sent(), act("accepted"))] * 38, home(sent()), home(sent(state="failed")))
    assert [(len(one.homes), one.verdict, one.reason.code if one.reason else "") for one in found] == [
        (1, "missed", "told_not_accepted"), (1, "missed", "send_failed"), (38, "met", ""),
    ]  # fmt: skip
    assert (found[-1].took.median_s, found[-1].took.most_s) == (60.0 * 19.5, 60.0 * 38)


def test_each_person_has_a_row_with_the_time_of_each_step_and_many_of_one_role_share_one():
    at = home(SEEN, sent("contact:c"), act("accepted"), act("on_site", minutes=9), act("outcome", minutes=12))
    rows = people(replace(RUN, homes=(at,)))
    owner = rows[0]
    assert (owner.people, owner.role) == (("worker:o",), "owner")
    assert {step: took.median_s for step, took in owner.steps.items()} == {
        "told": 60.0, "seen": 120.0, "accepted": 300.0, "on_site": 540.0, "outcome": 720.0,
    }  # fmt: skip
    assert [row.role for row in rows] == ["owner", "backup", "operator", "family"]
    assert rows[1].steps == {}
    assert rows[-1].unproved
    assert not owner.unproved, "it was seen"
    family = {f"contact:{n}": ("family",) for n in range(MOST_PEOPLE + 1)}
    shared = people(replace(RUN, homes=(replace(HOME, roles=family),), people=tuple(family)))
    assert [len(row.people) for row in shared] == [MOST_PEOPLE + 1]
