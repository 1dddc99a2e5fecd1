"""Mail by SMTP.  The Message-ID is made from the notice id, so that a repeat carries the same one.

A message counts as accepted when the server answered its data with 250.  A connection lost after the data were handed
over means that nobody knows.  Source for the answer codes: RFC 5321, 4.2.1 (4xx: later, 5xx: never).
"""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

import aiosmtplib

from alerts.channels import Outgoing, Result, Sample, is_loopback

NO_MAILBOX = frozenset({550, 551, 553})
"""Answers to the recipient that speak of the mailbox (RFC 5321, 4.2.3)."""
_ADDRESS = re.compile(r"[^@\s<>\"(),:;\\]+@[^@\s<>\"(),:;\\]+")


@dataclass(frozen=True)
class Settings:
    """Where mail goes."""

    host: str = "127.0.0.1"
    port: int = 25
    sender: str = "shuian@localhost"
    username: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    """Begin in clear and turn to TLS (port 587)."""
    tls: bool = False
    """TLS from the first byte (port 465)."""
    timeout_s: float = 10.0
    loopback_only: bool = False
    """Refuse a server that is not this machine: for demonstrations and drills."""


def address_fault(address: str) -> str | None:
    """Return what was wanted of `address`; None: it is well-formed."""
    return None if _ADDRESS.fullmatch(address) and address.isprintable() else "a mail address such as name@example.org"


def message(outgoing: Outgoing, sender: str) -> EmailMessage:
    """Return the mail for `outgoing`: plain text, no tracking, marked as written by a machine (RFC 3834)."""
    mail = EmailMessage()
    mail["From"] = formataddr(("水安 Shuian", sender))
    mail["To"] = outgoing.address
    mail["Subject"] = outgoing.subject
    mail["Date"] = format_datetime(outgoing.sent_at.astimezone(UTC))
    mail["Message-ID"] = f"<{outgoing.id}@{sender.rpartition('@')[2]}>"
    mail["Content-Language"] = outgoing.language.replace("_", "-")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(outgoing.text)
    return mail


class Channel:
    """Sends mail; one connection a message, so that one slow server never holds up the next message."""

    def __init__(self, settings: Settings) -> None:
        if settings.loopback_only and not is_loopback(settings.host):
            raise ValueError(f"want a mail server on this machine (loopback_only), got {settings.host!r}")
        self._settings = settings

    async def send(self, outgoing: Outgoing) -> Result:
        """Try once."""
        s = self._settings
        try:
            mail = message(outgoing, s.sender)
            await aiosmtplib.send(
                mail, hostname=s.host, port=s.port, username=s.username or None, password=s.password or None,
                use_tls=s.tls, start_tls=s.starttls, timeout=s.timeout_s,
            )  # fmt: skip
        except ValueError as error:  # a header that cannot be written
            return Result("failed", permanent=True, detail=f"not writable: {type(error).__name__}")
        except aiosmtplib.SMTPRecipientsRefused as error:
            code = max(one.code for one in error.recipients)
            return replace(_answered(code), bad_address=code in NO_MAILBOX)
        except aiosmtplib.SMTPResponseException as error:
            return _answered(error.code)
        except (aiosmtplib.SMTPConnectError, ConnectionRefusedError) as error:
            return Result("failed", detail=f"no connection: {type(error).__name__}")
        except (aiosmtplib.SMTPException, OSError) as error:
            return Result("unknown", detail=f"cut off: {type(error).__name__}")
        return Result("accepted", detail="250")

    async def close(self) -> None:
        """Nothing is kept open."""


def _answered(code: int) -> Result:
    return Result("failed", permanent=500 <= code < 600, detail=str(code))


_EXAMPLE = Outgoing(
    id="0123456789abcdef0123", address="worker@example.org", subject="有 1 个紧急任务", text="紧急\n编号 0123456789",
    link="https://shuian.example/link/x", language="zh_CN", realm="live",
    created_at=datetime(2026, 11, 21, tzinfo=UTC), sent_at=datetime(2026, 11, 21, 0, 0, 1, tzinfo=UTC),
)  # fmt: skip
SAMPLES = (
    Sample(
        _EXAMPLE,
        ("Message-ID: <0123456789abcdef0123@localhost>", "To: worker@example.org", "Auto-Submitted: auto-generated"),
    ),
)
