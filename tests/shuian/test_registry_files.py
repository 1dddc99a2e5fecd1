"""`shuian import` and `shuian export`: what they say, and that nothing is written before all is right."""

import pytest

from shuian import config, registry_export, registry_import
from shuian.errors import BadInput
from tests.alerts.neighbourhood import SHEETS, write


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "shuian.toml").write_text(f'[service]\ndata = "{tmp_path}/data"\n', "utf-8")
    return config.load(tmp_path / "shuian.toml", {})


@pytest.mark.parametrize("name", ["out.xlsx", "out"])
def test_a_registry_goes_in_comes_out_and_goes_in_again_unchanged(tmp_path, settings, capsys, name):
    registry_import.run(write(tmp_path / "in"), settings, apply=True)
    registry_export.run(tmp_path / name, settings)
    capsys.readouterr()
    registry_import.run(tmp_path / name, settings, apply=False)
    assert capsys.readouterr().out.splitlines() == [
        "would change:", "  nothing: the database already says this", "nothing was changed; do it with: --apply"
    ]  # fmt: skip
    file = tmp_path / name
    assert file.stat().st_mode & 0o077 == 0, "names and telephone numbers are for one's own eyes"


def test_notes_are_told_before_what_would_change(tmp_path, settings, capsys):
    sensor = [*SHEETS["devices"], "sos-1,zigbee2mqtt,h1,2026-01-01 00:00,,,,,,PT1H,"]
    registry_import.run(write(tmp_path / "in", devices=sensor), settings, apply=False)
    assert capsys.readouterr().out.startswith("note: 1 devices have no water register")


@pytest.mark.parametrize(
    ("name", "said"),
    [("nothing.xlsx", "nothing at"), ("old.xls", "another kind of file"), ("broken.xlsx", "1 fault(s) in")],
)
def test_what_cannot_be_read_is_said_in_one_line_and_what_to_do_in_another(tmp_path, settings, name, said):
    for there in ("old.xls", "broken.xlsx"):
        (tmp_path / there).write_bytes(b"x")
    with pytest.raises(BadInput) as refused:
        registry_import.run(tmp_path / name, settings, apply=True)
    assert said in refused.value.what
    assert refused.value.do
    assert not (tmp_path / "data").exists()


def test_nothing_is_written_over(tmp_path, settings):
    registry_import.run(write(tmp_path / "in"), settings, apply=True)
    (tmp_path / "a.xlsx").write_text("dear")
    for write_again in (lambda: registry_export.run(tmp_path / "a.xlsx", settings),
                        lambda: registry_export.run(tmp_path / "in", settings),
                        lambda: registry_export.template(tmp_path / "a.xlsx")):  # fmt: skip
        with pytest.raises(BadInput, match="is there already"):
            write_again()
    assert (tmp_path / "a.xlsx").read_text() == "dear"


def test_without_a_registry_there_is_nothing_to_export(tmp_path, settings):
    with pytest.raises(BadInput, match="no registry"):
        registry_export.run(tmp_path / "a.xlsx", settings)


def test_an_empty_workbook_can_be_filled_in_and_imported(tmp_path, settings, capsys):
    with pytest.raises(BadInput, match="ends in"):
        registry_export.template(tmp_path / "registry.csv")
    registry_export.template(tmp_path / "registry.xlsx")
    registry_import.run(tmp_path / "registry.xlsx", settings, apply=False)
    assert "nothing was changed" in capsys.readouterr().out
