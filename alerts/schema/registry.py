"""The registry: one table a sheet of the import file, and what people were asked and answered."""

from sqlalchemy import JSON, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from alerts.schema.columns import Utc, identity, metadata

areas = Table(
    "areas", metadata, identity(),
    Column("parent", String(64)),
    Column("kind", String(16), nullable=False),  # district, street, community, grid, drill
    Column("name", Text, nullable=False),
)  # fmt: skip
households = Table(
    "households", metadata, identity(),
    Column("area", ForeignKey("areas.id"), nullable=False),
    Column("building", Text, nullable=False),
    Column("riser", Text),
    Column("floor", Text),
    Column("door", Text, nullable=False),
    Column("tz", String(64), nullable=False),
)  # fmt: skip
residents = Table(
    "residents", metadata, identity(),
    Column("household", ForeignKey("households.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("phone", Text),
    Column("risk", Text),
    Column("risk_until", Utc),
)  # fmt: skip
consents = Table(
    "consents", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("resident", ForeignKey("residents.id"), nullable=False),
    Column("purpose", String(16), nullable=False),  # monitor, community, relative, research
    Column("recipient", Text, nullable=False, default=""),  # contact id for relative; "" = all of that purpose
    Column("version", Text, nullable=False),
    Column("given_at", Utc, nullable=False),
    Column("given_by", Text, nullable=False),
    Column("evidence", Text),
    Column("withdrawn_at", Utc),
    Column("withdrawn_by", String(80)),  # None: the sheets say so
    Column("paused_until", Utc),  # until then it counts as withdrawn
    Column("paused_by", String(80)),
    Column("key", String(64), unique=True),  # under which a program wrote it (`alerts.api`)
)  # fmt: skip
consent_texts = Table(
    "consent_texts", metadata,
    Column("purpose", String(16), primary_key=True),
    Column("version", String(32), primary_key=True),
    Column("from_at", Utc, nullable=False),  # from then on a consent to another version is parked
    Column("zh_CN", Text, nullable=False),
    Column("en", Text, nullable=False),
)  # fmt: skip
contacts = Table(
    "contacts", metadata, identity(),
    Column("resident", ForeignKey("residents.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),  # the sheet's column "order"
    Column("channel", String(120), nullable=False),  # one, or several in order, separated by ";"; so is the address
    Column("address", Text, nullable=False),
)  # fmt: skip
workers = Table(
    "workers", metadata, identity(),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),  # worker, lead, duty (a telephone), operator
    Column("area", ForeignKey("areas.id"), nullable=False),
    Column("channel", String(120), nullable=False),  # as for contacts
    Column("address", Text, nullable=False),
)  # fmt: skip
shifts = Table(
    "shifts", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("area", ForeignKey("areas.id"), nullable=False),
    Column("start", Utc, nullable=False),
    Column("end", Utc, nullable=False),
    Column("owner", ForeignKey("workers.id"), nullable=False),
    Column("backup", ForeignKey("workers.id")),
    Column("lead", ForeignKey("workers.id")),
    Column("key", String(64), unique=True),  # under which a program wrote it (`alerts.api`)
)  # fmt: skip
Index("ix_shifts_end", shifts.c.end, shifts.c.start)
devices = Table(
    "devices", metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("id", String(128), nullable=False, index=True),
    Column("format", String(32), nullable=False),
    Column("household", ForeignKey("households.id"), nullable=False),
    Column("valid_from", Utc, nullable=False),
    Column("valid_to", Utc),
    Column("unit", String(16)),
    Column("litres_per_pulse", Float),
    Column("resolution_l", Float),  # None: it has no water register, it is a sensor
    Column("modulus_l", Float),
    Column("period_s", Integer, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("gateway", Text),  # through which its messages come
    Column("key", String(64), unique=True),  # under which a program wrote it (`alerts.api`)
)  # fmt: skip
absences = Table(
    "absences", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("household", ForeignKey("households.id"), nullable=False),
    Column("start", Utc, nullable=False),
    Column("end", Utc, nullable=False),
    Column("by", Text, nullable=False),
    Column("asked_until", Utc),  # what a relative asked for beyond `end`; None: nothing waits for a confirmation
    Column("declared_at", Utc),  # None: it stands in the sheets, or an outcome made it
    Column("key", String(64), unique=True),  # under which a program wrote it (`alerts.api`)
)  # fmt: skip
applications = Table(
    "applications", metadata, identity(),
    Column("created_at", Utc, nullable=False),
    Column("state", String(12), nullable=False),  # applied, declined, consented, fitted, verified, covered
    Column("by", String(12), nullable=False),  # who filled it in: resident, relative, worker
    Column("said", JSON, nullable=False),  # what was filled in; emptied when it is declined or forgotten
    Column("reason", String(24)),  # why it was declined
    Column("household", String(64)),
    Column("resident", String(64)),
    Column("test_at", Utc),  # since when a tap is to be opened
    Column("changed_at", Utc, nullable=False),
    Column("changed_by", String(80)),
)  # fmt: skip
Index("ix_applications_state", applications.c.state)
Index("ix_applications_household", applications.c.household)
served_before = Table(
    "served_before", metadata,
    Column("household", String(64), primary_key=True),  # no reference: a home may be taken out of the registry
    Column("until", Utc, nullable=False),  # shown as covered until then, as it was before there was a checklist
)  # fmt: skip
registry_version = Table(
    "registry_version", metadata,
    Column("one", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
)  # fmt: skip
