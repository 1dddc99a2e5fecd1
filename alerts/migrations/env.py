"""Alembic runs this: the connection comes from `alerts.database`, which also owns the transaction."""

from alembic import context

from alerts.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place
)
context.run_migrations()
