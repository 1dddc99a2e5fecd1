"""Random crashes of the dispatcher: everything that was not committed is dropped, and a new one takes over.

    python -m benchmarks.drops --crashes 10000

In one process, on SQLite, over a clock that only this program turns: at a random one of `alerts.outbox.POINTS` the
dispatcher stops for good, its open transaction is rolled back, its calls are never heard of again.  Providers take, lose,
refuse, keep silent and send receipts by seeded chance.  Afterwards each message that was owed must have been taken by a
provider of its person, or refused by every one of them, or have become untrue; and none was repeated more often than
crashes and silent providers explain.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, select

from alerts import access, texts
from alerts.channels import Outgoing, Receipt, Result
from alerts.database import reading
from alerts.outbox import Dispatcher, Settings
from alerts.policy import Policy
from alerts.schema import attempts, cases, notices
from alerts.store import Store
from benchmarks.people import filled, finding

T0 = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
HOMES, GRIDS = 40, 8
CRASHES_EACH = 500
"""So many crashes with one database; then its books are checked and the next begins."""
WORDS = texts.load()
POLICY = Policy(undo_s=1.0)


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Provider:
    """A provider that takes 72 % of what it gets, refuses some, and of some nobody hears what became."""

    chance: random.Random
    took: Counter[str] = field(default_factory=Counter)
    """How often it took each notice: this is what people receive."""
    refused: set[str] = field(default_factory=set)
    silent: Counter[str] = field(default_factory=Counter)
    """How often nobody heard what became of a notice."""
    receipts: list[Receipt] = field(default_factory=list)

    async def send(self, outgoing: Outgoing) -> Result:
        """Take it or not."""
        dice = self.chance.random()
        if dice < 0.72:
            self.took[outgoing.id] += 1
            if self.chance.random() < 0.5:
                self.receipts.append(Receipt(outgoing.id, outgoing.address, "delivered"))
            return Result("accepted")
        if dice < 0.84:
            return Result("failed", detail="later")
        if dice < 0.90:
            self.refused.add(outgoing.id)
            return Result("failed", permanent=True, detail="never")
        self.silent[outgoing.id] += 1
        if dice < 0.96:
            self.took[outgoing.id] += 1
        return Result("unknown", detail="silent")

    async def close(self) -> None:
        """Nothing is kept open."""


@dataclass
class Books:
    """What was found."""

    crashes: int = 0
    at: Counter[str] = field(default_factory=Counter)
    owed: int = 0
    taken: int = 0
    refused: int = 0
    untrue: int = 0
    lost: list[str] = field(default_factory=list)
    repeats: int = 0
    unexplained: list[str] = field(default_factory=list)
    strangers: int = 0
    unfinished: int = 0


class Town:
    """One database through many crashes."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance, self.now = random.Random(seed), T0
        ways = ("webhook;sms", "http://127.0.0.1/hook/w{n};139{n:08d}")
        self.engine = filled(folder / f"{seed}.sqlite", HOMES, GRIDS, T0, ways, ("email", "f{n}@example.org"))
        event.listen(self.engine, "connect", _unsynced)
        self.engine.dispose()  # connections of the migration still sync
        self.providers = {name: Provider(self.chance) for name in ("webhook", "sms", "email")}
        self.store = Store(self.engine, POLICY)
        self.findings = 0
        self.left: int | None = None
        self.hit: Counter[str] = Counter()
        """How often a crash came while a notice was on its way."""

    def passing(self, point: str) -> None:
        """Crash here, if it is time; a process that crashed passes nothing any more."""
        if self.left is None:
            return
        self.left -= 1
        if self.left <= 0:
            raise Crash(point)

    def dispatcher(self) -> Dispatcher:
        """Return a new one, as after a restart."""
        return Dispatcher(
            self.engine, self.providers, WORDS, "https://shuian.example", lambda: self.now, make_links=access.new_links,
            policy=POLICY, settings=Settings(at_once=3, gather_s=0.0), passing=self.passing,
        )  # fmt: skip

    async def life(self, crash: bool) -> str | None:
        """Live until a crash, or until nothing is due; return where it crashed."""
        self.left = self.chance.randint(1, 24) if crash else None
        dispatcher = self.dispatcher()
        try:
            dispatcher._take_over()
            while await dispatcher.step() or (crash and self._something_happens(dispatcher)):
                pass
        except Crash as where:
            await asyncio.sleep(0)
            self._remember()
            return str(where)
        return None

    def _something_happens(self, dispatcher: Dispatcher) -> bool:
        """Let time pass, a finding come up, a receipt arrive, a clock ring; True: go on living."""
        self.now += timedelta(seconds=self.chance.choice((1, 5, 20, 130)))
        if self.chance.random() < 0.7:
            self.findings += 1
            self.store.raise_finding(
                finding(self.chance.randrange(HOMES), f"x{id(self)}-{self.findings}", self.now), self.now
            )
        for name, provider in self.providers.items():
            if provider.receipts and self.chance.random() < 0.5:
                said = [provider.receipts.pop(self.chance.randrange(len(provider.receipts)))]
                dispatcher.hear(name, said * self.chance.randint(1, 2))
        self.store.fire_due(self.now)
        return True

    def _remember(self) -> None:
        with reading(self.engine).connect() as conn:
            self.hit.update(conn.scalars(select(notices.c.id).where(notices.c.state == "leased")))

    async def settle(self) -> None:
        """Let everything come to its end without crashes; nobody is on the ladder any more, so nothing new is owed."""
        for _ in range(60):
            await self.life(crash=False)
            self.now += timedelta(seconds=60)
            with reading(self.engine).connect() as conn:
                open_now = conn.execute(
                    select(notices.c.id).where(notices.c.state.in_(("pending", "leased", "unknown")))
                )
                if open_now.first() is None:
                    return


def check(town: Town, books: Books) -> None:
    """Compare what was owed with what providers took."""
    took: Counter[str] = Counter()
    refused: set[str] = set()
    silent: Counter[str] = Counter()
    for provider in town.providers.values():
        took.update(provider.took)
        refused |= provider.refused
        silent.update(provider.silent)
    with reading(town.engine).connect() as conn:
        rows = conn.execute(select(notices)).mappings().all()
        tries: Counter[str] = Counter(conn.scalars(select(attempts.c.notice)))
        books.unfinished += len([r for r in rows if r["state"] in ("pending", "leased") and r["due_at"] <= town.now])
        gone = set(conn.scalars(select(cases.c.id).where(cases.c.closed_at.is_not(None))))
    by_root: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_root[row["root"]].append(row)
    for root, group in by_root.items():
        books.owed += 1
        if any(took[row["id"]] for row in group):
            books.taken += 1
        elif all(row["id"] in refused or row["state"] in ("failed", "expired") for row in group):
            books.refused += 1
        elif any(row["state"] == "cancelled" for row in group) or group[0]["case_id"] in gone:
            books.untrue += 1
        elif all(row["state"] == "pending" and row["due_at"] > town.now for row in group):
            books.owed -= 1  # not owed yet
        else:
            books.lost.append(root)
    for name, times in took.items():
        books.repeats += times - 1
        if times - 1 > town.hit[name] + silent[name]:
            books.unexplained.append(name)
        if tries[name] == 0:
            books.strangers += 1


def _unsynced(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA synchronous = OFF")  # what is dropped here is transactions, not the machine's power


def run(crashes: int, seed: int, folder: Path) -> Books:
    """Crash so often; return the books."""
    books, n = Books(), 0
    while books.crashes < crashes:
        town = Town(folder, seed + n)
        n += 1
        wanted = min(CRASHES_EACH, crashes - books.crashes)
        asyncio.run(_ordeal(town, wanted, books))
        check(town, books)
        town.engine.dispose()
    return books


async def _ordeal(town: Town, wanted: int, books: Books) -> None:
    done = 0
    while done < wanted:
        where = await town.life(crash=True)
        if where is not None:
            done += 1
            books.at[where] += 1
    books.crashes += done
    await town.settle()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crashes", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        books = run(asked.crashes, asked.seed, Path(folder))
    print(f"{books.crashes} crashes in {time.monotonic() - begun:.0f} s, at:")
    for point, times in sorted(books.at.items()):
        print(f"  {point:<24}{times:>7}")
    print(f"messages owed {books.owed}: taken {books.taken}, refused by every channel {books.refused}, "
          f"untrue before they left {books.untrue}, lost {len(books.lost)}")  # fmt: skip
    print(f"repeats {books.repeats}, of them not explained by a crash or a silent provider {len(books.unexplained)}")
    print(f"under an unknown id {books.strangers}, unfinished {books.unfinished}")


if __name__ == "__main__":
    main()
