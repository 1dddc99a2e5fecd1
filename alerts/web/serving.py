"""How well homes are served, in words: what is promised, what was learnt, whether the budget of false alarms is kept."""

from alerts.web.ports import Budget, Served
from alerts.web.words import Words

HOUR_S = 3600.0
WORTH_TELLING = 0.05
"""A level of one's own that is nearer to the common one is not told."""


def lines(served: Served | None, words: Words) -> list[str]:
    """Return what an operator reads about one home; nothing if it is not watched."""
    if served is None:
        return []
    told = []
    if served.median_s is None or served.late_s is None:
        told.append(words.t("page.served.new"))
    else:
        about = {"t": whole_hours(served.median_s, words), "late": whole_hours(served.late_s, words)}
        told.append(words.t("page.served.promise", **about))
    if served.irregular:
        empty = words.t("unit.unknown") if served.empty_p is None else f"{served.empty_p * 100:.0f} %"
        told.append(words.t("page.served.irregular", n=_times(served.asked_a_month, words), empty=empty))
    elif served.asked_a_month is not None:
        told.append(words.t("page.served.asked", n=_times(served.asked_a_month, words)))
    if (level := _level(served, words)) is not None:
        told.append(level)
    return told


def _level(served: Served, words: Words) -> str | None:
    if abs(served.own_level) < WORTH_TELLING:
        return None
    n = f"{abs(served.own_level):.1f}" if abs(served.own_level) >= 0.1 else f"{abs(served.own_level):.2f}"
    if served.own_level < 0:
        return words.t("page.served.lower", n=n)
    return words.t("page.served.higher.well" if served.well else "page.served.higher", n=n, count=served.well)


def _times(number: float | None, words: Words) -> str:
    return words.t("unit.unknown") if number is None else f"{number:.1f}"


def whole_hours(seconds: float, words: Words) -> str:
    """Return how long in whole hours: a promise is no measurement."""
    return words.duration(max(round(seconds / HOUR_S), 1) * HOUR_S)


def calmly(served: Served | None, words: Words) -> str:
    """Return the one sentence that the resident's side reads; empty: there is nothing to say."""
    if served is None:
        return ""
    if served.irregular:
        return words.t("page.f.promise.irregular")
    if served.median_s is None:
        return words.t("page.f.promise.new")
    return words.t("page.f.promise", t=whole_hours(served.median_s, words))


def budget(found: Budget | None, words: Words) -> list[str]:
    """Return what an operator reads of the budget of all homes."""
    if found is None:
        return [words.t("page.c.budget.unknown")]
    ratio = f"{found.asked / found.asked_intended:.1f}" if found.asked_intended else words.t("unit.unknown")
    slots = {"n": found.asked, "of": f"{found.asked_intended:.0f}", "a": f"{found.a_month:g}", "ratio": ratio}
    told = [words.t(f"page.c.budget.{found.says}", **slots)]
    if found.says != "few":
        told.append(words.t("page.c.budget.gone", n=found.gone, of=f"{found.gone_intended:.0f}"))
    return told
