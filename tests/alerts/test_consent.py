"""Consent: what each answer allows, and that ending one ends at once whatever rested on it."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from alerts import access, audit, consent, database, notice_truth, queries, registry, schema
from alerts.errors import BadConsent
from alerts.events import Accepted, OutcomeRecorded, ReviewClosed
from alerts.policy import Policy
from tests.alerts.neighbourhood import SHEETS, T0, delivered, fill, finding, notices, write

POLICY = Policy()
HOUR = timedelta(hours=1)


def asked(engine, what, *args, at=T0, **more):
    with engine.begin() as conn:
        what(conn, *args, at, POLICY, by="resident:r1", **more)


def withdraw(engine, purpose, recipient="", resident="r1", at=T0):
    asked(engine, consent.withdraw, resident, purpose, recipient, at=at)


def give(engine, purpose, recipient="", resident="r1", at=T0):
    asked(engine, consent.give, resident, purpose, recipient, at=at, given_by="resident")


def how(engine, at=T0, resident="r1"):
    with engine.connect() as conn:
        return {(one.purpose, one.recipient): one.how for one in consent.standing(conn, resident, at)}


def of(engine, kind, template=None):
    return [n for n in notices(engine) if n.recipient_kind == kind and template in (None, n.template)]


def state(engine, case):
    with engine.connect() as conn:
        return conn.scalars(select(schema.cases.c.state).where(schema.cases.c.id == case)).one()


def test_each_purpose_and_each_relative_stands_for_itself(engine):
    assert how(engine) == {
        ("monitor", ""): "given", ("community", ""): "given", ("relative", "f1"): "given", ("relative", "f2"): "given",
        ("research", ""): "never",
    }  # fmt: skip
    withdraw(engine, "relative", "f1")
    assert how(engine)["relative", "f1"] == "withdrawn"
    assert how(engine)["relative", "f2"] == "given"
    with engine.connect() as conn:
        assert registry.relatives(conn, "h1", T0) == ["f2"]
        assert access.home_of_relative(conn, "f1", T0) is None
        assert access.home_of_relative(conn, "f2", T0) == "h1"


def test_a_home_that_nobody_lets_be_watched_is_bound_for_nothing(engine, store):
    withdraw(engine, "monitor")
    with engine.connect() as conn:
        assert {one.consented for one in registry.bindings(conn, T0) if one.household == "h1"} == {False}
        assert access.home_of_relative(conn, "f1", T0) is None
    assert store.raise_finding(finding(), T0) is None
    give(engine, "monitor", at=T0 + HOUR)
    assert store.raise_finding(finding(at=T0 + HOUR), T0 + HOUR) is not None


def test_a_pause_ends_by_itself(engine):
    asked(engine, consent.pause, "r1", "relative", "f1", T0 + HOUR)
    with engine.connect() as conn:
        assert registry.relatives(conn, "h1", T0) == ["f2"]
        assert registry.relatives(conn, "h1", T0 + HOUR) == ["f1", "f2"]
    assert how(engine)["relative", "f1"] == "paused"
    with pytest.raises(BadConsent, match="end of the pause"):
        asked(engine, consent.pause, "r1", "monitor", "", T0)


def test_giving_again_ends_a_pause(engine):
    asked(engine, consent.pause, "r1", "monitor", "", T0 + 5 * HOUR)
    give(engine, "monitor", at=T0 + HOUR)
    assert how(engine, T0 + HOUR)["monitor", ""] == "given"


def publish(engine, version, at, now=T0, purpose="relative"):
    with engine.begin() as conn:
        consent.publish(conn, purpose, version, "新的说明", "A new text", at, "operator:ops", now)


def test_a_new_text_parks_its_purpose_until_it_is_answered(engine):
    publish(engine, "2", T0 + 2 * HOUR)
    assert how(engine, T0 + HOUR)["relative", "f1"] == "given"
    later = T0 + 3 * HOUR
    assert how(engine, later)["relative", "f1"] == "parked"
    assert how(engine, later)["monitor", ""] == "given"
    with engine.connect() as conn:
        assert registry.relatives(conn, "h1", later) == []
    give(engine, "relative", "f1", at=later)
    assert how(engine, later)["relative", "f1"] == "given"
    assert how(engine, later)["relative", "f2"] == "parked"
    with pytest.raises(BadConsent, match="has been published"):
        publish(engine, "2", later)


def test_who_answered_a_text_before_it_is_in_force_is_not_asked_again(engine):
    publish(engine, "2", T0 + 2 * HOUR)
    with engine.begin() as conn:
        for one in ("f1", "f2"):
            consent.withdraw(conn, "r1", "relative", one, T0, POLICY, by="cli")
        consent.give(conn, "r1", "relative", "f1", T0, POLICY, by="cli", given_by="resident", version="2")
    assert how(engine, T0 + 3 * HOUR)["relative", "f1"] == "given"


def test_queued_messages_links_and_sessions_end_with_the_consent(engine, store):
    store.raise_finding(finding(), T0)
    with engine.begin() as conn:
        token = access.new_link(conn, "family", "f1", "/f", T0, HOUR)
        session = access.new_session(conn, "family", "f1", T0)
        others = access.new_session(conn, "family", "f2", T0)
    assert {n.recipient for n in of(engine, "contact")} == {"f1", "f2"}
    withdraw(engine, "relative", "f1")
    assert {n.recipient for n in of(engine, "contact")} == {"f2"}
    with engine.begin() as conn:
        assert access.link(conn, token, T0).state == "ended"
        assert access.redeem(conn, token, T0) is None
        assert access.session(conn, session.token, T0) is None
        assert access.ended_with_consent(conn, session.token)
        assert access.session(conn, others.token, T0) is not None


def test_a_message_that_stands_down_is_never_deleted(engine, store):
    case = store.raise_finding(finding("f-a", "amber"), T0)
    delivered(engine, T0)
    store.clear_finding("f-a", T0, T0)
    assert state(engine, case) == "EXPLAINED"
    withdraw(engine, "relative", "f1")
    assert {n.recipient for n in of(engine, "contact", "family_stand_down")} == {"f1", "f2"}


def test_whoever_was_asked_hears_that_it_is_over_and_not_what_it_was(engine, store):
    case = store.raise_finding(finding(), T0)
    delivered(engine, T0)
    withdraw(engine, "relative", "f1")
    store.act("live", case, OutcomeRecorded("worker:wang", "HELPED"), T0, "tap")
    told = {(n.recipient, n.template) for n in of(engine, "contact") if n.state == "pending"}
    assert told == {("f1", "family_ended"), ("f2", "family_outcome.HELPED")}


def in_doubt(engine, *where):
    """Let nobody know whether some notices left: they wait for their provider's word, or another try."""
    doubt = {"state": "unknown", "attempts": 1, "due_at": T0 + HOUR, "poll_at": T0 + HOUR, "next_at": T0 + HOUR}
    with engine.begin() as conn:
        assert conn.execute(update(schema.notices).where(*where).values(**doubt)).rowcount


def test_a_message_that_may_have_been_sent_is_not_tried_again_either(engine, store):
    store.raise_finding(finding(), T0)
    in_doubt(engine, schema.notices.c.recipient_kind == "contact")
    withdraw(engine, "relative", "f1")
    by = {n.recipient: n for n in of(engine, "contact")}
    assert (by["f1"].state, by["f1"].address, by["f1"].poll_at, by["f1"].next_at) == ("cancelled", "", None, None)
    assert by["f2"].state == "unknown"


def test_an_offer_that_may_have_been_sent_is_not_tried_again_once_nobody_may_go(engine, store):
    store.raise_finding(finding(), T0)
    in_doubt(engine, schema.notices.c.template == "offer")
    withdraw(engine, "community")
    assert [n.state for n in of(engine, "worker", "offer")] == ["cancelled"]


def test_what_it_was_is_not_told_after_all_by_a_message_that_was_on_its_way(engine, store):
    case = store.raise_finding(finding(), T0)
    delivered(engine, T0)
    store.act("live", case, OutcomeRecorded("worker:wang", "HELPED"), T0, "tap")
    withdraw(engine, "relative", "f1", at=T0)
    with engine.begin() as conn:
        n = schema.notices.c
        owed = conn.execute(select(schema.notices).where(n.recipient_kind == "contact", n.state == "pending"))
        rows = {row["recipient"]: row for row in owed.mappings()}
        assert {who: row["template"] for who, row in rows.items()} == {
            "f1": "family_ended",
            "f2": "family_outcome.HELPED",
        }
        of_case = notice_truth.about(conn, rows["f2"])
        assert notice_truth.holds(conn, rows["f2"], of_case, T0)
        assert not notice_truth.holds(conn, {**rows["f2"], "recipient": "f1"}, of_case, T0)
        assert notice_truth.holds(conn, {**rows["f2"], "recipient": "f1", "template": "family_ended"}, of_case, T0)


@pytest.mark.parametrize("purpose", ["monitor", "community"])
@pytest.mark.parametrize("severity", ["red", "amber"])
def test_a_case_that_nobody_accepted_asks_the_operator(engine, store, purpose, severity):
    case = store.raise_finding(finding(severity=severity), T0)
    delivered(engine, T0)
    withdraw(engine, purpose)
    assert state(engine, case) == "CONSENT_REVIEW"
    assert [n.recipient for n in of(engine, "operator", "operator_consent")] == ["ops"]
    stood_down = [n.recipient for n in of(engine, "worker", "stand_down")]
    assert stood_down == (["wang"] if severity == "red" else [])
    assert store.act("live", case, Accepted("worker:wang"), T0, "late").result != "done"
    for hours in range(1, 4):
        store.fire_due(T0 + hours * HOUR)
    assert len(of(engine, "operator", "operator_consent")) > 1
    assert len(of(engine, "worker", "offer")) == (1 if severity == "red" else 0)
    assert store.act("live", case, ReviewClosed("worker:wang"), T0, "not theirs").result != "done"
    assert store.act("live", case, ReviewClosed("operator:ops"), T0, "end").done
    assert state(engine, case) == "CANCELLED_CONSENT"


def test_consent_given_again_sends_somebody(engine, store):
    case = store.raise_finding(finding(), T0)
    withdraw(engine, "community")
    give(engine, "community", at=T0 + HOUR)
    assert state(engine, case) == "AWAITING"
    assert [n.recipient for n in of(engine, "worker", "offer")] == ["wang"]  # the first was never sent, and is gone


def test_a_visit_in_progress_may_finish(engine, store):
    case = store.raise_finding(finding(), T0)
    store.act("live", case, Accepted("worker:wang"), T0, "tap")
    withdraw(engine, "monitor")
    assert state(engine, case) == "ACCEPTED"
    assert [n.recipient for n in of(engine, "worker", "owner_consent")] == ["wang"]
    assert store.act("live", case, OutcomeRecorded("worker:wang", "SAFE_AT_HOME"), T0, "done").done


def test_a_case_about_a_device_ends(engine, store):
    case = store.raise_finding(finding(severity="blue", kind="meter_silent"), T0)
    withdraw(engine, "monitor")
    assert state(engine, case) == "CANCELLED_CONSENT"


def test_one_of_two_residents_who_still_agrees_is_enough(engine, store):
    with engine.begin() as conn:
        conn.execute(update(schema.residents).where(schema.residents.c.id == "r2").values(household="h1"))
    case = store.raise_finding(finding(), T0)
    withdraw(engine, "monitor")
    assert state(engine, case) == "AWAITING"


def test_an_import_takes_back_no_withdrawal(engine, tmp_path):
    withdraw(engine, "monitor")
    fill(engine, tmp_path / "again")
    assert how(engine)["monitor", ""] == "withdrawn"
    given = [*SHEETS["consents"], "r1,monitor,,1,2026-11-21T10:00+08:00,resident,form,"]
    fill(engine, tmp_path / "anew", consents=given)
    assert how(engine, T0 + 2 * HOUR)["monitor", ""] == "given"


def test_a_withdrawal_in_the_sheets_ends_as_much_as_one_on_a_page(engine, store, tmp_path):
    case = store.raise_finding(finding(), T0)
    with engine.begin() as conn:
        session = access.new_session(conn, "family", "f1", T0)
    kept = [row for row in SHEETS["consents"] if not row.startswith(("r1,community", "r1,relative"))]
    write(tmp_path / "less", consents=kept)
    with engine.begin() as conn:
        gone = registry.apply(registry.read(tmp_path / "less"), conn, T0).tables["consents"].removed
        consent.follow(conn, [key[:2] for key in gone], T0, POLICY, "cli")
        assert access.session(conn, session.token, T0) is None
    assert state(engine, case) == "CONSENT_REVIEW"
    assert of(engine, "contact") == []


@pytest.mark.parametrize(
    ("resident", "purpose", "recipient"),
    [("nobody", "monitor", ""), ("r1", "curiosity", ""), ("r1", "monitor", "f1"), ("r1", "relative", "f3")],
)
def test_a_consent_of_nobody_to_nobody_or_for_nothing_is_refused(engine, resident, purpose, recipient):
    with pytest.raises(BadConsent):
        withdraw(engine, purpose, recipient, resident)


def test_every_answer_is_in_the_audit_chain_and_the_pages_agree(engine):
    withdraw(engine, "relative", "f1")
    give(engine, "research")
    with database.reading(engine).connect() as conn:
        said = [(row["actor"], row["data"]["what"], row["data"]["purpose"], row["data"]["to"])
                for row in audit.about(conn, ["resident:r1"])]  # fmt: skip
        assert said[-2:] == [("resident:r1", "withdrawn", "relative", "f1"), ("resident:r1", "given", "research", "")]
        assert audit.verify(conn).ok
        assert queries.family(conn, "f1", T0) is None
