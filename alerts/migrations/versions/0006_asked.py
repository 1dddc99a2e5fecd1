"""Whether a case is only to be asked about: kept with the case, not worked out from its findings at each step."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; open cases of before are looked at once."""
    with op.batch_alter_table("cases") as changed:
        changed.add_column(sa.Column("ask_only", sa.Boolean(), server_default=sa.false(), nullable=False))
    cases = sa.table("cases", sa.column("realm"), sa.column("id"), sa.column("closed_at"), sa.column("ask_only"))
    findings = sa.table("findings", sa.column("realm"), sa.column("case_id"), sa.column("evidence", sa.JSON()))
    conn = op.get_bind()
    for case in conn.execute(sa.select(cases.c.realm, cases.c.id).where(cases.c.closed_at.is_(None))).all():
        mine = findings.c.realm == case.realm, findings.c.case_id == case.id
        found = conn.scalars(sa.select(findings.c.evidence).where(*mine)).all()
        if found and all(evidence.get("ask_only") for evidence in found):
            same = cases.c.realm == case.realm, cases.c.id == case.id
            conn.execute(sa.update(cases).where(*same).values(ask_only=sa.true()))


def downgrade() -> None:
    """Take it back: the findings still say it."""
    with op.batch_alter_table("cases") as changed:
        changed.drop_column("ask_only")
