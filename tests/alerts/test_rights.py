"""A copy of everything, and being forgotten: nothing that leads to the person is left, what was done stays accountable."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import insert, select, text, update

from alerts import access, audit, consent, queries, rights, schema
from alerts.errors import BadConsent
from alerts.events import Accepted, OutcomeRecorded
from alerts.policy import Policy
from tests.alerts.neighbourhood import T0, delivered, finding

NAMES = ("李秀英", "0755-0000-0001", "儿子", "daughter@example.org", "son@example.org", "50400")
NOBODY = {
    "users", "areas", "policies", "area_events", "api_tokens", "workers", "registry_version",
    "consent_texts", "shifts", "turns", "drills",
}  # fmt: skip


@pytest.fixture
def lived(engine, store):
    """A resident of whom much is written down: a case with its messages and outcome, looks, links, an absence."""
    case = store.raise_finding(finding(), T0)
    delivered(engine, T0)
    store.act("live", case, Accepted("worker:wang"), T0, "tap-1")
    store.act("live", case, OutcomeRecorded("worker:wang", "HELPED"), T0, "tap-2")
    with engine.begin() as conn:
        access.new_session(conn, "family", "f1", T0)
        access.new_link(conn, "resident", "r1", "/r", T0, timedelta(hours=1))
        queries.view_seen(conn, "worker:wang", "h1", "case", T0)
    return engine


def everything_stored(engine):
    with engine.connect() as conn:
        rows = {name: conn.execute(select(table)).all() for name, table in schema.metadata.tables.items()}
    return "".join(map(repr, rows.values()))


def forget(engine, resident="r1"):
    with engine.begin() as conn:
        proof = rights.forget(conn, rights.somebody(conn, resident), T0, Policy(), "cli")
    with engine.connect() as conn:
        return rights.sealed(proof, audit.head(conn, T0))


def test_a_copy_holds_every_row_about_the_person_and_nobody_elses(lived):
    with lived.connect() as conn:
        found = rights.everything(conn, rights.somebody(conn, "r1"))
    for table in ("residents", "households", "contacts", "consents", "devices", "cases", "case_events", "findings",
                  "notices", "attempts", "sessions", "links", "view_log", "audit"):  # fmt: skip
        assert found[table], table
    written = json.dumps(found, ensure_ascii=False)
    for name in NAMES:
        assert name in written
    for other in ("王建国", "other@example.org", "token_hash"):
        assert other not in written


def test_nothing_that_leads_to_the_person_is_left(lived):
    forget(lived)
    left = everything_stored(lived)
    for name in NAMES:
        assert name not in left, name
    with lived.connect() as conn:
        assert conn.execute(text("PRAGMA foreign_key_check")).all() == []
        assert conn.execute(select(schema.households.c.door).where(schema.households.c.id == "h1")).scalar() == "–"
        assert conn.execute(select(schema.households.c.door).where(schema.households.c.id == "h2")).scalar() == "402"


def test_what_was_done_stays_and_the_chain_holds(lived):
    proof = forget(lived)
    with lived.connect() as conn:
        assert conn.scalar(select(schema.cases.c.outcome)) == "HELPED"
        assert audit.verify(conn).ok
        last = conn.execute(select(schema.audit).order_by(schema.audit.c.n.desc())).first()
    assert (last.kind, last.about) == ("forgotten", "resident:r1")
    assert proof["kept"]["cases"] == {"rows": 1, "why": rights.WHY_KEPT}


def test_the_proof_counts_and_carries_its_own_hash(lived):
    proof = forget(lived)
    assert proof["deleted"]["contacts"] == 2
    assert proof["deleted"]["residents"] == 1
    assert proof["emptied"]["findings"] == 1
    whole = {k: v for k, v in proof.items() if k != "sha256"}
    said = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert proof["sha256"] == sha256(said.encode()).hexdigest()


def test_what_belongs_to_the_household_stays_with_who_still_lives_there(lived):
    with lived.begin() as conn:
        conn.execute(update(schema.residents).where(schema.residents.c.id == "r2").values(household="h1"))
    proof = forget(lived)
    left = everything_stored(lived)
    assert "李秀英" not in left
    assert "daughter@example.org" not in left
    assert proof["kept"]["devices"]["why"] == rights.WHY_SHARED
    with lived.connect() as conn:
        assert conn.execute(select(schema.households.c.door).where(schema.households.c.id == "h1")).scalar() == "301"
        assert {one.how for one in consent.standing(conn, "r2", T0)} == {"given", "never"}


def test_a_case_that_is_open_is_settled_first(engine, store):
    store.raise_finding(finding(), T0)
    with pytest.raises(BadConsent, match="a case of this household is open"):
        forget(engine)
    assert "李秀英" in everything_stored(engine)
    with pytest.raises(BadConsent, match="want the id of a resident"):
        forget(engine, "nobody")


def test_every_table_is_either_about_people_or_known_to_be_about_nobody():
    assert rights.unnamed(schema.metadata.tables) == NOBODY


def known_of(conn, address, offer):
    """Write down what is known of an address: that it is bad, a reply from it, a code that was sent to it."""
    conn.execute(insert(schema.contact_points).values(channel="sms", address=address, bad_at=T0))
    conn.execute(insert(schema.replies).values(channel="sms", id=address, address=address, at=T0, result="wrong"))
    code = {"address": address, "code": "47", "realm": "live", "offer": offer, "expires_at": T0}
    conn.execute(insert(schema.reply_codes).values(**code))


KNOWN_OF = ("contact_points", "replies", "reply_codes")


def test_what_is_known_of_an_address_goes_with_whom_it_leads_to(lived):
    son, resident = "13900000001", "13900000002"
    with lived.begin() as conn:
        of = update(schema.contacts).where(schema.contacts.c.id == "f1")
        conn.execute(of.values(channel="email;sms", address=f"son@example.org;+86{son}"))
        conn.execute(update(schema.residents).where(schema.residents.c.id == "r1").values(phone=resident))
        offer = conn.scalar(select(schema.offers.c.id))
        for address in (son, resident):
            known_of(conn, address, offer)
    with lived.connect() as conn:
        copied = rights.everything(conn, rights.somebody(conn, "r1"))
    assert {len(copied[name]) for name in KNOWN_OF} == {2}
    deleted = forget(lived)["deleted"]
    assert {deleted[name] for name in KNOWN_OF} == {2}
    assert son not in everything_stored(lived)
    assert resident not in everything_stored(lived)


def test_what_is_known_of_an_address_that_somebody_else_has_too_stays(lived):
    shared = {"channel": "sms", "address": "13900000003"}
    with lived.begin() as conn:
        conn.execute(update(schema.contacts).where(schema.contacts.c.id == "f1").values(**shared))
        conn.execute(update(schema.workers).where(schema.workers.c.id == "wang").values(**shared))
        known_of(conn, shared["address"], conn.scalar(select(schema.offers.c.id)))
    assert not set(KNOWN_OF) & set(forget(lived)["deleted"])
    with lived.connect() as conn:
        assert all(conn.execute(select(schema.metadata.tables[name])).first() for name in KNOWN_OF)
