"""A drill in words: what had to happen and by when, what did, and why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.drill_reasons import Reason
from alerts.drill_times import Mark, Row, Spread, Told
from alerts.queries.drills import Run, Seen
from alerts.web.ports import Script
from alerts.web.words import Words

MOST_NAMED = 6
"""More homes of one part than this are counted, not named."""


@dataclass(frozen=True)
class DrillWords:
    """Words for scripts and runs in the language of a page.

    `happens`: what happens in a script that has no words of its own, in English, by its name.
    """

    words: Words
    happens: Mapping[str, str]

    def script(self, name: str) -> str:
        """Return the title of a script: its words, or its name."""
        key = f"page.c.drills.script.{name}.title"
        return self.words.t(key) if self.words.texts.has(key) else name.replace("_", " ")

    def story(self, name: str) -> str:
        """Return what happens in it, in a sentence."""
        key = f"page.c.drills.script.{name}.happens"
        return self.words.t(key) if self.words.texts.has(key) else self.happens.get(name, "")

    def kind(self, kind: str) -> str:
        """Return the word for how it is played."""
        return self.words.code("c.drills.kind", kind)

    def role(self, role: str) -> str:
        """Return the word for a part that people play."""
        return self.words.code("c.drills.role", role or "other")

    def part(self, part: str) -> str:
        """Return what a home of a script is called: ``dry-3`` is the third of its part."""
        name, _, number = part.rpartition("-")
        name, number = (name, number) if name and number.isdigit() else (part, "")
        key = f"page.c.drills.part.{name.replace(' ', '_')}"
        said = self.words.t(key) if self.words.texts.has(key) else name
        return f"{said} {number}" if number else said

    def seconds(self, seconds: float) -> str:
        """Return a time that is short enough for seconds to count."""
        whole = round(seconds)
        if whole < 120:
            return self.words.t("page.c.drills.seconds", s=whole)
        minutes, rest = divmod(whole, 60)
        if whole < 3600 and rest:
            return self.words.t("page.c.drills.minutes_seconds", m=minutes, s=rest)
        return self.words.duration(seconds)

    def spread(self, took: Spread | None) -> str:
        """Return how long something took, at several homes the median and the longest; nothing: a dash."""
        if took is None:
            return "–"
        if took.most_s - took.least_s < 1:
            return self.seconds(took.median_s)
        return self.words.t("page.c.drills.spread", t=self.seconds(took.median_s), most=self.seconds(took.most_s))

    def stamp(self, moment: datetime, zone: ZoneInfo) -> str:
        """Return a time with its date, as paper wants it."""
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"

    # --- what had to happen --------------------------------------------------------------------------------------------

    def step(self, step: str, who: str = "") -> str:
        """Return a thing that happens, and by whom."""
        if who:
            key = f"page.c.drills.step_by.{step}"
            if self.words.texts.has(key):
                return self.words.t(key, who=self.role(who))
        return self.words.code("c.drills.step", step)

    def wanted(self, one: Told | Mapping[str, object]) -> str:
        """Return what had to happen, of a line or of what a script wants."""
        step, who = (one["step"], one["who"]) if isinstance(one, Mapping) else (one.step, one.who)
        return self.step(str(step), str(who))

    def by_when(self, one: Told | Mapping[str, object]) -> str:
        """Return by when it had to happen, or that it must not."""
        said = one if isinstance(one, Mapping) else {n: getattr(one, n) for n in ("never", "after", "within_s")}
        if said["never"]:
            return self.words.t("page.c.drills.never")
        t = self.seconds(float(str(said["within_s"])))
        if said["after"] == "start":
            return self.words.t("page.c.drills.within", t=t)
        return self.words.t("page.c.drills.within_after", t=t, step=self.step(str(said["after"])))

    def did(self, line: Told) -> str:
        """Return what did."""
        if line.took is not None and not line.never:
            return self.spread(line.took)
        if line.never:
            return self.words.t("page.c.drills.came" if line.verdict == "broken" else "page.c.drills.stayed_away")
        return self.words.t("page.c.drills.not_yet" if line.verdict == "waits" else "page.c.drills.not")

    def score(self, good: int, of: int, stopped: int) -> str:
        """Return how many lines are as they had to be, and of how many nothing can be said because it was stopped."""
        key = "page.c.drills.score_stopped" if stopped else "page.c.drills.score"
        return self.words.t(key, good=good, of=of, stopped=stopped)

    def verdict(self, verdict: str) -> str:
        """Return the word for how it went."""
        return self.words.code("c.drills.verdict", verdict)

    def homes(self, line: Told, seen: Seen) -> str:
        """Return the homes of a line: one by name, several counted, with those that differ from the rest named."""
        if len(line.homes) == 1:
            return self.part(line.homes[0])
        name = line.homes[0].rpartition("-")[0]
        of = sum(part.rpartition("-")[0] == name for part in seen.homes)
        if len(line.homes) == of:
            return self.words.t("page.c.drills.all_homes", part=self.part(name), n=of)
        numbers = [home.rpartition("-")[2] for home in line.homes]
        if len(numbers) > MOST_NAMED:
            return self.words.t("page.c.drills.some_homes", part=self.part(name), n=len(numbers), of=of)
        return self.words.t("page.c.drills.named_homes", part=self.part(name), names=self.words.join(numbers))

    def reason(self, reason: Reason, seen: Seen) -> str:
        """Return why not, in a sentence."""
        names = [self.somebody(who, seen) for who in reason.who]
        return self.words.t(
            f"page.c.drills.why.{reason.code}",
            role=self.role(reason.roles[0]) if reason.roles else self.role(""),
            others=self.words.join(self.role(role) for role in reason.roles[1:]),
            channels=self._channels(reason.channels),
            who=self.words.join(names) or self.words.t("page.c.drills.somebody"),
            t=self.seconds(reason.seconds) if reason.seconds is not None else "",
            detail=self._detail(reason),
        )

    def _channels(self, channels: Sequence[str]) -> str:
        said = self.words.join(self.words.code("channel", one) for one in channels)
        return said or self.words.t("page.c.drills.no_channel")

    def _detail(self, reason: Reason) -> str:
        match reason.code:
            case "cut_short" | "unwatched":
                return self.words.code("c.drills.cut", reason.detail)
            case "held_back":
                return self.words.code("c.drills.held", reason.detail)
            case "never_due" | "done_anyway" | "came_anyway":
                return self.step(reason.detail)
            case _:
                return ""

    # --- people, and the run itself ---------------------------------------------------------------------------------------

    def somebody(self, who: str, seen: Seen) -> str:
        """Return a person's name; of relatives who stand in the registry no more, that they are one."""
        kind, _, name = who.partition(":")
        return seen.names.get(who, self.role("family") if kind == "contact" else name)

    def person(self, row: Row, seen: Seen) -> str:
        """Return who a row is about: a name, or how many people of one role."""
        if len(row.people) == 1:
            return self.somebody(row.people[0], seen)
        return self.words.t("page.c.drills.people", n=len(row.people))

    def ended(self, run: Run) -> str:
        """Return how it ended and by whom; while it runs, when it ends at the latest."""
        why = "service" if run.why == "asked" and run.ended_by == "system" else run.why
        key = f"page.c.drills.ended.{why}"
        if self.words.texts.has(key):
            return self.words.t(key, who=run.ended_by_name)
        return self.words.t("page.c.drills.ended.other")

    def minutes(self, mark: Mark, what: str) -> str:
        """Return ``accepted_s`` or ``arrived_s`` of a drill; a dash where nobody did."""
        seconds: float | None = getattr(mark, what)
        return "–" if seconds is None else self.seconds(seconds)


def of(words: Words, scripts: Sequence[Script]) -> DrillWords:
    """Return the words for some scripts."""
    return DrillWords(words, {one.name: one.happens for one in scripts})
