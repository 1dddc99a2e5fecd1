"""The operator's pages of drills: started, watched, stopped and read, by whoever may."""

import re
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from alerts import access, audit, drill_runs, schema
from alerts.events import Accepted
from alerts.web.ports import CannotPlay, Started
from shuian import rehearsals
from shuian.rehearsals import Rehearsals
from simulators.drills import DRILLS
from tests.web.rehearsed import acts, begin, forty, over, stage, strike, told, well


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)).replace("\xa0", " ")


def played_by(community, player):
    """Give the pages a player."""
    community.app.state.site = replace(community.app.state.site, player=player)
    return player


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """A busy machine may take longer than an operator is let wait."""
    monkeypatch.setattr(rehearsals, "BEGINS_S", 60.0)
    monkeypatch.setattr(rehearsals, "ENDS_S", 60.0)


@pytest.fixture
def player(community):
    """The service's own player; each wait of it is twenty seconds, in which all that is owed arrives."""

    def wait(ending, _):
        community.now += timedelta(seconds=20)
        community.store.fire_due(community.now)
        told(community, 0)
        return ending.is_set()

    made = Rehearsals(community.store, lambda: community.now, wait=wait)
    made.serve(community.app)
    yield played_by(community, made)
    made.close()


@pytest.fixture
def desk(community):
    return community.visitor("operator", "w9")


def at_end(player, run):
    """Wait until a player is through with a run."""
    for _ in range(6000):
        if not player.plays(run):
            return
        time.sleep(0.01)
    pytest.fail("it is not played to its end")


# --- starting ------------------------------------------------------------------------------------------------------------


def test_an_operator_starts_a_drill_and_it_is_played_to_its_end(community, player, desk):
    stage(community)
    page = desk.get("/c/drills/new?script=fall_at_night")
    assert "凌晨两点有人摔倒" in text(page)
    assert "当班到场 接单后 30 分钟内 摔倒的一户" in text(page)
    gone = desk.post("/c/drills/new", script="fall_at_night", kind="tabletop")
    assert gone.status_code == 303
    run = gone.headers["location"].rpartition("/")[2]
    at_end(player, run)
    said = text(desk.get(f"/c/drills/{run}"))
    assert "7 / 7 符合要求" in said
    assert "演完了" in said
    assert "当班接单 做到" in said
    with community.engine.connect() as conn:
        row = conn.execute(select(schema.drills)).one()
        assert (row.by, row.state, row.ended_by) == ("operator:w9", "ended", "operator:w9")
        about = select(schema.audit.c.actor).where(schema.audit.c.about == f"drill:{run}")
        assert set(conn.scalars(about)) == {"operator:w9"}
        assert audit.verify(conn).ok
        token = conn.execute(select(schema.api_tokens)).one()
        assert (token.area, token.acts_for) == ("dr", "operator:w9")
        assert token.revoked_at is not None, "it ended with its drill"
        assert set(token.scopes) == {"registry:write", "drills:run"}
        assert set(conn.scalars(select(schema.cases.c.realm))) == {"drill"}


def test_what_keeps_a_drill_from_being_played_is_told_with_what_to_do(community, player, desk):
    at, form = "/c/drills/new?script=day_trip", {"script": "day_trip", "kind": "tabletop"}
    assert "还没有演练区" in text(desk.get(at))
    refused = desk.post("/c/drills/new", **form)
    assert refused.status_code == 409
    assert "还没有演练区" in text(refused)
    with community.engine.begin() as conn:
        conn.execute(insert(schema.areas).values(id="dr", kind="drill", name="演练区"))
    assert "“演练区”里没有人员" in text(desk.get(at))
    assert desk.post("/c/drills/new", **form).status_code == 409
    with community.engine.connect() as conn:
        assert conn.execute(select(schema.drills)).first() is None
        assert conn.execute(select(schema.api_tokens)).first() is None
    assert desk.get("/c/drills/new?script=flood").status_code == 404
    assert desk.post("/c/drills/new", script="day_trip", kind="live").status_code == 400


def test_technical_drills_are_offered_where_meters_can_speak_and_are_few(community):
    def offered(broker):
        scripts = Rehearsals(community.store, lambda: community.now, lambda: broker).scripts()
        return {one.name: one.kinds for one in scripts}

    assert {kind for kinds in offered("").values() for kind in kinds} == {"tabletop"}
    both = offered("mqtt://127.0.0.1:1883")
    assert "technical" in both["fall_at_night"]
    assert "technical" not in both["forty_at_once"], "forty homes are too many to simulate in the service's own process"


def test_a_script_that_can_only_be_simulated_says_so_where_that_cannot_be_done(community, player, desk):
    stage(community)
    only = [replace(player.scripts()[0], kinds=())]
    played_by(community, Refuses(only, []))
    answer = desk.get(f"/c/drills/new?script={only[0].name}")
    assert "要用模拟水表演" in text(answer)
    assert '<form class="begin"' not in answer.text


class Refuses:
    """A player that cannot begin, and has one that is being prepared."""

    def __init__(self, scripts, started):
        self.scripts, self.started = lambda: scripts, lambda: started

    def plays(self, drill):
        return False

    def start(self, *_):
        raise CannotPlay("the broker cannot be reached")


def test_what_the_player_refuses_and_what_it_prepares_stands_on_the_page(community, player, desk):
    stage(community)
    waits = Started("day_trip", "technical", "operator:w9", community.now, "dr")
    failed = replace(waits, script="meter_swap", refused="no meter answers")
    elsewhere = replace(failed, area="grid-2", script="gateway_down")
    played_by(community, Refuses(player.scripts(), [waits, failed, replace(elsewhere, area="foreign")]))
    answer = desk.post("/c/drills/new", script="day_trip", kind="tabletop")
    assert answer.status_code == 409
    assert "the broker cannot be reached" in text(answer)
    page = text(desk.get("/c/drills"))
    assert "“出门一天”正在准备" in page
    assert "“换水表”没能开始： no meter answers" in page
    assert "“网关断线”没能" not in page


def test_without_a_player_nothing_is_offered_and_the_past_is_shown(community, desk):
    homes = stage(community)
    run = well(community, homes[0])
    page = desk.get("/c/drills")
    assert "shuian drill run" in text(page)
    assert f'href="/c/drills/{run}"' in page.text
    assert desk.get("/c/drills/new?script=day_trip").status_code == 404


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_every_script_and_each_of_its_homes_has_words(community, player, lang, catalogues):
    page = text(community.visitor("operator", "w9", lang).get("/c/drills"))
    for name, one in DRILLS.items():
        for part in ("title", "happens"):
            assert catalogues(lang, f"page.c.drills.script.{name}.{part}") in page
        for home in one.homes:
            assert catalogues.has(f"page.c.drills.part.{home.replace(' ', '_')}"), home


# --- watching and stopping --------------------------------------------------------------------------------------------------


def test_a_drill_that_runs_shows_what_waits_and_is_stopped_by_one_button(community, player, desk):
    homes = stage(community)
    run = begin(community, "worker_does_not_answer", homes)
    strike(community, run, homes[0])
    told(community)
    page = desk.get(f"/c/drills/{run}")
    assert '<body class="drill">' in page.text
    assert "2 / 6 符合要求" in text(page)
    assert "后备接单 等待中 还有时间" in text(page)
    assert "服务重启过" in text(page), "it was begun from the pages, and nobody here plays it"
    assert f'href="/c/drills/{run}"' in desk.get("/c/drills").text
    assert desk.post(f"/c/drills/{run}", do="stop").status_code == 303
    page = text(desk.get(f"/c/drills/{run}"))
    assert "值班室 停止了它" in page
    assert "关闭未完的事件 1 件" in page
    assert "没有看到最后 还没到时限，有人停止了演练。" in page
    assert "没做到" not in page
    assert "2 / 6 符合要求，4 没有看到最后" in page
    assert "2 / 6 符合要求，4 没有看到最后" in text(desk.get("/c/drills"))
    assert "2 / 6 符合要求，4 没有看到最后" in text(desk.get(f"/c/drills/{run}/report"))
    assert desk.post(f"/c/drills/{run}", do="stop").status_code == 303, "once more changes nothing"
    with community.engine.connect() as conn:
        row = conn.execute(select(schema.drills)).one()
        assert (row.state, row.why, row.ended_by) == ("aborted", "asked", "operator:w9")
    assert desk.post(f"/c/drills/{run}", do="win").status_code == 400


def test_a_player_notices_that_its_drill_was_stopped(community, desk):
    stage(community)
    runs = []

    def wait(ending, _):
        community.now += timedelta(seconds=10)
        if runs:
            over(community, runs[0], "asked")
        return False

    player = played_by(community, Rehearsals(community.store, lambda: community.now, wait=wait))
    player.serve(community.app)
    runs.append(player.start("fall_at_night", "tabletop", "dr", "operator:w9"))
    at_end(player, runs[0])
    player.close()
    with pytest.raises(CannotPlay, match="the service is ending"):
        player.start("fall_at_night", "tabletop", "dr", "operator:w9")


def test_a_service_that_ends_ends_its_drills_and_says_so(community, desk):
    stage(community)

    def wait(ending, _):
        ending.wait(60)

    player = played_by(community, Rehearsals(community.store, lambda: community.now, wait=wait))
    player.serve(community.app)
    run = player.start("fall_at_night", "tabletop", "dr", "operator:w9")
    assert player.plays(run)
    assert "服务重启过" not in text(desk.get(f"/c/drills/{run}"))
    player.close()
    assert not player.plays(run)
    assert "服务停止时结束了它" in text(desk.get(f"/c/drills/{run}"))
    with community.engine.connect() as conn:
        assert conn.execute(select(schema.drills.c.why, schema.drills.c.ended_by)).one() == ("asked", "system")
        assert conn.scalar(select(schema.api_tokens.c.revoked_at)) is not None
        who = schema.consents.c.resident
        left = conn.scalars(select(schema.consents.c.withdrawn_at).where(who.like("dr-%"), who.not_like("dr-v%"))).all()
        assert len(left) >= 3
        assert all(left), "its cast is taken out"


def test_what_was_missed_is_told_with_its_reason_and_each_person_with_the_times(community, desk):
    homes = stage(community, relatives=False)
    run = begin(community, "fall_at_night", homes)
    case = strike(community, run, homes[0])
    told(community)
    acts(community, case, Accepted("worker:dr-vb"), 2)
    over(community, run)
    page = text(desk.get(f"/c/drills/{run}"))
    assert "家属收到通知 没做到 这户没有登记可通知的家属。" in page
    assert "当班接单 没做到 接单的不是当班，是演练乙。" in page
    assert "演练甲 当班 12 秒 送达未证实" in page
    assert "演练乙 后备 – – 2 分 12 秒" in page
    assert "当班收到通知 做到 12 秒 立案后 30 秒内" in page


def test_what_had_to_stay_away_was_not_watched_to_the_end_of_a_stopped_drill(community, desk):
    run = begin(community, "fall_at_night", stage(community))
    over(community, run, "asked")
    page = text(desk.get(f"/c/drills/{run}"))
    assert "没有看到最后 没有看到最后：有人停止了演练。" in page
    assert re.search(r"0 / (\d+) 符合要求，\1 没有看到最后", page)


@pytest.mark.parametrize(
    ("why", "said"),
    [("reserve", "留给真实情况的额度"), ("real", "真实情况需要它的人或住户"), ("time", "到时自动结束")],
)
def test_what_ended_it_is_told_in_words(community, desk, why, said):
    run = begin(community, "day_trip", stage(community))
    over(community, run, why, "system")
    assert said in text(desk.get(f"/c/drills/{run}"))


def test_somebody_and_a_home_that_left_for_something_real_are_shown(community, desk):
    homes = stage(community, 2)
    with community.engine.begin() as conn:
        plan = drill_runs.Plan("x", "live", {"a": homes[0], "b": homes[1]}, ["worker:w1"], timedelta(hours=1))
        run = drill_runs.start(conn, plan, community.now, "token:t")
        drill_runs.leave(conn, run, homes[1], community.now, community.store.policy)
        drill_runs.take_out(conn, run, "worker:dr-vo", community.now, community.store.policy)
    page = text(desk.get(f"/c/drills/{run}"))
    assert "1 人因真实情况退出" in page
    assert "演练甲 已退出" in page
    assert "10:40 起退出：有真实情况" in page
    assert "服务重启过" not in page, "a program began it"


# --- many drills, and on paper ------------------------------------------------------------------------------------------------


def test_drills_of_a_script_are_put_beside_each_other_and_stopped_ones_are_not_compared(community):
    homes = stage(community)
    well(community, homes[0], 1)
    community.later(days=1)
    well(community, homes[0], 4)
    community.later(days=1)
    over(community, begin(community, "fall_at_night", homes), "asked")
    page = community.visitor("operator", "w9").get("/c/drills?trend=fall_at_night.tabletop")
    share, accepted, arrived = re.findall(r'<svg class="trail".*?</svg>', page.text)
    assert re.findall(r">([\d.?]+)</text>", share) == ["100", "100", "?"]
    assert re.findall(r">([\d.?]+)</text>", accepted) == ["1.2", "4.2", "?"]
    assert re.findall(r">([\d.?]+)</text>", arrived) == ["7.2", "10.2", "?"]
    assert "7 / 7 符合要求 4 分 12 秒 10 分 12 秒" in text(page)
    assert "中途停止，不比较" in text(page)


def test_forty_homes_at_once_are_told_in_few_lines(community, desk):
    run = forty(community, stage(community, 40))
    page = text(desk.get(f"/c/drills/{run}/report"))
    assert "122 / 160 符合要求" in page
    assert "全部 40 户" in page
    assert "40 户中的 39 户" in page
    assert "40 人 家属" in page
    assert page.count("通知送到了，当班没有看，也没有接单") == 2
    assert "演练甲没有写下结果。 没有发生 立案后 2 小时内 需要人的住户，40 户中的 18 户" in page
    assert page.count("没有写下结果") == 2, "a line for each who did not"


# --- who may ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def foreign(community):
    """An operator of another community, with a drill area of its own below it."""
    with community.engine.begin() as conn:
        way = {"channel": "email", "address": "far@example.org"}
        conn.execute(insert(schema.workers).values(id="w8", name="远处", role="operator", area="elsewhere", **way))
    return community.visitor("operator", "w8")


def test_drills_of_another_community_do_not_exist(community, player, desk, foreign):
    homes = stage(community, area="far", parent="elsewhere")
    run = begin(community, "fall_at_night", homes, by="operator:w8")
    assert foreign.get(f"/c/drills/{run}").status_code == 200
    assert run in foreign.get("/c/drills").text
    assert run not in desk.get("/c/drills").text
    for path in (f"/c/drills/{run}", f"/c/drills/{run}/report", "/c/drills/none", "/c/drills/%00"):
        assert desk.get(path).status_code == 404
    assert desk.post(f"/c/drills/{run}", do="stop").status_code == 404
    assert "还没有演练区" in text(desk.get("/c/drills/new?script=day_trip")), "nor is it a stage"
    with community.engine.connect() as conn:
        assert conn.scalar(select(schema.drills.c.state)) == "running"


def test_an_account_sees_all_drills_and_a_drill_area_of_its_own_is_everybodys(community, desk, foreign):
    run = well(community, stage(community)[0])
    far = well(community, stage(community, area="far", parent="elsewhere")[0])
    with community.engine.begin() as conn:
        conn.execute(insert(schema.users).values(name="chief", password="-", disabled=False))
    account = community.visitor("operator", "chief")
    for path in (f"/c/drills/{run}", f"/c/drills/{far}"):
        assert account.get(path).status_code == 200
    assert [desk.get(f"/c/drills/{one}").status_code for one in (run, far)] == [200, 404]
    assert [foreign.get(f"/c/drills/{one}").status_code for one in (run, far)] == [200, 200]


def test_whoever_came_by_the_link_of_a_drill_starts_and_stops_none(community, player):
    run = begin(community, "day_trip", stage(community))

    with community.engine.begin() as conn:
        token = access.new_session(conn, "operator", "dr-vd", community.now, "drill").token
    visitor = community.visitor()
    visitor.cookies["shuian-c"] = token
    assert visitor.get(f"/c/drills/{run}").status_code == 200
    assert visitor.post(f"/c/drills/{run}", do="stop").status_code == 403
    assert visitor.post("/c/drills/new", script="day_trip", kind="tabletop").status_code == 403


def test_a_post_of_another_site_starts_nothing(community, player, desk):
    stage(community)
    form = {"script": "day_trip", "kind": "tabletop"}
    assert desk.post("/c/drills/new", {"origin": "https://evil.example"}, **form).status_code == 403
    assert desk.post("/c/drills/new", {"origin": "null"}, **form).status_code == 403
    with community.engine.connect() as conn:
        assert conn.scalar(select(schema.drills.c.id)) is None
