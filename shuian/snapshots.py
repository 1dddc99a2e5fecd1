"""The state of the pipeline in one file: written whole or not at all, and never believed if it is damaged."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from detectors.findings import Finding
from detectors.outage import Outages
from detectors.partition import Partition, Settings
from shuian.intervals import Last

FORMAT = 3


class DamagedSnapshot(Exception):
    """The file cannot be used; what it knew has to be worked out again from the stored readings."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the pipeline knows after the journal entry `cursor`."""

    cursor: int
    households: Sequence[str]
    last: dict[str, Last]
    held: Sequence[Finding]
    """Raised, not yet passed on."""
    over: dict[str, float]
    """Finding id -> cleared_at, not yet passed on."""
    partition: Partition
    outages: Outages
    batteries: dict[str, float]
    """Device -> charge last heard. [%]"""


def write(file: Path, snapshot: Snapshot) -> None:
    """Put `snapshot` in the place of `file`; killed at any line, or with the disk full, the old one stays.

    Raises
    ------
    OSError
        Nothing was changed.
    """
    state: dict[str, Any] = {f"detect.{name}": array for name, array in snapshot.partition.snapshot().items()}
    state |= {f"areas.{name}": array for name, array in snapshot.outages.snapshot().items()}
    head = {
        "format": FORMAT,
        "cursor": snapshot.cursor,
        "households": list(snapshot.households),
        "last": snapshot.last,
        "held": [
            {one.name: _plain(getattr(finding, one.name)) for one in fields(Finding)} for finding in snapshot.held
        ],
        "over": snapshot.over,
        "batteries": snapshot.batteries,
    }
    state["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    fresh = file.with_suffix(".new.npz")
    try:
        with fresh.open("wb") as f:
            np.savez(f, **state)
            f.flush()
            os.fsync(f.fileno())
        fresh.replace(file)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)  # on a full disk a torso would take the room that others need
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the journal is forgotten next: the new name must outlive a power cut before that
    finally:
        os.close(folder)


def read(file: Path, settings: Settings) -> Snapshot | None:
    """Return what `write` wrote, None if there is no file.

    Raises
    ------
    DamagedSnapshot
        It is damaged, or of another release.
    """
    if not file.exists():
        return None
    try:
        with file.open("rb") as f, np.load(f, allow_pickle=False) as saved:  # numpy leaves a bad file open by itself
            head = json.loads(saved["head"].tobytes())
            arrays, areas = (
                {name.removeprefix(part): saved[name] for name in saved.files if name.startswith(part)}
                for part in ("detect.", "areas.")
            )
        if head["format"] != FORMAT:
            raise DamagedSnapshot(f"{file.name}: want format {FORMAT}, got {head['format']}")
        snapshot = Snapshot(
            cursor=int(head["cursor"]),
            households=head["households"],
            last={device: (at, value, row) for device, (at, value, row) in head["last"].items()},
            held=[Finding(**finding) for finding in head["held"]],
            over=head["over"],
            partition=Partition.restore(settings, arrays),
            outages=Outages.restore(areas),
            batteries=head["batteries"],
        )
        rows = len(snapshot.partition)
        if rows != len(snapshot.households) or any(finding.row >= rows for finding in snapshot.held):
            raise DamagedSnapshot(f"{file.name}: its parts do not belong together")
    except DamagedSnapshot:
        raise
    except Exception as fault:  # a damaged archive can raise nearly anything: zlib, zipfile, JSON, shapes
        raise DamagedSnapshot(f"{file.name}: {type(fault).__name__}: {fault}") from fault
    return snapshot


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "keys") else value
