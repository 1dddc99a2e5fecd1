"""Who may look and who did, and the chain that nobody can change unseen."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text, false

from alerts.schema.columns import Utc, identity, metadata

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
    Column("realm", String(8), nullable=False, server_default="live"),  # of the notice whose link opened it
)  # fmt: skip
api_tokens = Table(
    "api_tokens", metadata, identity(),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("area", String(64)),  # with all below it; None: everything
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("revoked_at", Utc),
    Column("acts_for", String(80)),  # whose name stands in what it does; None: its own
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
