"""Every sentence the service says, in zh-CN and English, from gettext catalogues.

Rooms store reason codes with parameters, never sentences; this module renders them.  Catalogues are the ``.po`` files
below ``locales/<language>/``, read once at start; a key missing in one language is an error at load, not a surprise at
night.  Parameters are formatted by the ending of their name (the unit): ``_s`` durations, ``_l`` litres, ``_at`` times of
day in the home's zone, ``_day`` dates there, ``_l_h`` litres an hour, ``_p`` shares, ``_percent``; anything else is put in as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib.resources import files
from io import BytesIO
from string import Formatter
from typing import Any, NamedTuple

from babel.dates import format_date
from babel.messages.pofile import read_po

LANGUAGES = ("zh_CN", "en")
DEFAULT = "zh_CN"
_BARE = re.compile(r"-?[0-9A-Za-z]{1,5}")
"""A part of an address that does not say itself what it is: "2", "A", "502"."""


class TextError(Exception):
    """A catalogue is incomplete or a sentence was asked for that does not exist."""


class Place(NamedTuple):
    """What the homes of an area event share: `kind` is building, riser or gateway, `name` what a person calls it."""

    kind: str
    name: str
    building: str | None


@dataclass(frozen=True)
class Texts:
    """All catalogues; `by_language[lang][key]` is a sentence with ``{name}`` slots."""

    by_language: Mapping[str, Mapping[str, str]]

    def __call__(self, lang: str, key: str, /, **params: Any) -> str:
        """Return the sentence `key` in `lang` with its slots filled.

        Raises
        ------
        TextError
            The key is in no catalogue, or a slot has no parameter.
        """
        sentence = self.by_language[lang].get(key)
        if sentence is None:
            raise TextError(f"want a sentence for {key!r} in {lang}: add it to alerts/locales/{lang}")
        try:
            return sentence.format(**params)
        except KeyError as missing:
            raise TextError(f"sentence {key!r} ({lang}) has a slot {missing} that was not given") from missing

    def has(self, key: str) -> bool:
        """Whether `key` exists (catalogues are checked to hold the same keys)."""
        return key in self.by_language[DEFAULT]

    def finding(
        self, lang: str, part: str, reason: str, evidence: Mapping[str, Any], zone: tzinfo, now: datetime
    ) -> str:
        """Render ``finding.<reason>.<part>`` (part: title, sentence, family) from a finding's evidence.

        `zone` is the home's; `now` makes times read as today or yesterday.  A sentence may have variants for what is
        not known: ``….no_usual_l`` is said while ``usual_l`` is None (of several unknown slots, in order of name,
        ``….no_a.no_b``).
        """
        key = f"finding.{reason}.{part}"
        for name in sorted(name for name, value in evidence.items() if value is None):
            key = f"{key}.no_{name}" if self.has(f"{key}.no_{name}") else key
        return self(lang, key, **self.shown(lang, evidence, zone, now))

    def area(
        self, lang: str, part: str, reason: str, place: Place, onset: datetime, evidence: Mapping[str, Any],
        zone: tzinfo, now: datetime,
    ) -> str:  # fmt: skip
        """Render ``area.<reason>.<part>`` (part: title, sentence, family) of an event of many homes."""
        counts = {name.partition("_")[0]: value for name, value in evidence.items()}
        slots = {
            "zone": self.place(lang, place), "since_at": self.moment(lang, onset, zone, now),
            "lasting": self.duration(lang, (now - onset).total_seconds()),
            "silent": _count(counts.get("silent")), "of": _count(counts.get("of")),
        }  # fmt: skip
        return self(lang, f"area.{reason}.{part}", **slots)

    def place(self, lang: str, place: Place) -> str:
        """Return what people call the place of an area event: a building, a riser of it, a gateway."""
        if place.kind == "riser" and place.building:
            return self.address(lang, place.building, place.name, None, "")
        return self(lang, "area.gateway", name=place.name) if place.kind == "gateway" else place.name

    def shown(self, lang: str, params: Mapping[str, Any], zone: tzinfo, now: datetime) -> dict[str, str]:
        """Return `params` as words, each by the unit at the end of its name."""
        return {name: self._shown_one(lang, name, value, zone, now) for name, value in params.items()}

    def _shown_one(self, lang: str, name: str, value: Any, zone: tzinfo, now: datetime) -> str:
        if value is None:
            return self(lang, "unit.unknown")
        if name.endswith("_l_h"):
            return self(lang, "unit.litres_hour", n=_short(float(value)))
        match name.rpartition("_")[2]:
            case "s":
                return self.duration(lang, float(value))
            case "l":
                return self(lang, "unit.litres", n=f"{float(value):.0f}")
            case "at":
                moment = datetime.fromtimestamp(value, zone) if isinstance(value, int | float) else value
                return self.moment(lang, moment, zone, now)
            case "day":
                pattern = "M月d日" if lang == "zh_CN" else "d MMM"
                return str(format_date(datetime.fromtimestamp(value, zone).date(), pattern, locale=lang))
            case "percent":
                return f"{float(value):.0f} %"
            case "p":
                return f"{float(value) * 100:.0f} %"
            case _:
                return str(value)

    def duration(self, lang: str, seconds: float) -> str:
        """Return e.g. ``48 分钟``, ``5 小时 10 分``, ``3 天 4 小时``; below a minute ``刚刚``."""
        minutes = int(seconds // 60)
        if minutes < 1:
            return self(lang, "unit.just_now")
        hours, minute = divmod(minutes, 60)
        days, hour = divmod(hours, 24)
        if days >= 2:
            return self(lang, "unit.days_hours" if hour else "unit.days", d=days, h=hour)
        if hours:
            return self(lang, "unit.hours_minutes" if minute else "unit.hours", h=hours, m=minute)
        return self(lang, "unit.minutes", m=minute)

    def address(self, lang: str, building: str, riser: str | None, floor: str | None, door: str) -> str:
        """Return where a home is, in the order in which one walks; what is not given is left out."""
        said = [building]
        for name, value in (("riser", riser), ("floor", floor), ("door", door)):
            if value:
                said.append(self(lang, f"unit.{name}", n=value) if _BARE.fullmatch(value) else value)
        return self(lang, "unit.address_join").join(said)

    def moment(self, lang: str, moment: datetime, zone: tzinfo, now: datetime) -> str:
        """Return ``HH:MM`` for today, with ``昨天`` or a weekday and date before."""
        local = moment.astimezone(zone)
        clock = f"{local:%H:%M}"
        days = (now.astimezone(zone).date() - local.date()).days
        if days == 0:
            return clock
        if days == 1:
            return self(lang, "unit.yesterday", clock=clock)
        if days == -1:
            return self(lang, "unit.tomorrow", clock=clock)
        pattern = "E M/d" if lang == "zh_CN" else "EEE d MMM"
        return f"{format_date(local.date(), pattern, locale=lang)} {clock}"


def _short(number: float) -> str:
    """Return a number as people say it: a small one with one decimal."""
    return f"{number:.0f}" if number >= 10 or number == round(number) else f"{number:.1f}"


def _count(value: Any) -> str:
    return "?" if value is None else f"{float(value):.0f}"


def _catalogue(lang: str) -> dict[str, str]:
    folder = files("alerts") / "locales" / lang
    sentences: dict[str, str] = {}
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if not entry.name.endswith(".po"):
            continue
        for message in read_po(BytesIO(entry.read_bytes()), locale=lang, charset="utf-8"):
            if not message.id:
                continue
            if not message.string or message.fuzzy:
                raise TextError(f"{lang}/{entry.name}: {message.id!r} has no translation")
            if message.id in sentences:
                raise TextError(f"{lang}/{entry.name}: {message.id!r} stands in two catalogues")
            sentences[str(message.id)] = str(message.string)
    return sentences


def slots(sentence: str) -> frozenset[str]:
    """Return the names in a sentence's ``{slots}``."""
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)


def load() -> Texts:
    """Read all catalogues, refusing a key or a slot that one language lacks.

    Raises
    ------
    TextError
        With every difference named.
    """
    catalogues = {lang: _catalogue(lang) for lang in LANGUAGES}
    faults = []
    for lang, other in ((a, b) for a in LANGUAGES for b in LANGUAGES if a != b):
        faults += [f"{key!r} is missing in {other}" for key in sorted(set(catalogues[lang]) - set(catalogues[other]))]
    for key in sorted(set.intersection(*(set(c) for c in catalogues.values()))):
        if len({slots(c[key]) for c in catalogues.values()}) > 1:
            faults.append(f"{key!r} has different slots: {[sorted(slots(c[key])) for c in catalogues.values()]}")
    if faults:
        raise TextError("; ".join(faults))
    return Texts(catalogues)
