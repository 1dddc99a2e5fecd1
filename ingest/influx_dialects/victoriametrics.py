"""VictoriaMetrics: InfluxDB's ``/write``, no InfluxQL, a way of its own to erase.

Source: VictoriaMetrics documentation, "How to send data in InfluxDB line protocol" and "How to delete time series".  A
field becomes a series ``{measurement}_{field}``; text (``flags``) is not kept.

Tested against 1.79.5: a line it cannot read is skipped and answered with 204, so nothing can be counted as refused; the
same point written twice is stored twice unless it runs with ``-dedup.minScrapeInterval=1ms``; erasing takes series as a
whole (what is written again shows within some seconds).  How long it keeps points, and whether it thins them out, are
options of its command line (``-retentionPeriod``: one month if nothing is said).
"""

import json

from ingest.errors import SinkRefused, SinkUnavailable
from ingest.influx_dialects import InfluxSettings
from ingest.influx_dialects.v1 import client, send
from ingest.line_protocol import safe


class Speaker:
    """One VictoriaMetrics server."""

    expires = False
    rolls_up = False

    def __init__(self, settings: InfluxSettings) -> None:
        self._http, self._database = client(settings), settings.database

    def greet(self) -> str:
        """Return that it answers: it does not say its version to everybody."""
        send(self._http, "GET", "/health")
        return "VictoriaMetrics answers (how long it keeps points is said on its command line)"

    def prepare(self) -> list[str]:
        """Make nothing: a database is only a label here."""
        send(self._http, "GET", "/health")
        return []

    def write(self, lines: bytes) -> None:
        """Write lines; the label ``db`` says where they belong."""
        send(self._http, "POST", "/write", params={"db": self._database, "precision": "ms"}, content=lines)

    def roll_up(self, start_ms: int, end_ms: int) -> None:
        """Do nothing."""

    def erase(self, device: str, start_ms: int, end_ms: int) -> bool:  # noqa: ARG002  it knows no times here
        """Erase all series of the device, whatever their time."""
        whose = f"{{db={json.dumps(self._database)},device={json.dumps(safe(device), ensure_ascii=False)}}}"
        try:
            send(self._http, "POST", "/api/v1/admin/tsdb/delete_series", params={"match[]": whose})
        except SinkRefused as refused:
            raise SinkUnavailable("the server does not take a wish to erase") from refused
        return True

    def close(self) -> None:
        """Close kept connections."""
        self._http.close()
