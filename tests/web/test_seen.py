"""What proves that a message was seen, and where it is shown: states of notices, addresses at which nobody is reached."""

import pytest
from sqlalchemy import insert, select, update

from alerts import access, schema


@pytest.fixture
def sent(community):
    """Return an open case whose offer was handed over, and a maker of links that this message carries."""
    case = community.red("h1")
    n = schema.notices.c
    with community.engine.begin() as conn:
        offer = conn.execute(select(schema.notices).where(n.case_id == case, n.template == "offer")).one()
        conn.execute(update(schema.notices).where(n.id == offer.id).values(state="accepted", attempts=1))

    def link():
        with community.engine.begin() as conn:
            life = community.store.policy.offer_life("red") * 10
            return access.new_link(
                conn, "worker", offer.recipient, f"/w/a/{case}", community.now, life, realm="live", notice=offer.id
            )

    def state():
        with community.engine.connect() as conn:
            return conn.execute(select(schema.notices).where(n.id == offer.id)).one().state

    return case, offer, link, state


def test_a_preview_bot_has_seen_nothing_and_the_person_who_taps_has(community, sent):
    _, _, link, state = sent
    token = link()
    for _ in range(3):
        assert community.visitor().get(f"/link/{token}").status_code == 200
    assert state() == "accepted"
    community.visitor().post(f"/link/{token}")
    assert state() == "seen"


def test_a_stranger_who_opens_a_used_link_has_seen_nothing(community, sent):
    _, offer, link, state = sent
    token = link()
    community.visitor().post(f"/link/{token}")
    n = schema.notices.c
    with community.engine.begin() as conn:
        conn.execute(update(schema.notices).where(n.id == offer.id).values(state="accepted", seen_at=None))
    assert community.visitor().post(f"/link/{token}").status_code == 410
    assert state() == "accepted"


def test_who_is_already_in_and_comes_by_the_link_has_seen_it(community, sent):
    _, offer, link, state = sent
    visitor = community.visitor("worker", offer.recipient)
    assert visitor.get(f"/link/{link()}").status_code == 303
    assert state() == "seen"


def test_a_colleague_who_looks_at_the_case_has_not_seen_the_message_to_somebody_else(community, sent):
    case, offer, _, state = sent
    with community.engine.connect() as conn:
        w = schema.workers.c
        other = conn.scalars(select(w.id).where(w.id != offer.recipient, w.role == "worker")).first()
    community.visitor("worker", other).get(f"/w/a/{case}")
    community.visitor("operator", "w9").get(f"/c/case/{case}")
    assert state() == "accepted"
    community.visitor("worker", offer.recipient).get(f"/w/a/{case}")
    assert state() == "seen"


@pytest.mark.parametrize("state", ["accepted", "delivered", "seen", "unknown"])
def test_the_case_says_what_is_really_known_of_each_message(community, catalogues, sent, state):
    case, offer, _, _ = sent
    n = schema.notices.c
    with community.engine.begin() as conn:
        conn.execute(update(schema.notices).where(n.id == offer.id).values(state=state))
    page = community.visitor("operator", "w9").get(f"/c/case/{case}").text
    said = catalogues("zh_CN", f"page.notice.{state}")
    assert f'<span class="delivery {state}">{said}' in page


def test_an_address_at_which_nobody_is_reached_is_shown_where_it_can_be_mended(community, sent):
    _, offer, _, _ = sent
    with community.engine.begin() as conn:
        contact = conn.execute(select(schema.contacts)).first()
        home = conn.scalar(select(schema.residents.c.household).where(schema.residents.c.id == contact.resident))
        for channel, address in ((offer.channel, offer.address), (contact.channel, contact.address)):
            row = {"channel": channel, "address": address, "bad_at": community.now, "bad_why": "550"}
            conn.execute(insert(schema.contact_points).values(**row))
    operator = community.visitor("operator", "w9")
    assert "联系不上（自" in operator.get(f"/c/households/{home}").text
    assert "联系不上" in operator.get("/c").text
    assert "请核对号码或地址" in community.visitor("worker", offer.recipient).get("/w/me").text
    assert contact.address not in operator.get(f"/c/households/{home}").text
