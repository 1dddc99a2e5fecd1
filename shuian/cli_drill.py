"""`shuian drill`: the scripts, one or all of them played on a running service, and what became of it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shuian.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from shuian.drill import Api
    from shuian.drill_demo import Way
    from shuian.drill_together import Played

app = typer.Typer(help="Drills: rehearse the whole chain, apart from life (docs/drills.md).", no_args_is_help=True)
Url = Annotated[str, typer.Option(help="Where the pages of the service are.")]
Secret = Annotated[
    str, typer.Option(envvar="SHUIAN_TOKEN", help="A token with registry:write,drills:run; better by SHUIAN_TOKEN.")
]
Demo = Annotated[Path | None, typer.Option(help="The folder of a demo that runs: it says where it is and lets in.")]
HERE = "http://127.0.0.1:8480"


@app.command("list")
def listed() -> None:
    """Every script: homes that it needs, how long it lasts, how it can be played, what happens. Example: shuian drill list"""
    from simulators.drills import DRILLS

    for name, drill in DRILLS.items():
        homes = "1 home" if drill.number_of_homes == 1 else f"{drill.number_of_homes} homes"
        print(f"{name}  {homes}  at most {drill.ends_s / 60:.0f} min  {', '.join(drill.kinds)}  {drill.happens}")


@app.command("run")
def run(
    name: str,
    url: Url = HERE,
    token: Secret = "",
    kind: Annotated[
        str,
        typer.Option(
            help="tabletop: findings are played in; technical: simulated meters speak; live: real people, who act themselves."
        ),
    ] = "tabletop",
    broker: Annotated[
        str, typer.Option(help="Where the meters of a technical drill speak: mqtt[s]://[user:password@]host[:port].")
    ] = "",
    area: Annotated[str, typer.Option(help="Below which area of drills its homes are put; else the first.")] = "",
    channel: Annotated[
        str, typer.Option(help="How people who do not exist are reached, as in the registry: 'sms;email'.")
    ] = "",
    address: Annotated[str, typer.Option(help="And where: the providers' test numbers; {who} stands for the id.")] = "",
    home: Annotated[
        list[str] | None, typer.Option(help="PART=HOUSEHOLD, once for each home; else the drill brings its own.")
    ] = None,
    person: Annotated[
        list[str] | None, typer.Option(help="worker:ID, operator:ID or contact:ID, who takes part in a live rehearsal.")
    ] = None,
    demo: Demo = None,
) -> None:
    """Play a script to its end; Ctrl-C stops it. Example: shuian drill run fall_at_night"""
    from shuian import drill, drill_live
    from simulators.drills import KINDS

    if kind not in KINDS:
        raise BadInput(f"want a kind of {', '.join(KINDS)}; got {kind!r}", "see: shuian drill list")
    if bool(channel) != bool(address):
        raise BadInput("want --channel and --address together", "such as: --channel email --address drill@example.org")
    way, script = _way(url, token, broker, demo), drill.script(name)
    api = _api(way.url, way.token)
    if home or person or kind == "live":
        score = drill.Player(name, script, api, **drill_live.named(script, kind, home or [], person or [])).run()
    else:
        how = drill.Reach(channel, address) if channel else way.reach(script)
        with _interrupted():
            score = drill.play(name, kind, api, way.broker, area=area, how=how)
    print("\n".join(drill.told(score)))


@app.command("all")
def every(
    url: Url = HERE,
    token: Secret = "",
    demo: Annotated[
        Path | None, typer.Option(help="On the demo of this folder, or on one begun for it if that does not run.")
    ] = None,
    broker: Annotated[str, typer.Option(help="Where simulated meters speak; a demo says so itself.")] = "",
    kind: Annotated[
        str, typer.Option(help="tabletop or technical; else technical where meters can speak, and a script can be so.")
    ] = "",
    only: Annotated[list[str] | None, typer.Option(help="This script; may be said several times.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the report to this file, as Markdown.")] = None,
) -> None:
    """Play all scripts side by side; exit code 1 if anything was missed. Example: shuian drill all --demo demo-data"""
    from shuian import drill_demo
    from shuian.drill import KINDS, script
    from simulators.drills import DRILLS

    if kind and kind not in KINDS:
        raise BadInput(f"want a kind of {', '.join(KINDS)}; got {kind!r}", "see: shuian drill list")
    names = list(dict.fromkeys(only or DRILLS))
    for name in names:
        script(name)
    where = nullcontext(drill_demo.Way(url, token, broker)) if demo is None else drill_demo.running(demo)
    with _interrupted(), where as way:
        played = _together(names, way, kind, report)
    if not all(one.passed for one in played):
        raise typer.Exit(1)


@contextmanager
def _interrupted() -> Iterator[None]:
    """Let whatever asks this process to end interrupt it: the drills end first, and a demo of its own last."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _together(names: "Sequence[str]", way: "Way", kind: str, report: Path | None) -> "list[Played]":
    """Play scripts, show how it went, and write the report."""
    from shuian import drill_report
    from shuian.drill_together import Shown, each_on, kind_of, together

    began = datetime.now().astimezone()
    can = [name for name in names if kind_of(name, way, kind)]
    if left := [name for name in names if name not in can]:
        print(f"left out, cannot be played like this: {', '.join(left)}")
    played = together(can, each_on(way, kind), lambda: _client(way.url, way.token), Shown(sys.stdout))
    print("", *drill_report.table(played), sep="\n")
    if report is not None:
        report.write_text(drill_report.markdown(played, began), "utf-8")
        print(f"report: {report}")
    return played


@app.command("clean")
def clean(url: Url = HERE, token: Secret = "", demo: Demo = None) -> None:
    """Take out homes and people of drills whose player was killed, once their time is over. Example: shuian drill clean"""
    from shuian import drill_stage
    from shuian.drill_player import wall_clock

    way = _way(url, token, "", demo)
    left = drill_stage.clean(_api(way.url, way.token), wall_clock())
    print(f"taken out: {', '.join(left) or 'none was left'}")


@app.command("report")
def report(
    run_id: Annotated[str, typer.Argument(metavar="ID")], url: Url = HERE, token: Secret = "", demo: Demo = None
) -> None:
    """What had to happen in a drill and what did, as it stands now. Example: shuian drill report 5f0c21d9a1b2c3d4"""
    from shuian import drill

    way = _way(url, token, "", demo)
    print("\n".join(drill.told(_api(way.url, way.token)("GET", f"/drills/{run_id}"))))


def _way(url: str, token: str, broker: str, demo: Path | None) -> "Way":
    from shuian import drill_demo

    return drill_demo.Way(url, token, broker) if demo is None else drill_demo.runs_in(demo)


def _api(url: str, token: str) -> "Api":
    from shuian.drill import Api

    return Api(_client(url, token))


def _client(url: str, token: str) -> "httpx.Client":
    """Return the way to the service of an address.

    Raises
    ------
    BadInput
        There is no token.
    """
    import httpx

    if not token:
        raise BadInput(
            "want a token in SHUIAN_TOKEN",
            "make one: shuian token add drills --scope registry:write,drills:run; on a demo: --demo demo-data",
        )
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20.0, trust_env=False)
