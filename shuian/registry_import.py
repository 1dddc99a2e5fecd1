"""`shuian import`: a dry run that says what would change, then the change itself in one transaction."""

from datetime import UTC, datetime
from pathlib import Path

from alerts import consent, database, registry
from ingest.devices import FORMATS
from shuian.config import Config
from shuian.errors import BadInput

MOST_SHOWN = 50


def formats() -> dict[str, bool]:
    """Return the device formats there are, and whether devices of each are mostly sensors."""
    return {name: one.sensors for name, one in FORMATS.items()}


def run(path: Path, config: Config, apply: bool) -> None:
    """Read the registry at `path`, an .xlsx workbook or a folder of .csv sheets; print what is wrong, or what would change, or change it.

    Raises
    ------
    BadInput
        Every wrong cell, named by sheet and cell, or by file, row and column.
    """
    if not path.is_dir() and not (path.is_file() and path.suffix.casefold() == ".xlsx"):
        found = "another kind of file" if path.is_file() else "nothing"
        raise BadInput(f"{found} at {path}", "want an .xlsx workbook, or a folder of .csv sheets: areas.csv, …")
    try:
        sheets = registry.read(path, formats())
    except registry.RegistryError as wrong:
        raise _refused(path, wrong) from None
    for note in sheets.notes:
        print(f"note: {note}")
    config.service.data.mkdir(parents=True, exist_ok=True)
    engine = database.open(config.service.data / "people.sqlite")
    try:
        now = datetime.now(UTC)
        if apply:
            with engine.begin() as conn:
                changes = registry.apply(sheets, conn, now)
                ended = changes.tables["consents"]
                consent.follow(conn, [key[:2] for key in (*ended.changed, *ended.removed)], now, config.policy, "cli")
        else:
            with database.reading(engine).connect() as conn:
                changes = registry.plan(sheets, conn)
        print("changed:" if apply else "would change:")
        for line in changes.lines():
            print(f"  {line}")
        if not apply:
            print("nothing was changed; do it with: --apply")
    except registry.RegistryError as wrong:
        raise _refused(path, wrong) from None
    finally:
        engine.dispose()


def _refused(path: Path, wrong: registry.RegistryError) -> BadInput:
    shown = "\n  ".join(str(fault) for fault in wrong.faults[:MOST_SHOWN])
    more = f"\n  … and {len(wrong.faults) - MOST_SHOWN} more" if len(wrong.faults) > MOST_SHOWN else ""
    return BadInput(
        f"{len(wrong.faults)} fault(s) in {path}; nothing was changed\n  {shown}{more}",
        "mend these cells and run it again",
    )
