"""Damaged messages for as long as one likes: ``python -m benchmarks.fuzz``.

Three questions about the readers (`ingest.devices`) and the judging behind them (`ingest.quality`):

- does any message, however damaged, make one of them fail, or come out as something that no reading may be?
- how long does a message of the greatest length (256 KiB) take at most?
- does the memory stay flat over a million messages?

``--engine mutation`` (the default) damages samples at random, without looking at what the readers do; ``--engine atheris`` lets
libFuzzer choose by coverage (``pip install shuian[fuzz]``; with the same damage as its custom mutator).  Both print the same
report, and end with exit code 1 if a flaw was found.
"""

import argparse
import os
import resource
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter, thread_time
from types import FunctionType
from typing import TypeGuard

from benchmarks.fuzz_flaws import flaws
from benchmarks.fuzz_messages import Json, Known, Path, branches, known, mutated, parsed, put, written
from ingest.bindings import Binding
from ingest.devices import FORMATS, DeviceMemory, decode
from ingest.quality import Memory, Message, judge
from ingest.rules import NO_RULES, ReaderRules
from ingest.strict_json import MOST_BYTES

BATCH = 50
"""Messages judged beside each other, as in the service. [-]"""
FACTS = 5_000
"""What readers may remember of devices here: little, so that it is full soon and what grows after that would be a leak."""
POOL = 1_000
"""Damaged messages that may come again."""
LIMIT_MS = 5.0
"""What the longest message may take. [ms]"""
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


Sent = tuple[str, bytes, ReaderRules]
"""Topic and payload, and what an installation says of such messages."""


@dataclass
class Report:
    """What a run found; times in seconds, memory in MiB."""

    messages: int = 0
    readings: int = 0
    stored: int = 0
    refused: int = 0
    took_s: float = 0.0
    flaws: Counter[str] = field(default_factory=Counter)
    example: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    slowest: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Format -> the longest time of one message [s], and that message's length [byte]."""
    memory: list[tuple[int, float]] = field(default_factory=list)

    def flaw(self, what: str, topic: str, payload: bytes) -> None:
        """Note a flaw, with the first message that showed it."""
        self.flaws[what] += 1
        self.example.setdefault(what, (topic, payload))


class EveryDevice:
    """Bindings under which every device may be stored."""

    form = ""

    def at(self, device: str, time: datetime) -> Binding | None:
        """Return a binding of the format that is read just now."""
        del time
        return Binding(device, self.form, LONG_AGO, unit="L", litres_per_pulse=1.0)


class Bench:
    """Feeds messages to readers and judge, and keeps the report."""

    def __init__(self) -> None:
        self.report = Report()
        self._said = dict[int, DeviceMemory]()
        self._memory, self._bindings = Memory(), EveryDevice()

    def feed(self, sent: Sent, at: datetime, *, retain: bool = False) -> None:
        """Read and judge one message."""
        report, (topic, payload, rules) = self.report, sent
        said = self._said.setdefault(id(rules), DeviceMemory(most=FACTS, rules=rules))
        begun = thread_time()
        decoded = decode(topic, payload, at, retain, said)
        took = thread_time() - begun
        name = decoded.format or "(none)"
        if took > report.slowest.get(name, (0.0, 0))[0]:
            report.slowest[name] = took, len(payload)
        report.messages += 1
        report.readings += len(decoded.readings)
        report.refused += decoded.rejected is not None
        for what in flaws(decoded, at):
            report.flaw(f"{name}: {what[:120]}", topic, payload)
        self._bindings.form = name
        try:
            judged = judge(Message(topic, payload, at, retain), decoded, self._bindings, self._memory)
            report.stored += len(judged.readings)
        except Exception as error:  # noqa: BLE001  a flaw, whatever it is
            report.flaw(f"{name}: judging failed: {type(error).__name__}: {str(error)[:80]}", topic, payload)
        if report.messages % BATCH == 0:
            self._memory = Memory()


def mutation(bench: Bench, messages: int, seed: int, tell: Callable[[str], None], again: int = 1) -> None:
    """Feed `messages` damaged messages of all formats; each comes `again` times, later and among others."""
    rng, everything = Random(seed), known()
    report, begun = bench.report, perf_counter()
    now = datetime(2026, 11, 21, 6, tzinfo=UTC)
    pool: list[Sent] = []
    for number in range(messages):
        if number % again == 0:
            one = rng.choice(everything)
            pool.append((*mutated(rng, one, everything), one.rules))
            if len(pool) > POOL:
                del pool[rng.randrange(POOL)]
        bench.feed(
            pool[-1] if again == 1 else rng.choice(pool),
            now + timedelta(seconds=number // 100),
            retain=rng.random() < 0.05,
        )
        if (number + 1) % max(1, messages // 10) == 0:
            report.took_s = perf_counter() - begun
            report.memory.append((number + 1, resident_mib()))
            tell(f"{number + 1} messages, {report.memory[-1][1]:.1f} MiB, {sum(report.flaws.values())} flaws")
    report.took_s = perf_counter() - begun


def guided(bench: Bench, seconds: int, seed: int) -> None:
    """Let libFuzzer choose the messages by the coverage of the readers; ends the process when it is done.

    Raises
    ------
    ImportError
        atheris is not installed: it comes with the extra ``fuzz``.
    """
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415

    everything, now = known(), datetime(2026, 11, 21, 6, tzinfo=UTC)

    everywhere = next((one.rules for one in everything if one.format == "plain"), NO_RULES)

    def change(data: bytes, most: int, number: int) -> bytes:
        topic, _, payload = data.partition(b"\0")
        one = Known("", "", topic.decode("utf-8", "replace"), payload, False, now)
        if not payload or number % 7 == 0:
            one = everything[number % len(everything)]
        topic_text, payload = mutated(Random(number), one, everything)
        return (topic_text.encode("utf-8", "replace").replace(b"\0", b"") + b"\0" + payload)[:most]

    def test(data: bytes) -> None:
        topic, _, payload = data.partition(b"\0")
        bench.feed((topic.decode("utf-8", "replace"), payload, everywhere), now)
        if perf_counter() - begun >= seconds:
            _finish(bench, perf_counter() - begun)

    for function in _ours():
        atheris.instrument_func(function)
    arguments = ["fuzz", f"-max_total_time={seconds + 60}", f"-max_len={MOST_BYTES}", f"-seed={seed}", "-verbosity=0"]
    atheris.Setup(arguments, test, custom_mutator=change, internal_libfuzzer=True)
    begun = perf_counter()
    atheris.Fuzz()


def _ours() -> list[FunctionType]:
    """Return every function of the readers and the judging: what else there is in Python does not guide."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "ingest"]
    places: list[tuple[str, Mapping[str, object]]] = [(module.__name__, vars(module)) for module in modules]
    places += [(kind.__module__, vars(kind)) for _, here in places for kind in here.values() if isinstance(kind, type)]
    found = {id(one): one for name, here in places for one in here.values() if _is_ours(one, name)}
    return list(found.values())


def _is_ours(one: object, module: str) -> TypeGuard[FunctionType]:
    return isinstance(one, FunctionType) and one.__module__ == module and module.split(".", maxsplit=1)[0] == "ingest"


def _finish(bench: Bench, took_s: float) -> None:
    """Write the report and end the process: libFuzzer never returns."""
    bench.report.took_s = took_s
    bench.report.memory.append((bench.report.messages, resident_mib()))
    sys.stdout.write(page(bench.report, {}))
    sys.stdout.flush()
    os._exit(1 if bench.report.flaws else 0)


def longest(times: int = 15) -> dict[str, tuple[str, float]]:
    """Return, for each format, which message of nearly 256 KiB takes longest, and the least of its times [ms], on the processor."""
    found: dict[str, tuple[str, float]] = {}
    for name in FORMATS:
        for one in known(name):
            for how, payload in _long(one):
                spent = []
                for _ in range(times):
                    begun = thread_time()
                    decode(one.topic, payload, one.received_at, False, DeviceMemory(rules=one.rules))
                    spent.append((thread_time() - begun) * 1000)
                if min(spent) > found.get(name, ("", 0.0))[1]:
                    found[name] = how, min(spent)
    return found


def _long(one: Known) -> list[tuple[str, bytes]]:
    """Return messages of nearly the greatest length made from one: blanks, texts, numbers, lists and objects.

    Of every list also as much as its reader takes: what is longer is refused, and that is quick.
    """
    raw, value = one.payload, parsed(one.payload)
    room = MOST_BYTES - len(raw) - 100
    made = [
        ("blanks behind it", raw + b" " * room),
        ("the same byte", b"[" * MOST_BYTES),
        ("digits", b"1" * MOST_BYTES),
    ]
    if isinstance(value, dict):
        made += [
            ("one long text", written({**value, "zz": "x" * room})),
            ("a long list of numbers", written({**value, "zz": [1] * (room // 2 - 4)})),
            ("many names", written({**value, **{f"z{n}": n for n in range(room // 15)}})),
            ("many small objects", written({**value, "zz": [{}] * (room // 3 - 4)})),
        ]
    for path, inner in branches(value):
        if isinstance(inner, list) and inner:
            name, most = "/".join(map(str, path)) or "all of it", max(1, room // len(written(inner)))
            made.append((f"{name} many times", written(put(value, path, inner * most))))
            made.append((f"{name} as often as is read", _fullest(one, path, inner, most)))
    return [(how, payload) for how, payload in made if len(payload) <= MOST_BYTES]


def _fullest(one: Known, path: Path, inner: list[Json], most: int) -> bytes:
    """Return the longest message with `inner` again and again that its reader does not refuse for its length."""
    few, many, value = 1, most + 1, parsed(one.payload)
    while many - few > 1:
        middle = (few + many) // 2
        payload = written(put(value, path, inner * middle))
        decoded = decode(one.topic, payload, one.received_at, False, DeviceMemory(rules=one.rules))
        few, many = (few, middle) if "at most" in (decoded.rejected or "") else (middle, many)
    return written(put(value, path, inner * few))


def resident_mib() -> float:
    """Return the memory that this process has in use. [MiB]."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  Linux
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def page(report: Report, long: dict[str, tuple[str, float]]) -> str:
    """Return the report as text."""
    rate = report.messages / report.took_s if report.took_s else 0.0
    came = f"{report.messages} messages in {report.took_s:.0f} s ({rate:.0f}/s)"
    became = f"{report.refused} refused, {report.readings} readings, {report.stored} of them stored"
    lines = [f"{came}: {became}", f"flaws: {sum(report.flaws.values())}"]
    for what, times in report.flaws.most_common(20):
        topic, payload = report.example[what]
        lines.append(f"  {times} x {what}\n    {topic!r} {payload[:300]!r}")
    lines.append(
        "slowest message: "
        + ", ".join(f"{n} {s * 1000:.1f} ms ({b} B)" for n, (s, b) in sorted(report.slowest.items()))
    )
    if report.memory:
        lines.append("memory: " + ", ".join(f"{number}: {mib:.1f} MiB" for number, mib in report.memory))
    for name, (how, ms) in sorted(long.items()):
        over = "" if ms <= LIMIT_MS else f"  (more than {LIMIT_MS:g} ms)"
        lines.append(f"256 KiB, {name}: {ms:.2f} ms ({how}){over}")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return 1 if a flaw was found."""
    parser = argparse.ArgumentParser(description="Fuzz the readers.")
    parser.add_argument("--engine", choices=("mutation", "atheris"), default="mutation")
    parser.add_argument("--messages", type=int, default=100_000, help="of the engine mutation")
    parser.add_argument(
        "--again", type=int, default=1, help="how often each message comes: quick, to look at the memory"
    )
    parser.add_argument("--seconds", type=int, default=60, help="of the engine atheris")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    bench = Bench()
    if asked.engine == "atheris":
        guided(bench, asked.seconds, asked.seed)
        return 0  # not reached: libFuzzer ends the process
    mutation(bench, asked.messages, asked.seed, lambda said: print(said, flush=True), asked.again)
    sys.stdout.write(page(bench.report, longest()))
    return 1 if bench.report.flaws else 0


if __name__ == "__main__":
    sys.exit(main())
