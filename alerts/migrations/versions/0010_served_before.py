"""Homes that were served before there was a checklist: shown as covered as they were, until a date by which the list is done."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

GRACE_MS = 90 * 86_400_000
"""A season to prove what nobody had asked for: families are not told overnight that nothing can be relied on."""


def upgrade() -> None:
    """Add the table, and in it every home that is there; a new installation has none."""
    op.create_table(
        "served_before",
        sa.Column("household", sa.String(length=64), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("household", name=op.f("pk_served_before")),
    )
    until = round(time.time() * 1000) + GRACE_MS
    op.execute(f"INSERT INTO served_before (household, until) SELECT id, {until} FROM households")


def downgrade() -> None:
    """Take it back: everybody is shown as covered again."""
    op.drop_table("served_before")
