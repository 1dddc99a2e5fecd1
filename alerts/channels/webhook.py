"""A signed HTTP POST to the recipient's own address, as the Standard Webhooks specification 1.0 describes it.

Headers ``webhook-id`` (the notice id: a repeat carries the same), ``webhook-timestamp``, ``webhook-signature``
(``v1,`` and base64 of HMAC-SHA256 over ``id.timestamp.body``).  Any 2xx answer means accepted; 408, 425, 429 and 5xx
may be tried again; other answers, redirects too, never help.  A receiver that knows more tells it by a call of its own,
signed the same way: ``{"type": "receipts", "data": [{"notice", "to", "state"}]}`` to ``/gateway/webhook/receipt``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import httpx

from alerts.channels import Outgoing, Receipt, Result, Sample, Unreadable, is_loopback
from alerts.posting import CutOff, NotSent, Poster
from alerts.signatures import key, signature, verify

LATER = frozenset({408, 425, 429})
GONE = frozenset({404, 410})
"""Nobody is reached at this address (the specification asks to end the deliveries after 410)."""


@dataclass(frozen=True)
class Settings:
    """How notices are signed."""

    secret: str = field(default="", repr=False)
    """Shared with the receivers; plain, or ``whsec_`` and base64."""
    timeout_s: float = 10.0
    loopback_only: bool = False
    """Refuse receivers that are not this machine: for demonstrations and drills."""


def address_fault(address: str) -> str | None:
    """Return what was wanted of `address`; None: it is well-formed."""
    return None if _receiver(address) is not None else "an address such as https://example.org/hook"


@lru_cache(maxsize=1024)
def _receiver(address: str) -> httpx.URL | None:
    if not re.fullmatch(r"https?://[!-~]+", address):
        return None
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return None
    return url if url.host and not url.userinfo else None


def body(outgoing: Outgoing) -> bytes:
    """Return the JSON that is signed and sent."""
    data = {
        "to": outgoing.address, "subject": outgoing.subject, "text": outgoing.text, "link": outgoing.link,
        "language": outgoing.language, "realm": outgoing.realm,
    }  # fmt: skip
    event = {"type": "notice", "timestamp": outgoing.created_at.astimezone(UTC).isoformat(), "data": data}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


class Channel:
    """Posts notices."""

    at_once = 64
    """Attempts in flight: receivers are many, and each answers on its own."""

    def __init__(self, settings: Settings) -> None:
        if not settings.secret:
            raise ValueError("want a secret for the webhook channel: receivers must be able to tell us from others")
        self._settings = settings
        self._key = key(settings.secret)
        # no proxies or credentials out of the environment: the address in the registry is the whole truth
        self._poster = Poster(settings.timeout_s)

    async def send(self, outgoing: Outgoing) -> Result:
        """Try once; what the answer says beyond its code is not looked at."""
        url = _receiver(outgoing.address)
        if url is None:
            return Result("failed", permanent=True, detail="not an address")
        if self._settings.loopback_only and not is_loopback(url.host):
            return Result("failed", permanent=True, detail="not this machine (loopback_only)")
        content = body(outgoing)
        timestamp = int(outgoing.sent_at.timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": outgoing.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._key, outgoing.id, timestamp, content),
        }
        try:
            return _answered(await self._poster.post(url, headers, content))
        except NotSent as error:
            return Result("failed", detail=f"no connection: {error}")
        except CutOff as error:
            return Result("unknown", detail=f"cut off: {error}")

    def receipts(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Receipt]:
        """Return the receipts of a call that the receiver signed as we sign: what its person got, or opened."""
        verify(self._settings.secret, headers, body, now)
        try:
            data = json.loads(body)["data"]
            said = [(str(row["notice"]), str(row["to"]), row["state"], str(row.get("detail", ""))[:80]) for row in data]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Unreadable('want {"type": "receipts", "data": [{"notice", "to", "state"}]}') from error
        if any(state not in ("delivered", "seen", "failed") for _, _, state, _ in said):
            raise Unreadable("want delivered, seen or failed as state")
        return [Receipt(notice, to, state, now, detail) for notice, to, state, detail in said]

    async def close(self) -> None:
        """Close kept connections."""
        await self._poster.close()


def _answered(code: int) -> Result:
    if 200 <= code < 300:
        return Result("accepted", detail=str(code))
    gone = code in GONE
    return Result("failed", permanent=code < 500 and code not in LATER, detail=str(code), bad_address=gone)


SAMPLES = (
    Sample(
        Outgoing(
            id="0123456789abcdef0123", address="https://example.org/hook", subject="有 1 个紧急任务", text="紧急",
            link="https://shuian.example/link/x", language="zh_CN", realm="live",
            created_at=datetime(2026, 11, 21, tzinfo=UTC), sent_at=datetime(2026, 11, 21, tzinfo=UTC),
        ),
        ('"type":"notice"', '"subject":"有 1 个紧急任务"', '"timestamp":"2026-11-21T00:00:00+00:00"'),
    ),
)  # fmt: skip
