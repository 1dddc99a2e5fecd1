"""The tables of people, cases and owed notices, for SQLite and PostgreSQL alike.

Every table about a case carries the realm (``live`` or ``drill``) inside its keys, so that a live row cannot refer to a
drill row.  Times are aware UTC `datetime` in Python and whole milliseconds since 1970 in the database.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)


class Utc(TypeDecorator[datetime]):
    """Aware `datetime` <-> milliseconds since 1970-01-01 UTC; a naive time is refused."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Return milliseconds, refusing a time without zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"want an aware time, got {value!r}: add a zone")
        return round(value.timestamp() * 1000)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware UTC time."""
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id") -> Column[str]:
    return Column(name, String(64), primary_key=True)


def _realm() -> Column[str]:
    return Column("realm", String(8), primary_key=True)


# --- the registry: one table a sheet of the import file ------------------------------------------------------------

areas = Table(
    "areas", metadata, _id(),
    Column("parent", String(64)),
    Column("kind", String(16), nullable=False),  # district, street, community, grid
    Column("name", Text, nullable=False),
)  # fmt: skip
households = Table(
    "households", metadata, _id(),
    Column("area", ForeignKey("areas.id"), nullable=False),
    Column("building", Text, nullable=False),
    Column("riser", Text),
    Column("floor", Text),
    Column("door", Text, nullable=False),
    Column("tz", String(64), nullable=False),
)  # fmt: skip
residents = Table(
    "residents", metadata, _id(),
    Column("household", ForeignKey("households.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("phone", Text),
    Column("risk", Text),
    Column("risk_until", Utc),
)  # fmt: skip
consents = Table(
    "consents", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("resident", ForeignKey("residents.id"), nullable=False),
    Column("purpose", String(16), nullable=False),  # monitor, community, relative, research
    Column("recipient", Text, nullable=False, default=""),  # contact id for relative; "" = all of that purpose
    Column("version", Text, nullable=False),
    Column("given_at", Utc, nullable=False),
    Column("given_by", Text, nullable=False),
    Column("evidence", Text),
    Column("withdrawn_at", Utc),
    Column("withdrawn_by", String(80)),  # None: the sheets say so
    Column("paused_until", Utc),  # until then it counts as withdrawn
    Column("paused_by", String(80)),
    Column("key", String(64), unique=True),  # under which a program wrote it (`alerts.api`)
)  # fmt: skip
consent_texts = Table(
    "consent_texts", metadata,
    Column("purpose", String(16), primary_key=True),
    Column("version", String(32), primary_key=True),
    Column("from_at", Utc, nullable=False),  # from then on a consent to another version is parked
    Column("zh_CN", Text, nullable=False),
    Column("en", Text, nullable=False),
)  # fmt: skip
contacts = Table(
    "contacts", metadata, _id(),
    Column("resident", ForeignKey("residents.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),  # the sheet's column "order"
    Column("channel", String(120), nullable=False),  # one, or several in order, separated by ";"; so is the address
    Column("address", Text, nullable=False),
)  # fmt: skip
workers = Table(
    "workers", metadata, _id(),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),  # worker, lead, duty (a telephone), operator
    Column("area", ForeignKey("areas.id"), nullable=False),
    Column("channel", String(120), nullable=False),  # as for contacts
    Column("address", Text, nullable=False),
)  # fmt: skip
shifts = Table(
    "shifts", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("area", ForeignKey("areas.id"), nullable=False),
    Column("start", Utc, nullable=False),
    Column("end", Utc, nullable=False),
    Column("owner", ForeignKey("workers.id"), nullable=False),
    Column("backup", ForeignKey("workers.id")),
    Column("lead", ForeignKey("workers.id")),
    Column("key", String(64), unique=True),  # under which a program wrote it (`alerts.api`)
)  # fmt: skip
devices = Table(
    "devices", metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("id", String(128), nullable=False, index=True),
    Column("format", String(32), nullable=False),
    Column("household", ForeignKey("households.id"), nullable=False),
    Column("valid_from", Utc, nullable=False),
    Column("valid_to", Utc),
    Column("unit", String(16)),
    Column("litres_per_pulse", Float),
    Column("resolution_l", Float),  # None: it has no water register, it is a sensor
    Column("modulus_l", Float),
    Column("period_s", Integer, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("gateway", Text),  # through which its messages come
    Column("key", String(64), unique=True),  # under which a program wrote it (`alerts.api`)
)  # fmt: skip
absences = Table(
    "absences", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("household", ForeignKey("households.id"), nullable=False),
    Column("start", Utc, nullable=False),
    Column("end", Utc, nullable=False),
    Column("by", Text, nullable=False),
    Column("asked_until", Utc),  # what a relative asked for beyond `end`; None: nothing waits for a confirmation
    Column("declared_at", Utc),  # None: it stands in the sheets, or an outcome made it
    Column("key", String(64), unique=True),  # under which a program wrote it (`alerts.api`)
)  # fmt: skip
applications = Table(
    "applications", metadata, _id(),
    Column("created_at", Utc, nullable=False),
    Column("state", String(12), nullable=False),  # applied, declined, consented, fitted, verified, covered
    Column("by", String(12), nullable=False),  # who filled it in: resident, relative, worker
    Column("said", JSON, nullable=False),  # what was filled in; emptied when it is declined or forgotten
    Column("reason", String(24)),  # why it was declined
    Column("household", String(64)),
    Column("resident", String(64)),
    Column("test_at", Utc),  # since when a tap is to be opened
    Column("changed_at", Utc, nullable=False),
    Column("changed_by", String(80)),
)  # fmt: skip
Index("ix_applications_state", applications.c.state)
Index("ix_applications_household", applications.c.household)
registry_version = Table(
    "registry_version", metadata,
    Column("one", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
)  # fmt: skip

# --- what many homes have at once ----------------------------------------------------------------------------------

area_events = Table(
    "area_events", metadata, _realm(), _id(),
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


def _of_area_event(column: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["realm", column], ["area_events.realm", "area_events.id"])


area_members = Table(
    "area_members", metadata, _realm(), Column("event", String(64), primary_key=True),
    Column("household", ForeignKey("households.id"), primary_key=True),
    _of_area_event("event"),
)  # fmt: skip
Index("ix_area_members_household", area_members.c.household)

# --- cases ---------------------------------------------------------------------------------------------------------

policies = Table(
    "policies", metadata, _id(),  # made from the settings themselves
    Column("first_used_at", Utc, nullable=False),
    Column("settings", JSON, nullable=False),
)  # fmt: skip

cases = Table(
    "cases", metadata, _realm(), _id(),
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
    Column("policy", ForeignKey("policies.id")),  # the settings under which it was opened
    _of_area_event("area_event"),
    ForeignKeyConstraint(["realm", "recurs"], ["cases.realm", "cases.id"]),
)  # fmt: skip
Index("ix_cases_owner", cases.c.owner, cases.c.closed_at)
Index(
    "one_open_case", cases.c.realm, cases.c.household, cases.c.stream, unique=True,
    sqlite_where=cases.c.closed_at.is_(None), postgresql_where=cases.c.closed_at.is_(None),
)  # fmt: skip
Index("ix_cases_open", cases.c.realm, cases.c.closed_at)


def _of_case() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["realm", "case_id"], ["cases.realm", "cases.id"])


findings = Table(
    "findings", metadata, _realm(), _id(),  # the same readings give the same id: a second one changes nothing
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
    _of_case(),
)  # fmt: skip
Index("ix_findings_case", findings.c.realm, findings.c.case_id)
Index("ix_findings_household", findings.c.realm, findings.c.household, findings.c.cleared_at)
case_events = Table(
    "case_events", metadata, _realm(), Column("case_id", String(64), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("actor", String(80), nullable=False),  # system, worker:ID, contact:ID, operator:NAME
    Column("data", JSON, nullable=False),
    _of_case(),
)  # fmt: skip
offers = Table(
    "offers", metadata, _realm(), _id(),
    Column("case_id", String(64), nullable=False),
    Column("worker", ForeignKey("workers.id"), nullable=False),
    Column("rung", Integer, nullable=False),
    Column("state", String(12), nullable=False),  # offered, accepted, declined, lapsed, withdrawn
    Column("offered_at", Utc, nullable=False),
    Column("ended_at", Utc),
    _of_case(),
)  # fmt: skip
Index("ix_offers_case", offers.c.realm, offers.c.case_id)
Index("ix_offers_worker", offers.c.worker, offers.c.offered_at)
timers = Table(
    "timers", metadata, _realm(), Column("case_id", String(64), primary_key=True),
    Column("kind", String(24), primary_key=True),
    Column("due_at", Utc, nullable=False, index=True),
    _of_case(),
)  # fmt: skip
taps = Table(
    "taps", metadata, _realm(), _id(),  # client-made id of an action: sent twice, acts once
    Column("case_id", String(64), nullable=False),
    Column("at", Utc, nullable=False),
    _of_case(),
)  # fmt: skip

call_backs = Table(
    "call_backs", metadata, _realm(), Column("case_id", String(64), primary_key=True),
    Column("due_at", Utc, nullable=False),
    Column("done_at", Utc),
    Column("by", String(80)),
    Column("answer", String(16)),  # well, wrong, unreached
    _of_case(),
)  # fmt: skip
Index("ix_call_backs_open", call_backs.c.realm, call_backs.c.done_at)

# --- the outbox ----------------------------------------------------------------------------------------------------

notices = Table(
    "notices", metadata, _realm(), _id(),
    Column("case_id", String(64)),
    Column("area_event", String(64)),
    Column("recipient_kind", String(12), nullable=False),  # worker, contact, operator
    Column("recipient", String(64), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("template", String(48), nullable=False),
    Column("params", JSON, nullable=False),
    Column("lang", String(8), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("expires_at", Utc),
    Column("state", String(16), nullable=False),
    # pending, leased, unknown (may have been sent), accepted (by the provider), delivered, seen, failed, expired,
    # cancelled
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_until", Utc),
    Column("done_at", Utc),
    Column("last_error", Text),
    Column("tap", String(64)),  # cancelled when this tap is undone
    Column("root", String(64), nullable=False, server_default=text("''")),  # the first notice with this content to this person: itself, or the
    # one that this goes on from by another channel; people know them all by the root's short number
    Column("way", Integer, nullable=False, server_default="0"),  # place of its channel in the person's list
    Column("next_at", Utc),  # when the person's next channel is tried unless this one is proved to have arrived
    Column("poll_at", Utc),  # when the provider is asked again what became of it
    Column("delivered_at", Utc),
    Column("seen_at", Utc),
    _of_case(),
    _of_area_event("area_event"),
    CheckConstraint("(case_id IS NULL) <> (area_event IS NULL)", name="about_one_thing"),
)  # fmt: skip
Index("ix_notices_area", notices.c.realm, notices.c.area_event)
Index("ix_notices_due", notices.c.state, notices.c.due_at)
Index("ix_notices_case", notices.c.realm, notices.c.case_id)
Index("ix_notices_root", notices.c.realm, notices.c.root)
Index(
    "ix_notices_next", notices.c.next_at,
    sqlite_where=notices.c.next_at.is_not(None), postgresql_where=notices.c.next_at.is_not(None),
)  # fmt: skip
Index(
    "ix_notices_poll", notices.c.poll_at,
    sqlite_where=notices.c.poll_at.is_not(None), postgresql_where=notices.c.poll_at.is_not(None),
)  # fmt: skip
attempts = Table(
    "attempts", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("realm", String(8), nullable=False),
    Column("notice", String(64), nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("finished_at", Utc),
    Column("result", String(16)),  # None: started and never heard of again
    Column("detail", Text),
    Column("provider_id", Text),  # under which the provider knows it, if it said so
    ForeignKeyConstraint(["realm", "notice"], ["notices.realm", "notices.id"]),
)  # fmt: skip
Index("ix_attempts_notice", attempts.c.realm, attempts.c.notice)
contact_points = Table(
    "contact_points", metadata,
    Column("channel", String(16), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("bad_at", Utc),  # since when the provider says that nobody is reached there; None: nothing is wrong
    Column("bad_why", Text),
    Column("proved_at", Utc),  # when a message was last proved to have arrived there
)  # fmt: skip
reply_codes = Table(
    "reply_codes", metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("address", Text, nullable=False),
    Column("code", String(2), nullable=False),
    Column("realm", String(8), nullable=False),
    Column("offer", String(64), nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("used_at", Utc),
    ForeignKeyConstraint(["realm", "offer"], ["offers.realm", "offers.id"]),
)  # fmt: skip
Index("ix_reply_codes_address", reply_codes.c.address, reply_codes.c.expires_at)
replies = Table(
    "replies", metadata,
    Column("channel", String(16), primary_key=True),
    Column("id", String(64), primary_key=True),  # of the provider's message: brought twice, acts once
    Column("address", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("result", String(12), nullable=False),
)  # fmt: skip
Index("ix_replies_address", replies.c.address, replies.c.at)

# --- who may look --------------------------------------------------------------------------------------------------

links = Table(
    "links", metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("role", String(12), nullable=False),  # worker, family, operator
    Column("person", String(64), nullable=False),
    Column("goto", Text, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("used_at", Utc),
    Column("ended_at", Utc),  # sharing with this person ended
    Column("realm", String(8)),
    Column("notice", String(64)),  # in which it was sent: opening it proves that this was seen
)  # fmt: skip
sessions = Table(
    "sessions", metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("role", String(12), nullable=False),
    Column("person", String(64), nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("ended_at", Utc),  # sharing with this person ended: the page says so, and nothing else
)  # fmt: skip
api_tokens = Table(
    "api_tokens", metadata, _id(),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("area", String(64)),  # with all below it; None: everything
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("revoked_at", Utc),
)  # fmt: skip
users = Table(
    "users", metadata,
    Column("name", String(64), primary_key=True),
    Column("password", Text, nullable=False),  # scrypt, salted
    Column("disabled", Boolean, nullable=False, server_default=false()),
)  # fmt: skip
view_log = Table(
    "view_log", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Utc, nullable=False),
    Column("viewer", String(80), nullable=False),
    Column("household", String(64), nullable=False),
    Column("what", String(32), nullable=False),
)  # fmt: skip

# --- what happened, so that nobody can change it unseen ------------------------------------------------------------

audit = Table(
    "audit", metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", Utc, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("about", String(96), nullable=False),  # household:ID, case:ID, resident:ID …; empty: nobody in particular
    Column("data", Text, nullable=False),  # canonical JSON: ids, codes and numbers, never names
    Column("hash", String(64), nullable=False),  # of the entry before and of this one (`alerts.audit`)
)  # fmt: skip
Index("ix_audit_about", audit.c.about)
