"""What was rendered a moment ago for the same eyes: many open pages ask again at the same time.

Two things in a page belong to one answer only: the id of the next tap and the token of the session's forms.  While a page
is rendered, marks that nobody can know stand for them; each answer gets its own put in their place.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from starlette.responses import HTMLResponse

TAP, FORM = secrets.token_hex(16), secrets.token_hex(16)
"""Marks in rendered pages; random, so that no name of a person can contain one."""
MOST = 256
"""Blocks that are kept; those that were not asked for longest go first."""


class Page(HTMLResponse):
    """A rendered page with its marks filled in.

    Parameters
    ----------
    rendered : str
        With the marks still in it.
    status : int
        HTTP status.
    form : str
        The form token of the session.
    lasts : bool
        False: it is true for a few seconds only (a tap can be undone), so it is for one answer.
    """

    def __init__(self, rendered: str, status: int, form: str, lasts: bool = True) -> None:
        self.rendered, self.lasts = rendered, lasts and status == 200
        super().__init__(rendered.replace(TAP, secrets.token_urlsafe(16)).replace(FORM, form), status)


@dataclass
class _Block:
    rendering: threading.Lock = field(default_factory=threading.Lock)
    rendered: str | None = None


class Fragments:
    """Rendered blocks by key; the key must name everything that a block depends on."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._blocks: OrderedDict[Hashable, _Block] = OrderedDict()

    def __len__(self) -> int:
        return len(self._blocks)

    def kept(self, key: Hashable) -> str | None:
        """Return a block with its marks still in it, None when it was not rendered (yet)."""
        block = self._blocks.get(key)
        return block.rendered if block is not None else None

    def page(self, key: Hashable, form: str, render: Callable[[], Page]) -> Page:
        """Return the block of `key`, rendered at most once at a time; a block that does not last is never kept."""
        with self._lock:
            block = self._blocks.setdefault(key, _Block())
            self._blocks.move_to_end(key)
            while len(self._blocks) > self._most:
                self._blocks.popitem(last=False)
        with block.rendering:
            if block.rendered is not None:
                return Page(block.rendered, 200, form)
            page = render()
            if page.lasts:
                block.rendered = page.rendered
            return page
