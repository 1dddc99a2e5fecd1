"""Life with drills is life without them: the same events give the same rows of life, whatever is rehearsed meanwhile.

Two copies of one street live through the same; in one of them drills begin, act, fail and end at random in between.
"""

import asyncio
import json
import shutil
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select

from alerts import access, call_backs, database, drill_runs, duty_rounds, receipts, reply_codes, schema, texts
from alerts.channels import Reply, Result
from alerts.drill_runs import Down
from alerts.errors import DrillError
from alerts.events import Accepted, Arrived, Declined, OutcomeRecorded, SetOff, Undone
from alerts.outbox import Dispatcher
from alerts.outbox_results import Results
from alerts.policy import Policy
from alerts.store import Store
from alerts.turns import CheckedIn
from tests.alerts.neighbourhood import EVERYBODY, T0, cut, finding, rehearse

HOMES, PEOPLE = st.sampled_from(["h1", "h2"]), st.sampled_from(["worker:wang", "worker:li", "worker:zhao"])
REALMS = st.sampled_from(["live", "drill"])
TAPS = st.sampled_from(["accept", "decline", "set off", "arrive", "undo", "outcome", "away"])
SOME = st.sets(st.sampled_from(EVERYBODY), min_size=1)
DOINGS = st.one_of(
    st.tuples(st.just("finding"), REALMS, HOMES, st.sampled_from(["red", "amber", "blue"]), st.integers(1, 4)),
    st.tuples(st.just("clear"), REALMS, st.integers(1, 4)),
    st.tuples(st.just("cut"), REALMS, st.integers(1, 2), st.sampled_from(["water_outage", "radio_outage"])),
    st.tuples(st.just("back"), REALMS, st.integers(1, 2)),
    st.tuples(st.just("tap"), REALMS, st.integers(0, 3), PEOPLE, TAPS),
    st.tuples(st.just("post"), st.just("live")),
    st.tuples(st.just("send"), REALMS, st.sampled_from(["accepted", "seen", "bad"])),
    st.tuples(st.just("reply"), REALMS, st.booleans()),
    st.tuples(st.just("here"), REALMS),
    st.tuples(st.just("pass"), st.just("live"), st.sampled_from([1, 60, 600, 7200, 90000])),
    st.tuples(st.just("begin"), st.just("drill"), st.sets(HOMES, min_size=1), SOME, st.booleans()),
    st.tuples(st.just("end"), st.just("drill"), st.sampled_from(["asked", "finished", "reserve"])),
    st.tuples(st.just("call"), REALMS),
)
OF_LIFE = (
    schema.cases, schema.findings, schema.case_events, schema.offers, schema.timers, schema.notices, schema.attempts,
    schema.area_events, schema.area_members, schema.call_backs, schema.taps, schema.absences, schema.contact_points,
    schema.turns, schema.registry_version, schema.consents,
)  # fmt: skip


WORDS = texts.load()


class Provider:
    """Takes every message."""

    async def send(self, _):
        return Result("accepted")

    async def close(self):
        """Close nothing."""


class Street:
    """A copy of the street, and how things happen in it."""

    def __init__(self, engine: Engine, *, drills: bool) -> None:
        policy = Policy(check_in=True)
        self.engine, self.store, self.drills, self.now, self.n = engine, Store(engine, policy), drills, T0, 0
        self.results = Results(self.store, policy)

    def do(self, what, realm, *more):
        """Let something happen; nothing of a drill in the street that has none."""
        self.n += 1
        if realm == "live" or self.drills:
            with suppress(DrillError):
                getattr(self, what)(realm, *more)
        if self.n % 3 == 0:
            self.store.fire_due(self.now)

    def finding(self, realm, home, severity, n):
        kind = "meter_silent" if severity == "blue" else "quiet"
        new = finding(f"f-{n}-{severity}", severity, household=home, kind=kind, at=self.now, realm=realm)
        self.store.raise_finding(new, self.now)

    def clear(self, realm, n):
        self.store.clear_finding(f"f-{n}-red", self.now, self.now, realm)

    def cut(self, realm, n, kind):
        self.store.begin_area(cut(f"cut-{n}", at=self.now, realm=realm, kind=kind), self.now)

    def back(self, realm, n):
        self.store.end_area(f"cut-{n}", self.now, self.now, realm)

    def tap(self, realm, nth, who, what):
        with self.engine.connect() as conn:
            mine = select(schema.cases.c.id).where(schema.cases.c.realm == realm).order_by(schema.cases.c.id)
            cases = list(conn.scalars(mine))
        happens = {
            "accept": Accepted(who), "decline": Declined(who, "busy"), "set off": SetOff(who), "arrive": Arrived(who),
            "undo": Undone(who), "outcome": OutcomeRecorded(who, "HELPED"), "away": OutcomeRecorded(who, "SAFE_AWAY"),
        }[what]  # fmt: skip
        if cases:
            self.store.act(realm, cases[nth % len(cases)], happens, self.now, f"tap-{self.n}")

    def _due(self, conn, realm, *where):
        n = schema.notices.c
        mine = n.realm == realm, n.due_at <= self.now, *where
        return conn.execute(select(schema.notices).where(*mine).order_by(n.due_at, n.id)).mappings().first()

    def send(self, realm, result):
        with self.engine.begin() as conn:
            row = self._due(conn, realm, schema.notices.c.state == "pending")
            if row is None:
                return
            n = schema.notices
            mine = n.c.realm == realm, n.c.id == row["id"]
            conn.execute(n.update().where(*mine).values(state="accepted", attempts=1))
            sent = conn.execute(select(n).where(*mine)).mappings().one()
            if result == "bad":
                receipts.take(
                    conn, self.results, row["channel"],
                    receipts.Receipt(row["id"], row["address"], "failed", self.now, "nobody", True), self.now,
                )  # fmt: skip
            elif result == "seen":
                receipts._prove(conn, sent, "seen", self.now, self.now)

    def reply(self, realm, yes):
        with self.engine.begin() as conn:
            row = self._due(conn, realm, schema.notices.c.template == "offer")
            code = None if row is None else reply_codes.issue(conn, row, self.now)
        if code is not None:
            said = Reply(f"m-{self.n}", row["address"], f"{1 if yes else 2} {code}")
            reply_codes.answer(self.store, row["channel"], said, self.now)

    def here(self, realm):
        """Somebody checks in: of life only, there is nothing else to check in for."""
        if realm == "live":
            with self.engine.begin() as conn:
                for turn in conn.scalars(select(schema.turns.c.id).where(schema.turns.c.owner.is_not(None))).all():
                    duty_rounds.said(conn, self.store.policy, turn, CheckedIn("worker:wang"), self.now)

    def call(self, realm):
        with self.engine.begin() as conn:
            for one in call_backs.due(conn, realm):
                call_backs.made(conn, realm, one.case, "operator:ops", "well", self.now)

    def post(self, _):
        """Send what is due, of life and of drills; in some drills the provider is played to be down."""

        async def all_of_it():
            sending = Dispatcher(
                self.engine, {"email": Provider()}, WORDS, "https://shuian.example", lambda: self.now,
                make_links=access.new_links, policy=self.store.policy,
            )  # fmt: skip
            while await sending.step():
                pass

        asyncio.run(all_of_it())

    def begin(self, _, homes, people, down):
        fails = [Down("email", 0.0, 900.0)] if down else []
        rehearse(self.engine, sorted(homes), sorted(people), self.now, down=fails)

    def end(self, _, why):
        with self.engine.begin() as conn:
            for name in conn.scalars(select(schema.drills.c.id)).all():
                drill_runs.end(conn, name, self.now, "operator:ops", why, self.store.policy)

    def life(self):
        """Return every row of life; times and ids included, numbers of rows not, nor which settings were first used when."""
        found = {}
        with self.engine.connect() as conn:
            for table in OF_LIFE:
                own = [c for c in table.c if not (c.autoincrement is True and c.primary_key)]
                rows = conn.execute(select(*own)).mappings()
                found[table.name] = sorted(repr(dict(row)) for row in rows if row.get("realm", "live") == "live")
            a = schema.audit.c
            drills = {
                row.id for row in conn.execute(select(schema.notices.c.id).where(schema.notices.c.realm == "drill"))
            }
            cases = {row.id for row in conn.execute(select(schema.cases.c.id).where(schema.cases.c.realm == "drill"))}
            apart = {f"notice:{one}" for one in drills} | {f"case:{one}" for one in cases}
            said = conn.execute(select(a.at, a.kind, a.actor, a.about, a.data).order_by(a.n))
            found["audit"] = [
                repr(
                    (*row[:-1], {k: v for k, v in json.loads(row.data).items() if k != "attempt"})
                )  # the number of a row
                for row in said
                if row.kind != "drill" and row.about not in apart and not self._of_drill(json.loads(row.data), drills)
            ]
        return found

    @staticmethod
    def _of_drill(said, drills):
        """Whether an entry of the audit chain is about a drill, or about a notice of one."""
        return said.get("realm") == "drill" or said.get("notice") in drills


def opened(path):
    """Return an engine that waits for no disk."""
    engine = database.connect(path)
    event.listen(engine, "connect", lambda conn, _: conn.execute("PRAGMA synchronous = OFF"))
    return engine


def apart(filled, folder, doings):
    """Live through all of it twice, with and without drills, and return both lives, and what was rehearsed."""
    streets = []
    for name in ("with", "without"):
        shutil.copy(filled, folder / f"{name}.sqlite")
        streets.append(Street(opened(folder / f"{name}.sqlite"), drills=name == "with"))
    for doing in doings:
        for street in streets:
            if doing[0] == "pass":
                street.now += timedelta(seconds=doing[2])
                street.store.fire_due(street.now)
            else:
                street.do(*doing)
    lives = [street.life() for street in streets]
    with streets[0].engine.connect() as conn:
        played = conn.execute(select(schema.cases.c.id).where(schema.cases.c.realm == "drill")).all()
    for street in streets:
        street.engine.dispose()
    return lives, played


HOW = {
    "deadline": None, "phases": (Phase.generate,), "database": None, "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}  # fmt: skip


@given(doings=st.lists(DOINGS, min_size=5, max_size=40))
@settings(max_examples=8, **HOW)
def test_life_with_drills_is_life_without_them(filled, tmp_path, doings):
    (with_drills, without), _ = apart(
        filled, tmp_path, [("begin", "drill", {"h1", "h2"}, set(EVERYBODY), True), *doings]
    )
    assert with_drills == without


def test_a_drill_and_life_at_once_leave_life_as_it_would_be(filled, tmp_path):
    """The same by hand, so that it is seen to compare something: a drill is played to its end while life goes on."""
    both = [
        ("begin", "drill", {"h1", "h2"}, set(EVERYBODY), True), ("finding", "drill", "h1", "red", 1), ("send", "drill", "bad"),
        ("send", "drill", "seen"), ("reply", "drill", True), ("cut", "drill", 1, "water_outage"), ("finding", "live", "h2", "amber", 1),
        ("post", "live"),
        ("tap", "drill", 0, "worker:wang", "away"), ("pass", "live", 600), ("finding", "live", "h1", "red", 1),
        ("tap", "live", 0, "worker:wang", "accept"), ("send", "live", "seen"), ("back", "drill", 1), ("call", "drill"),
        ("clear", "drill", 1), ("pass", "live", 7200), ("tap", "live", 0, "worker:wang", "outcome"),
    ]  # fmt: skip
    (with_drills, without), played = apart(filled, tmp_path, both)
    assert with_drills == without
    assert played
    assert len(without["case_events"]) > 3


@pytest.mark.parametrize("kind", ["water_outage", "radio_outage"])
def test_an_outage_that_is_played_while_the_provider_is_down_changes_nothing_for_a_real_one_of_that_name(
    filled, tmp_path, kind
):
    both = [
        ("begin", "drill", {"h1", "h2"}, set(EVERYBODY), True), ("cut", "drill", 1, kind), ("post", "live"),
        ("finding", "drill", "h1", "blue", 2), ("finding", "drill", "h2", "red", 1), ("cut", "live", 1, kind), ("post", "live"),
        ("finding", "live", "h1", "blue", 2), ("pass", "live", 600), ("post", "live"), ("back", "drill", 1),
        ("pass", "live", 600), ("post", "live"), ("back", "live", 1), ("post", "live"), ("end", "drill", "asked"),
        ("post", "live"),
    ]  # fmt: skip
    (with_drills, without), played = apart(filled, tmp_path, both)
    assert with_drills == without
    assert played
    assert len(without["attempts"]) > 2
    assert len(without["area_events"]) == 1


@pytest.mark.slow
@given(doings=st.lists(DOINGS, min_size=20, max_size=120))
@settings(max_examples=60, **HOW)
def test_a_long_life_with_drills_is_the_same_without_them(filled, tmp_path, doings):
    (with_drills, without), _ = apart(filled, tmp_path, doings)
    assert with_drills == without
