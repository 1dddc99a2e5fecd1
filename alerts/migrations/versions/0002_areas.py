"""What many homes have at once, absences declared on a page, sensors without a water register."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ABOUT_ONE_THING = "(case_id IS NULL) <> (area_event IS NULL)"


def upgrade() -> None:
    """Add the tables and columns; every row that is there stays."""
    _create_areas()
    with op.batch_alter_table("devices") as devices:
        devices.add_column(sa.Column("gateway", sa.Text(), nullable=True))
        devices.alter_column("resolution_l", existing_type=sa.Float(), nullable=True)
    with op.batch_alter_table("absences") as absences:
        absences.add_column(sa.Column("asked_until", sa.BigInteger(), nullable=True))
        absences.add_column(sa.Column("declared_at", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("cases") as cases:
        cases.add_column(sa.Column("area_event", sa.String(length=64), nullable=True))
        cases.create_foreign_key("fk_cases_realm_area_events", "area_events", ["realm", "area_event"], ["realm", "id"])
    with op.batch_alter_table("notices") as notices:
        notices.add_column(sa.Column("area_event", sa.String(length=64), nullable=True))
        notices.alter_column("case_id", existing_type=sa.String(length=64), nullable=True)
        notices.create_foreign_key(
            "fk_notices_realm_area_events", "area_events", ["realm", "area_event"], ["realm", "id"]
        )
        notices.create_check_constraint("about_one_thing", ABOUT_ONE_THING)
    op.create_index("ix_notices_area", "notices", ["realm", "area_event"], unique=False)


def _create_areas() -> None:
    op.create_table(
        "area_events",
        sa.Column("realm", sa.String(length=8), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("zone_kind", sa.String(length=16), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("building", sa.Text(), nullable=True),
        sa.Column("area", sa.String(length=64), nullable=True),
        sa.Column("onset", sa.BigInteger(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=48), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["area"], ["areas.id"], name=op.f("fk_area_events_area_areas")),
        sa.PrimaryKeyConstraint("realm", "id", name=op.f("pk_area_events")),
    )
    op.create_index("ix_area_events_open", "area_events", ["realm", "ended_at"], unique=False)
    op.create_table(
        "area_members",
        sa.Column("realm", sa.String(length=8), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("household", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["household"], ["households.id"], name=op.f("fk_area_members_household_households")),
        sa.ForeignKeyConstraint(
            ["realm", "event"], ["area_events.realm", "area_events.id"], name=op.f("fk_area_members_realm_area_events")
        ),
        sa.PrimaryKeyConstraint("realm", "event", "household", name=op.f("pk_area_members")),
    )
    op.create_index("ix_area_members_household", "area_members", ["household"], unique=False)


def downgrade() -> None:
    """Take them back: with them go the notices about areas, and the devices that are sensors; folded cases stand alone."""
    op.execute(
        "UPDATE cases SET state = CASE stream WHEN 'care' THEN 'AWAITING' ELSE 'NOTED' END, undo = NULL"
        " WHERE state = 'FOLDED'"
    )
    op.execute("UPDATE timers SET kind = 'next_rung' WHERE kind IN ('release', 'call_round')")
    op.execute(
        "DELETE FROM attempts WHERE EXISTS (SELECT 1 FROM notices n WHERE n.realm = attempts.realm"
        " AND n.id = attempts.notice AND n.case_id IS NULL)"
    )
    op.execute("DELETE FROM notices WHERE case_id IS NULL")
    op.execute("DELETE FROM devices WHERE resolution_l IS NULL")
    op.drop_index("ix_notices_area", table_name="notices")
    with op.batch_alter_table("notices") as notices:
        notices.drop_constraint("about_one_thing", type_="check")
        notices.drop_constraint("fk_notices_realm_area_events", type_="foreignkey")
        notices.drop_column("area_event")
        notices.alter_column("case_id", existing_type=sa.String(length=64), nullable=False)
    with op.batch_alter_table("cases") as cases:
        cases.drop_constraint("fk_cases_realm_area_events", type_="foreignkey")
        cases.drop_column("area_event")
    with op.batch_alter_table("absences") as absences:
        absences.drop_column("declared_at")
        absences.drop_column("asked_until")
    with op.batch_alter_table("devices") as devices:
        devices.alter_column("resolution_l", existing_type=sa.Float(), nullable=False)
        devices.drop_column("gateway")
    op.drop_index("ix_area_members_household", table_name="area_members")
    op.drop_table("area_members")
    op.drop_index("ix_area_events_open", table_name="area_events")
    op.drop_table("area_events")
