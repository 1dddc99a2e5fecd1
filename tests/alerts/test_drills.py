"""A drill begins, ends by itself, by somebody or by life, and touches nobody who takes no part in it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, update

from alerts import access, drill_runs, drill_scope, metrics, queries, reply_codes, schema, texts
from alerts.casefile import State
from alerts.channels import RESERVE, Receipt, Reply, Result
from alerts.drill_runs import Plan
from alerts.errors import DrillError, UnknownCase
from alerts.events import Accepted, OutcomeRecorded
from alerts.outbox import Dispatcher
from alerts.policy import Policy
from alerts.queries.duty import duty
from alerts.queries.load import loads
from alerts.queries.monthly import month_rows
from alerts.registry import RegistryError, moving, realms
from alerts.report_rows import Month
from alerts.store import Store
from tests.alerts.neighbourhood import SHEETS, T0, cut, delivered, fill, finding, notices, rehearse

SHANGHAI = ZoneInfo("Asia/Shanghai")
MIN, HOUR = timedelta(minutes=1), timedelta(hours=1)
DRILL_SHEETS = {
    "areas": [*SHEETS["areas"], "dr,,drill,演练区", "dg,dr,grid,演练网格"],
    "households": [*SHEETS["households"], "v1,dg,演练楼,1,1,101,Asia/Shanghai", "v2,dg,演练楼,1,2,201,Asia/Shanghai"],
    "residents": [*SHEETS["residents"], "rv1,v1,演练一,,,", "rv2,v2,演练二,,,"],
    "consents": [
        *SHEETS["consents"],
        *(
            f"{r},{purpose},,1,2026-01-01T08:00+08:00,resident,form,"
            for r in ("rv1", "rv2")
            for purpose in ("monitor", "community", "relative")
        ),
    ],
    "contacts": [*SHEETS["contacts"], "fv1,rv1,女儿,1,email,virtual@example.org"],
    "workers": [
        *SHEETS["workers"], "vw,演练员,worker,dg,email,vw@example.org", "vl,演练组长,lead,dr,email,vl@example.org",
        "vo,演练台,operator,dr,email,vo@example.org",
    ],
    "shifts": [*SHEETS["shifts"], "dg,2026-11-01 08:00,2026-12-01 08:00,vw,,vl"],
}  # fmt: skip


@pytest.fixture
def quarter(engine, tmp_path):
    """The street, and beside it an area for drills with two homes and three people who do not exist."""
    fill(engine, tmp_path / "with_drills", **DRILL_SHEETS)
    return engine


def run(engine, name):
    """Return the row of a run."""
    with engine.connect() as conn:
        return conn.execute(select(schema.drills).where(schema.drills.c.id == name)).one()


def stop(engine, name, now=T0 + MIN, why="asked"):
    """End a run."""
    with engine.begin() as conn:
        return drill_runs.end(conn, name, now, "operator:ops", why, Policy())


def told(engine, realm):
    """Return (template, recipient, state) of all notices of a realm."""
    return [(n.template, n.recipient, n.state) for n in notices(engine) if n.realm == realm]


# --- what may begin ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "wanted"),
    [
        ({"kind": "joke"}, "want a kind of tabletop, technical, live"),
        ({"lasts": timedelta(0)}, "want a hard end within"),
        ({"lasts": timedelta(days=1)}, "want a hard end within"),
        ({"homes": {}}, "want 1 to 200 homes"),
        ({"homes": {"a": "h1", "b": "h1"}}, "each named once"),
        ({"homes": {"a": "nowhere"}}, "it has no nowhere"),
        ({"people": ["worker:nobody"]}, "it has no worker:nobody"),
        ({"kind": "tabletop"}, "h1, worker:wang are real"),
        ({"kind": "technical"}, "are real"),
    ],
)
def test_a_drill_that_cannot_be_is_refused_with_what_was_wanted(engine, wrong, wanted):
    plan = Plan("fall_at_night", "live", {"a": "h1"}, ["worker:wang"], HOUR)
    with engine.begin() as conn, pytest.raises(DrillError, match=wanted):
        drill_runs.start(conn, replace(plan, **wrong), T0, "operator:ops")


def test_no_drill_begins_in_the_middle_of_something_real(engine, store):
    store.raise_finding(finding(), T0)
    with pytest.raises(DrillError, match=r"red is open for contact:f1, contact:f2, h1, worker:wang"):
        rehearse(engine)
    assert rehearse(engine, ["h2"], ["contact:f3"])


def test_a_home_is_in_one_drill_at_a_time(engine):
    first = rehearse(engine)
    with pytest.raises(DrillError, match="h1 are: end that first"):
        rehearse(engine, ["h1"])
    stop(engine, first)
    assert rehearse(engine, ["h1"]) != first


def test_who_lives_and_works_in_a_drill_area_takes_part_of_itself(quarter):
    with quarter.begin() as conn:
        name = drill_runs.start(conn, Plan("fall_at_night", "tabletop", {"a": "v1"}, [], HOUR), T0, "operator:ops")
        assert set(drill_scope.people_in(conn, name)) == {"contact:fv1", "worker:vw", "worker:vl", "operator:vo"}


# --- what may be of it ---------------------------------------------------------------------------------------------


def test_without_a_drill_that_runs_nothing_comes_of_a_finding_of_one(engine, store):
    assert store.raise_finding(finding("d", realm="drill"), T0) is None
    name = rehearse(engine, ["h1"])
    assert store.raise_finding(finding("d", household="h2", realm="drill"), T0) is None
    stop(engine, name)
    assert store.raise_finding(finding("d", realm="drill"), T0) is None
    assert store.open_cases() == store.open_cases("drill") == notices(engine) == []


def test_what_detectors_say_of_a_home_of_a_drill_area_is_never_of_life(quarter, store):
    assert store.raise_finding(finding("early", household="v1"), T0) is None, "no drill runs"
    rehearse(quarter, ["v1"], [], kind="tabletop")
    real, drill = store.raise_findings([finding("f-1", "amber"), finding("f-2", household="v1")], T0)
    assert [c.id for c in store.open_cases()] == [real]
    assert [c.id for c in store.open_cases("drill")] == [drill]
    assert {who for _, who, _ in told(quarter, "drill")} == {"vw", "fv1"}
    store.clear_finding("f-2", T0 + MIN, T0 + MIN)
    with quarter.connect() as conn:
        f = schema.findings.c
        assert conn.scalar(select(f.cleared_at).where(f.realm == "drill", f.id == "f-2")) == T0 + MIN


def test_an_outage_of_homes_of_a_drill_is_of_the_drill_and_one_of_life_stays_without_them(quarter, store):
    rehearse(quarter, ["v1", "v2"], [], kind="tabletop")
    store.begin_area(cut("dry", homes=["v1", "v2"], area="dg"), T0)
    store.begin_area(cut("mixed", homes=["h1", "v1"]), T0)
    with quarter.connect() as conn:
        m = schema.area_members.c
        members = conn.execute(select(m.realm, m.event, m.household).order_by(m.event, m.household)).all()
    assert [tuple(row) for row in members] == [("drill", "dry", "v1"), ("drill", "dry", "v2"), ("live", "mixed", "h1")]
    assert {who for _, who, _ in told(quarter, "drill")} <= {"vw", "vl", "vo", "fv1"}
    store.end_area("dry", T0 + MIN, T0 + MIN)
    with quarter.connect() as conn:
        e = schema.area_events.c
        assert conn.scalar(select(e.ended_at).where(e.realm == "drill", e.id == "dry")) == T0 + MIN


def test_nobody_hears_of_a_drill_who_takes_no_part_in_it(engine, store):
    rehearse(engine, ["h1"], ["worker:li"])
    case = store.raise_finding(finding("d", realm="drill"), T0)
    assert told(engine, "drill") == [], "the owner of the shift is asked first, and takes no part"
    store.fire_due(T0 + 11 * MIN)
    assert [who for _, who, _ in told(engine, "drill")] == ["li"]
    assert store.case("drill", case).state == State.AWAITING


def test_operators_of_drill_areas_stand_in_for_nobody(quarter, store):
    with quarter.begin() as conn:
        conn.execute(update(schema.workers).where(schema.workers.c.id == "ops").values(role="former"))
    store.raise_finding(finding("f-1", "blue", kind="meter_silent"), T0)
    assert [who for _, who, _ in told(quarter, "live")] == []


def test_shifts_of_drill_areas_are_not_checked_in(quarter):

    with quarter.begin() as conn:
        conn.execute(
            insert(schema.shifts).values(area="dg", start=T0, end=T0 + HOUR, owner="vw", backup=None, lead=None)
        )
    Store(quarter, Policy(check_in=True, look_ahead="00:00")).fire_due(T0 + MIN)
    assert not [n for n in notices(quarter) if n.recipient in ("vw", "vl", "vo")]


# --- how it ends ---------------------------------------------------------------------------------------------------


def test_a_drill_ends_itself(engine, store):
    name = rehearse(engine)
    case = store.raise_finding(finding("d", realm="drill"), T0)
    delivered(engine, T0)
    store.fire_due(T0 + 59 * MIN)
    assert run(engine, name).state == "running"
    store.fire_due(T0 + HOUR)
    assert (run(engine, name).state, run(engine, name).why) == ("ended", "time")
    assert store.case("drill", case).state == State.CLOSED
    waiting = {(template, who) for template, who, state in told(engine, "drill") if state == "pending"}
    assert waiting == {("drill_over", "wang"), ("family_drill_over", "f1"), ("family_drill_over", "f2")}
    before = notices(engine)
    store.fire_due(T0 + 3 * HOUR)
    assert notices(engine) == before, "nothing comes after the end"


def test_a_second_end_changes_nothing(engine):
    name = rehearse(engine)
    assert stop(engine, name) == {"h1", "h2"}
    assert stop(engine, name, why="finished") == frozenset()
    assert run(engine, name).why == "asked"


def test_a_drill_that_would_use_what_is_kept_for_real_messages_stops_itself(engine, store):
    name = rehearse(engine)
    store.raise_finding(finding("d", realm="drill"), T0)
    with engine.begin() as conn:
        n = schema.notices
        conn.execute(n.update().where(n.c.recipient == "wang").values(state="failed", last_error=RESERVE))
    store.fire_due(T0 + MIN)
    assert (run(engine, name).state, run(engine, name).why) == ("aborted", "reserve")
    assert store.open_cases("drill") == []


# --- life comes ----------------------------------------------------------------------------------------------------


def test_a_real_red_takes_its_worker_out_of_the_drill_and_says_that_it_is_real(engine, store):
    name = rehearse(engine, ["h2"], ["worker:wang", "worker:li"])
    drill = store.raise_finding(finding("d", household="h2", realm="drill"), T0)
    delivered(engine, T0)
    real = store.raise_finding(finding("f-1", at=T0 + MIN), T0 + MIN)
    assert ("drill_real", "wang", "pending") in told(engine, "drill")
    assert not any(template.startswith("drill") for template, _, _ in told(engine, "live"))
    assert [o.worker for o in store.case("drill", drill).offers if o.state == "offered"] == ["li"], "it goes on"
    assert [o.worker for o in store.case("live", real).offers] == ["wang"]
    assert run(engine, name).state == "running"
    before = told(engine, "drill").count(("drill_real", "wang", "pending"))
    store.fire_due(T0 + 2 * MIN)
    assert told(engine, "drill").count(("drill_real", "wang", "pending")) == before == 1


def test_a_real_red_at_a_home_takes_the_home_out_and_the_last_one_ends_the_drill(engine, store):
    name = rehearse(engine, ["h1"], ["worker:zhao"])
    store.raise_finding(finding("d", realm="drill"), T0)
    store.raise_finding(finding("f-1", at=T0 + MIN), T0 + MIN)
    assert (run(engine, name).state, run(engine, name).why) == ("aborted", "real")
    assert [c.household for c in store.open_cases()] == ["h1"]
    assert store.open_cases("drill") == []


def test_a_drill_that_cannot_be_looked_after_keeps_nothing_real_up(engine, store, caplog):
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP TABLE drill_people")
        row = {"id": "x", "drill": "x", "kind": "live", "by": "x", "state": "running", "wanted": "[]"}
        conn.execute(insert(schema.drills).values(**row, started_at=T0, ends_at=T0 + HOUR))
    assert store.raise_finding(finding(), T0) is not None
    assert "drills could not be looked after" in caplog.text


# --- tokens, links, codes ------------------------------------------------------------------------------------------


def test_a_tap_for_a_drill_moves_no_live_case_and_the_other_way_round(engine, store):
    rehearse(engine, people=["worker:li"])
    real = store.raise_finding(finding("f-1", "amber"), T0)
    drill = store.raise_finding(finding("f-1", realm="drill"), T0)
    for realm, case in (("drill", real), ("live", drill)):
        with pytest.raises(UnknownCase):
            store.act(realm, case, Accepted("worker:wang"), T0, "tap")


def test_the_link_of_a_drill_opens_a_session_of_drills(engine):
    with engine.begin() as conn:
        for realm in ("drill", "live"):
            token = access.new_link(conn, "worker", "wang", "/w", T0, HOUR, realm=realm, notice="n")
            session = access.redeem(conn, token, T0)
            assert session.realm == access.session(conn, session.token, T0).realm == realm


def test_the_reply_code_of_a_drill_answers_the_drill(engine, store):
    rehearse(engine, people=["worker:wang"])
    drill = store.raise_finding(finding("d", realm="drill"), T0)
    with engine.begin() as conn:
        n = schema.notices.c
        row = conn.execute(select(schema.notices).where(n.realm == "drill", n.template == "offer")).mappings().one()
        code = reply_codes.issue(conn, row, T0)
    real = store.raise_finding(finding("f-2", "amber", household="h2"), T0)
    done = reply_codes.answer(store, row["channel"], Reply("m-1", row["address"], f"1 {code}"), T0)
    assert done.done == "done"
    assert store.case("drill", drill).owner == "wang"
    assert store.case("live", real).owner is None


# --- what counts ---------------------------------------------------------------------------------------------------


def test_what_is_counted_is_counted_without_drills(engine, store):
    rehearse(engine)
    before = metrics.SUPPRESSED.labels("listed")._value.get()
    store.raise_finding(finding("d", "blue", kind=min(Policy().listed_kinds), realm="drill"), T0)
    assert metrics.SUPPRESSED.labels("listed")._value.get() == before
    case = store.raise_finding(finding("e", realm="drill"), T0)
    store.act("drill", case, OutcomeRecorded("worker:wang", "SAFE_AWAY"), T0, "t")
    with engine.connect() as conn:
        assert conn.execute(select(schema.absences)).all() == []


def test_lists_promises_and_reports_are_of_homes_in_which_somebody_lives(quarter, store):
    rehearse(quarter, ["v1"], [], kind="tabletop")
    store.raise_findings([finding("f-1", household="v1"), finding("f-2", "amber")], T0)
    delivered(quarter, T0)
    with quarter.begin() as conn:
        on = duty(conn, T0)
        conn.execute(update(schema.notices).where(schema.notices.c.realm == "drill").values(state="failed"))
        assert {home.id for home in month_rows(conn, Month(2026, 11), T0 + HOUR, SHANGHAI).homes} == {"h1", "h2"}
        assert not {"dr", "dg"} & set(month_rows(conn, Month(2026, 11), T0 + HOUR, SHANGHAI).areas)
        assert "vw" not in {load.id for load in loads(conn, on, T0)}
        assert {row.home.id for row in queries.household_list(conn, T0).rows} == {"h1", "h2"}
        assert queries.lost(conn, T0 + MIN, 10) == ()
        assert "failed" not in queries.delivery_counts(conn, T0 + MIN)


def test_an_import_keeps_the_home_of_a_past_drill(quarter, tmp_path):
    stop(quarter, rehearse(quarter, ["v1"], [], kind="tabletop"))
    fill(quarter, tmp_path / "without")
    with quarter.connect() as conn:
        homes = set(conn.scalars(select(schema.households.c.id)))
        assert homes == {"h1", "h2", "v1"}
        assert realms.rehearsed(conn, homes) == {"v1"}, "and it is one of drills for ever"


# --- sending -------------------------------------------------------------------------------------------------------


class Line:
    """A provider that hangs whenever it is to carry a message of a drill."""

    at_once = 4

    def __init__(self):
        self.sent, self.hung, self.free = [], 0, asyncio.Event()

    async def send(self, outgoing):
        if outgoing.realm == "drill":
            self.hung += 1
            await self.free.wait()
        self.sent.append(outgoing.realm)
        return Result("accepted")

    async def close(self):
        """Close nothing."""


def test_a_drill_that_hangs_keeps_no_place_from_life(engine, store):
    rehearse(engine)
    store.raise_findings([finding("d-1", realm="drill"), finding("d-2", realm="drill", household="h2")], T0)

    async def scenario():
        line, at = Line(), T0
        sending = Dispatcher(
            engine, {"email": line}, texts.load(), "https://shuian.example", lambda: at, make_links=access.new_links,
            policy=Policy(),
        )  # fmt: skip
        played = asyncio.create_task(sending.step())
        while line.hung < 2:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(store.raise_finding, finding("f-1", "amber"), T0)
        await sending.step()
        before = line.hung, list(line.sent)
        line.free.set()
        return before, await played

    (hung, sent), taken = asyncio.run(scenario())
    assert taken == hung == 2, "half of four places, of five messages that wait"
    assert sent == ["live", "live"]


def test_a_drill_that_is_played_once_more_is_played_like_the_first_time(engine, store):
    name = rehearse(engine)
    store.raise_finding(finding("d-1", realm="drill"), T0)
    stop(engine, name)
    rehearse(engine, now=T0 + MIN)
    again = store.raise_finding(finding("d-2", realm="drill", at=T0 + MIN), T0 + MIN)
    assert store.case("drill", again).recurs is None


def test_whom_an_outage_of_a_drill_reached_hears_nothing_of_a_real_one_of_the_same_name(engine, store):
    rehearse(engine)
    store.begin_area(cut("cut", realm="drill"), T0)
    delivered(engine, T0)
    store.begin_area(cut("cut"), T0)
    store.end_area("cut", T0 + MIN, T0 + MIN)
    assert [one for one in told(engine, "live") if one[2] != "cancelled"] == [], "it was over before anybody was told"


def test_a_tap_in_a_drill_is_no_sign_of_life_at_the_beginning_of_a_shift(engine):
    store = Store(engine, Policy(check_in=True))
    rehearse(engine, people=["worker:wang"])
    case = store.raise_finding(finding("d", realm="drill"), T0)
    store.act("drill", case, Accepted("worker:wang"), T0, "t")
    at = T0 + 5 * MIN
    with engine.begin() as conn:
        conn.execute(insert(schema.shifts).values(area="g1", start=at, end=at + HOUR, owner="wang"))
    store.fire_due(at)
    with engine.connect() as conn:
        assert conn.scalar(select(schema.turns.c.asked_at).where(schema.turns.c.start == at)) == at


# --- a home stays what it is ---------------------------------------------------------------------------------------


def moved(home, area):
    """Return the sheets with a home in another area."""
    rows = [
        ",".join([home, area, *row.split(",")[2:]]) if row.startswith(f"{home},") else row
        for row in DRILL_SHEETS["households"]
    ]
    return DRILL_SHEETS | {"households": rows}


def areas_with(name, parent, kind):
    """Return the sheets with an area under another one, or of another kind."""
    rows = [f"{name},{parent},{kind},x" if row.startswith(f"{name},") else row for row in DRILL_SHEETS["areas"]]
    return DRILL_SHEETS | {"areas": rows}


@pytest.mark.parametrize(
    ("sheets", "said"),
    [
        (moved("v1", "g1"), "column area: want an area of drills: this home has meters or a past of drills"),
        (areas_with("dr", "", "street"), "an area of drills.*got v1"),
        (areas_with("dg", "c1", "grid"), "an area of drills.*got v1"),
        (moved("h1", "dg"), "an area in which somebody lives.*got h1"),
        (areas_with("g1", "dr", "grid"), "an area in which somebody lives.*got h1"),
    ],
)
def test_no_import_makes_a_home_of_drills_real_or_a_real_one_unheard(quarter, tmp_path, sheets, said):
    stop(quarter, rehearse(quarter, ["v1"], [], kind="tabletop"))
    before = registry_of(quarter)
    with pytest.raises(RegistryError, match=said):
        fill(quarter, tmp_path / "moved", **sheets)
    assert registry_of(quarter) == before, "and nothing else of it is imported"


def registry_of(engine):
    """Return where every home and area stands."""
    with engine.connect() as conn:
        return moving.stored_areas(conn), moving.stored_homes(conn)


def test_a_home_without_meters_and_past_may_be_moved_so_that_a_slip_can_be_mended(quarter, tmp_path):
    fill(quarter, tmp_path / "moved", **moved("v2", "g1"))
    assert registry_of(quarter)[1]["v2"] == "g1"
    fill(quarter, tmp_path / "back", **DRILL_SHEETS)
    assert registry_of(quarter)[1]["v2"] == "dg"


# --- receipts and answers ------------------------------------------------------------------------------------------


def test_receipts_and_answers_of_drills_are_counted_nowhere(engine, store):
    rehearse(engine, people=["worker:wang"])
    drill = store.raise_finding(finding("d", realm="drill"), T0)
    dispatcher = Dispatcher(
        engine, {}, texts.load(), "https://shuian.example", lambda: T0, make_links=access.new_links, policy=Policy()
    )
    delivered(engine, T0)
    real = store.raise_finding(finding("f-2", "amber", household="h2"), T0)
    counter = metrics.RECEIPTS.labels("email", "applied")._value
    for realm, case, more in (("drill", drill, 0), ("live", real, 1)):
        delivered(engine, T0)
        with engine.connect() as conn:
            n = schema.notices.c
            row = conn.execute(select(n.id, n.address).where(n.realm == realm, n.case_id == case)).first()
        before = counter.get()
        assert dispatcher.hear("email", [Receipt(row.id, row.address, "delivered", T0)])["applied"] == 1
        assert counter.get() - before == more
    with engine.begin() as conn:
        n = schema.notices.c
        row = conn.execute(select(schema.notices).where(n.realm == "drill", n.template == "offer")).mappings().one()
        code = reply_codes.issue(conn, row, T0)
    said = Reply("m-1", row["address"], f"1 {code}")
    answers = [reply_codes.answer(store, row["channel"], said, T0) for _ in range(2)]
    assert [(one.done, one.realm) for one in answers] == [("done", "drill"), ("repeated", "drill")]
