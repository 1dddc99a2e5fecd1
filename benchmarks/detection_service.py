"""The survival score of `detectors.quiet`, fed as the service feeds it, and two simpler personal models.

One pass over the intervals of all homes together; a quiet is scored with what its home had taught by then.
"""

import numpy as np

from benchmarks.detection_homes import HOUR_S, Floats, Homes, Places, Quiets, Singles, resets
from benchmarks.detection_run import Detector, columns
from detectors.bins import News
from detectors.clock import Clock
from detectors.cohort import Cohort, shipped
from detectors.habit import Habit
from detectors.quiet import Quiet

REFIT_DAYS, LEARNT_DAYS = 28, 112
AROUND_H, ENOUGH, SHARE, SLACK_H = 1, 20, 0.95, 4.0


def survival_scores(homes: Homes, quiets: Quiets) -> Singles:
    """Return -log10 of the share of such quiets that last so long, and 0.1 more for each hour beyond ten."""
    cohort = shipped()
    rows, count = np.arange(len(homes)), columns(homes)
    scores = np.empty((len(quiets), count), np.float32)
    clock, habit = Clock.fresh(len(homes)), Habit.fresh(len(homes))
    clock.set_absences(absences(homes))
    quiet = Quiet.fresh(cohort, np.full(len(homes), homes.step_s), np.full(len(homes), homes.resolution_l))
    order = np.argsort(quiets.last, kind="stable")
    edges = np.searchsorted(quiets.last[order], np.arange(homes.litres.shape[1] + 1))
    for n in range(homes.litres.shape[1]):
        end = homes.begin_s + (n + 1) * homes.step_s
        litres, offset = homes.litres[:, n].astype(np.float64), homes.offset_s[:, n].astype(np.float64)
        news, hole = clock.timely(News(rows, end - homes.step_s, end, litres, offset, end))
        moment = clock.step(news, hole, homes.used[:, n])
        quiet.learn(moment, cohort)
        quiet.refit(habit.step(moment), habit, cohort)
        begun = order[edges[n] : edges[n + 1]]
        if len(begun):
            scores[begun] = _path(quiet, cohort, quiets.row[begun], (end + offset)[quiets.row[begun]], homes)
    return scores


def _path(quiet: Quiet, cohort: Cohort, row: Places, begin_s: Floats, homes: Homes) -> Singles:
    count = columns(homes)
    begin = np.repeat(begin_s, count)
    end = begin + np.tile(np.arange(count) * homes.step_s, len(row))
    score = quiet.score(cohort, np.repeat(row, count), begin, end)
    path: Singles = np.asarray(score, np.float32).reshape(len(row), count)
    return path


def absences(homes: Homes) -> list[tuple[int, float, float]]:
    """Return (row, left, back) of every declared absence."""
    edges = np.diff(homes.away.astype(np.int8), axis=1, prepend=0, append=0)
    (row, left), (_, back) = np.nonzero(edges == 1), np.nonzero(edges == -1)
    begin = homes.begin_s[row]
    return list(zip(row.tolist(), (begin + left * homes.step_s).tolist(), (begin + back * homes.step_s).tolist(), strict=True))  # fmt: skip


def quantile_scores(homes: Homes, quiets: Quiets) -> Singles:
    """Return hours over what 19 of 20 of the home's own quiets of this time of day did not exceed, and four.

    The last 112 days count, looked at anew every 28 days; quiets that began within an hour of this one on the clock, all
    quiets if there are fewer than 20.
    """
    hours = np.arange(columns(homes), dtype=np.float32) * np.float32(homes.step_s / HOUR_S)
    usual = np.empty(len(quiets))
    last, following = resets(homes.reset())
    block = round(REFIT_DAYS * 24 * homes.in_hour)
    turn = quiets.last // block
    for row in range(len(homes)):
        at = np.flatnonzero(last[row] == np.arange(last.shape[1]))
        lasted_h = (following[row, at] - at - 1) * homes.step_s / HOUR_S
        clock_h = homes.end_s(np.full(len(at), row), at) // HOUR_S % 24
        for now in np.unique(turn[quiets.row == row]).tolist():
            learnt = (lasted_h >= 1) & (at >= now * block - LEARNT_DAYS // REFIT_DAYS * block)
            learnt &= following[row, at] < now * block
            mine = np.flatnonzero((quiets.row == row) & (turn == now))
            usual[mine] = _usual(lasted_h[learnt], clock_h[learnt], homes.end_s(quiets.row[mine], quiets.last[mine]))
    scores: Singles = hours / (usual + SLACK_H).astype(np.float32)[:, None]
    return scores


def _usual(lasted_h: Floats, clock_h: Floats, begin_s: Floats) -> Floats:
    """Return (M,) the 95 % point of quiets that began about the same hour of the day as those at local `begin_s`."""
    by_hour = np.empty(24)
    for hour in range(24):
        near = np.abs((clock_h - hour + 12) % 24 - 12) <= AROUND_H
        some = lasted_h[near] if near.sum() >= ENOUGH else lasted_h
        by_hour[hour] = np.quantile(some, SHARE) if len(some) else SLACK_H
    found: Floats = by_hour[(begin_s // HOUR_S % 24).astype(np.intp)]
    return found


SURVIVAL = Detector("survival", survival_scores)
QUANTILE = Detector("own 95 % point", quantile_scores, grain=1e-3)
