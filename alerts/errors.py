"""What can go wrong in this room, as broken promises (expected trouble from outside is a value, not an exception).

::

    AlertsError
    ├── DatabaseError     the database cannot be opened, or belongs to a newer version
    ├── PolicyError       a policy has a hole, an unknown setting or a value that cannot be
    ├── UnknownCase       a case was named that does not exist in that realm
    ├── UnknownOutcome    an outcome code, or its reason, that is not in the table
    ├── BadAbsence        an absence that cannot be: ends before it begins, of nobody's home, on nobody's word
    ├── BadConsent        a consent that cannot be: of nobody, to nobody, for a purpose there is not
    ├── BadApplication    a step that an application cannot take
    ├── DrillError        a drill that may not be begun
    └── Conflict          other writers were faster, several times in a row
"""

from collections.abc import Sequence


class AlertsError(Exception):
    """Base of everything this room raises on purpose."""


class DatabaseError(AlertsError):
    """The database cannot be opened, or was written by a newer version of this program."""


class PolicyError(AlertsError):
    """A policy that cannot be used; `faults` names everything that is wrong with it."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class UnknownCase(AlertsError):
    """A case was named that does not exist in that realm."""


class UnknownOutcome(AlertsError, ValueError):
    """An outcome code, or its reason, that is not in the table of outcomes."""


class BadAbsence(AlertsError, ValueError):
    """An absence was declared, confirmed or ended that cannot be."""


class BadConsent(AlertsError, ValueError):
    """A consent was given, paused or withdrawn that cannot be."""


class BadApplication(AlertsError, ValueError):
    """An application cannot take this step, or lacks what the step needs."""


class DrillError(AlertsError, ValueError):
    """A drill may not be begun: of what is not there, of what is real, or in the middle of something real."""


class Conflict(AlertsError):
    """Another writer changed the same case first, several times in a row."""
