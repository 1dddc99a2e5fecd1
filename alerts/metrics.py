"""What of people and cases must never go unseen, as counters for Prometheus.  No label names a person or a household."""

from prometheus_client import Counter, Histogram

OPENED = Counter("shuian_cases_opened_total", "Cases opened", ["realm", "severity"])
SUPPRESSED = Counter("shuian_findings_suppressed_total", "Findings that touched no case", ["reason"])
UNATTENDED = Counter("shuian_cases_unattended_total", "Times that a ladder ended without anybody accepting", ["realm"])
ATTEMPTS = Counter("shuian_notice_attempts_total", "Attempts to deliver a notice", ["channel", "result"])
GIVEN_UP = Counter("shuian_notices_given_up_total", "Notices that did not reach anybody", ["channel", "state"])
NEXT_CHANNEL = Counter(
    "shuian_notices_next_channel_total", "Times that a person's next channel was tried", ["channel", "next"]
)
RECEIPTS = Counter(
    "shuian_receipts_total",
    "What providers said became of messages: applied, repeated, late, contradicted, stranger, forged, unreadable",
    ["channel", "result"],
)
REPLIES = Counter(
    "shuian_replies_total",
    "Answers by message: done, repeated, late, wrong, blocked, not_ours, forged, unreadable",
    ["channel", "result"],
)
CHECK_INS = Counter(
    "shuian_check_ins_total",
    "Check-ins at the beginning of a shift: asked, spared (was seen at work), tapped, cannot, missed",
    ["result"],
)
WAIT = Histogram(
    "shuian_notice_wait_seconds",
    "From when a notice was owed until a provider took it",
    ["channel"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300),
)
