"""What happens to homes: events of many at once, cases, findings, offers, clocks, taps."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
)

from alerts.schema.columns import Utc, identity, metadata, realm

area_events = Table(
    "area_events", metadata, realm(), identity(),
    Column("kind", String(16), nullable=False),  # water_outage, radio_outage
    Column("zone_kind", String(16), nullable=False),  # building, riser, gateway
    Column("zone", Text, nullable=False),  # what a person calls it
    Column("building", Text),
    Column("area", ForeignKey("areas.id")),  # whose people are told
    Column("onset", Utc, nullable=False),
    Column("raised_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("reason", String(48), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("ended_by", Text),  # system, or area:ID of the wider event that goes on in its place
)  # fmt: skip
Index("ix_area_events_open", area_events.c.realm, area_events.c.ended_at)


def of_area_event(column: str) -> ForeignKeyConstraint:
    """Return the reference to an area event of the same realm."""
    return ForeignKeyConstraint(["realm", column], ["area_events.realm", "area_events.id"])


area_members = Table(
    "area_members", metadata, realm(), Column("event", String(64), primary_key=True),
    Column("household", ForeignKey("households.id"), primary_key=True),
    of_area_event("event"),
)  # fmt: skip
Index("ix_area_members_household", area_members.c.household)

policies = Table(
    "policies", metadata, identity(),  # made from the settings themselves
    Column("first_used_at", Utc, nullable=False),
    Column("settings", JSON, nullable=False),
)  # fmt: skip

cases = Table(
    "cases", metadata, realm(), identity(),
    Column("household", ForeignKey("households.id"), nullable=False),
    Column("stream", String(12), nullable=False),  # care, technical
    Column("severity", String(8), nullable=False),  # red, amber, blue
    Column("state", String(24), nullable=False),
    Column("version", Integer, nullable=False),
    Column("onset", Utc, nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("closed_at", Utc),
    Column("owner", ForeignKey("workers.id")),
    Column("rung", Integer, nullable=False),
    Column("loop", Integer, nullable=False),
    Column("outcome", String(24)),
    Column("outcome_reason", String(32)),
    Column("undo", JSON),  # what the last tap changed, while it can be undone
    Column("area_event", String(64)),  # the event it is folded into, or that its owner was told of
    Column("emergency", Boolean, nullable=False, server_default=false()),  # a human called 120
    Column("recurs", String(64)),  # the case that ended a short while before it
    Column("ask_only", Boolean, nullable=False, server_default=false()),  # no worker is sent for it
    Column("next_owner", ForeignKey("workers.id")),  # was asked to take it over at the change of shifts
    Column("policy", ForeignKey("policies.id")),  # the settings under which it was opened
    of_area_event("area_event"),
    ForeignKeyConstraint(["realm", "recurs"], ["cases.realm", "cases.id"]),
)  # fmt: skip
Index("ix_cases_owner", cases.c.owner, cases.c.closed_at)
Index(
    "one_open_case", cases.c.realm, cases.c.household, cases.c.stream, unique=True,
    sqlite_where=cases.c.closed_at.is_(None), postgresql_where=cases.c.closed_at.is_(None),
)  # fmt: skip
Index("ix_cases_open", cases.c.realm, cases.c.closed_at)


def of_case() -> ForeignKeyConstraint:
    """Return the reference to a case of the same realm."""
    return ForeignKeyConstraint(["realm", "case_id"], ["cases.realm", "cases.id"])


findings = Table(
    "findings", metadata, realm(), identity(),  # the same readings give the same id: a second one changes nothing
    Column("household", ForeignKey("households.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("onset", Utc, nullable=False),
    Column("raised_at", Utc, nullable=False),
    Column("cleared_at", Utc),
    Column("reason", String(48), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("case_id", String(64)),
    Column("suppressed", String(32)),  # why no case was touched: listed, away, outage (of its gateway)
    Column("label", String(16)),  # true, false, device, unknown: from the outcome
    of_case(),
)  # fmt: skip
Index("ix_findings_case", findings.c.realm, findings.c.case_id)
Index("ix_findings_household", findings.c.realm, findings.c.household, findings.c.cleared_at)
case_events = Table(
    "case_events", metadata, realm(), Column("case_id", String(64), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("actor", String(80), nullable=False),  # system, worker:ID, contact:ID, operator:NAME
    Column("data", JSON, nullable=False),
    of_case(),
)  # fmt: skip
offers = Table(
    "offers", metadata, realm(), identity(),
    Column("case_id", String(64), nullable=False),
    Column("worker", ForeignKey("workers.id"), nullable=False),
    Column("rung", Integer, nullable=False),
    Column("state", String(12), nullable=False),  # offered, accepted, declined, lapsed, withdrawn, transferred
    Column("offered_at", Utc, nullable=False),
    Column("ended_at", Utc),
    of_case(),
)  # fmt: skip
Index("ix_offers_case", offers.c.realm, offers.c.case_id)
Index("ix_offers_worker", offers.c.worker, offers.c.offered_at)
timers = Table(
    "timers", metadata, realm(), Column("case_id", String(64), primary_key=True),
    Column("kind", String(24), primary_key=True),
    Column("due_at", Utc, nullable=False, index=True),
    of_case(),
)  # fmt: skip
taps = Table(
    "taps", metadata, realm(), identity(),  # client-made id of an action: sent twice, acts once
    Column("case_id", String(64), nullable=False),
    Column("at", Utc, nullable=False),
    of_case(),
)  # fmt: skip

call_backs = Table(
    "call_backs", metadata, realm(), Column("case_id", String(64), primary_key=True),
    Column("due_at", Utc, nullable=False),
    Column("done_at", Utc),
    Column("by", String(80)),
    Column("answer", String(16)),  # well, wrong, unreached
    of_case(),
)  # fmt: skip
Index("ix_call_backs_open", call_backs.c.realm, call_backs.c.done_at)
