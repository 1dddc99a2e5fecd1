"""Keep memory that has been freed, for the next array of the same size.

Simulating many homes frees and asks for the same few megabytes a hundred times a second.  The C library hands large blocks
back to the system each time, and to get them anew page by page takes longer than to fill them: half of the time.
"""

import contextlib
import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of `mallopt`, see its page in the Linux manual."""
_KEPT = 1 << 30
_LARGEST = 1 << 25
"""Larger blocks always go back: the C library takes no higher limit. [bytes]"""


def keep_freed() -> bool:
    """Have this process keep freed memory; a choice for programs, never for a library.  False: cannot be had here."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))
    return False
