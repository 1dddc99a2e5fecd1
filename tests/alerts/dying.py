"""A program that dies: for each of the dispatcher's points a process that is killed there, and one that takes over.

Run as ``python -m tests.alerts.dying FOLDER HTTP_PORT SECRET``; prints one JSON object a point.  Processes are forked from
one that has imported everything and opened nothing, so that a crash costs a tenth of a second.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from alerts import access, database, schema, texts
from alerts.channels import sms, webhook
from alerts.outbox import POINTS, Dispatcher, Settings
from alerts.policy import Policy
from alerts.store import Store
from tests.alerts.neighbourhood import finding

POLICY = Policy(red_next_channel_s=0.1)
WORDS = texts.load()
PATIENCE_S = 20.0


def now():
    """Return now."""
    return datetime.now(UTC)


def dispatcher(engine, port, secret, passing):
    """Return a dispatcher with a webhook and a telephone; one attempt at a time."""
    at = f"http://127.0.0.1:{port}"
    phone = sms.Settings(at, "demo", secret, "水安", {"offer": "SMS_1"}, loopback_only=True)
    channels = {"webhook": webhook.Channel(webhook.Settings(secret)), "sms": sms.Channel(phone)}
    return Dispatcher(
        engine, channels, WORDS, "https://shuian.example", now, make_links=access.new_links, policy=POLICY,
        settings=Settings(poll_s=0.02, at_once=1, ask_s=0.1), passing=passing,
    )  # fmt: skip


def rows(engine):
    """Return every notice."""
    with database.reading(engine).connect() as conn:
        return conn.execute(select(schema.notices).order_by(schema.notices.c.way)).mappings().all()


def settled(found):
    """Whether nothing is on its way any more, and the last channel is proved."""
    return len(found) == 2 and found[-1]["state"] == "delivered" and {n["state"] for n in found} <= {
        "accepted", "unknown", "delivered", "cancelled",
    }  # fmt: skip


def live(file, port, secret, die_at):
    """Run until killed at a point, or (none given) until everything is settled."""
    engine = database.connect(file)

    def passing(point):
        if point == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    async def run():
        stop = asyncio.Event()
        task = asyncio.create_task(dispatcher(engine, port, secret, passing).run(stop))
        ends = time.monotonic() + PATIENCE_S
        while not settled(await asyncio.to_thread(rows, engine)) and time.monotonic() < ends:
            await asyncio.sleep(0.02)
        stop.set()
        await task

    asyncio.run(run())
    engine.dispose()


def forked(work):
    """Run `work` in a process of its own; return the signal that ended it, 0: it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - the parent reads it
            sys.stderr.write(repr(error))
            os._exit(99)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def raised(file, name):
    """Open one case, with an id of its own: all report to the same gateways."""
    engine = database.connect(file)
    Store(engine, POLICY).raise_finding(finding(name, at=now()), now())
    engine.dispose()


def main(folder, port, secret):
    """Die at every point and report."""
    for n, point in enumerate(POINTS):
        file = Path(folder) / f"{n}.sqlite"
        shutil.copy(Path(folder) / "people.sqlite", file)
        case = forked(lambda file=file, n=n: raised(file, f"f-{n}"))
        killed = forked(lambda file=file, point=point: live(file, int(port), secret, point))
        after = forked(lambda file=file: live(file, int(port), secret, None))
        engine = database.connect(file)
        found = [(row["id"], row["root"], row["channel"], row["state"]) for row in rows(engine)]
        engine.dispose()
        print(
            json.dumps({"point": point, "made": case, "killed": killed, "after": after, "notices": found}), flush=True
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
