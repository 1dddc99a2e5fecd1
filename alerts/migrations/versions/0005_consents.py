"""The audit chain, consents with a pause and versioned texts, applications, tokens of the interface."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEYED = ("shifts", "devices", "absences", "consents")
FORBIDDEN = "the audit chain is append-only"


def upgrade() -> None:
    """Add the tables and columns; every row that is there stays."""
    _create_tables()
    _guard_the_chain()
    with op.batch_alter_table("consents") as consents:
        consents.add_column(sa.Column("withdrawn_by", sa.String(length=80), nullable=True))
        consents.add_column(sa.Column("paused_until", sa.BigInteger(), nullable=True))
        consents.add_column(sa.Column("paused_by", sa.String(length=80), nullable=True))
    for table in KEYED:
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column("key", sa.String(length=64), nullable=True))
            changed.create_unique_constraint(f"uq_{table}_key", ["key"])
    for table in ("links", "sessions"):
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column("ended_at", sa.BigInteger(), nullable=True))


def _create_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("about", sa.String(length=96), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_about", "audit", ["about"], unique=False)
    op.create_table(
        "consent_texts",
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("zh_CN", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "version", name=op.f("pk_consent_texts")),
    )
    op.create_table(
        "applications",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("by", sa.String(length=12), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("household", sa.String(length=64), nullable=True),
        sa.Column("resident", sa.String(length=64), nullable=True),
        sa.Column("test_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applications")),
    )
    op.create_index("ix_applications_state", "applications", ["state"], unique=False)
    op.create_index("ix_applications_household", "applications", ["household"], unique=False)
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )


def _guard_the_chain() -> None:
    """Let the database itself refuse to change or delete an entry."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER audit_no_{verb} BEFORE {verb.upper()} ON audit"
                f" BEGIN SELECT RAISE(ABORT, '{FORBIDDEN}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{FORBIDDEN}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_update BEFORE UPDATE OR DELETE ON audit"
        " FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()"
    )
    op.execute(
        "CREATE TRIGGER audit_no_delete BEFORE TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
    )


def downgrade() -> None:
    """Take them back; with them goes the chain: keep its last anchor."""
    op.execute("UPDATE cases SET state = 'UNATTENDED', undo = NULL WHERE state = 'CONSENT_REVIEW'")
    op.execute("UPDATE cases SET state = 'CLOSED' WHERE state = 'CANCELLED_CONSENT'")
    op.execute("DELETE FROM sessions WHERE role = 'resident' OR ended_at IS NOT NULL")
    op.execute("DELETE FROM links WHERE role = 'resident' OR ended_at IS NOT NULL")
    for table in KEYED:
        with op.batch_alter_table(table) as changed:
            changed.drop_constraint(f"uq_{table}_key", type_="unique")
            changed.drop_column("key")
    for table in ("links", "sessions"):
        with op.batch_alter_table(table) as changed:
            changed.drop_column("ended_at")
    with op.batch_alter_table("consents") as consents:
        consents.drop_column("paused_by")
        consents.drop_column("paused_until")
        consents.drop_column("withdrawn_by")
    for table in ("api_tokens", "applications", "consent_texts", "audit"):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_is_append_only()")
