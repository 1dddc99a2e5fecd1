"""What every page keeps to: words in catalogues, style and script for the browsers of 2019, small files."""

import gzip
import re
from importlib.resources import files

import pytest

from alerts.events import Timer
from alerts.notices import TEMPLATES as TEMPLATES_OF_NOTICES
from alerts.texts import LANGUAGES
from alerts.web import actions
from alerts.web.words import language

WEB = files("alerts.web")
TEMPLATES = {
    path.name: path.read_text("utf-8")
    for folder in (WEB / "templates", WEB / "templates" / "parts")
    for path in folder.iterdir()
    if path.name.endswith(".html")
}
CODE = {path.name: path.read_text("utf-8") for path in WEB.iterdir() if path.name.endswith(".py")}
STYLE, REPORTS = (
    re.sub(r"/\*.*?\*/", "", (WEB / "static" / name).read_text("utf-8"), flags=re.DOTALL)
    for name in ("shuian.css", "reports.css")
)
CSS = STYLE + REPORTS
JS = re.sub(r"/\*.*?\*/", "", (WEB / "static" / "shuian.js").read_text("utf-8"), flags=re.DOTALL)
CJK = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")

CODES = {
    "state": (
        "SUSPECTED",
        "AWAITING",
        "UNATTENDED",
        "ACCEPTED",
        "EN_ROUTE",
        "ON_SITE",
        "NEEDS_ACCESS",
        "NOTED",
        "EXPLAINED",
        "CLOSED",
    ),
    "outcome": tuple(actions.OUTCOMES),
    "reason": actions.FALSE_REASONS,
    "decline": actions.DECLINE_REASONS,
    "notice": ("pending", "leased", "accepted", "delivered", "failed", "expired", "cancelled"),
    "told": tuple(TEMPLATES_OF_NOTICES),
    "next": tuple(Timer),
    "c.next": tuple(Timer),
}


def key_patterns() -> list[re.Pattern[str]]:
    """Return what templates and code ask for; what is put in at run time stands for any one word."""
    text = "\n".join([*TEMPLATES.values(), *CODE.values()])
    exact = re.findall(r"""["'](page\.[\w.]+\w)["']""", text)
    open_ended = re.findall(r"""["'](page\.[\w.]+\.)["'] ~""", text)
    in_python = [re.sub(r"\{[^}]+\}", "*", key) for key in re.findall(r'f"(page\.\w[^"]+)"', text)]
    by_code = re.findall(r"""code\(["']([\w.]+)["']""", text)
    wild = [f"{key}*" for key in open_ended] + in_python + [f"page.{family}.*" for family in by_code]
    around = re.findall(r"""["'](page\.[\w.]+\.)["'] ~ \w+ ~ ["'](\.\w+)["']""", text)
    wild += [f"{before}*{after}" for before, after in around]
    return [re.compile(re.escape(key).replace(r"\*", r"[\w.]+")) for key in [*exact, *wild]]


def test_every_key_that_is_asked_for_exists(catalogues):
    text = "\n".join([*TEMPLATES.values(), *CODE.values()])
    asked = set(re.findall(r"""["']((?:page|unit)\.[\w.]+\w)["']""", text))
    assert len(asked) > 100
    assert [key for key in sorted(asked) if not catalogues.has(key)] == []


def test_no_key_is_left_over(catalogues):
    patterns = key_patterns()
    ours = [key for key in catalogues.by_language["en"] if key.startswith("page.")]
    assert [key for key in ours if not any(pattern.fullmatch(key) for pattern in patterns)] == []


@pytest.mark.parametrize("family", CODES)
def test_every_stored_code_has_a_word(catalogues, family):
    assert [code for code in CODES[family] if not catalogues.has(f"page.{family}.{code}")] == []


def test_every_state_of_the_family_page_has_its_three_sentences(catalogues):
    keys = {key for key in catalogues.by_language["en"] if key.startswith("page.f.") and key.endswith(".sentence")}
    assert len(keys) >= 20
    for key in keys:
        for part in ("short", "more"):
            assert catalogues.has(key.replace("sentence", part))
    for code in actions.OUTCOMES:
        assert f"page.f.ended.{code}.sentence" in keys


def test_chinese_stands_in_catalogues_only():
    for name, text in [*TEMPLATES.items(), *CODE.items(), ("js", JS), ("css", CSS)]:
        assert CJK.findall(text) == [], name


def test_english_pages_carry_no_chinese_words_of_ours(catalogues):
    for key, sentence in catalogues.by_language["en"].items():
        if key.startswith("page.") and key != "page.lang.other":
            assert CJK.findall(sentence) == [], key


@pytest.mark.parametrize(
    "newer",
    [r"(?<![\w-])inset", r"aspect-ratio", r":has\(", r":is\(", r":where\(", r"@layer", r"@container", r"\bdvh\b", r"&"],
)
def test_the_style_needs_no_newer_browser(newer):
    assert not re.search(newer, CSS)


def test_the_style_uses_gap_in_grids_only():
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", CSS):
        if re.search(r"(?<!-)\bgap:", body) and "display: flex" in body:
            pytest.fail(selector)
    for selector in (".row", ".tabs", ".snack", ".row-pair", ".foot"):
        bodies = re.findall(rf"(?:^|[\s,]){re.escape(selector)}[\s,][^{{}}]*\{{([^{{}}]*)\}}", CSS)
        assert not any(re.search(r"(?<!-)\bgap:", body) for body in bodies), selector


@pytest.mark.parametrize(
    "newer",
    [
        r"\?\.",
        r"\?\?",
        r"replaceAll",
        r"structuredClone",
        r"#\w+\s*[=(;]",
        r"\bawait\b",
        r"\|\|=",
        r"\beval\b",
        r"Function\(",
    ],
)
def test_the_script_needs_no_newer_browser(newer):
    assert not re.search(newer, JS)


def test_style_and_script_are_small():
    assert len(gzip.compress(JS.encode())) <= 4096
    assert len(gzip.compress(STYLE.encode())) <= 6144
    assert len(gzip.compress(REPORTS.encode())) <= 3072


def test_pages_ask_nothing_of_other_hosts_and_hold_no_inline_style_or_script():
    for name, text in TEMPLATES.items():
        assert not re.search(r"""(src|href|action)=["']https?:""", text), name
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)", text), name
    assert "url(" not in CSS
    assert "http" not in JS


@pytest.mark.parametrize(
    ("cookie", "accept", "lang"),
    [
        (None, "", "zh_CN"),
        (None, "en-GB,en;q=0.9,zh;q=0.8", "en"),
        (None, "fr-FR,fr;q=0.9,en;q=0.8", "en"),
        (None, "de", "zh_CN"),
        (None, "zh-TW,zh;q=0.9", "zh_CN"),
        ("en", "zh-CN", "en"),
        ("xx", "en", "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_browsers_else_chinese(cookie, accept, lang):
    assert language(cookie, accept) == lang
    assert lang in LANGUAGES


def test_the_language_switch_stays_on_the_page(community):
    visitor = community.visitor("worker", "w1")
    answer = visitor.post("/lang", lang="en", back="/w?tab=done")
    assert answer.headers["location"] == "/w?tab=done"
    assert '<html lang="en"' in visitor.get("/w").text
    for back in ("https://evil.example", "//evil.example", "/\\evil"):
        assert visitor.post("/lang", lang="en", back=back).status_code == 400
