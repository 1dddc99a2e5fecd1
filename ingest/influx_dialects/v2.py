"""InfluxDB 2.x through its own client (the extra ``influx``): buckets, a task for hourly values, the delete API.

Writes are synchronous and hand over our own lines.  The client's default writer works in batches on a thread of its own and
may drop points without an exception (influxdata/influxdb-client-python, issues 198 and 279), so it is never used.

Source: InfluxData, "InfluxDB OSS v2 API" (``/api/v2/write``, ``/api/v2/buckets``, ``/api/v2/delete``) and "Downsample data
with InfluxDB".  Writing is tested against VictoriaMetrics 1.79.5, which takes ``/api/v2/write``.  Buckets, task and erasing
need a real 2.x, which no package repository carries: ``make test-influx2`` tries them on yours.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3 import exceptions

from ingest.errors import SinkRefused, SinkUnavailable
from ingest.influx_dialects import HOURLY, InfluxSettings
from ingest.influx_dialects.v1 import RESAMPLED_H, judge
from ingest.line_protocol import safe
from ingest.measures import moment, zulu

LAST = datetime(2262, 1, 1, tzinfo=UTC)
"""Times beyond this do not fit into the nanoseconds of the server."""


@contextmanager
def _spoken() -> Iterator[None]:
    """Turn what the client raises into what this room raises."""
    try:
        yield
    except ApiException as answer:
        headers: Any = answer.headers or {}
        judge(int(answer.status or 0), str(answer.body or answer.reason), str(headers.get("Retry-After", "")))
        raise SinkUnavailable(f"what answers is no InfluxDB 2 ({answer.status})") from None
    except (exceptions.HTTPError, OSError) as error:
        if isinstance(error, exceptions.ReadTimeoutError):
            raise SinkUnavailable("no answer in time (ReadTimeoutError)", slow=True) from None
        raise SinkUnavailable(f"cannot be reached ({type(error).__name__})") from None
    except ValueError as error:  # the client checks what an answer holds
        raise SinkUnavailable(f"what answers is no InfluxDB 2 ({error})") from None


class Speaker:
    """One InfluxDB 2 server."""

    expires = True

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        self._bucket, self._hourly = settings.database, settings.database + HOURLY
        self._client = InfluxDBClient(
            settings.url.rstrip("/"),
            settings.token,
            org=settings.org,
            timeout=round(settings.timeout_s * 1000),
            ssl_ca_cert=settings.ca_file or None,
        )
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self.rolls_up = False

    def greet(self) -> str:
        """Return who answers, and whether the bucket is there."""
        with _spoken():
            version = self._client.version()
            there = self._client.buckets_api().find_bucket_by_name(self._bucket) is not None
        return f"InfluxDB {version}, bucket {self._bucket} {'is there' if there else 'is not there yet'}"

    # --- making --------------------------------------------------------------------------------------------------------

    def prepare(self) -> list[str]:
        """Make buckets with their retention, and the task, that are not there."""
        missing = []
        for what, make in (
            (f"bucket {self._bucket}", self._make_raw),
            (f"bucket {self._hourly}", self._make_hourly),
            ("hourly values", self._make_task),
        ):
            try:
                with _spoken():
                    make()
            except SinkRefused as refused:
                missing.append(f"{what}: {refused}")
        self.rolls_up = not missing
        return missing

    def _make_raw(self) -> None:
        self._make_bucket(self._bucket, self._settings.retention_days)

    def _make_hourly(self) -> None:
        self._make_bucket(self._hourly, self._settings.hourly_days)

    def _make_bucket(self, name: str, days: int) -> None:
        buckets, rules = self._client.buckets_api(), [{"type": "expire", "everySeconds": days * 86_400}]
        there = buckets.find_bucket_by_name(name)
        if there is None:
            buckets.create_bucket(bucket_name=name, retention_rules=rules, org=self._settings.org)
        elif [rule.every_seconds for rule in there.retention_rules] != ([days * 86_400] if days else []):
            there.retention_rules = rules
            buckets.update_bucket(there)

    def _make_task(self) -> None:
        tasks = self._client.tasks_api()
        if not tasks.find_tasks(name=self._hourly):
            org = self._client.organizations_api().find_organizations(org=self._settings.org)[0]
            tasks.create_task_every(self._hourly, self._hours(f"start: -{RESAMPLED_H}h"), "1h", org)

    def _hours(self, within: str) -> str:
        """Return the Flux that keeps the last value of each hour; the other sums are for ``v1`` only."""
        bucket, hourly, org = map(json.dumps, (self._bucket, self._hourly, self._settings.org))
        return (
            f'from(bucket: {bucket}) |> range({within}) |> filter(fn: (r) => r._field == "value")'
            ' |> aggregateWindow(every: 1h, fn: last, createEmpty: false, timeSrc: "_start")'
            f" |> to(bucket: {hourly}, org: {org})"
        )

    def roll_up(self, start_ms: int, end_ms: int) -> None:
        """Run what the task runs over another time."""
        within = f"start: {zulu(moment(start_ms))}, stop: {zulu(moment(end_ms))}"
        with _spoken():
            self._client.query_api().query_raw(self._hours(within)).read()

    # --- writing and erasing -------------------------------------------------------------------------------------------

    def write(self, lines: bytes) -> None:
        """Write lines, and wait for the answer."""
        with _spoken():
            self._writer.write(self._bucket, self._settings.org, lines, write_precision="ms")

    def erase(self, device: str, start_ms: int, end_ms: int) -> bool:
        """Erase in both buckets."""
        whose = f"device={json.dumps(safe(device), ensure_ascii=False)}"
        begin, end = moment(max(start_ms - start_ms % 3_600_000, 0)), min(moment(end_ms), LAST)
        for bucket in (self._bucket, self._hourly):
            with _spoken():
                if self._client.buckets_api().find_bucket_by_name(bucket) is not None:
                    self._client.delete_api().delete(begin, end, whose, bucket, self._settings.org)
        return False

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()
