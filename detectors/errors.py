"""What goes wrong in this room.

DetectorError
├── NewsError      intervals that contradict themselves (a broken promise of the caller)
├── RuleError      no rule of that name
└── SnapshotError  arrays that are no snapshot of ours
"""


class DetectorError(Exception):
    """The root of this room's errors."""


class NewsError(DetectorError, ValueError):
    """Intervals have unequal lengths, run backwards, or name rows that do not exist."""


class RuleError(DetectorError, ValueError):
    """No rule has this name; the message lists those that exist."""


class SnapshotError(DetectorError, ValueError):
    """The arrays were written by another version, or are not a snapshot."""
