"""Trouble this room can be in.

::

    IngestError
    ├── Unreadable           a message, or part of it, that nobody can read: a value for `decode`, never a crash
    ├── StoreError           the store could not keep or give something; `permanent` says that waiting will not help
    ├── TlsError             the certificates of our configuration cannot be used: somebody must mend them
    └── BindingsUnavailable  the registry could not be asked just now: the message waits, unacknowledged
"""

from collections.abc import Sequence

from ingest.readings import Reading


class IngestError(Exception):
    """Everything this room raises on purpose."""


class Unreadable(IngestError):
    """A message, or part of it, cannot be read.

    Parameters
    ----------
    reason : str
        What was wanted and what came.
    device : str, optional
        Whose message it is, as far as that could be read: consent is asked for even when nothing else is legible.
    readings : sequence of Reading
        What could be read all the same: one bad measurement does not cost the good ones.
    """

    def __init__(self, reason: str, *, device: str | None = None, readings: Sequence[Reading] = ()) -> None:
        super().__init__(reason)
        self.device = device
        self.readings = tuple(readings)


class StoreError(IngestError):
    """The store failed; `permanent`: somebody must act, trying again does not help."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class BindingsUnavailable(IngestError):
    """Whoever knows the registry could not answer."""


class TlsError(IngestError):
    """A certificate or key that the configuration names cannot be used."""
