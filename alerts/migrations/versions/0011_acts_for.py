"""Tokens that the service makes for somebody's own act: what is done with them stands under that name."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; every token that is there acts under its own name."""
    with op.batch_alter_table("api_tokens") as tokens:
        tokens.add_column(sa.Column("acts_for", sa.String(length=80), nullable=True))


def downgrade() -> None:
    """Take it back; such tokens are for one drill, and go with it."""
    op.execute("DELETE FROM api_tokens WHERE acts_for IS NOT NULL")
    with op.batch_alter_table("api_tokens") as tokens:
        tokens.drop_column("acts_for")
