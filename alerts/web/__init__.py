"""Pages rendered on the server; they work without JavaScript."""

from alerts.web.settings import Settings

__all__ = ["Settings"]
