"""What is known of one shift beside its sheet: whether somebody checked in, and what was owed about it."""

from sqlalchemy import Column, ForeignKey, Index, Table

from alerts.schema.columns import Utc, identity, metadata

turns = Table(
    "turns", metadata, identity(),  # made from area, start and owner; of a hole in the shifts from its beginning
    Column("area", ForeignKey("areas.id")),  # None: of the holes of all areas
    Column("start", Utc, nullable=False),
    Column("end", Utc, nullable=False),
    Column("owner", ForeignKey("workers.id")),  # None: nobody, it is a hole
    Column("backup", ForeignKey("workers.id")),
    Column("lead", ForeignKey("workers.id")),
    Column("asked_at", Utc),  # when the owner was asked to check in
    Column("owner_at", Utc),  # when the owner was known to be there
    Column("missed_at", Utc),  # when the backup was put before the owner
    Column("backup_at", Utc),  # when the backup was known to be there
)  # fmt: skip
Index("ix_turns_area", turns.c.area, turns.c.start)
