"""The resident's own page, the operator's list of consents, and what a relative reads when sharing has ended."""

from datetime import timedelta

from sqlalchemy import select

from alerts import consent, schema

TAP = "t" * 16


def stand(community, resident="r1"):
    with community.engine.connect() as conn:
        return {(one.purpose, one.recipient): one.how for one in consent.standing(conn, resident, community.now)}


def test_a_resident_sees_what_others_see_and_who_looked(community):
    case = community.red("h1")
    community.visitor("worker", "w1").get(f"/w/a/{case}")
    community.visitor("family", "c1").get("/f")
    page = community.visitor("resident", "r1").get("/r").text
    for shown in ("陈秀英", "已通知社区工作人员", "王丽", "家属1", "看了事件", "看了家属页", "<svg"):
        assert shown in page, shown
    assert "周国强" not in page


def test_a_resident_pauses_and_stops_in_two_taps_and_agrees_again(community):
    me = community.visitor("resident", "r1")
    assert me.get("/r").text.count("<details") == 4
    assert me.post("/r", do="pause:community::7", tap=TAP).status_code == 303
    assert stand(community)["community", ""] == "paused"
    assert me.post("/r", do="withdraw:relative:c1", tap=TAP).status_code == 303
    assert stand(community)["relative", "c1"] == "withdrawn"
    assert me.post("/r", do="give:relative:c1", tap=TAP).status_code == 303
    assert stand(community)["relative", "c1"] == "given"
    for wrong in ("give:relative:c2", "withdraw:all:", "pause:monitor::9999", "x", "give", "withdraw:monitor::1"):
        assert me.post("/r", do=wrong, tap=TAP).status_code == 400
    assert me.post("/r", headers={"origin": "https://evil.example"}, do="withdraw:monitor:", tap=TAP).status_code == 403


def test_a_relative_reads_that_sharing_ended_and_not_why_even_with_an_old_link(community):
    relative, token = community.visitor("family", "c1"), community.link("family", "c1", "/f")
    assert "陈秀英" in relative.get("/f").text
    community.visitor("resident", "r1").post("/r", do="withdraw:relative:c1", tap=TAP)
    for answer in (relative.get("/f"), relative.get("/f?part=1"), relative.get(f"/link/{token}"),
                   relative.post(f"/link/{token}")):  # fmt: skip
        assert answer.status_code == 403
        assert "已停止分享" in answer.text
        assert "陈秀英" not in answer.text
        assert "撤回" not in answer.text
    with community.engine.connect() as conn:
        assert conn.scalars(select(schema.sessions.c.ended_at).where(schema.sessions.c.person == "c1")).one()


def test_the_family_of_a_home_in_review_reads_that_somebody_looks_into_it(community):
    community.red("h1")
    community.visitor("resident", "r1").post("/r", do="withdraw:community:", tap=TAP)
    page = community.visitor("family", "c1").get("/f").text
    assert "值班人员正在核实" in page
    assert "社区工作人员" not in page.split("honest")[0]


def test_an_operator_decides_about_a_case_whose_consent_ended(community):
    case = community.red("h1")
    community.visitor("resident", "r1").post("/r", do="withdraw:monitor:", tap=TAP)
    desk = community.visitor("operator", "w9")
    queue = desk.get("/c/consents").text
    assert f"/c/case/{case}" in queue
    assert "请决定" in queue
    assert "再次请值班决定" in desk.get("/c").text
    assert "不再派人，等值班决定" in desk.get("/c/households/h1").text
    assert "close_consent" in desk.get(f"/c/case/{case}").text
    worker = community.visitor("worker", "w1")
    assert case not in worker.get("/w").text
    assert worker.post(f"/w/a/{case}", do="accept", tap=TAP).status_code == 404
    assert worker.post(f"/w/a/{case}", do="close_consent", tap="u" * 16).status_code == 404
    assert desk.post(f"/c/case/{case}", do="close_consent", tap=TAP).status_code == 303
    assert community.state(case) == "CANCELLED_CONSENT"
    assert "因撤回同意而结束" in desk.get(f"/c/case/{case}").text


def test_an_operator_writes_down_a_consent_with_its_evidence(community):
    desk = community.visitor("operator", "w9")
    desk.post("/c/consents/r1", do="give:research:", given_by="女儿（监护人）", evidence="表 17")
    page = desk.get("/c/consents/r1").text
    assert "女儿（监护人）" in page
    assert "表 17" in page
    assert stand(community)["research", ""] == "given"
    assert desk.get("/c/consents/nobody").status_code == 404
    assert desk.post("/c/consents/nobody", do="give:research:").status_code == 400


def test_a_new_text_stands_in_the_queue_and_before_the_resident_until_answered(community):
    with community.engine.begin() as conn:
        now = community.now
        consent.publish(conn, "research", "2", "新的研究说明", "A new text", now, "cli", now)
        consent.publish(conn, "monitor", "2", "新的看护说明", "A new text on watching", now, "cli", now)
    desk, me = community.visitor("operator", "w9"), community.visitor("resident", "r1")
    assert desk.get("/c/consents").text.count(">新说明还没有回答<") == 5
    assert "新的看护说明" in me.get("/r").text
    me.post("/r", do="give:monitor:", tap=TAP)
    assert desk.get("/c/consents").text.count(">新说明还没有回答<") == 4


def test_a_link_to_the_residents_page_is_made_by_an_operator_and_opens_once(community):
    desk = community.visitor("operator", "w9")
    page = desk.post("/c/consents/r1", do="link").text
    path = page.split("http://pages.test")[1].split("<")[0]
    phone = community.visitor()
    assert phone.post(path).headers["location"] == "/r"
    assert "陈秀英" in phone.get("/r").text
    assert community.visitor().post(path).status_code == 410
    community.later(days=31)
    assert phone.get("/r").status_code == 401


def test_a_pause_shows_until_when(community):
    community.visitor("resident", "r1").post("/r", do="pause:relative:c1:1", tap=TAP)
    assert "暂停到 明天\xa010:40" in community.visitor("resident", "r1").get("/r").text
    community.now += timedelta(days=1, minutes=1)
    assert stand(community)["relative", "c1"] == "given"
