"""`shuian replay`: recorded households over MQTT again, at life's speed or faster."""

import sys
from collections.abc import Collection
from contextlib import nullcontext
from pathlib import Path
from zoneinfo import ZoneInfo

from shuian import sending
from shuian.errors import BadInput
from simulators import recorded, replay
from simulators.meters import Register

FORMATS = replay.FORMATS
UTC = ZoneInfo("UTC")
"""A record does not say where it was made."""


def registers(file: Path, coverage: Path | None, households: Collection[str]) -> list[Register]:
    """Return the registers of a record that have readings: of all its households, or of these.

    Raises
    ------
    BadInput
        The file is no record, or has no such household.
    """
    try:
        found = [one for one in recorded.read(file, coverage) if len(one.at_s)]
    except recorded.RecordError as fault:
        raise BadInput(str(fault), "mend the file; its columns are explained in docs/formats.md") from None
    if not found:
        raise BadInput(f"no readings in {file}", "the columns are explained in docs/formats.md")
    missing = set(households) - {one.household for one in found}
    if missing:
        known = ", ".join(one.household for one in found[:10])
        raise BadInput(f"no household {', '.join(sorted(missing))} in {file}", f"it has: {known}")
    return [one for one in found if not households or one.household in households]


def run(some: list[Register], fmt: str, broker: str, speed: float) -> None:
    """Send the messages of these registers; print how it goes, and at the end how it went.

    Raises
    ------
    Trouble
        The broker cannot be reached, or did not take every message.
    """
    start_s = min(float(one.at_s[0]) for one in some)
    shown = sending.Shown(UTC, sys.stderr, "nothing sent yet")
    sent = sending.send(nullcontext(replay.chunks(some, fmt)), broker, start_s, speed, shown)
    first, last = (sending.clock(at, UTC) for at in (start_s, sent.at))
    print(f"{len(some)} household(s), {first} to {last} UTC", *sending.summary(sent, speed), sep="\n")
    sending.all_confirmed(sent)
