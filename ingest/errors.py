"""Trouble this room can be in.

::

    IngestError
    ├── Unreadable           a message, or part of it, that nobody can read: a value for `decode`, never a crash
    ├── StoreError           the store could not keep or give something; `permanent` says that waiting will not help
    ├── TlsError             the certificates of our configuration cannot be used: somebody must mend them
    ├── BindingsUnavailable  the registry could not be asked just now: the message waits, unacknowledged
    ├── SinkUnavailable      a server that readings are copied to does not work now; try again
    └── SinkRefused          it works, and does not want what it was sent; trying again does not help
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


class SinkUnavailable(IngestError):
    """A server that readings are copied to does not work now; it asked to be left alone for `after_s` seconds."""

    def __init__(self, reason: str, *, after_s: float = 0.0, slow: bool = False) -> None:
        super().__init__(reason)
        self.after_s = after_s
        self.slow = slow
        """It did not answer in time: less at once may help."""


class SinkRefused(IngestError):
    """A server does not want what it was sent; `dropped`: so many points, None: it does not say."""

    def __init__(self, reason: str, dropped: int | None = None) -> None:
        super().__init__(reason)
        self.dropped = dropped


class TlsError(IngestError):
    """A certificate or key that the configuration names cannot be used."""
