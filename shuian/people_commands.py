"""The commands about people's rights: the audit chain, consents, forgetting, a person's own copy, tokens of the interface."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import Connection, Engine

from shuian.errors import BadInput, Trouble

if TYPE_CHECKING:
    from alerts.policy import Policy

audit_app = typer.Typer(help="The audit chain: what happened, unchanged.", no_args_is_help=True)
DEFAULT_CONFIG = Path("shuian.toml")
ConfigFile = Annotated[Path, typer.Option("--config", help="The configuration file.")]
ANCHORS = "audit-anchors.jsonl"
"""The file of the data folder in which the service writes the head of the chain every hour."""


@contextmanager
def people(config: Path) -> Iterator[tuple[Engine, Path]]:
    """Open the people's database of a configuration; yields it and the data folder.

    Raises
    ------
    BadInput
        There is no such database yet.
    """
    from alerts import database
    from shuian import config as configuration

    folder = configuration.load(config).service.data
    file = folder / "people.sqlite"
    if not file.is_file():
        raise BadInput(f"no registry in {folder}", "import one first: shuian import registry.xlsx")
    engine = database.open(file)
    try:
        yield engine, folder
    finally:
        engine.dispose()


@audit_app.command("verify")
def audit_verify(
    config: ConfigFile = DEFAULT_CONFIG,
    anchors: Annotated[
        list[Path] | None, typer.Option(help="A file of anchors kept elsewhere; may be given again.")
    ] = None,
) -> None:
    """Follow the whole chain; exit code 1 and where, if it breaks. Example: shuian audit verify --anchors /mnt/office/anchors.jsonl"""
    from alerts import audit, database

    with people(config) as (engine, folder):
        files = [file for file in (folder / ANCHORS, *(anchors or ())) if file != folder / ANCHORS or file.exists()]
        try:
            kept = [anchor for file in files for anchor in audit.kept(file)]
        except (OSError, ValueError) as wrong:
            raise BadInput(
                f"anchors cannot be read: {wrong}", "want the file that 'shuian audit anchor' wrote"
            ) from None
        with database.reading(engine).connect() as conn:
            found = audit.verify(conn, kept)
    for fault in found.faults:
        print(f"BROKEN  {fault}")
    if not found.ok:
        raise Trouble(
            f"the audit chain does not hold: {len(found.faults)} fault(s)",
            "keep this folder as it is; docs/privacy.md says what to do",
        )
    print(f"ok  {found.entries} entries, {len(kept)} anchors; head {found.head[:16]}")
    if not kept:
        print("no anchor: nobody could tell if the newest entries had been cut off")


@audit_app.command("anchor")
def audit_anchor(
    config: ConfigFile = DEFAULT_CONFIG,
    to: Annotated[Path | None, typer.Option(help="Also add it to this file, on another disk or machine.")] = None,
    mail: Annotated[str | None, typer.Option(help="Also send it to this address, by [channels.email].")] = None,
) -> None:
    """Print the head of the chain, to be kept where nobody of the service can change it. Example: shuian audit anchor --to /mnt/office/anchors.jsonl"""
    from alerts import audit, database

    now = datetime.now(UTC)
    with people(config) as (engine, _), database.reading(engine).connect() as conn:
        anchor = audit.head(conn, now)
    print(audit.line(anchor))
    if to is not None:
        audit.keep(to, anchor)
    if mail is not None:
        _mail(config, mail, audit.line(anchor), now)


def _mail(config: Path, address: str, said: str, now: datetime) -> None:
    import asyncio
    import secrets

    from alerts import channels
    from shuian import config as configuration

    settings = configuration.load(config).channels.get("email")
    if settings is None:
        raise BadInput("no [channels.email] in the configuration", "add it, or use --to FILE")

    async def send() -> channels.Result:
        channel = channels.CHANNELS["email"].Channel(settings)
        try:
            return await channel.send(
                channels.Outgoing(
                    id=secrets.token_hex(10), address=address, subject="Shuian audit anchor", text=said, link="",
                    language="en", realm="live", created_at=now, sent_at=now,
                )
            )  # fmt: skip
        finally:
            await channel.close()

    result = asyncio.run(send())
    if result.state != "accepted":
        raise Trouble(
            f"the anchor was not sent: {result.detail or result.state}", "check [channels.email]: shuian check"
        )


# --- consents ------------------------------------------------------------------------------------------------------

consent_app = typer.Typer(help="Who may see what: given, paused, withdrawn.", no_args_is_help=True)
Resident = Annotated[str, typer.Argument(help="The resident's id.")]
PurposeName = Annotated[str, typer.Argument(help="monitor, community, relative or research")]
Recipient = Annotated[str, typer.Option("--to", help="With relative: a contact's id; else all of them.")]


@contextmanager
def _answering(config: Path) -> Iterator[tuple[Connection, "Policy", datetime]]:
    """One transaction in which an answer is written down; what cannot be becomes a line what and a line what to do."""
    from alerts.errors import BadConsent
    from shuian import config as configuration

    with people(config) as (engine, _), engine.begin() as conn:
        try:
            yield conn, configuration.load(config).policy, datetime.now(UTC)
        except BadConsent as wrong:
            raise BadInput(str(wrong), "ids stand in: shuian export registry.xlsx") from None


@consent_app.command("show")
def consent_show(resident: Resident, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """How every purpose stands. Example: shuian consent show r-301"""
    from alerts import consent, rights

    with _answering(config) as (conn, _, now):
        rights.somebody(conn, resident)
        rows = consent.standing(conn, resident, now)
    for one in rows:
        said = f"{one.how:9}  {one.purpose}{' to ' + one.recipient if one.recipient else ''}"
        given = f"  version {one.version}, given {one.given_at:%Y-%m-%d} by {one.given_by}" if one.given_at else ""
        ends = f", until {one.until:%Y-%m-%d %H:%M}Z" if one.until else ""
        print(said + given + ends)


@consent_app.command("give")
def consent_give(
    resident: Resident,
    purpose: PurposeName,
    to: Recipient = "",
    by: Annotated[str, typer.Option(help="Who agreed: resident, or a guardian.")] = "resident",
    evidence: Annotated[str | None, typer.Option(help="Where it can be looked up.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write down that somebody agrees to the text in force. Example: shuian consent give r-301 relative --to c-301 --evidence form-17"""
    from alerts import consent

    with _answering(config) as (conn, policy, now):
        consent.give(conn, resident, purpose, to, now, policy, by="cli", given_by=by, evidence=evidence)
    print("given")


@consent_app.command("withdraw")
def consent_withdraw(
    resident: Resident, purpose: PurposeName, to: Recipient = "", config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """End a consent, and at once what rests on it. Example: shuian consent withdraw r-301 relative --to c-301"""
    from alerts import consent

    with _answering(config) as (conn, policy, now):
        consent.withdraw(conn, resident, purpose, to, now, policy, by="cli")
    print("withdrawn: nothing more is stored or told for it")


@consent_app.command("pause")
def consent_pause(
    resident: Resident,
    purpose: PurposeName,
    until: Annotated[datetime, typer.Option(help="When it holds again, UTC: 2026-12-24T08:00:00")],
    to: Recipient = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Let a consent rest for a while. Example: shuian consent pause r-301 monitor --until 2026-12-24T08:00:00"""
    from alerts import consent

    with _answering(config) as (conn, policy, now):
        consent.pause(conn, resident, purpose, to, until.replace(tzinfo=UTC), now, policy, by="cli")
    print("paused")


@consent_app.command("publish")
def consent_publish(
    purpose: PurposeName,
    version: Annotated[str, typer.Argument(help="A version that was not there before.")],
    zh: Annotated[Path, typer.Option(help="The text in Chinese, a UTF-8 file.")],
    en: Annotated[Path, typer.Option(help="The text in English.")],
    start: Annotated[datetime | None, typer.Option("--from", help="From when on it holds, UTC; else now.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Publish a text; consents to older ones are parked until answered. Example: shuian consent publish relative 2 --zh zh.txt --en en.txt --from 2027-01-01T00:00:00"""
    from alerts import consent

    with _answering(config) as (conn, _, now):
        begins = start.replace(tzinfo=UTC) if start else now
        consent.publish(conn, purpose, version, zh.read_text("utf-8"), en.read_text("utf-8"), begins, "cli", now)
    print(f"published; from {begins:%Y-%m-%d %H:%M}Z on, {purpose} rests for everybody who has not answered it")


# --- everything about somebody --------------------------------------------------------------------------------------


def forget(
    resident: Resident,
    config: ConfigFile = DEFAULT_CONFIG,
    sure: Annotated[bool, typer.Option("--sure", help="Really; without it, only say what would go.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the proof to this file too.")] = None,
) -> None:
    """Delete everything about a resident, with a proof; the service is stopped for it. Example: shuian forget r-301 --sure"""
    import json

    from alerts import rights
    from shuian import config as configuration
    from shuian import personal

    with people(config) as (engine, folder):
        if not sure:
            with _answering(config) as (conn, _, _now):
                found = rights.everything(conn, rights.somebody(conn, resident))
            print("would delete or empty, as far as it is not kept:")
            for name, rows in found.items():
                print(f"  {name}: {len(rows)}")
            print("nothing was changed; do it with: --sure")
            return
        loaded = configuration.load(config)
        sealed = personal.forget(engine, folder, resident, loaded.policy, loaded.influx)
        proof = json.dumps(sealed, ensure_ascii=False, indent=1)
    print(proof)
    if out is not None:
        out.write_text(proof + "\n", "utf-8")


# --- tokens of programs --------------------------------------------------------------------------------------------

token_app = typer.Typer(help="Tokens of programs that use /api/v1.", no_args_is_help=True)
TokenName = Annotated[str, typer.Argument(help="What it is called: letters, digits, dots, dashes.")]


@token_app.command("add")
def token_add(
    name: TokenName,
    scope: Annotated[
        str, typer.Option(help="registry:read, registry:write, cases:read, drills:run; several with commas.")
    ],
    area: Annotated[str | None, typer.Option(help="Only this area and all below it.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it lasts.")] = 365,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make a token; it is shown once. Example: shuian token add billing --scope registry:write,cases:read --area c-7"""
    from alerts import tokens

    asked = [part.strip() for part in scope.split(",") if part.strip()]
    with people(config) as (engine, _), engine.begin() as conn:
        try:
            print(tokens.add(conn, name, asked, area, timedelta(days=days), "cli", datetime.now(UTC)))
        except tokens.BadToken as wrong:
            raise BadInput(str(wrong), "see: shuian token list, and docs/api.md") from None


@token_app.command("list")
def token_list(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Every token with what it may do. Example: shuian token list"""
    from alerts import database, tokens

    with people(config) as (engine, _), database.reading(engine).connect() as conn:
        for name, scopes, area, expires, revoked in tokens.listed(conn):
            state = f"revoked {revoked:%Y-%m-%d}" if revoked else f"until {expires:%Y-%m-%d}"
            print(f"{name}  {scopes}  {area or 'everything'}  {state}")


@token_app.command("revoke")
def token_revoke(name: TokenName, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Let a token open nothing any more, at once. Example: shuian token revoke billing"""
    from alerts import tokens

    with people(config) as (engine, _), engine.begin() as conn:
        try:
            tokens.revoke(conn, name, "cli", datetime.now(UTC))
        except tokens.BadToken as wrong:
            raise BadInput(str(wrong), "see: shuian token list") from None
    print(f"{name} opens nothing any more")
