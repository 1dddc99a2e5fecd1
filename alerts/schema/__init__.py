"""The tables of people, cases and owed notices, for SQLite and PostgreSQL alike.

Every table about a case carries the realm (``live`` or ``drill``) inside its keys, so that a live row cannot refer to a
drill row.  Times are aware UTC `datetime` in Python and whole milliseconds since 1970 in the database.
"""

from alerts.schema.access import api_tokens, audit, links, sessions, users, view_log
from alerts.schema.cases import (
    area_events,
    area_members,
    call_backs,
    case_events,
    cases,
    findings,
    offers,
    policies,
    taps,
    timers,
)
from alerts.schema.columns import Utc, metadata
from alerts.schema.drills import drill_homes, drill_people, drills
from alerts.schema.outbox import attempts, contact_points, notices, replies, reply_codes
from alerts.schema.registry import (
    absences,
    applications,
    areas,
    consent_texts,
    consents,
    contacts,
    devices,
    households,
    registry_version,
    residents,
    served_before,
    shifts,
    workers,
)
from alerts.schema.turns import turns

__all__ = [
    "Utc",
    "absences",
    "api_tokens",
    "applications",
    "area_events",
    "area_members",
    "areas",
    "attempts",
    "audit",
    "call_backs",
    "case_events",
    "cases",
    "consent_texts",
    "consents",
    "contact_points",
    "contacts",
    "devices",
    "drill_homes",
    "drill_people",
    "drills",
    "findings",
    "households",
    "links",
    "metadata",
    "notices",
    "offers",
    "policies",
    "registry_version",
    "replies",
    "reply_codes",
    "residents",
    "served_before",
    "sessions",
    "shifts",
    "taps",
    "timers",
    "turns",
    "users",
    "view_log",
    "workers",
]
