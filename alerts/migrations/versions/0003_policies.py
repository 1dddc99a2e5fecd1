"""The settings under which a case was opened, the case it recurs from, emergency calls, call-backs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and columns; every case that is there goes on under the settings in force."""
    op.create_table(
        "policies",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("first_used_at", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
    )
    op.create_table(
        "call_backs",
        sa.Column("realm", sa.String(length=8), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(length=80), nullable=True),
        sa.Column("answer", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["realm", "case_id"], ["cases.realm", "cases.id"], name=op.f("fk_call_backs_realm_cases")
        ),
        sa.PrimaryKeyConstraint("realm", "case_id", name=op.f("pk_call_backs")),
    )
    op.create_index("ix_call_backs_open", "call_backs", ["realm", "done_at"], unique=False)
    with op.batch_alter_table("cases") as cases:
        cases.add_column(sa.Column("emergency", sa.Boolean(), nullable=False, server_default=sa.false()))
        cases.add_column(sa.Column("recurs", sa.String(length=64), nullable=True))
        cases.add_column(sa.Column("policy", sa.String(length=64), nullable=True))
        cases.create_foreign_key("fk_cases_policy_policies", "policies", ["policy"], ["id"])
        cases.create_foreign_key("fk_cases_realm_cases", "cases", ["realm", "recurs"], ["realm", "id"])
    op.create_index("ix_cases_owner", "cases", ["owner", "closed_at"], unique=False)
    op.create_index("ix_offers_worker", "offers", ["worker", "offered_at"], unique=False)


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_offers_worker", "offers")
    op.drop_index("ix_cases_owner", "cases")
    with op.batch_alter_table("cases") as cases:
        cases.drop_constraint("fk_cases_realm_cases", type_="foreignkey")
        cases.drop_constraint("fk_cases_policy_policies", type_="foreignkey")
        for name in ("policy", "recurs", "emergency"):
            cases.drop_column(name)
    op.drop_table("call_backs")
    op.drop_table("policies")
