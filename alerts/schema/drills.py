"""Runs of drills: which one, until when, and the homes and people that it may touch."""

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text

from alerts.schema.columns import Utc, identity, metadata

drills = Table(
    "drills", metadata, identity(),
    Column("drill", String(48), nullable=False),  # the name of the script
    Column("kind", String(12), nullable=False),  # tabletop, technical, live
    Column("started_at", Utc, nullable=False),
    Column("ends_at", Utc, nullable=False),  # it ends itself then, whatever happens
    Column("by", String(80), nullable=False),
    Column("state", String(12), nullable=False),  # running, ended, aborted
    Column("ended_at", Utc),
    Column("ended_by", String(80)),
    Column("why", String(24)),  # finished, time, asked, reserve, real
    Column("wanted", Text, nullable=False),  # JSON: what must happen, to whom and by when
    Column("down", Text, nullable=False, server_default="[]"),  # JSON: which provider is played to be down, from when to when
)  # fmt: skip
Index("ix_drills_state", drills.c.state, drills.c.ends_at)
drill_homes = Table(
    "drill_homes", metadata,
    Column("drill", ForeignKey("drills.id"), primary_key=True),
    Column("household", ForeignKey("households.id"), primary_key=True),
    Column("part", String(32), nullable=False),  # what the script calls it
    Column("out_at", Utc),  # since when it is in no drill any more: something real happened there
)  # fmt: skip
Index("ix_drill_homes_household", drill_homes.c.household)
drill_people = Table(
    "drill_people", metadata,
    Column("drill", ForeignKey("drills.id"), primary_key=True),
    Column("person", String(80), primary_key=True),  # worker:ID, contact:ID, operator:ID
    Column("out_at", Utc),  # since when it does not concern them any more
    Column("why", String(24)),  # real
)  # fmt: skip
Index("ix_drill_people_person", drill_people.c.person)
