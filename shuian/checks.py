"""`shuian check`: every connection of the configuration tried, each with what was found and what to do."""

import socket
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from alerts import database, registry
from alerts.errors import DatabaseError
from alerts.policy import Roster
from ingest.errors import SinkRefused, SinkUnavailable
from ingest.influx_dialects import InfluxSettings, connect
from shuian import broker_probe
from shuian.checked import Checked
from shuian.config import Config
from shuian.errors import Trouble
from shuian.service import want_port

PATIENCE_S = 5.0


def run(config: Config) -> list[Checked]:
    """Try every connection that `config` names."""
    results = [_folder(config.service.data)]
    if not config.mqtt:
        results.append(
            Checked("broker", True, "none configured: an embedded one on loopback, for trials on one machine")
        )
    for one in config.mqtt:
        results += broker_probe.probe(one)
    results.append(_pages(config))
    for name, settings in sorted(config.channels.items()):
        host, port = getattr(settings, "host", None), getattr(settings, "port", None)
        if host and port:
            results.append(_reachable(f"channel {name}", host, port))
        else:
            results.append(Checked(f"channel {name}", True, "configured; its addresses stand in the registry"))
    if not config.channels:
        results.append(
            Checked("channels", False, "none", "add [channels.email] or [channels.webhook]: nobody can be told")
        )
    if config.influx is not None:
        results.append(_influx(config.influx))
    if results[0].ok:
        results += _registry(config)
    return results


def _folder(folder: Path) -> Checked:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as trouble:
        return Checked("data folder", False, f"{folder}: {trouble.strerror}", f"let this user write to {folder}")
    return Checked("data folder", True, str(folder))


def _reachable(what: str, host: str, port: int) -> Checked:
    try:
        with socket.create_connection((host, port), PATIENCE_S):
            return Checked(what, True, f"{host}:{port} answers")
    except OSError as trouble:
        return Checked(what, False, f"{host}:{port}: {trouble}", f"start it, or correct its address ({what})")


def _influx(settings: InfluxSettings) -> Checked:
    """Who answers there; nothing is made or changed."""
    try:
        with closing(connect(settings)) as speaker:
            return Checked("influx", True, f"{settings.url}: {speaker.greet()}")
    except (SinkRefused, SinkUnavailable) as trouble:
        return Checked("influx", False, f"{settings.url}: {trouble}", "correct [influx], or start the server")


def _pages(config: Config) -> Checked:
    try:
        want_port(config.web.host, config.web.port, "web.port =")
    except Trouble as trouble:
        return Checked("pages", False, trouble.what, trouble.do)
    return Checked("pages", True, f"{config.base_url} (port is free)")


def _registry(config: Config) -> list[Checked]:
    try:
        engine = database.open(config.service.data / "people.sqlite")
    except (DatabaseError, OSError) as trouble:
        return [Checked("people's database", False, str(trouble), "restore it from a backup")]
    now = datetime.now(UTC)
    try:
        with database.reading(engine).connect() as conn:
            bound = registry.bindings(conn, now)
            agreed = sorted({one.household for one in bound if one.consented})
            rosters = [registry.roster(conn, household, now) for household in agreed]
            used = registry.channels_used(conn)
    finally:
        engine.dispose()
    homes = {one.household for one in bound}
    found = f"{len(homes)} household(s) with a device, {len(agreed)} with consent to be monitored"
    results = [Checked("registry", bool(agreed), found, "import one: shuian import FOLDER --apply")]
    if agreed:
        results.append(_people(rosters))
    for name in sorted(used - set(config.channels)):
        found = f"the registry has {name} addresses, but there is no section [channels.{name}]"
        results.append(Checked(f"channel {name}", False, found, f"add [channels.{name}], or give these people another"))
    return results


def _people(rosters: Sequence[Roster]) -> Checked:
    """Whether there is somebody to tell of every home, now."""
    nobody = sum(not (_asked(one) or one.operators) for one in rosters)
    operator_only = sum(not _asked(one) and bool(one.operators) for one in rosters)
    if nobody:
        return Checked("people", False, f"nobody is told of {nobody} household(s)", "name an operator in workers.csv")
    if not all(one.operators for one in rosters):
        return Checked(
            "people", False, "no operator: if nobody accepts a case, nobody hears of it", "name one in workers.csv"
        )
    found = "somebody is told of every household now"
    if operator_only:
        found += f"; of {operator_only} only the operator, because nobody is on shift or the resident did not agree"
    return Checked("people", True, found)


def _asked(roster: Roster) -> bool:
    """Whether anybody may be sent to that home now."""
    return any((roster.owner, roster.backup, roster.lead, *roster.duty))
