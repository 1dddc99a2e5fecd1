"""The outbox: what is owed to whom, every attempt, and what is known of addresses."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from alerts.schema.cases import of_area_event, of_case
from alerts.schema.columns import Utc, identity, metadata, realm

notices = Table(
    "notices", metadata, realm(), identity(),
    Column("case_id", String(64)),
    Column("area_event", String(64)),
    Column("turn", ForeignKey("turns.id")),
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
    of_case(),
    of_area_event("area_event"),
    CheckConstraint(
        "(case_id IS NULL) <> (area_event IS NULL) AND turn IS NULL"
        " OR case_id IS NULL AND area_event IS NULL AND turn IS NOT NULL",
        name="about_one_thing",
    ),
)  # fmt: skip
Index("ix_notices_area", notices.c.realm, notices.c.area_event)
Index("ix_notices_turn", notices.c.turn)
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
    Column("offer", String(64)),  # what it answers: an offer, or
    Column("turn", ForeignKey("turns.id")),  # the question whether somebody is on duty
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
