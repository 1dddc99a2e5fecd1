"""The history of the tables, one Alembic revision a file; applied when a database is opened."""
