"""Drills: the providers of messages that a run plays to be down."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; in the runs that are there every provider works."""
    with op.batch_alter_table("drills") as drills:
        drills.add_column(sa.Column("down", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("drills") as drills:
        drills.drop_column("down")
