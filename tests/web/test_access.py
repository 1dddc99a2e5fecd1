"""Links, sessions, passwords: who gets in, and how often."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from alerts import access, schema
from tests.web.neighbourhood import NOW


def test_a_preview_bot_that_opens_a_link_changes_nothing(community):
    token = community.link("worker", "w1", "/w")
    for _ in range(3):
        answer = community.visitor().get(f"/link/{token}")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert "<form" in answer.text
    with community.engine.connect() as conn:
        assert access.link(conn, token, community.now).state == "fresh"
        assert conn.execute(select(schema.sessions)).all() == []


def test_a_link_opens_once_and_leads_on(community):
    token = community.link("worker", "w1", "/w/me")
    first, second = community.visitor(), community.visitor()
    answer = first.post(f"/link/{token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/w/me")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert first.get("/w/me").status_code == 200
    assert second.post(f"/link/{token}").status_code == 410
    assert second.get("/w/me").status_code == 401


def test_a_used_link_goes_on_for_whoever_is_already_in(community):
    token = community.link("worker", "w1", "/w")
    visitor = community.visitor()
    visitor.post(f"/link/{token}")
    assert visitor.get(f"/link/{token}").headers["location"] == "/w"
    stranger = community.visitor("worker", "w2")
    assert stranger.get(f"/link/{token}").status_code == 410


def test_an_expired_link_says_what_to_do(community):
    token = community.link("family", "c1", "/f", timedelta(minutes=5))
    community.later(minutes=5)
    visitor = community.visitor()
    answer = visitor.get(f"/link/{token}")
    assert answer.status_code == 410
    assert "最新一条消息" in answer.text
    assert visitor.post(f"/link/{token}").status_code == 410
    assert visitor.get("/f").status_code == 401


def test_an_unknown_link_opens_nothing(community):
    assert community.visitor().get("/link/nothing").status_code == 404
    assert community.visitor().post("/link/nothing").status_code == 404


@pytest.mark.parametrize("goto", ["https://evil.example/", "//evil.example", "/\\evil.example", "w", "/a b", ""])
def test_a_link_never_leads_away_from_this_site(community, goto):
    with pytest.raises(ValueError, match="path of this site"):
        community.link("worker", "w1", goto)


def test_the_database_keeps_no_token(community):
    token = community.link("worker", "w1", "/w")
    with community.engine.begin() as conn:
        session = access.redeem(conn, token, NOW)
        assert session is not None
        stored = [*conn.execute(select(schema.links.c.token_hash)), *conn.execute(select(schema.sessions.c.token_hash))]
    assert len(stored) == 2
    assert not {token, session.token} & {row[0] for row in stored}


def test_a_session_ends_with_its_time(community):
    visitor = community.visitor("worker", "w1")
    assert visitor.get("/w").status_code == 200
    community.later(hours=12)
    assert visitor.get("/w").status_code == 401


def test_a_session_ends_with_the_post_of_its_worker(community):
    visitor = community.visitor("worker", "w5")
    assert visitor.get("/w").status_code == 200
    with community.engine.begin() as conn:
        conn.execute(delete(schema.workers).where(schema.workers.c.id == "w5"))
    assert visitor.get("/w").status_code == 401


def test_logging_out_ends_the_session(community):
    visitor = community.visitor("worker", "w1")
    token = visitor.cookies["shuian-w"]
    assert visitor.post("/logout").status_code == 200
    again = community.visitor()
    again.cookies["shuian-w"] = token
    assert again.get("/w").status_code == 401


def test_one_browser_can_be_a_worker_and_a_relative_and_logs_out_of_one(community):
    visitor = community.visitor("worker", "w1")
    visitor.cookies |= community.visitor("family", "c1").cookies
    assert visitor.get("/w").status_code == 200
    assert visitor.get("/f").status_code == 200
    form = re.search(r'name="form" value="([^"]+)"', visitor.get("/f").text)
    assert visitor.post("/logout", form=form[1]).status_code == 200
    assert visitor.get("/w").status_code == 200
    assert community.visitor("family", "c1").get("/f").status_code == 200
    assert visitor.get("/f").status_code in {401, 403}


def test_an_operator_comes_in_by_password(community):
    with community.engine.begin() as conn:
        access.set_password(conn, "duty", "correct horse battery")
        assert "correct horse" not in conn.scalars(select(schema.users.c.password)).one()
    visitor = community.visitor()
    assert visitor.get("/c").headers["location"] == "/login"
    assert visitor.post("/login", name="duty", password="wrong horse battery").status_code == 401
    assert visitor.post("/login", name="nobody", password="correct horse battery").status_code == 401
    assert visitor.post("/login", name="duty", password="correct horse battery").headers["location"] == "/c"
    assert visitor.get("/c").status_code == 200


def test_five_wrong_passwords_close_the_door_for_a_quarter_of_an_hour(community):
    with community.engine.begin() as conn:
        access.set_password(conn, "duty", "correct horse battery")
    visitor = community.visitor()
    answers = [
        visitor.post("/login", name=name, password="x").status_code
        for name in ("duty", "DUTY", "duty ", "duty", "duty")
    ]
    assert answers == [401] * 5
    assert visitor.post("/login", name="duty", password="correct horse battery").status_code == 429
    community.later(minutes=15)
    assert visitor.post("/login", name="duty", password="correct horse battery").status_code == 303


def test_disabling_an_account_or_a_new_password_ends_its_sessions(community):
    with community.engine.begin() as conn:
        access.set_password(conn, "duty", "correct horse battery")
    visitor = community.visitor("operator", "duty")
    assert visitor.get("/c").status_code == 200
    with community.engine.begin() as conn:
        conn.execute(update(schema.users).values(disabled=True))
    assert visitor.get("/c").headers["location"] == "/login"
    with community.engine.begin() as conn:
        access.set_password(conn, "duty", "another long password")
        assert access.password_fits(conn, "duty", "another long password")
        assert not access.password_fits(conn, "duty", "correct horse battery")
    assert visitor.get("/c").headers["location"] == "/login"


@pytest.mark.parametrize(("name", "password"), [("", "long enough password"), ("duty", "short")])
def test_a_useless_password_is_refused(community, name, password):
    with community.engine.begin() as conn, pytest.raises(ValueError, match="want a"):
        access.set_password(conn, name, password)


def test_wrong_tries_forget_the_oldest_name_when_there_are_too_many():
    tries = access.WrongTries(most=1, names=2)
    for name in ("a", "b", "c"):
        tries.count(name, NOW)
    assert [tries.blocked(name, NOW) for name in "abc"] == [False, True, True]
