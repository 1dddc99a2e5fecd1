"""Hours at which no worker is promised: every page that somebody might rely on says so."""

import pytest

from alerts.policy import Policy

NIGHT = "20:00-08:00"
VISITS = (
    ("operator", "w9", "/c"),
    ("operator", "w9", "/c/households/h1"),
    ("worker", "w1", "/w/me"),
    ("family", "c1", "/f"),
)


def pages(community, lang):
    return {path: community.visitor(role, who, lang).get(path).text for role, who, path in VISITS}


@pytest.mark.parametrize(
    ("lang", "family"), [("zh_CN", "没有安排人员上门"), ("en", "Nobody of the community is promised")]
)
def test_a_night_without_cover_is_said_to_everybody(community, lang, family):
    ladders = [{"hours": "08:00-20:00"}, {"hours": NIGHT, "cover": False}]
    community.store.policy = Policy.load({"ladders": ladders})
    said = pages(community, lang)
    assert [path for path, text in said.items() if NIGHT not in text] == []
    assert family in said["/f"]


def test_a_night_without_cover_of_one_area_is_not_said_of_another(community):
    elsewhere = {"areas": ["elsewhere"]}
    ladders = [elsewhere | {"hours": "08:00-20:00"}, elsewhere | {"hours": NIGHT, "cover": False}]
    community.store.policy = Policy.load({"ladders": ladders})
    assert not any(NIGHT in text for text in pages(community, "en").values())
