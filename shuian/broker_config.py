"""`shuian broker-config`: the broker's files written to a folder, each secret made once and shown once.

The folder is the memory: who has an account there keeps its secret, who is new gets one, who is no longer in the registry
loses it.  Secrets that were made are written, before anything depends on them, to files that only this user may read:
``credentials-….csv`` for who fits the devices, ``service.env`` for the service itself.
"""

import csv
import io
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, or_, select

from alerts import database
from alerts.schema import devices
from ingest.mqtt import BrokerSettings
from shuian.broker_accounts import Access, Fitted, access
from shuian.broker_files import KINDS, Kind, new_secret
from shuian.config import Config
from shuian.errors import BadInput

SERVICE_FILE = "service.env"
COLUMNS = ("account", "password", "may write")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: accounts in all, those that are new, got another secret, and ended; the file of secrets."""

    accounts: int
    new: int
    rotated: int
    ended: int
    secrets: Path | None
    service: bool
    """Whether the service's own account is among those with a secret that was made now."""
    files: tuple[str, ...]


def fitted(conn: Connection, now: datetime) -> list[Fitted]:
    """Return every device that is, or will be, in a household."""
    d = devices.c
    rows = conn.execute(select(d.id, d.format, d.gateway).where(or_(d.valid_to.is_(None), d.valid_to > now)))
    return [Fitted(row.id, row.format, row.gateway or "") for row in rows]


def run(
    config: Config, folder: Path, now: datetime, *, name: str | None = None, rotate: Collection[str] = ()
) -> Written:
    """Write the files of the broker `name` (None: the first of the configuration) to `folder`.

    Raises
    ------
    BadInput
        No such broker or account, no registry, or a name, filter or file that cannot be used.
    """
    number, broker = _broker(config, name)
    file = config.service.data / "people.sqlite"
    if not file.is_file():
        raise BadInput(f"no registry in {config.service.data}", "import one first: shuian import registry.xlsx")
    engine = database.open(file)
    try:
        with database.reading(engine).connect() as conn:
            wanted = access(fitted(conn, now), config.broker, broker)
    finally:
        engine.dispose()
    return write(wanted, config, folder, now, number=number, rotate=rotate)


def write(
    wanted: Access, config: Config, folder: Path, now: datetime, *, number: int = 0, rotate: Collection[str] = ()
) -> Written:
    """Write the files for `wanted`; `number`: which ``[[mqtt]]`` the service's own secret is for."""
    if strangers := sorted(set(rotate) - set(wanted.names)):
        raise BadInput(f"no account {', '.join(strangers)}", f"accounts stand in {folder / 'acl'} and in the registry")
    kind = KINDS[config.broker.kind]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    had = _had(kind, folder)
    made = {name: new_secret() for name in wanted.names if name not in had or name in rotate}
    listed = _hand_out(wanted, made, folder, now, number)
    hashes = had | {name: kind.hashed(secret) for name, secret in made.items()}
    texts = kind.files(wanted, hashes, config.broker)
    for file, text in texts.items():
        _replace(folder / file, text)
    return Written(
        accounts=len(wanted.names),
        new=sum(name not in had for name in made),
        rotated=sum(name in had for name in made),
        ended=len(set(had) - set(wanted.names)),
        secrets=listed,
        service=any(one.kind == "service" and one.name in made for one in wanted.accounts),
        files=tuple(sorted(texts)),
    )


def _broker(config: Config, name: str | None) -> tuple[int, BrokerSettings]:
    for number, one in enumerate(config.mqtt):
        if name in (None, one.name):
            return number, one
    if name is not None:
        raise BadInput(f"no broker {name!r} in [[mqtt]]", f"want one of {', '.join(b.name for b in config.mqtt)}")
    raise BadInput("no [[mqtt]] in the configuration", "say there how the service reaches the broker: name, host, port")


def _had(kind: Kind, folder: Path) -> dict[str, str]:
    file = folder / kind.accounts_file
    return kind.read(file.read_text("utf-8")) if file.exists() else {}


def _hand_out(wanted: Access, made: dict[str, str], folder: Path, now: datetime, number: int) -> Path | None:
    """Write the new secrets down; return the file for devices and gateways, None if none of them has a new one."""
    rows = []
    for one in wanted.accounts:
        if one.name not in made:
            continue
        if one.kind == "service":
            lines = (("USERNAME", one.name), ("PASSWORD", made[one.name]))
            _replace(folder / SERVICE_FILE, "".join(f"SHUIAN_MQTT__{number}__{key}={value}\n" for key, value in lines))
        else:
            rows.append((one.name, made[one.name], " ".join(one.writes) or _own(wanted, one.name)))
    if not rows:
        return None
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return _new_file(folder, now, text.getvalue())


def _own(wanted: Access, name: str) -> str:
    return " ".join(topic.replace("{device}", name) for topic in wanted.writes)


def _new_file(folder: Path, now: datetime, text: str) -> Path:
    """Write a file that was not there before: no secret of an earlier run is lost."""
    stem = f"credentials-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    for number in range(1, 1000):
        file = folder / (f"{stem}.csv" if number == 1 else f"{stem}-{number}.csv")
        try:
            _write(file, text, os.O_EXCL)
        except FileExistsError:
            continue
        return file
    raise BadInput(f"{folder} is full of {stem}-….csv", "hand them out, then delete them")


def _replace(file: Path, text: str) -> None:
    """Put `text` in the place of `file`, whole or not at all; only this user may read it."""
    fresh = file.with_name(f".{file.name}.new")
    _write(fresh, text, os.O_TRUNC)
    fresh.replace(file)


def _write(file: Path, text: str, how: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | how, 0o600), "w", encoding="utf-8") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


def told(written: Written, folder: Path, kind: str) -> Sequence[str]:
    """Return what people should know and do now, a line each."""
    counts = (
        f"{written.accounts} accounts: {written.new} new, {written.rotated} with another secret, {written.ended} ended"
    )
    lines = [f"wrote {', '.join(written.files)} to {folder} for {kind}; {counts}"]
    if written.secrets is not None:
        lines.append(f"the new secrets stand in {written.secrets} only: hand them out, then delete that file")
    if written.service:
        lines.append(
            f"the service's own secret stands in {folder / SERVICE_FILE}: start the service with it, docs/broker.md"
        )
    return lines
