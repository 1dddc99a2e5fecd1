"""`shuian simulate`: a fleet of virtual homes over MQTT, at life's speed or faster, by seed."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shuian import fleet_registry, sending
from shuian.errors import BadInput, Trouble
from shuian.sending import clock, one_of
from simulators import encoding, fleet
from simulators.ahead import SourceError, ahead
from simulators.faults import faults
from simulators.pacing import Sent
from simulators.plan import MOST_DAYS_FAULTS, PERIODS, Plan
from simulators.profiles import PROFILES

if TYPE_CHECKING:
    from simulators.likeness import Likeness  # fitting is for those who ask for it: not imported by everybody

UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
LONGEST_S = 3650 * 86_400.0
"""Nobody tests for longer, and homes with faults are drawn as a whole. [s]"""
MOST_SHOWN = 50
MIXED = "mixed"
RESOLUTIONS_L = (0.1, 1.0, 10.0)
SAVED = ".json"
"""How the name of a likeness ends."""


def duration(text: str) -> float:
    """Return the seconds of ``90s``, ``15min``, ``2h``, ``1d`` or ``1d12h``."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(s|min|h|d)", text)
    seconds = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not seconds > 0:
        raise BadInput(f"no duration: {text!r}", "take a number and s, min, h or d, such as 30min, 2h or 1d12h")
    if seconds > LONGEST_S:
        raise BadInput(f"{text} is longer than ten years", "take at most 3650d, or leave --for out: until Ctrl-C")
    return seconds


def fault(text: str) -> tuple[str, float | None]:
    """Return code and share of ``P1`` or ``P1=0.02``."""
    code, _, share = text.partition("=")
    if code not in faults():
        raise BadInput(f"no fault {code!r}", f"take one of: {', '.join(faults())}")
    try:
        return code, float(share) if share else None
    except ValueError:
        raise BadInput(
            f"no share of homes: {share!r}", f"take a number above 0, at most 1, such as {code}=0.02"
        ) from None


def start(text: str | None, where: ZoneInfo) -> datetime:
    """Return when the run begins: `text` with an offset or as local time; without it now."""
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"no time: {text!r}", "take ISO 8601, such as 2026-11-01T08:00+08:00 or 2026-11-01") from None
    return at if at.tzinfo else at.replace(tzinfo=where)


def empty(registry: Path | None) -> Path | None:
    """Return the folder of a registry that is to be written, if there is none in it yet."""
    if registry is not None:
        if registry.exists() and not registry.is_dir():
            raise BadInput(f"{registry} is no folder", "name one for the sheets of the registry")
        sheets = sorted(one.name for one in registry.glob("*") if one.suffix.lower() in {".csv", ".xlsx"})
        if sheets:
            raise BadInput(
                f"{registry} holds a registry already: {', '.join(sheets[:3])}", "name a new folder, or move it away"
            )
    return registry


def saved(file: Path) -> "Likeness":
    """Return a likeness that was saved."""
    from simulators.likeness import Likeness  # noqa: PLC0415
    from simulators.spells import LikenessError  # noqa: PLC0415

    try:
        return Likeness.load(file)
    except LikenessError as wrong:
        raise BadInput(str(wrong), "likenesses are explained in docs/simulate.md") from None


def likeness(record: Path, coverage: Path | None, where: ZoneInfo) -> "Likeness":
    """Return homes like the recorded ones of a file."""
    from simulators import likeness as likenesses  # noqa: PLC0415
    from simulators import recorded  # noqa: PLC0415
    from simulators.spells import LikenessError  # noqa: PLC0415

    try:
        return likenesses.fit(recorded.read(record, coverage), where, [record.name])
    except (recorded.RecordError, LikenessError) as wrong:
        raise BadInput(
            str(wrong), "the columns are explained in docs/formats.md, likenesses in docs/simulate.md"
        ) from None


def plan(
    *,
    homes: int,
    fmt: str = "native",
    profile: str | None = None,
    like: Path | None = None,
    coverage: Path | None = None,
    save: Path | None = None,
    zone: str | None = None,
    seed: int = 1,
    begin: str | None = None,
    lasts: str | None = None,
    period: str = "15min",
    resolution_l: float = 1.0,
    loss: float = 0.0,
    struck: Sequence[str] = (),
    sensors: bool = False,
) -> Plan:
    """Return the fleet that the words of the command line ask for; with `save`, write down what it is like.

    Raises
    ------
    BadInput
        One of them cannot be.
    """
    _like(like, coverage, save, zone)
    if like is not None and (profile is not None or sensors):
        raise BadInput("--like is a fleet of its own", "leave --profile and --sensors out: recorded is only the water")
    people = one_of(profile or "average", PROFILES, "profile")
    model = saved(like) if like is not None and like.suffix == SAVED else None
    where = _zone(zone or (PROFILES[people].zone if model is None else model.zone))
    if resolution_l not in RESOLUTIONS_L:
        raise BadInput(f"no meter counts in steps of {resolution_l:g} L", "take 0.1, 1 or 10")
    wanted = encoding.MIXED if fmt == MIXED else fmt.split(",")
    formats = tuple(one_of(one.strip(), (*encoding.METERS, MIXED), "format") for one in wanted)
    cadence = PERIODS[one_of(period, PERIODS, "period")]
    asked = tuple(fault(one) for one in struck)
    try:
        made = Plan(
            homes=homes,
            start=start(begin, where),
            zone=where,
            seed=seed,
            lasts_s=None if lasts is None else duration(lasts),
            formats=formats,
            profile=people,
            like=model,
            cadence=cadence,
            resolution_l=resolution_l,
            loss=loss,
            faults=asked,
            sensors=sensors,
        )
    except ValueError as wrong:
        raise BadInput(str(wrong), "see: shuian simulate --help") from None
    if like is None or model is not None:
        return made
    model = likeness(like, coverage, where)
    if save is not None:
        model.save(save)
        print(f"saved what the homes are like: --like {save}")
    return replace(made, like=model)


def _like(like: Path | None, coverage: Path | None, save: Path | None, zone: str | None) -> None:
    """Raise BadInput for words about recorded homes that do not go together."""
    for option, path in (("--coverage", coverage), ("--save-likeness", save)):
        if path is not None and like is None:
            raise BadInput(f"{option} without --like", "name the record that it belongs to with --like")
        if path is not None and like is not None and like.suffix == SAVED:
            raise BadInput(f"{option} belongs to a record, and {like} is a saved likeness", "leave it out")
    for path in (like, coverage):
        if path is not None and not path.is_file():
            raise BadInput(f"no file at {path}", "check the path; .csv, .csv.gz and a likeness in .json are read")
    if like is not None and like.suffix != SAVED and zone is None:
        raise BadInput(f"{like} does not say where its homes are", "name it, such as: --zone Europe/Rome")
    if save is not None and (save.suffix != SAVED or save.exists()):
        why = "is there already" if save.exists() else "is no name of a likeness"
        raise BadInput(f"{save} {why}", "name another file that ends in .json")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"no time zone {name!r}", "take an IANA zone such as Asia/Shanghai") from None


def run(plan: Plan, broker: str, speed: float, registry: Path | None) -> None:
    """Send everything that the fleet says; print how it goes, and at the end how it went.

    Raises
    ------
    Trouble
        The broker cannot be reached, or did not take every message.
    """
    if registry is not None:
        fleet_registry.write(registry, plan)
        print(f"wrote the registry of {plan.homes} homes to {registry}: shuian import {registry} --apply")
    for line in _warnings(plan, speed):
        print(line, file=sys.stderr)
    shown = sending.Shown(plan.zone, sys.stderr, "working out the first day")
    try:
        sent = sending.send(ahead(fleet.messages, plan), broker, plan.start_s, speed, shown)
    except SourceError as trouble:
        why = str(trouble).strip().splitlines()[-1]
        raise Trouble(f"the fleet could not be worked out: {why}", "ask for fewer homes, or report this") from None
    print("\n".join(summary(plan, sent, speed)))
    sending.all_confirmed(sent)


def _warnings(plan: Plan, speed: float) -> Iterator[str]:
    if speed != 1:
        how = f"{speed:g} times as fast as life" if speed else "as fast as the broker takes it"
        yield f"note: {how}: for load tests and drills, never for a service that watches people"
    if plan.faults and plan.lasts_s is None:
        yield f"note: faults and no --for: they begin within the first day, and the run ends after {MOST_DAYS_FAULTS} days"


def summary(plan: Plan, sent: Sent, speed: float) -> list[str]:
    """Return what a run came to."""
    lines = [
        f"{plan.homes} homes, {clock(plan.start_s, plan.zone)} to {clock(sent.at, plan.zone)}, seed {plan.seed}",
        *sending.summary(sent, speed),
    ]
    struck = [one for one in plan.strikes if one.at <= sent.at]
    if plan.faults:
        lines.append(f"faults that began: {len(struck)} of {len(plan.strikes)}")
    for one in sorted(struck, key=lambda one: one.at)[:MOST_SHOWN]:
        first, last = fleet_registry.household(one.homes[0]), fleet_registry.household(one.homes[-1])
        where = first if first == last else f"{first} to {last}"
        lines.append(f"  {one.code:<4} {faults()[one.code].name:<16} {where}  {clock(one.at, plan.zone)}")
    if len(struck) > MOST_SHOWN:
        lines.append(f"  … and {len(struck) - MOST_SHOWN} more")
    return lines
