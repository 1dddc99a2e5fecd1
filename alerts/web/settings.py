"""What the pages can be told at start."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerts.go_live_facts import Settings as GoLive

NOT_ASKED = GoLive(required=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the pages; `shuian.config` fills them from the configuration file."""

    base_url: str = "http://127.0.0.1:8000"
    """Where browsers reach the pages; https makes session cookies secure."""
    duty_phone: str | None = None
    """The community's duty telephone, on every page that may need it."""
    emergency_phone: str = "120"
    """Ambulance; 120 in mainland China."""
    zone: str = "Asia/Shanghai"
    """The operators' time zone; homes have their own."""
    formats: Mapping[str, bool] = field(default_factory=dict)
    """Device formats that can be fitted, and whether devices of each are mostly sensors."""
    demo: bool = False
    """Say on every page that nobody here exists."""
    refresh_s: int = 30
    """How often an open, visible page asks again while it hears nothing from the stream; half as often while it does. [s]"""

    go_live: GoLive = NOT_ASKED
    """What a community proves before its homes are shown as covered.  A service says whether it must; pages alone do not
    know what was promised to anybody."""

    @property
    def secure(self) -> bool:
        """Whether pages are reached over TLS."""
        return self.base_url.startswith("https:")
