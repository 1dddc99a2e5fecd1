"""InfluxDB 1.x: ``/write`` with line protocol, ``/query`` with InfluxQL.

Source: InfluxData, "InfluxDB API reference" 1.8 (status codes, partial writes, ``precision=ms``), "Database management"
and "Continuous Queries" 1.8.  InfluxDB 2.x and 3 Core document the same two addresses for old clients; what of InfluxQL's
administration they do not take is said by `Speaker.prepare` and written is all the same.

Tested against InfluxDB 1.6.7: a point that cannot be written makes the answer 400 "partial write … dropped=N" while the
rest is written; a DELETE reaches every retention policy; series that lost all their points still show their tags until they
are dropped.
"""

import re
import ssl
from collections.abc import Sequence
from typing import Any

import httpx

from ingest.errors import SinkRefused, SinkUnavailable
from ingest.influx_dialects import DAY_MS, HOURLY, InfluxSettings
from ingest.line_protocol import safe

HOUR_MS = 3_600_000
RESAMPLED_H = 26
"""Hours that the server itself goes back over, every hour: readings of meters that report once a day are among them."""
NO_POLICIES = "it lists no retention policies: not an InfluxDB 1.x (VictoriaMetrics has a dialect of its own)"
MOST_SAID = 200
"""Characters of a server's complaint that are kept."""

Row = dict[str, Any]


def client(settings: InfluxSettings) -> httpx.Client:
    """Return an HTTP client that knows this server only: no proxies or passwords out of the environment."""
    verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else True
    return httpx.Client(
        base_url=settings.url.rstrip("/"),
        auth=(settings.username, settings.password) if settings.username and not settings.token else None,
        headers={"Authorization": f"Token {settings.token}"} if settings.token else None,
        timeout=settings.timeout_s,
        verify=verify,
        trust_env=False,
    )


def send(http: httpx.Client, method: str, path: str, **parts: Any) -> httpx.Response:
    """Send one request and return the answer if it is a good one.

    Raises
    ------
    SinkUnavailable
        No answer, or one that says "not now" or "not you"; what the server says besides is not repeated.
    SinkRefused
        400, 413 or 422: this request is not wanted.
    """
    try:
        answer = http.request(method, path, **parts)
    except httpx.TimeoutException as error:
        raise SinkUnavailable(f"no answer in time ({type(error).__name__})", slow=True) from None
    except httpx.HTTPError as error:
        raise SinkUnavailable(f"cannot be reached ({type(error).__name__})") from None
    judge(answer.status_code, answer.text, answer.headers.get("Retry-After", ""))
    return answer


def judge(code: int, said: str, retry_after: str) -> None:
    """Raise what an answer means if it is not a good one; see `send`."""
    if code in (400, 413, 422):
        dropped = re.search(r"dropped=(\d+)", said)
        # "dropped=0" comes with lines that could not be parsed: those are not counted
        raise SinkRefused(said.strip()[:MOST_SAID], int(dropped[1]) or None if dropped else None)
    if code in (401, 403):
        raise SinkUnavailable(f"the server does not let us in ({code}): check username, password or token")
    if code == 404:
        raise SinkUnavailable("the server answers 404: no such database or bucket, or another dialect than configured")
    if not 200 <= code < 300:
        wait = float(retry_after) if re.fullmatch(r"\d{1,4}", retry_after) else 0.0
        raise SinkUnavailable(f"the server answers {code}", after_s=wait, slow=code >= 500)


def quoted(name: str) -> str:
    """Return `name` as an identifier of InfluxQL."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text(value: str) -> str:
    """Return `value` as a string of InfluxQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Speaker:
    """One InfluxDB server by its old addresses."""

    expires = True

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings, self._http = settings, client(settings)
        self._database, self._raw, self._hourly = settings.database, "shuian", f"shuian{HOURLY}"
        self.rolls_up = False

    # --- asking --------------------------------------------------------------------------------------------------------

    def query(self, statement: str, database: str = "") -> list[Row]:
        """Return the series that a statement gives.

        Raises
        ------
        SinkRefused
            The server does not take this statement.
        """
        asked = {"q": statement, "epoch": "ms"} | ({"db": database} if database else {})
        answer = send(self._http, "POST", "/query", data=asked)
        try:
            whole = answer.json()
            results = whole["results"]
        except (ValueError, KeyError, TypeError):
            raise SinkUnavailable(
                "what answers is no InfluxDB: its answer to a query is not JSON with results"
            ) from None
        for one in (whole, *results):
            if "error" in one:
                raise SinkRefused(str(one["error"])[:MOST_SAID])
        return [series for one in results for series in one.get("series", ())]

    def greet(self) -> str:
        """Return who answers; that a query is allowed is tried, too."""
        version = send(self._http, "GET", "/ping").headers.get("X-Influxdb-Version", "an unknown version")
        there = self._database in _column(self.query("SHOW DATABASES"), "name")
        return f"InfluxDB {version}, database {self._database} {'is there' if there else 'is not there yet'}"

    # --- making --------------------------------------------------------------------------------------------------------

    def prepare(self) -> list[str]:
        """Make database, retention policies and the continuous query that are not there."""
        missing = []
        for what, make in (
            ("database", self._make_database),
            ("retention", self._make_retention),
            ("hourly values", self._make_hourly),
        ):
            try:
                make()
            except SinkRefused as refused:
                missing.append(f"{what}: {refused}")
        self.rolls_up = not missing
        return missing

    def _make_database(self) -> None:
        if self._database not in _column(self.query("SHOW DATABASES"), "name"):
            self.query(f"CREATE DATABASE {quoted(self._database)}")

    def _make_retention(self) -> None:
        on, there = quoted(self._database), self._policies()
        if not there:
            raise SinkRefused(NO_POLICIES)
        for name, days, default in (
            (self._raw, self._settings.retention_days, " DEFAULT"),
            (self._hourly, self._settings.hourly_days, ""),
        ):
            if there.get(name) != (f"{days * 24}h0m0s" if days else "0s"):
                how = "ALTER" if name in there else "CREATE"
                duration = f"DURATION {f'{days}d' if days else 'INF'} REPLICATION 1{default}"
                self.query(f"{how} RETENTION POLICY {quoted(name)} ON {on} {duration}")

    def _policies(self) -> dict[str, str]:
        """Return how long each retention policy keeps points; every InfluxDB 1.x has one."""
        found = self.query(f"SHOW RETENTION POLICIES ON {quoted(self._database)}")
        return dict(zip(_column(found, "name"), _column(found, "duration"), strict=False))

    def _make_hourly(self) -> None:
        queries = [one for one in self.query("SHOW CONTINUOUS QUERIES") if one["name"] == self._database]
        if self._hourly not in _column(queries, "name"):
            self.query(
                f"CREATE CONTINUOUS QUERY {quoted(self._hourly)} ON {quoted(self._database)}"
                f" RESAMPLE EVERY 1h FOR {RESAMPLED_H}h BEGIN {self._hours()} GROUP BY time(1h), * END"
            )

    def _hours(self) -> str:
        into, of = (f"{quoted(self._database)}.{quoted(name)}" for name in (self._hourly, self._raw))
        kept = ", ".join(f'{how}("value") AS "{name}"' for how, name in HOUR_FIELDS)
        return f"SELECT {kept} INTO {into}.:MEASUREMENT FROM {of}./.*/"

    def roll_up(self, start_ms: int, end_ms: int) -> None:
        """Run what the server runs each hour over another time."""
        self.query(f"{self._hours()} WHERE time >= {start_ms}ms AND time < {end_ms}ms GROUP BY time(1h), *")

    # --- writing and erasing -------------------------------------------------------------------------------------------

    def write(self, lines: bytes) -> None:
        """Write lines to the database's own retention policy."""
        send(self._http, "POST", "/write", params={"db": self._database, "precision": "ms"}, content=lines)

    def erase(self, device: str, start_ms: int, end_ms: int) -> bool:
        """Erase in every retention policy; the hour in which the time begins goes as a whole."""
        whose = f'"device" = {text(safe(device))}'
        begin, end = max(start_ms - start_ms % HOUR_MS, 0), min(end_ms, 100_000 * DAY_MS)
        policies = self._policies()
        if not policies:  # VictoriaMetrics says yes to every statement: that must not pass for erased
            raise SinkUnavailable(NO_POLICIES)
        everywhere = ", ".join(f"{quoted(name)}./.*/" for name in policies)
        self.query(f"DELETE WHERE {whose} AND time >= {begin}ms AND time < {end}ms", self._database)
        if not self.query(f"SELECT * FROM {everywhere} WHERE {whose} LIMIT 1", self._database):
            self.query(f"DROP SERIES WHERE {whose}", self._database)  # or the id stays in lists of tags
        return False

    def close(self) -> None:
        """Close kept connections."""
        self._http.close()


HOUR_FIELDS = (("last", "value"), ("min", "min"), ("max", "max"), ("count", "count"))
"""What is kept of an hour: function of InfluxQL, and the field it fills."""


def _column(found: Sequence[Row], name: str) -> list[Any]:
    """Return one column of all series that have it."""
    having = [one for one in found if name in one["columns"]]
    return [row[one["columns"].index(name)] for one in having for row in one.get("values", ())]
