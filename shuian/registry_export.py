"""`shuian export`, and the empty workbook of `shuian import --template`."""

from pathlib import Path

from alerts import database, texts
from alerts.registry import writing
from alerts.registry.sheets import SHEETS
from ingest.devices import FORMATS
from shuian.config import Config
from shuian.errors import BadInput


def run(path: Path, config: Config) -> None:
    """Write the registry to `path`: an .xlsx workbook by its name, else a folder of .csv sheets.

    Raises
    ------
    BadInput
        There is a file already, or no registry yet.
    """
    file = config.service.data / "people.sqlite"
    if not file.is_file():
        raise BadInput(f"no registry in {config.service.data}", "import one first: shuian import registry.xlsx")
    _refuse_old(path)
    engine = database.open(file)
    try:
        with database.reading(engine).connect() as conn:
            lines = writing.lines(conn)
    finally:
        engine.dispose()
    if path.suffix.casefold() == ".xlsx":
        _workbook(path, lines)
    else:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)  # names and telephone numbers: for one's own eyes
        writing.write_folder(path, lines)
    print(f"wrote {sum(map(len, lines.values()))} rows to {path}; it holds names and addresses: keep it safe")


def template(path: Path) -> None:
    """Write an empty workbook to `path`, each column explained at its head.

    Raises
    ------
    BadInput
        It is not called .xlsx, or there is a file already.
    """
    if path.suffix.casefold() != ".xlsx":
        raise BadInput(f"want a name that ends in .xlsx, got {path.name}", "such as: --template registry.xlsx")
    _refuse_old(path)
    _workbook(path, dict.fromkeys(SHEETS, ()))
    print(f"wrote {path}; fill it in, then: shuian import {path}")


def _workbook(path: Path, lines: writing.Lines) -> None:
    path.touch(mode=0o600)
    writing.write_workbook(path, lines, texts.load(), FORMATS)


def _refuse_old(path: Path) -> None:
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise BadInput(f"{path} is there already", "name another one, or move it away")
