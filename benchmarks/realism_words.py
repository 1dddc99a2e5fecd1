"""Words of the realism page's tables and pictures, in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A few words in both languages."""

    en: str
    zh: str

    def in_(self, language: str) -> str:
        """Return the words in ``en`` or ``zh``."""
        return self.en if language == "en" else self.zh


SOURCES: Mapping[str, Word] = {
    "alone": Word("recorded, one resident", "实录·独居"),
    "recorded": Word("recorded, all homes", "实录·全部住户"),
    "cn": Word("simulated, China", "模拟·中国"),
    "nl": Word("simulated, Netherlands", "模拟·荷兰"),
    "weusedto": Word("recorded, Naples", "实录·那不勒斯"),
    "ampds2": Word("recorded, Canada", "实录·加拿大"),
    "ciws": Word("recorded, Utah", "实录·犹他"),
}
SHORT: Mapping[str, Word] = {
    "cn": Word("sim. China", "模拟·中国"),
    "nl": Word("sim. Netherl.", "模拟·荷兰"),
    "alone": Word("one resident", "实录·独居"),
    "recorded": Word("all recorded", "实录·全部"),
    "weusedto": Word("Naples", "那不勒斯"),
    "ampds2": Word("Canada", "加拿大"),
    "ciws": Word("Utah", "犹他"),
}
HOURS: Mapping[str, Word] = {
    "litres": Word("litres a day", "每天用水（升）"),
    "relative": Word("a day's litres over the home's mean", "当天用水 ÷ 该户平均"),
    "used": Word("hours in use a day", "每天有用水的小时数"),
    "in_hour": Word("litres in an hour in use", "有用水的一小时用多少升"),
    "quiet_h": Word("length of a quiet (h)", "每段无用水（小时）"),
    "night_h": Word("longest quiet from 23 to 10 o'clock (h)", "23–10 点最长无用水（小时）"),
    "longest_h": Word("longest quiet of the day (h)", "一天中最长无用水（小时）"),
}
HOURS_SAY: Mapping[str, Word] = {
    "litres": Word("all the water of a day on which somebody was there (5 L)", "家里有人的日子（用水满 5 升）全天用水"),
    "relative": Word("how much days differ within a home, whatever its level", "同一户里，日子与日子差多少"),
    "used": Word("clock hours with at least one litre", "至少用了 1 升的小时"),
    "in_hour": Word("how much such an hour takes", "这样的一小时用多少"),
    "quiet_h": Word("time without water between two uses", "两次用水之间的时间"),
    "night_h": Word("sleep, as a meter sees it", "水表看到的睡眠"),
    "longest_h": Word("longest of the quiets that end on that day", "当天结束的无用水里最长的一段"),
}
PER_HOME: Mapping[str, Word] = {
    "spread": Word("spread of days within a home (CV)", "同一户日子之间的变异系数"),
    "next_day": Word("correlation of a day with the next", "当天与次日的相关"),
    "weekday": Word("share of variance explained by the weekday", "星期几能解释的方差"),
    "weekend": Word("weekend over working day", "周末 ÷ 工作日"),
}
BETWEEN = Word("spread between homes (CV of mean litres)", "户与户之间的变异系数（日均用水）")
DRAWS: Mapping[str, Word] = {
    "per_day": Word("draws a day", "每天用水次数"),
    "litres": Word("litres a draw", "每次用水（升）"),
    "seconds": Word("seconds a draw", "每次用水（秒）"),
    "flow_l_min": Word("litres a minute", "流量（升/分）"),
    "gap_min": Word("minutes to the next draw", "到下一次用水（分钟）"),
}
CLUSTERS: Mapping[str, Word] = {
    "2": Word("next draw within 2 min", "2 分钟内又用水"),
    "5": Word("next draw within 5 min", "5 分钟内又用水"),
    "15": Word("next draw within 15 min", "15 分钟内又用水"),
    "quarters": Word("Fano factor, 15 min", "法诺因子（15 分钟）"),
    "hours": Word("Fano factor, 1 h", "法诺因子（1 小时）"),
}
NAMES: Mapping[str, Word] = {
    "frugal": Word("China, frugal", "中国·节俭"),
    "average": Word("China, average", "中国·一般"),
    "generous": Word("China, generous", "中国·宽裕"),
    "nl-frugal": Word("Netherlands, frugal", "荷兰·节俭"),
    "nl-average": Word("Netherlands, average", "荷兰·一般"),
    "nl-generous": Word("Netherlands, generous", "荷兰·宽裕"),
}
PARTS: Mapping[tuple[int, ...], Word] = {
    (23, 0, 1, 2, 3, 4): Word("23–04", "23–04 点"),
    (5, 6, 7, 8): Word("05–08", "05–08 点"),
    (9, 10, 11, 12): Word("09–12", "09–12 点"),
    (13, 14, 15, 16, 17): Word("13–17", "13–17 点"),
    (18, 19, 20, 21, 22): Word("18–22", "18–22 点"),
}
CLOCK = Word("clock of use", "一天里用水的时刻")
TITLES: Mapping[str, Word] = {
    "clock": Word("Chance that an hour sees water, by hour of the day", "一小时内有用水的可能，按钟点"),
    "quiet": Word("How long nothing is drawn, by the hour in which it begins", "无用水多久，按开始的钟点"),
    "median": Word("half of the quiets are over after (h)", "一半的无用水在几小时内结束"),
    "nine": Word("nine in ten are over after (h)", "十段里九段在几小时内结束"),
    "ninety-nine": Word("99 in 100 are over after (h)", "一百段里九十九段在几小时内结束"),
    "days": Word("Days and nights", "白天与夜晚"),
    "draws": Word("Single draws: a flat in Naples beside simulated seniors", "单次用水：那不勒斯一户与模拟老人"),
    "gaps": Word("Minutes from the begin of one draw to the next", "从一次用水开始到下一次开始（分钟）"),
}
