"""Several channels a person, receipts, reply codes, addresses at which nobody is reached."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WHEN = ("next_at", "poll_at", "delivered_at", "seen_at")


def upgrade() -> None:
    """Add the tables and columns; every notice that is there is the first with its content."""
    for people in ("contacts", "workers"):
        with op.batch_alter_table(people) as table:
            table.alter_column(
                "channel", existing_type=sa.String(length=16), type_=sa.String(length=120), existing_nullable=False
            )
    op.add_column("notices", sa.Column("root", sa.String(length=64), nullable=False, server_default=sa.text("''")))
    op.add_column("notices", sa.Column("way", sa.Integer(), nullable=False, server_default="0"))
    for name in WHEN:
        op.add_column("notices", sa.Column(name, sa.BigInteger(), nullable=True))
    op.execute("UPDATE notices SET root = id")
    op.create_index("ix_notices_root", "notices", ["realm", "root"], unique=False)
    for name in ("next", "poll"):
        known = sa.text(f"{name}_at IS NOT NULL")
        op.create_index(
            f"ix_notices_{name}", "notices", [f"{name}_at"], unique=False, sqlite_where=known, postgresql_where=known
        )
    op.add_column("attempts", sa.Column("provider_id", sa.Text(), nullable=True))
    op.add_column("links", sa.Column("realm", sa.String(length=8), nullable=True))
    op.add_column("links", sa.Column("notice", sa.String(length=64), nullable=True))
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "contact_points",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("bad_at", sa.BigInteger(), nullable=True),
        sa.Column("bad_why", sa.Text(), nullable=True),
        sa.Column("proved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "address", name=op.f("pk_contact_points")),
    )
    op.create_table(
        "reply_codes",
        sa.Column("n", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=2), nullable=False),
        sa.Column("realm", sa.String(length=8), nullable=False),
        sa.Column("offer", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["realm", "offer"], ["offers.realm", "offers.id"], name=op.f("fk_reply_codes_realm_offers")
        ),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_reply_codes")),
    )
    op.create_index("ix_reply_codes_address", "reply_codes", ["address", "expires_at"], unique=False)
    op.create_table(
        "replies",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.String(length=12), nullable=False),
        sa.PrimaryKeyConstraint("channel", "id", name=op.f("pk_replies")),
    )
    op.create_index("ix_replies_address", "replies", ["address", "at"], unique=False)


def downgrade() -> None:
    """Take them back: of several channels the first stays, what was seen was delivered, what is unknown handed over."""
    for gone in ("replies", "reply_codes", "contact_points"):
        op.drop_table(gone)
    for column in ("notice", "realm"):
        op.drop_column("links", column)
    op.drop_column("attempts", "provider_id")
    op.execute("UPDATE notices SET state = 'delivered' WHERE state = 'seen'")
    op.execute("UPDATE notices SET state = 'accepted' WHERE state = 'unknown'")
    for name in ("poll", "next", "root"):
        op.drop_index(f"ix_notices_{name}", table_name="notices")
    for column in (*WHEN, "way", "root"):
        op.drop_column("notices", column)
    sqlite = op.get_bind().dialect.name == "sqlite"
    first = "substr({0}, 1, instr({0}, ';') - 1)" if sqlite else "split_part({0}, ';', 1)"
    for people in ("contacts", "workers"):
        both = f"channel = {first.format('channel')}, address = {first.format('address')}"
        op.execute(f"UPDATE {people} SET {both} WHERE channel LIKE '%;%'")
        with op.batch_alter_table(people) as changed:
            changed.alter_column(
                "channel", existing_type=sa.String(length=120), type_=sa.String(length=16), existing_nullable=False
            )
