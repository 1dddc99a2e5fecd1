"""Counters of this room for Prometheus: whatever must never go unseen."""

from prometheus_client import Counter, Gauge, Histogram

RECEIVED = Counter("shuian_ingest_received", "Messages taken from a broker", ["broker"])
DROPPED = Counter("shuian_ingest_dropped", "QoS 0 messages dropped because the inbox was full", ["broker"])
STORED = Counter("shuian_ingest_stored", "Readings stored", ["broker"])
DUPLICATES = Counter("shuian_ingest_duplicates", "Readings that were stored before", ["broker"])
CONFLICTS = Counter("shuian_ingest_conflicts", "Readings that contradict a stored one of the same moment", ["broker"])
REJECTED = Counter("shuian_ingest_rejected", "Messages or readings refused, by class of reason", ["broker", "reason"])
FLAGGED = Counter(
    "shuian_ingest_flags",
    "Readings judged with a doubt, by flag (docs/quality.md says what each means)",
    ["broker", "flag"],
)
RETAINED = Counter(
    "shuian_ingest_retained_states", "States that were retained or only repeated, not stored", ["broker"]
)
FAULTS = Counter("shuian_ingest_faults", "Failures of store, registry or broker connection", ["broker", "part"])
COMMIT_SECONDS = Histogram(
    "shuian_ingest_commit_seconds",
    "Time to store one batch",
    ["broker"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
LAST_MESSAGE = Gauge(
    "shuian_ingest_last_message_time_seconds", "When the last message came (epoch seconds)", ["broker"]
)
CONNECTED = Gauge("shuian_ingest_connected", "1 while connected and subscribed", ["broker"])
COPIED = Counter(
    "shuian_influx_points",
    "Points for InfluxDB: written, refused (kept for inspection), expired (not sent), left_out (not for dashboards: drills)",
    ["result"],
)
COPY_FAULTS = Counter("shuian_influx_faults", "Rounds that failed: server, store, erase, hourly, ours", ["part"])
COPY_LAG = Gauge("shuian_influx_lag_seconds", "Age of the oldest stored reading that InfluxDB has not got")
COPY_BEHIND = Gauge("shuian_influx_behind_batches", "Journal entries that InfluxDB has not got")
COPY_OWED = Gauge("shuian_influx_deletions_owed", "Deletions that InfluxDB has not confirmed")
COPY_SECONDS = Histogram(
    "shuian_influx_write_seconds", "Time of one request", buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
)
EXPIRED = Counter("shuian_ingest_expired", "What was deleted because it was old, by what it was", ["what"])
