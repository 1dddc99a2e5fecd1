"""TLS to a broker: what we show, whom we believe, and what went wrong in words that name the file or the certificate."""

import ssl
from typing import Protocol

from ingest.errors import TlsError

_NO_TLS = "take the broker's TLS port (usually 8883), or set tls = false"


class Wanted(Protocol):
    """What this module asks of a broker's settings."""

    @property
    def ca_file(self) -> str | None:
        """Return the file of authorities that are believed; None or empty: those of this machine."""
        ...

    @property
    def cert_file(self) -> str | None:
        """Return the file of our own certificate; None: we have none."""
        ...

    @property
    def key_file(self) -> str | None:
        """Return the file of its key; None: it stands in `cert_file`."""
        ...


def context(wanted: Wanted) -> ssl.SSLContext:
    """Return the context for a connection: TLS 1.2 or newer, certificate and name of the broker always checked.

    Raises
    ------
    TlsError
        A file cannot be read, is no PEM, or key and certificate do not belong together.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.sslsocket_class = _Closing
    if not wanted.ca_file:
        made.load_default_certs()
    else:  # the machine's own authorities are not believed besides
        try:
            made.load_verify_locations(wanted.ca_file)
        except (ssl.SSLError, OSError) as error:
            raise TlsError(
                f"ca_file {wanted.ca_file}: {_unread(error)}: want the authority's certificate, PEM"
            ) from error
    if wanted.key_file and not wanted.cert_file:
        raise TlsError("key_file without cert_file: want both, or none")
    if wanted.cert_file:
        try:
            made.load_cert_chain(wanted.cert_file, wanted.key_file or None)
        except (ssl.SSLError, OSError) as error:
            names = " and ".join(name for name in (wanted.cert_file, wanted.key_file) if name)
            raise TlsError(
                f"{names}: {_unread(error)}: want our certificate and the key it was made with, PEM"
            ) from error
    return made


class _Closing(ssl.SSLSocket):
    """Gives the connection back when the broker is not believed; paho leaves it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def trouble(error: BaseException | None) -> str | None:
    """Return why TLS with a broker failed, and what to mend; None: it was not TLS that failed."""
    if isinstance(error, ssl.SSLEOFError | ConnectionResetError):
        return f"it hangs up when TLS begins: {_NO_TLS}"
    if not isinstance(error, ssl.SSLError):
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        return _refused(error)
    reason = (error.reason or "").replace("_", " ").lower()
    if "wrong version number" in reason or "record layer failure" in reason:
        return f"this port does not speak TLS: {_NO_TLS}"
    if "certificate required" in reason or "handshake failure" in reason:
        return "the broker wants a certificate of ours: set cert_file and key_file"
    if "unknown ca" in reason or "bad certificate" in reason or "certificate expired" in reason:
        return f"the broker refuses our certificate ({reason}): see cert_file and the authority the broker believes"
    return f"TLS failed: {reason or error}"


def _refused(error: ssl.SSLCertVerificationError) -> str:
    """Return why we do not believe the broker's certificate; the numbers are OpenSSL's X509_V_ERR codes."""
    said = error.verify_message.rstrip(".").lower()
    match error.verify_code:
        case 10:
            return "the broker's certificate has expired: renew it"
        case 9:
            return "the broker's certificate is not valid yet: see the clocks of both machines"
        case 18 | 19 | 20 | 21:
            return f"the broker's certificate is not of an authority that we believe ({said}): see ca_file"
        case 62 | 64:
            return f"the broker's certificate is for another name ({said}): see host, or make it for this name"
        case _:
            return f"the broker's certificate is not believed: {said}"


def _unread(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (
            "not readable as PEM" if "key values mismatch" not in str(error).lower() else "they do not belong together"
        )
    return (getattr(error, "strerror", None) or str(error)).lower()
