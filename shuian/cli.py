"""The command line is a contract: one line what, one line what to do; exit code 2 for bad input, 1 for trouble."""

import asyncio
import getpass
import io
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from shuian import cli_broker, cli_drill, cli_golive, cli_report, people_commands
from shuian.errors import BadInput, ShuianError, Trouble

app = typer.Typer(
    name="shuian",
    help="水安 Shuian: watching over older people who live alone, through their water meters.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)
user = typer.Typer(help="Operators' accounts.", no_args_is_help=True)
app.add_typer(user, name="user")
app.add_typer(cli_drill.app, name="drill")
for name in ("audit", "consent", "token"):
    app.add_typer(getattr(people_commands, f"{name}_app"), name=name)
for command in (people_commands.forget, cli_report.report, cli_golive.golive):
    app.command()(command)
app.command("broker-config")(cli_broker.broker_config)

ConfigFile = Annotated[Path, typer.Option("--config", help="The configuration file.")]
DEFAULT_CONFIG = Path("shuian.toml")


def _until_signalled(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run `work(stop)`; the first Ctrl-C or SIGTERM sets `stop`, a second one ends at once."""

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ask() -> None:
            if stop.is_set():
                sys.exit(130)
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ask)
        await work(stop)

    asyncio.run(run())


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="Folder of the demo; kept, so that it goes on where it was.")] = Path(
        "demo-data"
    ),
    port: Annotated[
        int, typer.Option(min=1, max=65533, help="Port of the pages; the two after it serve the gateways.")
    ] = 8480,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew: forget what happened in this demo.")] = False,
) -> None:
    """A neighbourhood that does not exist, on this machine. Example: shuian demo --port 8480"""
    from shuian import demo as neighbourhood

    neighbourhood.prepare(data, port, fresh)
    _until_signalled(lambda stop: neighbourhood.run(data, stop))


@app.command()
def serve(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the service. Example: shuian serve --config shuian.toml"""
    from shuian import config as configuration
    from shuian import logs, service

    settings = configuration.load(config)
    logs.start()
    _until_signalled(lambda stop: service.serve(settings, stop))


@app.command()
def init(path: Annotated[Path, typer.Argument(help="Where to write it.")] = DEFAULT_CONFIG) -> None:
    """Write a commented configuration. Example: shuian init shuian.toml"""
    from shuian import config as configuration

    if path.exists():
        raise BadInput(f"{path} is there already", "move it away, or name another file: shuian init other.toml")
    path.write_text(configuration.example(), "utf-8")
    print(f"wrote {path}; edit it, then: shuian check --config {path}")


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Check the configuration and every connection in it. Example: shuian check --config shuian.toml"""
    from shuian import checks
    from shuian import config as configuration

    results = checks.run(configuration.load(config))
    for result in results:
        print(f"{'ok  ' if result.ok else 'FAIL'}  {result.what}: {result.found}")
    bad = [result for result in results if not result.ok]
    if bad:
        raise Trouble(f"{len(bad)} of {len(results)} checks failed", "; ".join(one.do for one in bad))


@app.command("import")
def import_(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="An .xlsx workbook, or a folder of .csv sheets.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    apply: Annotated[
        bool, typer.Option("--apply", help="Really change the registry; without it, only say what would.")
    ] = False,
    template: Annotated[
        Path | None, typer.Option(metavar="FILE.xlsx", help="Write an empty workbook to fill in, and nothing else.")
    ] = None,
) -> None:
    """Read the registry: a dry run first, then with --apply. Example: shuian import registry.xlsx --apply"""
    from shuian import config as configuration
    from shuian import registry_export, registry_import

    if (file is None) == (template is None):
        raise BadInput("want a file to read, or --template with one to write", "such as: shuian import registry.xlsx")
    if template is not None:
        registry_export.template(template)
    elif file is not None:
        registry_import.run(file, configuration.load(config), apply)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An .xlsx workbook, or a folder for .csv sheets.")],
    config: ConfigFile = DEFAULT_CONFIG,
    resident: Annotated[
        str | None,
        typer.Option(help="Only this resident, with everything about them, readings too, into a new folder."),
    ] = None,
) -> None:
    """Write the registry to a file that import reads back unchanged. Example: shuian export registry.xlsx"""
    from shuian import config as configuration
    from shuian import personal, registry_export

    if resident is not None:
        with people_commands.people(config) as (engine, folder):
            print(f"wrote {personal.copy(engine, folder, resident, file)} to {file}; keep it safe")
        return
    registry_export.run(file, configuration.load(config))


@app.command()
def decode(
    settings: Annotated[Path | None, typer.Option("--config", help="Its [[plain]], [formats], [[keys]].")] = None,
) -> None:
    """What does Shuian understand of my message? JSON lines in, JSON lines out. Example: shuian decode < messages.jsonl"""
    from shuian import config
    from shuian import decode as decoding

    decoding.run(sys.stdin, sys.stdout, rules=config.load(settings).rules if settings else config.Config().rules)


@app.command()
def replay(
    file: Annotated[
        Path, typer.Argument(help="Recorded litres: household_id, ts, volume_l[, cumulative_l][, fixture].")
    ],
    broker: Annotated[str, typer.Option(help="mqtt://[user:password@]host:port")],
    fmt: Annotated[
        str, typer.Option("--as", help="native, chirpstack or any other format of docs/formats.md")
    ] = "native",
    speed: Annotated[
        float, typer.Option(help="Seconds of the record in one second; 0: as fast as the broker takes it.")
    ] = 0,
    coverage: Annotated[
        Path | None, typer.Option(help="household_id, part, start_ts, end_ts: when anybody looked.")
    ] = None,
    household: Annotated[list[str] | None, typer.Option(help="Only this household; may be given again.")] = None,
) -> None:
    """Recorded households over MQTT. Example: shuian replay pulses.csv.gz --broker mqtt://127.0.0.1:1883 --as native"""
    from shuian import replay as again
    from shuian import sending

    broker, speed, fmt = sending.address(broker), sending.pace(speed), sending.one_of(fmt, again.FORMATS, "format")
    again.run(
        again.registers(_there(file), _there(coverage) if coverage else None, household or ()), fmt, broker, speed
    )


@app.command()
def simulate(
    homes: Annotated[int, typer.Option(help="How many, 1 to 100000.")],
    broker: Annotated[str, typer.Option(help="mqtt://[user:password@]host:port")],
    fmt: Annotated[
        str, typer.Option("--as", help="Any format of docs/formats.md, several with commas between, or mixed: all.")
    ] = "native",
    profile: Annotated[
        str | None, typer.Option(help="frugal, average (the default), generous; nl- before it: the Netherlands.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="Homes like the recorded ones of this CSV, or of a saved likeness (.json).")
    ] = None,
    coverage: Annotated[Path | None, typer.Option(help="With --like: when anybody looked.")] = None,
    save_likeness: Annotated[
        Path | None, typer.Option(help="With --like: write what the homes are like to this .json first.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="IANA zone of the homes; else that of the profile or the saved likeness.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and --start: the same messages.")] = 1,
    start: Annotated[str | None, typer.Option(help="ISO 8601, local unless with an offset; else now.")] = None,
    lasts: Annotated[
        str | None, typer.Option("--for", help="Simulated time: 30min, 2h, 7d; else until Ctrl-C.")
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Simulated seconds in one second; 0: as fast as the broker takes them.")
    ] = 1,
    period: Annotated[str, typer.Option(help="15min, 1h, or daily: hourly values, sent once a day.")] = "15min",
    resolution: Annotated[float, typer.Option(help="Litres a step of the register: 0.1, 1 or 10.")] = 1,
    loss: Annotated[float, typer.Option(help="Share of the meters' messages that is lost, in bursts.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE[=SHARE]", help="P1 to M20, and in what share of the homes; may be given again."),
    ] = None,
    sensors: Annotated[bool, typer.Option("--sensors", help="Motion, door, SOS and leak sensors too.")] = False,
    registry: Annotated[
        Path | None, typer.Option(help="Write the homes' registry to this folder first; it must hold none yet.")
    ] = None,
) -> None:
    """A fleet of homes that do not exist, over MQTT. Example: shuian simulate --homes 200 --broker mqtt://127.0.0.1:1883 --for 1d --fault P1=0.02"""
    from shuian import sending
    from shuian import simulate as fleet

    registry, broker, speed = fleet.empty(registry), sending.address(broker), sending.pace(speed)
    plan = fleet.plan(
        homes=homes,
        fmt=fmt,
        profile=profile,
        like=like,
        coverage=coverage,
        save=save_likeness,
        zone=zone,
        seed=seed,
        begin=start,
        lasts=lasts,
        period=period,
        resolution_l=resolution,
        loss=loss,
        struck=fault or (),
        sensors=sensors,
    )
    fleet.run(plan, broker, speed, registry)


@app.command()
def backtest(
    readings: Annotated[
        Path, typer.Option(help="CSV or .csv.gz: household_id, ts, volume_l[, cumulative_l][, fixture]")
    ],
    households: Annotated[Path, typer.Option(help="CSV: household_id, occupants, tz, resolution")],
    out: Annotated[Path, typer.Option(help="JSON lines, one for each finding episode.")],
    absences: Annotated[Path | None, typer.Option(help="CSV: household_id, start_ts, end_ts")] = None,
    coverage: Annotated[Path | None, typer.Option(help="CSV: household_id, part, start_ts, end_ts")] = None,
    rules: Annotated[
        list[str] | None, typer.Option(help="A rule beside the personal model, e.g. 12h-10l; may be given again.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write a page: what each budget of false alarms would buy on these homes, and the settings for it."
        ),
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the page: zh or en.")] = "zh",
) -> None:
    """What would have been raised on recorded data, and when. Example: shuian backtest --readings r.csv.gz --households h.csv --rules 12h-10l --out findings.jsonl"""
    from shuian import backtest as replayed
    from shuian import sending

    named = [name for one in rules or () for name in one.replace(",", " ").split()]
    try:
        summary = replayed.run(
            readings=_there(readings),
            households=_there(households),
            absences=_there(absences) if absences else None,
            coverage=_there(coverage) if coverage else None,
            rules=named,
            out=out,
            report=report,
            lang=replayed.LANGUAGES[sending.one_of(lang, replayed.LANGUAGES, "language")],
            progress=lambda text: print(text, file=sys.stderr),
        )
    except replayed.BacktestError as fault:
        raise BadInput(
            str(fault), "the columns are explained by: shuian backtest --help and docs/backtest.md"
        ) from None
    print(summary.table())


@user.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="The name to log in with.")], config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Give an operator an account; the password is asked for, or read from standard input. Example: shuian user add lin"""
    from alerts import access, audit, database
    from shuian import config as configuration

    settings = configuration.load(config)
    password = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(password) < 10:
        raise BadInput("this password is shorter than 10 characters", "take a longer one; a sentence is fine")
    settings.service.data.mkdir(parents=True, exist_ok=True)
    engine = database.open(settings.service.data / "people.sqlite")
    with engine.begin() as conn:
        access.set_password(conn, name, password)
        audit.append(conn, datetime.now(UTC), "account", "cli", f"operator:{name}")
    engine.dispose()
    print(f"{name} can log in at {settings.base_url}/login")


def _spread_rules(arguments: list[str]) -> list[str]:
    """Let ``--rules A B C`` name several rules, as the contract writes it."""
    spread: list[str] = []
    open_ended = False
    for word in arguments:
        if word.startswith("-"):
            open_ended = word == "--rules"
        elif open_ended and spread[-1] != "--rules":
            spread.append("--rules")
        spread.append(word)
    return spread


def _there(path: Path) -> Path:
    if not path.is_file():
        raise BadInput(f"no file at {path}", "check the path; .csv and .csv.gz are read")
    return path


def _command_of(words: list[str]) -> str:
    """Return the command that was called, as far as it exists, such as ``shuian user add``."""
    command: Any = get_command(app)
    path = ["shuian"]
    for word in words:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        path.append(word)
    return " ".join(path)


def _fail(what: str, do: str, code: int) -> NoReturn:
    print(f"shuian: {what}\n  {do}", file=sys.stderr)
    raise SystemExit(code)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; never shows a traceback for what people can mend themselves."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape" if stream is sys.stdin else "replace")
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["backtest"]:
        words = _spread_rules(words)
    try:
        code = get_command(app)(args=words, prog_name="shuian", standalone_mode=False)
        sys.stdout.flush()  # here, and not when Python ends: a reader that went away is none of our trouble
    except ShuianError as wrong:
        _fail(wrong.what, wrong.do, wrong.code)
    except BaseExceptionGroup as group:
        known, _ = group.split(ShuianError)
        if known is None:
            raise
        first: Any = known
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        _fail(first.what, first.do, first.code)
    except TyperException as wrong_call:
        said = wrong_call.format_message()
        if said.startswith("Usage:"):  # no arguments at all: the help is the answer
            print(said)
            raise SystemExit(2) from None
        _fail(said[0].lower() + said[1:].rstrip("."), f"see: {_command_of(words)} --help", 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere, and Python can end
        raise SystemExit(1) from None
    except OSError as trouble:
        if trouble.filename is None:  # not about a file that people named
            raise
        said = (trouble.strerror or "cannot be used").lower()
        _fail(f"{trouble.filename}: {said}", "check the path, its rights and the room on the disk", 1)
    except (KeyboardInterrupt, typer.Abort):
        raise SystemExit(130) from None
    raise SystemExit(code or 0)
