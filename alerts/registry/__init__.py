"""Who lives where, who agreed to what, who is on shift: read from sheets, kept in tables, asked at every decision."""

from alerts.registry.changes import Changes, apply, plan
from alerts.registry.lookups import (
    Bound,
    Person,
    above,
    absent,
    area_roster,
    areas_of_home,
    bindings,
    channels_used,
    consented,
    household_zone,
    in_order,
    loads,
    missing,
    person,
    relatives,
    roster,
    still_agreed,
    version,
)
from alerts.registry.reading import Registry, read
from alerts.registry.sheets import Fault, RegistryError
from alerts.registry.ways import Way

__all__ = [
    "Bound",
    "Changes",
    "Fault",
    "Person",
    "Registry",
    "RegistryError",
    "Way",
    "above",
    "absent",
    "apply",
    "area_roster",
    "areas_of_home",
    "bindings",
    "channels_used",
    "consented",
    "household_zone",
    "in_order",
    "loads",
    "missing",
    "person",
    "plan",
    "read",
    "relatives",
    "roster",
    "still_agreed",
    "version",
]  # fmt: skip
