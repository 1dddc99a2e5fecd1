"""Read models of the pages: what one page shows, as frozen values.  All SQL of the pages lives in this package."""

from alerts.queries.absences import Absence, absence_list, absences_now, absences_of
from alerts.queries.applications import Application, application_list, areas_to_apply, areas_within
from alerts.queries.areas import AreaEvent, area_list, areas_of, open_areas
from alerts.queries.cases import cards, case, name_of, open_cards, place, view_seen
from alerts.queries.changes import Post, posts, shift_of, to_take
from alerts.queries.consents import ResidentView, Waiting, consent_queue, household_of, resident
from alerts.queries.console import Overview, Unwatched, overview
from alerts.queries.deliveries import NOTICE_STATES, delivery_counts, delivery_log, lost, undelivered
from alerts.queries.duty import DESK, unpromised, unpromised_at
from alerts.queries.families import FamilyView, family
from alerts.queries.households import SORTS, HouseholdView, homes, homes_in, household, household_list
from alerts.queries.live import Touched, touched
from alerts.queries.meters import MeterFacts, meter_facts
from alerts.queries.models import CaseCard, CaseEvent, CaseView, Home, Person, Resident, Sign, Told
from alerts.queries.people import Shift, WorkerView, worker
from alerts.queries.points import BadPoint, bad_points
from alerts.queries.slow import drifts_in, drifts_of, journeys_in, journeys_of

__all__ = [
    "DESK",
    "NOTICE_STATES",
    "SORTS",
    "Absence",
    "Application",
    "AreaEvent",
    "BadPoint",
    "CaseCard",
    "CaseEvent",
    "CaseView",
    "FamilyView",
    "Home",
    "HouseholdView",
    "MeterFacts",
    "Overview",
    "Person",
    "Post",
    "Resident",
    "ResidentView",
    "Shift",
    "Sign",
    "Told",
    "Touched",
    "Unwatched",
    "Waiting",
    "WorkerView",
    "absence_list",
    "absences_now",
    "absences_of",
    "application_list",
    "area_list",
    "areas_of",
    "areas_to_apply",
    "areas_within",
    "bad_points",
    "cards",
    "case",
    "consent_queue",
    "delivery_counts",
    "delivery_log",
    "drifts_in",
    "drifts_of",
    "family",
    "homes",
    "homes_in",
    "household",
    "household_list",
    "household_of",
    "journeys_in",
    "journeys_of",
    "lost",
    "meter_facts",
    "name_of",
    "open_areas",
    "open_cards",
    "overview",
    "place",
    "posts",
    "resident",
    "shift_of",
    "to_take",
    "touched",
    "undelivered",
    "unpromised",
    "unpromised_at",
    "view_seen",
    "worker",
]
