"""What of people and cases must never go unseen, as counters for Prometheus.  No label names a person or a household."""

from prometheus_client import Counter, Histogram

OPENED = Counter("shuian_cases_opened_total", "Cases opened", ["realm", "severity"])
SUPPRESSED = Counter("shuian_findings_suppressed_total", "Findings that touched no case", ["reason"])
UNATTENDED = Counter("shuian_cases_unattended_total", "Times that a ladder ended without anybody accepting", ["realm"])
ATTEMPTS = Counter("shuian_notice_attempts_total", "Attempts to deliver a notice", ["channel", "result"])
GIVEN_UP = Counter("shuian_notices_given_up_total", "Notices that did not reach anybody", ["channel", "state"])
WAIT = Histogram(
    "shuian_notice_wait_seconds",
    "From when a notice was owed until a provider took it",
    ["channel"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300),
)
