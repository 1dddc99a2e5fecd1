"""Tables of the realism page about hours and days, in either language."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.realism_charts import short
from benchmarks.realism_distances import apart, best_shift, clocks_apart, kolmogorov_smirnov, moved, sample, wasserstein
from benchmarks.realism_draw_tables import clusters, draws, draws_distances, profiles
from benchmarks.realism_hours import Hours, by_start, clock
from benchmarks.realism_markdown import MEASURE, NO, YES, note, number, spread, table
from benchmarks.realism_study import Study
from benchmarks.realism_words import BETWEEN, CLOCK, HOURS, HOURS_SAY, PARTS, PER_HOME, SOURCES, Word

NOTHING = Word("nothing.", "无。")
Floats = NDArray[np.float64]


def tables(study: Study, language: str) -> dict[str, str]:
    """Return the page's blocks of figures by name."""
    return {
        "homes": _homes(study, language),
        "short": _short(study, language),
        "hours": _hours(study, language),
        "hours-distances": _hours_distances(study, language),
        "per-home": _per_home(study, language),
        "quiets": _quiets(study, language),
        "draws": draws(study, language),
        "draws-distances": draws_distances(study, language),
        "clusters": clusters(study, language),
        "profiles": profiles(study, language),
    }


def _homes(study: Study, language: str) -> str:
    each = {name: str(records.recorded.days) for name, records in study.draws.items()}
    seniors = study.simulated["cn"]
    by_draw = len(study.draws["weusedto"].simulated["cn"])
    every, alone = (f"{sum(len(home.day) for home in homes):,}" for homes in (study.recorded, study.alone))
    lived = f"{sum(len(home.day) for home in seniors):,}"
    minute, tap = (
        Word("every minute, 0.5 L", "每分钟，0.5 升"),
        Word("every tap by itself, 1 s", "每个龙头单独计量，1 秒"),
    )
    who = (
        ("DAIAD", Word(f"{len(study.recorded)} homes in Alicante, Spain, most people of working age",
                       f"西班牙阿利坎特 {len(study.recorded)} 户，多为在职年龄"), every, Word("every hour, 1 L", "每小时，1 升")),
        ("DAIAD", Word(f"{len(study.alone)} of these that state one resident; age unknown", f"其中独居的 {len(study.alone)} 户，年龄不详"),
         alone, Word("the same", "同上")),
        ("WEUSEDTO", Word("a flat in Naples, one resident; age unknown", "那不勒斯一户，独居，年龄不详"), each["weusedto"], tap),
        ("AMPds2", Word("a family house in Canada", "加拿大一户家庭"), each["ampds2"], minute),
        ("CIWS", Word("a house in Utah, in October", "犹他州一户，十月"), each["ciws"], Word("every 4 s, 0.158 L", "每 4 秒，0.158 升")),
        (Word("simulated", "模拟").in_(language),
         Word(f"in each country {len(seniors)} seniors by the hour, {by_draw} by the draw; two in five frugal, two average, one generous",
              f"每个国家按小时 {len(seniors)} 位、按次 {by_draw} 位老人；五人中节俭、一般各两位，宽裕一位"),
         lived, Word("that of the record beside it", "与对照的记录相同")),
    )  # fmt: skip
    head = {"en": ["source", "who", "days", "meter"], "zh": ["来源", "谁", "天数", "水表"]}
    return table(head[language], [[source, word.in_(language), days, meter.in_(language)] for source, word, days, meter in who])  # fmt: skip


class Judged(NamedTuple):
    """How far simulated homes are from recorded ones in one measure."""

    word: Word
    distance: float
    relative: float
    """Wasserstein distance over the recorded median; NaN of a clock."""
    usual: float
    """How far recorded homes are from one another."""

    @property
    def within(self) -> bool:
        """Whether a recorded home is as far from the others."""
        return self.distance <= self.usual


def judged(study: Study, name: str) -> Iterator[Judged]:
    """Hold the simulated homes of a country against the recorded ones with one resident."""
    for key, word in HOURS.items():
        recorded, simulated = _values(study.alone, key), _values(study.simulated[name], key)
        a, b = sample(recorded), sample(simulated)
        yield Judged(word, kolmogorov_smirnov(a, b), wasserstein(a, b) / a.quantile(0.5), apart(recorded))
    distance = moved(clock(study.alone), clock(study.simulated[name]))
    yield Judged(CLOCK, distance, float("nan"), clocks_apart([home.clock for home in study.alone]))


def _short(study: Study, language: str) -> str:
    """Say for each country in which measures it is no farther than recorded people who live alone are apart."""
    lines = []
    for name in study.simulated:
        sides: tuple[list[str], list[str]] = ([], [])
        for one in judged(study, name):
            sides[not one.within].append(one.word.in_(language))
        near, far = (note(Word("", ""), side, language) if side else NOTHING.in_(language) for side in sides)
        form = Word(
            "- **{}**. As near as they are to each other: {} Farther off: {}", "- **{}**。像他们彼此一样近：{}更远：{}"
        )
        lines.append(form.in_(language).format(SOURCES[name].in_(language), near, far))
    return "\n".join(lines)


def _values(homes: Sequence[Hours], key: str) -> list[Floats]:
    return [np.asarray(getattr(home, key), np.float64) for home in homes]


def _hours(study: Study, language: str) -> str:
    groups = study.groups
    head = [MEASURE, *(SOURCES[name] for name in groups), Word("what it is", "含义")]
    rows = []
    for key, word in HOURS.items():
        cells = [spread(sample(_values(homes, key))) for homes in groups.values()]
        rows.append([word.in_(language), *cells, HOURS_SAY[key].in_(language)])
    return table([word.in_(language) for word in head], rows)


def _hours_distances(study: Study, language: str) -> str:
    head = {
        "en": ["measure", "recorded homes apart", "China: KS", "W", "as near?", "Netherlands: KS", "W", "as near?"],
        "zh": ["指标", "实录户之间", "中国：KS", "W", "一样近？", "荷兰：KS", "W", "一样近？"],
    }
    rows = []
    for both in zip(*(judged(study, name) for name in study.simulated), strict=True):
        cells = []
        for one in both:
            cells += [number(one.distance), number(one.relative, ".0%"), (YES if one.within else NO).in_(language)]
        rows.append([both[0].word.in_(language), number(both[0].usual), *cells])
    shifted = Word("{0}: {2:.2f} once all is {1:+d} h later", "{0}：推后 {1:+d} 小时为 {2:.2f}")
    parts = []
    for name in study.simulated:
        late, left = best_shift(clock(study.alone), clock(study.simulated[name]))
        parts.append(shifted.in_(language).format(SOURCES[name].in_(language), late, left))
    begin = Word("The clock of use, moved as a whole: ", "用水时刻整体平移后：")
    return table(head[language], rows) + "\n\n" + note(begin, parts, language)


def _per_home(study: Study, language: str) -> str:
    groups = study.groups
    head = [MEASURE, *(SOURCES[name] for name in groups)]
    rows = []
    for key, word in PER_HOME.items():
        each = [np.array([getattr(home, key) for home in homes]) for homes in groups.values()]
        rows.append([word.in_(language), *(spread(sample([values]), number) for values in each)])
    means = [np.array([home.litres.mean() for home in homes]) for homes in groups.values()]
    rows.append([BETWEEN.in_(language), *(f"**{mean.std(ddof=1) / mean.mean():.2f}**" for mean in means)])
    return table([word.in_(language) for word in head], rows)


def _quiets(study: Study, language: str) -> str:
    """Hours after which half, nine in ten, 99 in 100 of the quiets are over that begin in a part of the day."""
    groups = study.groups
    head = [Word("begins at", "开始于"), *(SOURCES[name] for name in groups)]
    rows = []
    for hours, word in PARTS.items():
        cells = []
        for homes in groups.values():
            lengths = np.concatenate([home.quiet_h[np.isin(home.quiet_from, hours)] for home in homes])
            cells.append(" / ".join(short(sample([lengths]).quantile(share)) for share in (0.5, 0.9, 0.99)))
        rows.append([word.in_(language), *cells])
    parts = [
        Word("{}: {:.2g} times as long at {} h", "{}：是实录的 {:.2g} 倍（{} 点）").in_(language).format(
            SOURCES[name].in_(language), *_worst(study, name))
        for name in study.simulated
    ]  # fmt: skip
    begin = Word("Where nine in ten differ most from recorded, one resident: ", "“十段之九”与实录独居相差最大处：")
    return table([word.in_(language) for word in head], rows) + "\n\n" + note(begin, parts, language)


def _worst(study: Study, name: str) -> tuple[float, int]:
    """Return the ratio of the 90 % points that is farthest from 1, and at which hour the quiets begin."""
    ratio = by_start(study.simulated[name], 0.9) / by_start(study.alone, 0.9)
    hour = int(np.nanargmax(np.abs(np.log(ratio))))
    return float(ratio[hour]), hour
