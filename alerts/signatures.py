"""Signatures of calls: those we make to a message service, and those that providers make to us."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from alerts.channels import Forged

SKEW_S = 300.0
"""How old a call may be, and how far in the future: five minutes (Standard Webhooks 1.0). [s]"""
ACS3 = "ACS3-HMAC-SHA256"
FORM = "application/x-www-form-urlencoded"


def form(params: Mapping[str, str]) -> bytes:
    """Return `params` as a form, in order of name; blanks as %20, as the signature below wants them."""
    return "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(params.items())).encode()


def acs3_headers(
    key_id: str, secret: str, host: str, action: str, version: str, body: bytes, now: datetime, nonce: str
) -> dict[str, str]:
    """Return the headers of a signed POST to ``/`` (Alibaba Cloud, "V3 request structure and signature").

    The signature covers method, path, the headers ``host``, ``content-type`` and ``x-acs-*``, and the SHA-256 of the body.
    """
    hashed = hashlib.sha256(body).hexdigest()
    signed = {
        "content-type": FORM, "host": host, "x-acs-action": action, "x-acs-content-sha256": hashed,
        "x-acs-date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }  # fmt: skip
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashed}"
    to_sign = f"{ACS3}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return signed | {"authorization": f"{ACS3} Credential={key_id},SignedHeaders={names},Signature={signature}"}


def key(secret: str) -> bytes:
    """Return the signing key of a secret: plain, or ``whsec_`` and base64.

    Raises
    ------
    ValueError
        It begins with ``whsec_`` but what follows is not base64.
    """
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error as error:
            raise ValueError("want base64 after whsec_ in the secret") from error
    return secret.encode()


def signature(secret: bytes, name: str, timestamp: int, content: bytes) -> str:
    """Return the value of ``webhook-signature``: HMAC-SHA256 over ``id.timestamp.body`` (Standard Webhooks 1.0)."""
    signed = b".".join((name.encode(), str(timestamp).encode(), content))
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def verify(secret: str, headers: Mapping[str, str], content: bytes, now: datetime) -> None:
    """Let a call pass whose ``webhook-id``, ``-timestamp`` and ``-signature`` fit its body.

    Raises
    ------
    Forged
        No secret is set up, or the call is older than five minutes, or no signature fits.
    """
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not secret or not stamp.isascii() or not stamp.isdigit() or abs(now.timestamp() - int(stamp)) > SKEW_S:
        raise Forged("want a secret that is set up, and a timestamp of the last five minutes")
    wanted = signature(key(secret), name, int(stamp), content).encode()
    given = headers.get("webhook-signature", "").encode("ascii", "replace").split()
    if not any(hmac.compare_digest(one, wanted) for one in given):
        raise Forged("want a signature made with our secret")
