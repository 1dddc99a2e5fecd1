"""Words of one page in one language: what templates call to turn values into text."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from starlette.requests import HTTPConnection

from alerts.queries import DESK, Absence, AreaEvent, CaseCard, CaseEvent, Home, Sign
from alerts.texts import DEFAULT, LANGUAGES, Place, Texts

LANG_COOKIE = "lang"
HTML_LANG = {"zh_CN": "zh-CN", "en": "en"}


def language(cookie: str | None, accept: str) -> str:
    """Return the language of a page: the cookie's, else the browser's first that we know, else Chinese."""
    if cookie in LANGUAGES:
        return cookie
    for part in accept.split(","):
        code = part.partition(";")[0].strip().lower()
        for ours in LANGUAGES:
            if code.partition("-")[0] == ours.partition("_")[0]:
                return ours
    return DEFAULT


def language_of(asking: HTTPConnection) -> str:
    """Return the language of the page that a request is for."""
    return language(asking.cookies.get(LANG_COOKIE), asking.headers.get("accept-language", ""))


@dataclass(frozen=True)
class Words:
    """All texts of a page, rendered for `lang` at `now`."""

    texts: Texts
    lang: str
    now: datetime

    @property
    def html_lang(self) -> str:
        """The language for the ``lang`` attribute."""
        return HTML_LANG[self.lang]

    @property
    def other(self) -> str:
        """The language that the switch offers."""
        return next(lang for lang in LANGUAGES if lang != self.lang)

    def t(self, key: str, /, **params: Any) -> str:
        """Return a sentence."""
        return self.texts(self.lang, key, **params)

    def duration(self, seconds: float) -> str:
        """Return how long."""
        return self.texts.duration(self.lang, seconds)

    def join(self, words: Iterable[str]) -> str:
        """Return several names as one phrase."""
        return self.t("page.join").join(words)

    def since(self, moment: datetime) -> str:
        """Return how long ago `moment` was."""
        return self.duration(max(0.0, (self.now - moment).total_seconds()))

    def waiting(self, moment: datetime) -> str:
        """Return for how long somebody has waited; under a minute just that it is new."""
        if (self.now - moment).total_seconds() < 60:
            return self.t("unit.just_now")
        return self.t("page.waiting", t=self.since(moment))

    def clock(self, moment: datetime, zone: ZoneInfo) -> str:
        """Return a time of day, with the day when it is not today."""
        return self.texts.moment(self.lang, moment, zone, self.now)

    def whole_day(self, moment: datetime, zone: ZoneInfo) -> str:
        """Return the day of a proof or of its end, with the year: it may lie far off."""
        return f"{moment.astimezone(zone):%Y-%m-%d}"

    def until(self, moment: datetime, zone: ZoneInfo) -> str:
        """Return the end of something: midnight as the evening before it, which is how people say it."""
        local = moment.astimezone(zone)
        if local.time() != time():
            return self.clock(moment, zone)
        day = local.date() - timedelta(days=1)
        if day == self.now.astimezone(zone).date():
            return self.t("page.tonight")
        pattern = "M/d EEE" if self.lang == "zh_CN" else "EEE d MMM"
        return self.t("page.evening_of", day=format_date(day, pattern, locale=self.lang))

    def day(self, day: date, zone: ZoneInfo) -> str:
        """Return the short name of a day: today, or the weekday."""
        if day == self.now.astimezone(zone).date():
            return self.t("page.chart.today")
        return format_date(day, "EEE", locale=self.lang)

    def short_day(self, day: date, zone: ZoneInfo) -> str:
        """Return a day as short as the margin of a chart wants it: today, or day and month."""
        if day == self.now.astimezone(zone).date():
            return self.t("page.chart.today")
        return str(format_date(day, "M/d" if self.lang == "zh_CN" else "d MMM", locale=self.lang))

    def left(self, moment: datetime) -> str:
        """Return in how long something falls due."""
        left_s = (moment - self.now).total_seconds()
        if left_s < 60:
            return self.t("page.c.next.now" if left_s <= 0 else "page.c.next.soon")
        return self.t("page.c.next.in", t=self.duration(left_s))

    def step(self, card: CaseCard, name: str) -> str:
        """Return what happens next with a case by itself, and whom it reaches."""
        if name == DESK:
            only = "_only" if card.asks_only_next else ""
            return self.t(f"page.c.desk.{card.next_step}{only}")
        return self.t(f"page.c.next.{card.next_step}", name=name)

    def iso_day(self, zone: ZoneInfo, days: int = 0) -> str:
        """Return the local date in so many days, as a form's date field wants it."""
        return (self.now.astimezone(zone).date() + timedelta(days=days)).isoformat()

    def address(self, home: Home) -> str:
        """Return building, riser, floor and door in the order in which one walks."""
        return self.texts.address(self.lang, home.building, home.riser, home.floor, home.door)

    def place(self, place: Place) -> str:
        """Return the name of what the homes of an area event share."""
        return self.texts.place(self.lang, place)

    def area(self, part: str, event: AreaEvent, zone: ZoneInfo) -> str:
        """Return ``title``, ``sentence`` or ``family`` of an area event as it stands now, for a page in `zone`.

        As with a sign, a page shows even if a sentence is missing: then it names the place.
        """
        if not self.texts.has(f"area.{event.reason}.{part}"):
            return self.place(event.place)
        told = event.place, event.onset, event.evidence
        return self.texts.area(self.lang, part, event.reason, *told, zone, self.now)

    def declarer(self, row: Absence) -> str:
        """Return who declared an absence: a name, or that the outcome of a case says so."""
        return row.name if row.name is not None else self.t("page.c.by_outcome")

    def sign(self, part: str, sign: Sign, zone: ZoneInfo) -> str:
        """Return ``title`` or ``sentence`` of a finding.

        A page about a person in need must show even if a detector's sentence is missing: then it says so in general.
        """
        if not self.texts.has(f"finding.{sign.reason}.{part}"):
            return self.t(f"page.sign.{part}")
        return self.texts.finding(self.lang, part, sign.reason, sign.evidence, zone, self.now)

    def headline(self, card: CaseCard) -> str:
        """Return what happened in a few words."""
        return self.sign("title", card.signs[0], card.home.zone) if card.signs else self.t("page.sign.title")

    def code(self, family: str, code: str) -> str:
        """Return the word for a stored code, the code itself when there is none (a newer part may know more)."""
        key = f"page.{family}.{code}"
        return self.t(key) if self.texts.has(key) else code

    def event(self, event: CaseEvent, card: CaseCard) -> str:
        """Return one line of a case's history: who did what, and how or why."""
        kind = f"timer.{event.data['timer']}" if "timer" in event.data else event.kind
        if (sign := next((s for s in card.signs if s.id == event.data.get("finding")), None)) is not None:
            title, level = self.sign("title", sign, card.home.zone), self.t(f"page.level.{sign.severity}")
            return self.t(f"page.event.sign.{event.kind}", title=title, level=level)
        if event.kind == "undeliverable" and event.whom:
            return self.t("page.event.undeliverable_to", name=event.whom)
        what = self.code("event", kind)
        if "code" in event.data:
            what = self.t("page.event.more", what=what, more=self.code("outcome", event.data["code"]))
        elif event.kind == "declined":
            what = self.t("page.event.more", what=what, more=self.code("decline", event.data["reason"]))
        return self.t("page.event.by", who=event.actor, what=what) if event.actor else what

    def count(self, name: str, number: int) -> str:
        """Return a count of the service; one of seconds as how long."""
        return self.duration(number) if name.endswith("_s") else str(number)

    def outcome(self, card: CaseCard) -> str:
        """Return how a case ended, with its reason."""
        if card.outcome is None:
            return self.code("state", card.state)
        word = self.code("outcome", card.outcome)
        if card.outcome_reason is None:
            return word
        return self.t("page.outcome.with_reason", outcome=word, reason=self.code("reason", card.outcome_reason))
