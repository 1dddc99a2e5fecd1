"""Mosquitto with the settings that the service asks for, on loopback."""

import os
import shutil
from pathlib import Path

SETTINGS = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
max_queued_messages 0
max_inflight_messages 1000
"""


def command(folder: Path, port: int) -> list[str]:
    """Write the configuration to `folder`, where messages are kept too, and return the command that starts the broker."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.chown(folder, os.getuid())
    user = "user root\n" if os.getuid() == 0 else ""
    conf = folder / "mosquitto.conf"
    conf.write_text(user + SETTINGS.format(port=port, folder=folder), "utf-8")
    return [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", str(conf)]
