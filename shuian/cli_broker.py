"""`shuian broker-config`: files for Mosquitto or EMQX, from configuration and registry."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from shuian.people_commands import DEFAULT_CONFIG, ConfigFile


def broker_config(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write them; the same one each time.")],
    broker: Annotated[str | None, typer.Option(help="Which [[mqtt]], by its name; else the first.")] = None,
    rotate: Annotated[
        list[str] | None, typer.Option(metavar="ACCOUNT", help="Give this account another secret; may be given again.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Settings, accounts and access list of the broker, with one credential for each device. Example: shuian broker-config broker-files --rotate wm-301"""
    from shuian import broker_config as files
    from shuian import config as configuration

    settings = configuration.load(config)
    written = files.run(settings, folder, datetime.now(UTC), name=broker, rotate=rotate or ())
    for line in files.told(written, folder, settings.broker.kind):
        print(line)
