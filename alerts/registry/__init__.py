"""Who lives where, who agreed to what, who is on shift: read from sheets, kept in tables, asked at every decision."""

from alerts.registry.changes import Changes, apply, plan
from alerts.registry.lookups import (
    Bound,
    Person,
    absent,
    area_roster,
    areas_of_home,
    bindings,
    channels_used,
    consented,
    consenting,
    household_zone,
    loads,
    person,
    persons,
    relatives,
    roster,
    rosters,
    still_agreed,
    still_agreeing,
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
    "absent",
    "apply",
    "area_roster",
    "areas_of_home",
    "bindings",
    "channels_used",
    "consented",
    "consenting",
    "household_zone",
    "loads",
    "person",
    "persons",
    "plan",
    "read",
    "relatives",
    "roster",
    "rosters",
    "still_agreed",
    "still_agreeing",
    "version",
]  # fmt: skip
