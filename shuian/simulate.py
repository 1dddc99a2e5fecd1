"""`shuian simulate`: a fleet of virtual homes over MQTT, at life's speed or faster, by seed."""

import re
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shuian import fleet_registry
from shuian.errors import BadInput, Trouble
from simulators import encoding, fleet
from simulators.ahead import SourceError, ahead
from simulators.faults import faults
from simulators.pacing import Sending, Sent
from simulators.plan import MOST_DAYS_FAULTS, PERIODS, Likeness, Plan
from simulators.profiles import PROFILES
from simulators.publisher import Publisher, PublishError

UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
QUIET_EVERY_S = 30.0
"""How often a run that no terminal shows says how far it is. [s]"""
MOST_SHOWN = 50
BEHIND_S = 1.0
"""Later than this is said. [s]"""
MIXED = "mixed"
RESOLUTIONS_L = (0.1, 1.0, 10.0)


def duration(text: str) -> float:
    """Return the seconds of ``90s``, ``15min``, ``2h``, ``1d`` or ``1d12h``."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(s|min|h|d)", text)
    seconds = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not seconds > 0:
        raise BadInput(f"no duration: {text!r}", "take a number and s, min, h or d, such as 30min, 2h or 1d12h")
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


def one_of(name: str, names: Iterable[str], what: str) -> str:
    """Return `name` if it is one of `names`."""
    if name not in names:
        raise BadInput(f"no {what} {name!r}", f"take one of: {', '.join(names)}")
    return name


def address(broker: str) -> str:
    """Return the broker's address if it has a scheme."""
    if not broker.startswith(("mqtt://", "mqtts://")):
        raise BadInput(f"want the broker as an address with a scheme, got {broker!r}", "such as mqtt://127.0.0.1:1883")
    return broker


def pace(speed: float) -> float:
    """Return a speed that is one."""
    if not 0 <= speed < float("inf"):
        raise BadInput(f"want a speed from 0 up, got {speed}", "1 is life's speed, 0 as fast as the broker takes it")
    return speed


def likeness(file: Path, coverage: Path | None, where: ZoneInfo) -> Likeness:
    """Return homes like those recorded in `file`, or like those of a likeness that was saved."""
    from simulators import likeness as likenesses  # noqa: PLC0415  fitting is for those who ask for it
    from simulators import recorded  # noqa: PLC0415
    from simulators.spells import LikenessError  # noqa: PLC0415

    for path in (file, coverage):
        if path is not None and not path.is_file():
            raise BadInput(f"no file at {path}", "check the path; .csv, .csv.gz and a likeness in .json are read")
    try:
        if file.suffix == ".json":
            return likenesses.Likeness.load(file)
        return likenesses.fit(recorded.read(file, coverage), where, [file.name])
    except (recorded.RecordError, LikenessError) as wrong:
        raise BadInput(
            str(wrong), "the columns are explained in docs/formats.md, likenesses in docs/simulate.md"
        ) from None


def plan(
    homes: int,
    fmt: str,
    profile: str | None,
    like: Path | None,
    coverage: Path | None,
    zone: str | None,
    seed: int,
    begin: str | None,
    lasts: str | None,
    period: str,
    resolution_l: float,
    loss: float,
    struck: Sequence[str] | None,
    sensors: bool,
) -> Plan:
    """Return the fleet that the words of the command line ask for.

    Raises
    ------
    BadInput
        One of them cannot be.
    """
    if like is not None and (profile is not None or sensors):
        raise BadInput("--like is a fleet of its own", "leave --profile and --sensors out: recorded is only the water")
    if coverage is not None and like is None:
        raise BadInput("--coverage without --like", "name the record that it belongs to with --like")
    people = one_of(profile or "average", PROFILES, "profile")
    where = _zone(zone or PROFILES[people].zone)
    made = Plan(
        homes=1,
        start=start(begin, where),
        zone=where,
        seed=seed,
        lasts_s=None if lasts is None else duration(lasts),
        formats=encoding.METERS if fmt == MIXED else (one_of(fmt, (*encoding.METERS, MIXED), "format"),),
        profile=people,
        cadence=PERIODS[one_of(period, PERIODS, "period")],
        resolution_l=resolution_l,
        sensors=sensors,
    )
    if resolution_l not in RESOLUTIONS_L:
        raise BadInput(f"no meter counts in steps of {resolution_l:g} L", "take 0.1, 1 or 10")
    asked = tuple(fault(one) for one in struck or ())
    try:
        made = replace(made, homes=homes, loss=loss, faults=asked)
    except ValueError as wrong:
        raise BadInput(str(wrong), "see: shuian simulate --help") from None
    return made if like is None else replace(made, like=likeness(like, coverage, where))


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
    shown = Shown(plan, sys.stderr)
    try:
        with _signals() as stop, Publisher(broker) as out, ahead(fleet.messages, plan) as chunks:
            sent = Sending(out, plan.start_s, speed, stop, shown.told).run(chunks)
    except PublishError as trouble:
        raise Trouble(str(trouble), "then run this again") from None
    except SourceError as trouble:
        why = str(trouble).strip().splitlines()[-1]
        raise Trouble(f"the fleet could not be worked out: {why}", "ask for fewer homes, or report this") from None
    finally:
        shown.end()
    print("\n".join(summary(plan, sent, speed)))
    if sent.refused:
        raise Trouble(f"the broker refused {sent.refused} messages", "let its rules allow these topics")
    if sent.confirmed < sent.messages:
        raise Trouble(
            f"{sent.messages - sent.confirmed} messages were not confirmed", "see whether the broker still runs"
        )


def _warnings(plan: Plan, speed: float) -> Iterator[str]:
    if speed != 1:
        how = f"{speed:g} times as fast as life" if speed else "as fast as the broker takes it"
        yield f"note: {how}: for load tests and drills, never for a service that watches people"
    if plan.faults and plan.lasts_s is None:
        yield f"note: faults and no --for: they begin within the first day, and the run ends after {MOST_DAYS_FAULTS} days"


class Shown:
    """The progress of a run: a line that renews itself on a terminal, else one every half minute."""

    def __init__(self, plan: Plan, out: TextIO) -> None:
        self._plan, self._out, self._line = plan, out, out.isatty()
        self._next, self._before = 0.0 if self._line else time.monotonic() + QUIET_EVERY_S, (0.0, 0)
        self._width = 0

    def told(self, sent: Sent) -> None:
        """Show how far it is, if it is time for it."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now if self._line else now + QUIET_EVERY_S
        took, count = sent.took_s - self._before[0], sent.messages - self._before[1]
        self._before = sent.took_s, sent.messages
        text = f"{_clock(sent.at, self._plan)}  {sent.messages} messages  {count / took if took > 0 else 0:.0f}/s"
        if not sent.messages:
            text = "working out the first day"
        if not sent.connected:
            text += "  no broker: waiting"
        if sent.behind_s > BEHIND_S:
            text += f"  {sent.behind_s:.0f} s behind: the broker, or this machine, is slower than asked"
        self._width = max(self._width, len(text))
        self._out.write(f"\r{text:<{self._width}}" if self._line else f"{text}\n")
        self._out.flush()

    def end(self) -> None:
        """End the line."""
        if self._line and self._width:
            self._out.write("\n")


def summary(plan: Plan, sent: Sent, speed: float) -> list[str]:
    """Return what a run came to."""
    late = sent.lateness
    lines = [
        f"{plan.homes} homes, {_clock(plan.start_s, plan)} to {_clock(sent.at, plan)}, seed {plan.seed}",
        f"{sent.messages} messages sent, {sent.confirmed} confirmed by the broker, {sent.rate:.1f}/s",
    ]
    if speed and sent.messages:
        median, far = (late.quantile(share) * 1000 for share in (0.5, 0.99))
        lines.append(f"lateness: median {median:.1f} ms, p99 {far:.1f} ms, most {late.most_s * 1000:.1f} ms")
    struck = [one for one in plan.strikes if one.at <= sent.at]
    if plan.faults:
        lines.append(f"faults that began: {len(struck)} of {len(plan.strikes)}")
    for one in sorted(struck, key=lambda one: one.at)[:MOST_SHOWN]:
        first, last = fleet_registry.household(one.homes[0]), fleet_registry.household(one.homes[-1])
        where = first if first == last else f"{first} to {last}"
        lines.append(f"  {one.code:<4} {faults()[one.code].name:<16} {where}  {_clock(one.at, plan)}")
    if len(struck) > MOST_SHOWN:
        lines.append(f"  … and {len(struck) - MOST_SHOWN} more")
    return lines


def _clock(seconds: float, plan: Plan) -> str:
    if seconds != seconds:  # noqa: PLR0124  NaN: nothing was sent
        return "nothing"
    return f"{datetime.fromtimestamp(seconds, plan.zone):%Y-%m-%d %H:%M:%S}"


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Let the first Ctrl-C or SIGTERM set an event, and a second one end the process."""
    stop = threading.Event()

    def ask(_: int, __: FrameType | None) -> None:
        if stop.is_set():
            raise SystemExit(130)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
