"""Counters of the judging for Prometheus: findings by kind, and meters that say nothing new."""

from prometheus_client import Counter, Gauge

from detectors.bins import DAY_S, Bools
from detectors.findings import Changes
from detectors.partition import Partition

FINDINGS = Counter("shuian_findings", "Findings that were raised, by kind and reason", ["kind", "reason"])
STILL = Gauge("shuian_registers_still", "Meters that report, and whose register has stood still for a day or longer")
DOUBTED = Gauge("shuian_meters_doubted", "Meters of which a trouble of their own is told now, by kind", ["kind"])
DEVICE_KINDS = ("meter_silent", "meter_steps", "meter_quarantined", "meter_clock", "meter_zone", "battery")


def count(changes: Changes, lived_in: Bools) -> None:
    """Count what was raised in homes where somebody lives, (H,): drills count nowhere."""
    for finding in changes.raised:
        if not lived_in[finding.row]:
            continue
        FINDINGS.labels(finding.kind, finding.reason).inc()


def look(partition: Partition, metered: Bools, lived_in: Bools) -> None:
    """Look, now and then, how many meters stand still, and how many are doubted: a stuck wheel and an empty home look alike here."""
    STILL.set(int((metered & lived_in & (partition.still_s() >= DAY_S)).sum()))
    for kind in DEVICE_KINDS:
        DOUBTED.labels(kind).set(sum(bool(lived_in[row]) for row in partition.rows_with(kind)))
