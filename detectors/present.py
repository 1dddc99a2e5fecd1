"""What is known of rows now: the questions that pages, the hand-over and the detectors of many homes ask."""

import numpy as np

from detectors import promise, quiet, quiet_judge, quiet_reasons
from detectors.alarms import Outcome
from detectors.bins import Bools, Floats, Rows
from detectors.cohort import Cohort
from detectors.episodes import Episodes
from detectors.findings import Severity
from detectors.promise import Kept, Promise
from detectors.settings import Settings
from detectors.states import State


class Present:
    """The answers of a `detectors.partition.Partition`, which keeps what they rest on."""

    _state: State
    _cohort: Cohort
    _period_s: Floats
    _episodes: Episodes
    settings: Settings

    def __len__(self) -> int:
        return len(self._period_s)

    def deadline(self, severity: Severity, rows: Rows | None = None) -> Floats:
        """Return (M,) when a quiet of each row (all, or those asked) becomes this severe if no more water is drawn.

        NaN: never heard, away, water runs without a stop, or no such level of quiet.
        """
        pick = np.arange(len(self)) if rows is None else rows
        if severity == "blue":
            return np.full(len(pick), np.nan)
        clock = self._state.clock
        there = clock.origin(pick, clock.known_until[pick]) <= clock.known_until[pick]
        there &= ~self._state.water.running.owned(pick)
        origin = quiet_reasons.origin(self._state, pick)
        level = quiet_reasons.levels(self.settings.quiet, self._state, pick, origin)[severity == "red"]
        begin = np.where(there, origin, 0.0)
        due = quiet_judge.deadline(self.settings.quiet, self._cohort, self._state, pick, begin, level)
        there &= np.isfinite(level)  # a home that is only asked has no red
        return np.where(there, np.maximum(due, begin + self.settings.quiet.least_s), np.nan)

    def score(self) -> Floats:
        """Return (H,) the score of each row's present quiet at `known_until`; NaN: never heard or away."""
        clock, pick = self._state.clock, np.arange(len(self))
        there = clock.origin(pick, clock.known_until) <= clock.known_until
        origin = quiet_reasons.origin(self._state, pick)
        begin = np.where(there, origin, 0.0)
        end = np.where(there, np.fmax(origin, clock.known_until), 0.0)
        score = quiet_judge.score(self.settings.quiet, self._cohort, self._state, pick, begin, end)
        return np.where(there, score, np.nan)

    def rows_with(self, kind: str) -> Rows:
        """Return the rows of which a finding of this kind holds."""
        return self._episodes.rows(kind)

    def newest(self) -> float:
        """Return the latest moment of which any row knows anything, seconds since 1970."""
        clock = self._state.clock
        return float(np.fmax.reduce(np.fmax(clock.known_until, clock.heard), initial=0.0))

    def still_s(self) -> Floats:
        """Return (H,) for how long each register has stood still, as far as it is known [s]; NaN: never heard."""
        clock = self._state.clock
        still: Floats = clock.known_until - clock.ran
        return still

    def silent_since(self, rows: Rows | None = None) -> Floats:
        """Return (M,) since when no water runs at each row (all, or those asked), not even a leak's.

        NaN: never heard, or away now.
        """
        clock, pick = self._state.clock, np.arange(len(self)) if rows is None else rows
        until = clock.known_until[pick]
        since = clock.origin(pick, until, ran=True)
        return np.where(since <= until, since, np.nan)

    def quiet_since(self, rows: Rows) -> Floats:
        """Return (M,) since when the present quiet of each row counts; NaN: never heard, away, or water runs."""
        origin = quiet_reasons.origin(self._state, rows)
        there = (origin <= self._state.clock.known_until[rows]) & ~self._state.water.running.owned(rows)
        return np.where(there, origin, np.nan)

    def lasting(self, rows: Rows, begin: Floats) -> Floats:
        """Return (M, HOURS) the chance that quiets begun then last so many hours, by the hazard of the index."""
        odds, _ = quiet_judge.look(self.settings.quiet, self._state, rows, begin)
        return self._state.spells.lasting(rows, odds)

    def last_draw(self, rows: Rows) -> Floats:
        """Return (M,) the end of the last interval in which somebody drew water; NaN: what came since is not known."""
        clock = self._state.clock
        return np.where(clock.by_use[rows], clock.since[rows], np.nan)

    def score_at(self, rows: Rows, until: Floats) -> Floats:
        """Return (M,) the score that the present silence of each row had at `until`; 0 where it began later."""
        since, offset = self.silent_since(rows), self._state.clock.offset_s[rows]
        begin = np.where(np.isnan(since), until, np.minimum(since, until))
        return np.where(
            np.isnan(since), np.nan, self._state.quiet.score(self._cohort, rows, begin + offset, until + offset)
        )

    def unused(self, rows: Rows, since: Floats, until: Floats) -> Floats:
        """Return (M,) the probability that each row draws nothing from `since` to `until`, by its own habit.

        The higher of two: every hour by itself, and the share of its quiets that last so long, given how long the present
        one had lasted by `since`.  The second knows of mornings out; each alone claims too many water cuts
        (``python -m benchmarks.outage``).
        """
        offset, of = self._state.clock.offset_s[rows], self._state.quiet
        begin = np.fmin(self.silent_since(rows), since) + offset
        left, right = since + offset, np.maximum(since, until) + offset
        hourly = quiet.rescaled(of.done, rows, left, right) / np.log(10.0)
        lasting = of.surprise(self._cohort, rows, begin, right) - of.surprise(self._cohort, rows, begin, left)
        chance: Floats = 10.0 ** -np.minimum(hourly, lasting)
        return chance

    def period_s(self) -> Floats:
        """Return (H,) seconds between two reports of each row's meter."""
        return self._period_s.copy()

    def known_until(self) -> Floats:
        """Return (H,) until when the use of water is known, or known to be unknown; NaN: never heard."""
        return self._state.clock.known_until.copy()

    def last_use(self) -> Floats:
        """Return (H,) the latest moment at which water may have been drawn; NaN: never heard."""
        return self._state.clock.since.copy()

    def running_since(self) -> Floats:
        """Return (H,) since when water runs without a stop; NaN: none runs, or never heard."""
        return self._state.water.running.began(np.arange(len(self)))

    def leak_l_h(self) -> Floats:
        """Return (H,) the flow that never stopped in the last day, what a leak draws (L/h); 0: none."""
        return self._state.water.leak.floor_l_h.copy()

    def leak_due(self) -> Floats:
        """Return (H,) when the flow that never stops is told as a leak, if it goes on; NaN: none runs for half a day."""
        due: Floats = self._state.water.leak.due(self.settings.leak, self._state.water.flow, self._state.clock.ran)
        return due

    def heard(self) -> Floats:
        """Return (H,) when the meter was last heard (our clock); NaN: never."""
        return self._state.clock.heard.copy()

    def usual_first_use(self) -> Floats:
        """Return (H, 2) 10 % and 90 % points of the first use of a day after 04:00, seconds after local midnight."""
        return self._state.habit.usual_first_use()

    # --- how well the rows are served ----------------------------------------------------------------------------------

    def own_level(self) -> Floats:
        """Return (H,) what each row's amber level lies above the common one."""
        return self._state.spells.own.copy()

    def outcomes(self, row: int, outcome: Outcome, since: float) -> int:
        """Return how many alarms of a row that began after `since` turned out to be this."""
        return self._state.alarms.count(row, outcome, since)

    def irregular(self) -> Bools:
        """Return (H,) which rows are only asked: their use is too irregular for more (`detectors.alarms`)."""
        return self._state.alarms.irregular.copy()

    def asked_a_month(self, rows: Rows | None = None) -> Floats:
        """Return (M,) how often each row would be asked for nothing in a month, by its own past; NaN: not known yet."""
        pick, of = np.arange(len(self)) if rows is None else rows, self._state
        amber = quiet.levels(self.settings.quiet, of.habit, pick)[0] + of.spells.own[pick]
        now = np.nan_to_num(of.clock.known_until[pick])
        return of.alarms.a_month(pick, amber, now, of.daybook.whole[pick].astype(np.float64))

    def empty_share(self, rows: Rows | None = None) -> Floats:
        """Return (M,) the share of the last days on which each row drew hardly anything; NaN: no day is known."""
        return self._state.daybook.empty_share(np.arange(len(self)) if rows is None else rows)

    def promise(self, row: int) -> Promise | None:
        """Return how soon a row would be asked if its water stopped for good; None: not known well enough yet."""
        return promise.promise(self.settings.quiet, self._cohort, self._state, row, float(self._period_s[row]))

    def kept(self, rows: Rows, now: float) -> Kept:
        """Return the false alarms of the last 30.4 days over some rows."""
        return promise.kept(self._state, rows, now)

    def curves(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return (M,) when the present quiets began (NaN: never heard, away) and (M, G) their levels at the end of hours 1...G.

        By the index, whatever model judges; for those who replay a history.
        """
        clock, of = self._state.clock, self._state
        origin = quiet_reasons.origin(of, rows)
        there = origin <= clock.known_until[rows]
        begin = np.where(there, origin, 0.0)
        _, curve = quiet_judge.look(self.settings.quiet, of, rows, begin)
        return np.where(there, origin, np.nan), curve.astype(np.float64)

    def history_days(self) -> Floats:
        """Return (H,) how many days the habit of each row rests on."""
        return self._state.habit.days.copy()
