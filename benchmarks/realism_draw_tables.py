"""Tables of the realism page about single draws and about profiles, in either language."""

from collections.abc import Sequence

import numpy as np

from benchmarks.realism_distances import apart, factor, kolmogorov_smirnov, sample, wasserstein
from benchmarks.realism_draws import DrawsOfHome
from benchmarks.realism_markdown import MEASURE, NO, RECORD, RECORDED, YES, number, spread, table
from benchmarks.realism_study import Records, Study
from benchmarks.realism_words import CLUSTERS, DRAWS, NAMES, SHORT, SOURCES
from simulators.profiles import PROFILES

_HEAD = (RECORD, MEASURE, RECORDED, SOURCES["cn"], SOURCES["nl"])


def draws(study: Study, language: str) -> str:
    """Return how many draws, how large, how long."""
    rows = []
    for name, records in study.draws.items():
        for key, word in DRAWS.items():
            cells = [spread(sample([getattr(home, key) for home in homes])) for homes in _each(records)]
            rows.append([SHORT[name].in_(language), word.in_(language), *cells])
    return table([word.in_(language) for word in _HEAD], rows)


def _each(records: Records) -> list[Sequence[DrawsOfHome]]:
    return [[records.recorded], *records.simulated.values()]


def draws_distances(study: Study, language: str) -> str:
    """Return how far the draws of each record are from those of simulated homes."""
    head = {
        "en": ["record", "measure", "its halves apart", "simulated homes apart", "China: KS", "W", "Netherlands: KS", "W", "one of them?"],
        "zh": ["记录", "指标", "自身前后两半", "模拟户之间", "中国：KS", "W", "荷兰：KS", "W", "像其中一户？"],
    }  # fmt: skip
    rows = []
    for name, records in study.draws.items():
        for key, word in DRAWS.items():
            rows.append([SHORT[name].in_(language), word.in_(language), *_distances(records, key, language)])
    return table(head[language], rows)


def _distances(records: Records, key: str, language: str) -> list[str]:
    recorded = sample([getattr(records.recorded, key)])
    first, second = (sample([getattr(half, key)]) for half in records.halves)
    cells, near, most = [], False, 0.0
    for homes in records.simulated.values():
        values = [getattr(home, key) for home in homes]
        simulated, usual = sample(values), apart(values, 0.9)
        distance = kolmogorov_smirnov(recorded, simulated)
        if key == "per_day":
            cells += [number(distance), number(wasserstein(recorded, simulated) / recorded.quantile(0.5), ".0%")]
        else:
            cells += [number(distance), "×\u00a0" + number(factor(recorded, simulated), ".1f")]
        near, most = near or distance <= usual, max(most, usual)
    own = kolmogorov_smirnov(first, second)
    return [number(own), number(most), *cells, (YES if near else NO).in_(language)]


def clusters(study: Study, language: str) -> str:
    """Return how draws come together."""
    rows = []
    for name, records in study.draws.items():
        for key, word in CLUSTERS.items():
            if key == "2" and name == "ampds2":
                continue  # a meter that is read every minute cannot tell
            cells = [_cluster(homes, key) for homes in _each(records)]
            rows.append([SHORT[name].in_(language), word.in_(language), *cells])
    return table([word.in_(language) for word in _HEAD], rows)


def _cluster(homes: Sequence[DrawsOfHome], key: str) -> str:
    """Return the median over homes of a share of soon followed draws (`key`: within how many minutes), or a Fano factor."""
    soon = key.isdigit()
    values = np.array([home.soon(float(key)) if soon else getattr(home, key) for home in homes])
    return number(sample([values]).quantile(0.5), ".0%" if soon else ".1f")


def profiles(study: Study, language: str) -> str:
    """Return what the people of each profile do, for published figures to stand beside."""
    head = {
        "en": ["profile", "litres a day, mean (5–95 % of people)", "draws a day", "spread of days (CV)", "up once a night or more", "up twice or more", "visits to the toilet a day and night", "showers a day"],
        "zh": ["人群", "每天升数，平均（5–95 % 的人）", "每天次数", "日变异系数", "每晚起夜至少一次", "至少两次", "每昼夜如厕次数", "每天淋浴次数"],
    }  # fmt: skip
    rows = []
    for name, people in study.profiles.items():
        p = PROFILES[name]
        low, high = np.quantile(people.per_day_l, [0.05, 0.95])
        known = people.visits[~np.isnan(people.visits)]
        rows.append(
            [NAMES[name].in_(language), f"**{people.per_day_l.mean():.0f}** ({low:.0f}–{high:.0f})",
             f"{people.draws.mean():.0f}", f"{people.spread.mean():.2f}", f"{(known >= 1).mean():.0%}",
             f"{(known >= 2).mean():.0%}", f"{p.toilet_per_day * p.rate + p.night_per_night:.1f}",
             f"{sum(p.shower_winter_summer) / 2:.2f}"]
        )  # fmt: skip
    return table(head[language], rows)
