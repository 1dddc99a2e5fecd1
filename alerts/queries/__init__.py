"""Read models of the pages: what one page shows, as frozen values.  All SQL of the pages lives in this package."""

from alerts.queries.cases import cards, case, name_of, open_cards, place, view_seen
from alerts.queries.console import Absence, NoticeRow, Overview, Unwatched, overview
from alerts.queries.families import FamilyView, family
from alerts.queries.models import CaseCard, CaseEvent, CaseView, Home, Person, Resident, Sign, Told
from alerts.queries.people import Shift, WorkerView, worker

__all__ = [
    "Absence",
    "CaseCard",
    "CaseEvent",
    "CaseView",
    "FamilyView",
    "Home",
    "NoticeRow",
    "Overview",
    "Person",
    "Resident",
    "Shift",
    "Sign",
    "Told",
    "Unwatched",
    "WorkerView",
    "cards",
    "case",
    "family",
    "name_of",
    "open_cards",
    "overview",
    "place",
    "view_seen",
    "worker",
]
