"""Shifts that change: who takes cases over, who has checked in, which holes were told."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ONE_OF_TWO = "(case_id IS NULL) <> (area_event IS NULL)"
ONE_OF_THREE = (
    "(case_id IS NULL) <> (area_event IS NULL) AND turn IS NULL"
    " OR case_id IS NULL AND area_event IS NULL AND turn IS NOT NULL"
)
PARTS = ("owner", "backup", "lead")


def upgrade() -> None:
    """Add the table and columns; every row that is there stays."""
    op.create_table(
        "turns",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=True),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        *(sa.Column(part, sa.String(length=64), nullable=True) for part in PARTS),
        *(sa.Column(f"{name}_at", sa.BigInteger(), nullable=True) for name in ("asked", "owner", "missed", "backup")),
        sa.ForeignKeyConstraint(["area"], ["areas.id"], name=op.f("fk_turns_area_areas")),
        *(sa.ForeignKeyConstraint([part], ["workers.id"], name=op.f(f"fk_turns_{part}_workers")) for part in PARTS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turns")),
    )
    op.create_index("ix_turns_area", "turns", ["area", "start"], unique=False)
    op.create_index("ix_shifts_end", "shifts", ["end", "start"], unique=False)
    with op.batch_alter_table("cases") as cases:
        cases.add_column(sa.Column("next_owner", sa.String(length=64), nullable=True))
        cases.create_foreign_key(op.f("fk_cases_next_owner_workers"), "workers", ["next_owner"], ["id"])
    with op.batch_alter_table("notices") as notices:
        notices.add_column(sa.Column("turn", sa.String(length=64), nullable=True))
        notices.create_foreign_key(op.f("fk_notices_turn_turns"), "turns", ["turn"], ["id"])
        notices.drop_constraint("about_one_thing", type_="check")
        notices.create_check_constraint("about_one_thing", ONE_OF_THREE)
    op.create_index("ix_notices_turn", "notices", ["turn"], unique=False)
    with op.batch_alter_table("reply_codes") as codes:
        codes.alter_column("offer", existing_type=sa.String(length=64), nullable=True)
        codes.add_column(sa.Column("turn", sa.String(length=64), nullable=True))
        codes.create_foreign_key(op.f("fk_reply_codes_turn_turns"), "turns", ["turn"], ["id"])


def downgrade() -> None:
    """Take them back: with them go the notices about shifts; cases stay with their owners."""
    op.execute("DELETE FROM timers WHERE kind = 'hand_over'")
    op.execute("UPDATE cases SET undo = NULL WHERE CAST(undo AS TEXT) LIKE '%hand_over%'")
    op.execute("UPDATE offers SET state = 'withdrawn' WHERE state = 'transferred'")
    op.execute("DELETE FROM reply_codes WHERE turn IS NOT NULL")
    op.execute(
        "DELETE FROM attempts WHERE EXISTS (SELECT 1 FROM notices n WHERE n.realm = attempts.realm"
        " AND n.id = attempts.notice AND n.turn IS NOT NULL)"
    )
    op.execute("DELETE FROM notices WHERE turn IS NOT NULL")
    with op.batch_alter_table("reply_codes") as codes:
        codes.drop_constraint("fk_reply_codes_turn_turns", type_="foreignkey")
        codes.drop_column("turn")
        codes.alter_column("offer", existing_type=sa.String(length=64), nullable=False)
    op.drop_index("ix_notices_turn", table_name="notices")
    with op.batch_alter_table("notices") as notices:
        notices.drop_constraint("about_one_thing", type_="check")
        notices.drop_constraint("fk_notices_turn_turns", type_="foreignkey")
        notices.drop_column("turn")
        notices.create_check_constraint("about_one_thing", ONE_OF_TWO)
    with op.batch_alter_table("cases") as cases:
        cases.drop_constraint("fk_cases_next_owner_workers", type_="foreignkey")
        cases.drop_column("next_owner")
    op.drop_index("ix_shifts_end", table_name="shifts")
    op.drop_index("ix_turns_area", table_name="turns")
    op.drop_table("turns")
