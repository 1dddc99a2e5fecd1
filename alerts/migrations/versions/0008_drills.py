"""Drills: their runs, the homes and people in their scope; sessions that a drill's link opened."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and the column; every session that is there is of life."""
    op.create_table(
        "drills",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("drill", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=80), nullable=True),
        sa.Column("why", sa.String(length=24), nullable=True),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drills")),
    )
    op.create_index("ix_drills_state", "drills", ["state", "ends_at"], unique=False)
    op.create_table(
        "drill_homes",
        sa.Column("drill", sa.String(length=64), nullable=False),
        sa.Column("household", sa.String(length=64), nullable=False),
        sa.Column("part", sa.String(length=32), nullable=False),
        sa.Column("out_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["drill"], ["drills.id"], name=op.f("fk_drill_homes_drill_drills")),
        sa.ForeignKeyConstraint(["household"], ["households.id"], name=op.f("fk_drill_homes_household_households")),
        sa.PrimaryKeyConstraint("drill", "household", name=op.f("pk_drill_homes")),
    )
    op.create_index("ix_drill_homes_household", "drill_homes", ["household"], unique=False)
    op.create_table(
        "drill_people",
        sa.Column("drill", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("out_at", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.String(length=24), nullable=True),
        sa.ForeignKeyConstraint(["drill"], ["drills.id"], name=op.f("fk_drill_people_drill_drills")),
        sa.PrimaryKeyConstraint("drill", "person", name=op.f("pk_drill_people")),
    )
    op.create_index("ix_drill_people_person", "drill_people", ["person"], unique=False)
    with op.batch_alter_table("sessions") as sessions:
        sessions.add_column(sa.Column("realm", sa.String(length=8), nullable=False, server_default="live"))


def downgrade() -> None:
    """Take them back; the cases of drills stay, and nobody is let in by a drill's link any more."""
    op.execute("DELETE FROM sessions WHERE realm <> 'live'")
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("realm")
    op.drop_index("ix_drill_people_person", table_name="drill_people")
    op.drop_table("drill_people")
    op.drop_index("ix_drill_homes_household", table_name="drill_homes")
    op.drop_table("drill_homes")
    op.drop_index("ix_drills_state", table_name="drills")
    op.drop_table("drills")
