"""Every notice the service sends: while which states of a case it is true, how long it is worth trying, and its words.

A notice is a row with a template's name; the words are put in when it is sent, from the catalogues, so that they are
true at that moment.  On the lock screen of a phone stands only the subject, which never tells who or why.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, bindparam, select

from alerts import area_notices, duty_notices
from alerts.casefile import ENDED, OWNED, UNOWNED, Case, State
from alerts.notice_rows import number
from alerts.outcomes import OUTCOMES
from alerts.policy import Policy
from alerts.schema import findings, households, workers
from alerts.texts import TextError, Texts

EVER = frozenset(State)
OPEN = EVER - ENDED - {State.NEW, State.FOLDED}

Role = Literal["worker", "family", "operator"]


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of notice."""

    name: str
    goto: str
    """Where its link leads."""
    states: frozenset[State] = EVER
    """While the case is in one of these the notice is true; later it is not sent any more."""
    offer: bool = False
    """It asks for an answer: true while the offer waits, and worth trying only for a short time."""
    asks: bool = False
    """Nobody answering it, or nobody reached, must move the case on."""
    urgent: bool = False
    """It must be known to have arrived: without proof its person's next channel is tried (as of what asks)."""
    area: Literal["", "begun", "over"] = ""
    """It is about an area event, and true while that holds, or once it is over."""

    @property
    def answered(self) -> bool:
        """Whether a short answer by message may say yes or no to it."""
        return self.offer or self.name in duty_notices.ASKS


CASE, WORK, DUTY, FAMILY_PAGE, CONSOLE = "/w/a/{case}", "/w", "/w/duty", "/f", "/c"

WITH_PLACE = frozenset({"reply_accepted", "now_urgent", "pressed"})
"""Notices whose short text names the home: they go to who has it, and to nobody who was only asked."""

TEMPLATES: Mapping[str, Template] = {
    template.name: template
    for template in (
        # to workers
        Template("offer", CASE, UNOWNED, offer=True, asks=True),
        Template("now_urgent", CASE, OWNED, urgent=True),
        Template("pressed", CASE, OWNED, urgent=True),
        Template("more_signs", CASE, OWNED),
        Template("owner_outage", CASE, OWNED),
        Template("owner_outage_before", CASE, OWNED),
        Template("ask_set_off", CASE, frozenset({State.ACCEPTED})),
        Template("ask_progress", CASE, frozenset({State.ACCEPTED, State.EN_ROUTE})),
        Template("ask_outcome", CASE, frozenset({State.ON_SITE})),
        Template("handed_back", CASE, OPEN),
        Template("reply_accepted", CASE, OWNED),
        Template("reply_late", CASE),
        Template("ask_access", CASE, frozenset({State.NEEDS_ACCESS})),
        Template("overload", WORK, OPEN),
        Template("owner_consent", CASE, OWNED),
        Template("taken_over", CASE, OWNED),
        *(Template(name, DUTY) for name in duty_notices.TO_WORKERS),
        # to workers and operators
        Template("taken", CASE, OWNED | {State.CLOSED}),
        Template("likely_well", CASE, OPEN),
        Template("needs_access", CASE, frozenset({State.NEEDS_ACCESS})),
        Template("hand_over_missed", CASE, OWNED),
        *(Template(name, DUTY) for name in duty_notices.TO_LEADS),
        Template("emergency", CASE, urgent=True),
        Template("stand_down", CASE),
        Template("drill_over", CASE),
        Template("drill_real", CASE, urgent=True),
        Template("folded", CASE, ENDED | {State.FOLDED}),
        Template("finished", CONSOLE),
        Template("reach_test", DUTY),
        # to operators
        Template("operator_unattended", CONSOLE, frozenset({State.UNATTENDED}), urgent=True),
        Template("operator_ask", CONSOLE, frozenset({State.SUSPECTED})),
        Template("operator_overdue", CONSOLE, frozenset({State.ON_SITE})),
        Template("operator_technical", CONSOLE, frozenset({State.NOTED})),
        Template("operator_consent", CONSOLE, frozenset({State.CONSENT_REVIEW})),
        # to the family
        Template("family_ask", FAMILY_PAGE, frozenset({State.SUSPECTED}), asks=True),
        Template("family_called_out", FAMILY_PAGE, OPEN, urgent=True),
        Template("family_accepted", FAMILY_PAGE, OWNED),
        Template("family_arrived", FAMILY_PAGE, frozenset({State.ON_SITE, State.NEEDS_ACCESS})),
        Template("family_unattended", FAMILY_PAGE, frozenset({State.UNATTENDED}), urgent=True),
        Template("family_pressed", FAMILY_PAGE, OPEN, urgent=True),
        Template("family_emergency", FAMILY_PAGE, urgent=True),
        Template("family_likely_well", FAMILY_PAGE, OPEN),
        Template("family_stand_down", FAMILY_PAGE),
        Template("family_drill_over", FAMILY_PAGE),
        Template("family_ended", FAMILY_PAGE),
        Template("family_declared_away", FAMILY_PAGE),
        Template("family_reach_test", FAMILY_PAGE),
        *(Template(f"family_outcome.{code}", FAMILY_PAGE) for code, o in OUTCOMES.items() if o.tell_family),
        # about many homes at once
        Template(area_notices.BEGUN, WORK, area="begun"),
        Template(area_notices.OVER, WORK, area="over"),
        Template(area_notices.CALL_ROUND, CONSOLE, area="begun"),
        Template(area_notices.FAMILY_BEGUN, FAMILY_PAGE, area="begun"),
        Template(area_notices.FAMILY_OVER, FAMILY_PAGE, area="over"),
    )
}

STAND_DOWNS = frozenset({
    "stand_down", "folded", "family_stand_down", "family_declared_away", "family_ended", area_notices.OVER,
    area_notices.FAMILY_OVER, "drill_over", "family_drill_over",
})  # fmt: skip
"""Messages that end what somebody was asked for: they are sent whatever was withdrawn."""


def life(template: Template, case: Case, policy: Policy) -> timedelta:
    """Return how long trying to deliver it is useful."""
    return policy.offer_life(case.severity) if template.offer else timedelta(seconds=policy.news_life_s)


def next_after(template: Template, case: Case, policy: Policy) -> timedelta | None:
    """Return how long it may be without proof that it arrived until the next channel; None: only a failure leads on."""
    return policy.next_channel(case.severity) if template.asks or template.urgent else None


def role(recipient_kind: str) -> Role:
    """Return as what the recipient may look at pages."""
    return {"worker": "worker", "contact": "family", "operator": "operator"}[recipient_kind]  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Written:
    """A notice in words."""

    subject: str
    text: str
    params: Mapping[str, str] = field(default_factory=dict)
    """What a text that was approved beforehand leaves open (docs/channels.md)."""


class Grounds(NamedTuple):
    """What the words about a case rest on besides the case: the row of its home, and its findings."""

    home: RowMapping
    signs: Sequence[RowMapping]


def grounds(conn: Connection, of: Iterable[Case]) -> dict[tuple[str, str], Grounds]:
    """Return the grounds of cases, by realm and id."""
    known = {(case.realm, case.id): case for case in of}
    if not known:
        return {}
    home_ids = sorted({case.household for case in known.values()})
    homes = {row["id"]: row for row in conn.execute(_HOMES, {"homes": home_ids}).mappings()}
    signs: defaultdict[tuple[str, str], list[RowMapping]] = defaultdict(list)
    for realm in {realm for realm, _ in known}:
        named = {"realm": realm, "cases": [case for of_realm, case in known if of_realm == realm]}
        for row in conn.execute(_SIGNS, named).mappings():
            signs[realm, row["case_id"]].append(row)
    return {key: Grounds(homes[case.household], signs[key]) for key, case in known.items()}


def write(
    conn: Connection, texts: Texts, notice: RowMapping, about: Case | RowMapping, link: str, now: datetime,
    known: Grounds | None = None,
) -> Written:  # fmt: skip
    """Return the words of a notice as they are true at `now`; it is about a case, or a row of `area_events` or `turns`.

    Workers learn how urgent it is, since when and where; the family one calm sentence; subjects tell nothing.  The last
    line is the notice's short number, by which people see that two messages are one.  `known`: the case's `grounds`, if they
    were read already.
    """
    lang = notice["lang"]
    if isinstance(about, Case):
        known = known or grounds(conn, [about])[about.realm, about.id]
        subject, lines = _of_case(conn, texts, notice, about, known, now)
    elif notice["turn"] is not None:
        kind = "duty" if notice["recipient_kind"] == "worker" else notice["recipient_kind"]
        subject = texts(lang, f"notice.subject.{kind}")
        lines = duty_notices.lines(conn, texts, notice, about, now)
    else:
        subject = texts(lang, f"notice.subject.{notice['recipient_kind']}")
        lines = area_notices.lines(conn, texts, notice, about, now)
    lines += [texts(lang, "notice.link", link=link), texts(lang, "notice.number", number=number(notice["root"]))]
    if notice["realm"] != "live":
        drill = texts(lang, "notice.drill")
        subject, lines[0] = f"{drill}{subject}", f"{drill}{lines[0]}"
    params = {"number": number(notice["root"])}
    if notice["turn"] is not None and notice["recipient_kind"] != "contact":
        params |= {"level": texts(lang, "notice.level.duty")}
    if isinstance(about, Case) and known is not None and notice["recipient_kind"] != "contact":
        params |= {"level": texts(lang, f"notice.level.{about.severity}")}
        if notice["template"] in WITH_PLACE:
            params["place"] = _address(texts, lang, known.home)
    return Written(subject, "\n\n".join(lines) + "\n", params)


def _of_case(
    conn: Connection, texts: Texts, notice: RowMapping, case: Case, known: Grounds, now: datetime
) -> tuple[str, list[str]]:
    lang, name, kind = notice["lang"], notice["template"], notice["recipient_kind"]
    level = texts(lang, f"notice.level.{case.severity}")
    slots = {"worker": _name(conn, notice["params"].get("by")), "why": ""}
    if kind == "contact":
        slots["why"] = _sign(texts, lang, "family", case, known, now) or texts(lang, "notice.family_unusual")
    subject = texts(lang, f"notice.subject.{case.severity if name == 'offer' else kind}")
    lines = [texts(lang, f"notice.{name}", **slots)]
    if kind != "contact":
        lines += [f"{level}  {_why(texts, lang, case, known, now)}", _address(texts, lang, known.home)]
    return subject, lines


_HOMES = select(households).where(households.c.id.in_(bindparam("homes", expanding=True)))
_SIGNS = select(findings).where(
    findings.c.realm == bindparam("realm"), findings.c.case_id.in_(bindparam("cases", expanding=True))
)


def _name(conn: Connection, worker: str | None) -> str:
    if worker is None:
        return ""
    return conn.execute(select(workers.c.name).where(workers.c.id == worker)).scalar() or ""


def _address(texts: Texts, lang: str, home: RowMapping) -> str:
    return texts.address(lang, home["building"], home["riser"], home["floor"], home["door"])


def _why(texts: Texts, lang: str, case: Case, known: Grounds, now: datetime) -> str:
    """Return the title of the gravest sign and since when; if it has no words, an alarm still goes out without."""
    title = _sign(texts, lang, "title", case, known, now) or texts(lang, "notice.unusual")
    lasting_s = (now - case.onset).total_seconds()
    if lasting_s < 60:
        return title  # a press a moment ago has not lasted
    return texts(lang, "notice.why", title=title, lasting=texts.duration(lang, lasting_s))


def _sign(texts: Texts, lang: str, part: str, case: Case, known: Grounds, now: datetime) -> str | None:
    """Return the words of the gravest sign of a case that has any; a press for help is the gravest."""
    zone = ZoneInfo(known.home["tz"])

    def gravity(sign: RowMapping) -> tuple[Any, ...]:
        return (
            sign["kind"] != "sos",
            sign["severity"] != case.severity,
            sign["cleared_at"] is not None,
            sign["raised_at"],
        )

    for sign in sorted(known.signs, key=gravity):
        try:
            return texts.finding(lang, part, sign["reason"], sign["evidence"], zone, now)
        except TextError:
            continue
    return None
