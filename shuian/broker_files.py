"""The files of Mosquitto and EMQX as text: settings that keep messages, TLS only, accounts as hashes, access lists.

Sources: mosquitto.conf(5), mosquitto_passwd(1) and mosquitto's ``password_mosq.h`` (format of a hash); EMQX 5
documentation, pages "MQTT Configuration", "Listener Configuration", "Use Built-in Database", "Use ACL File" and "Manage
durable sessions".  What was written for EMQX was not run against a server here.

A secret is 192 random bits, so that no hash needs to be slow: guessing it is out of reach, and a slow hash would only
make ten thousand meters wait that come back together after a power cut.
"""

import base64
import csv
import hashlib
import io
import json
import secrets
from collections.abc import Mapping
from typing import Protocol

from shuian.broker_accounts import Access, ServerSettings
from shuian.errors import BadInput

ROUNDS = 101
"""Rounds of PBKDF2 that mosquitto_passwd uses; any other number is read as well."""
INFLIGHT = 1000
"""Messages on their way to a client at once; the service asks for fewer by itself (its receive maximum)."""
MOST_BYTES = 1_048_576
"""Longest message: more than ingest reads, so that what is too long is refused with a reason, and counted. [byte]"""


class Kind(Protocol):
    """One kind of broker: how it keeps a secret, and its files."""

    accounts_file: str

    def hashed(self, secret: str) -> str:
        """Return what is kept of a secret."""
        ...

    def read(self, text: str) -> dict[str, str]:
        """Return account -> what is kept of its secret."""
        ...

    def files(self, access: Access, hashes: Mapping[str, str], server: ServerSettings) -> dict[str, str]:
        """Return file name -> text, the file of accounts among them."""
        ...


def new_secret() -> str:
    """Return a secret of 192 random bits, 32 letters, digits, ``-`` and ``_``."""
    return secrets.token_urlsafe(24)


class Mosquitto:
    """Mosquitto 2.x: mosquitto.conf, acl, passwd."""

    accounts_file = "passwd"

    def hashed(self, secret: str, salt: bytes | None = None) -> str:
        """Return ``$7$rounds$salt$hash``: PBKDF2 with HMAC-SHA-512, as mosquitto_passwd writes it."""
        salt = secrets.token_bytes(12) if salt is None else salt
        found = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, ROUNDS, 64)
        return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(found).decode()}"

    def read(self, text: str) -> dict[str, str]:
        """Return account -> hash.

        Raises
        ------
        BadInput
            A line is no ``name:hash``.
        """
        found = {}
        for number, line in enumerate(text.splitlines(), 1):
            name, colon, kept = line.partition(":")
            if not (name and colon and kept.startswith("$")):
                raise BadInput(
                    f"passwd, line {number}: want name:$hash, got another", "restore it, or begin a new folder"
                )
            found[name] = kept
        return found

    def files(self, access: Access, hashes: Mapping[str, str], server: ServerSettings) -> dict[str, str]:
        """Return the three files."""
        return {
            "mosquitto.conf": self._settings(access, server),
            "acl": self._acl(access),
            self.accounts_file: "".join(f"{name}:{hashes[name]}\n" for name in access.names),
        }

    def _settings(self, access: Access, server: ServerSettings) -> str:
        at = f"listener {server.port} {server.bind}".rstrip()
        certificates = "require_certificate true\n" if server.require_certificate else ""
        return f"""\
# Written by: shuian broker-config. It takes the place of the whole mosquitto.conf.

# Without these four, messages are lost while the service is away or when the broker dies.
persistence true
persistence_location {server.state.rstrip("/")}/
autosave_interval 1
max_queued_messages {server.most_queued}
max_inflight_messages {INFLIGHT}

# Sessions that nobody comes back for, such as those of a test, end by themselves.
persistent_client_expiration {access.session_days}d
max_packet_size {MOST_BYTES}

allow_anonymous false
password_file {_below(server.folder, "passwd")}
acl_file {_below(server.folder, "acl")}

{at}
tls_version tlsv1.2
cafile {_below(server.folder, server.ca_file)}
certfile {_below(server.folder, server.cert_file)}
keyfile {_below(server.folder, server.key_file)}
{certificates}"""

    def _acl(self, access: Access) -> str:
        lines = ["# Written by: shuian broker-config. What stands nowhere is refused.", ""]
        lines.append("# Every device, by its own name (%u) only.")
        lines += [f"pattern write {topic.replace('{device}', '%u')}" for topic in access.writes]
        lines += [f"pattern read {topic.replace('{device}', '%u')}" for topic in access.reads]
        for one in access.accounts:
            both = [topic for topic in one.writes if topic in one.reads]
            if one.writes or one.reads:
                lines += ["", f"user {one.name}"]
            lines += [f"topic readwrite {topic}" for topic in both]
            lines += [f"topic write {topic}" for topic in one.writes if topic not in both]
            lines += [f"topic read {topic}" for topic in one.reads if topic not in both]
        return "\n".join(lines) + "\n"


class Emqx:
    """EMQX 5: base.hocon, acl.conf, and a file of accounts to begin with or to import."""

    accounts_file = "shuian-accounts.csv"

    def hashed(self, secret: str, salt: str | None = None) -> str:
        """Return ``hash,salt``: SHA-256 over secret and salt, in hexadecimal."""
        salt = secrets.token_hex(16) if salt is None else salt
        return f"{hashlib.sha256((secret + salt).encode()).hexdigest()},{salt}"

    def read(self, text: str) -> dict[str, str]:
        """Return account -> ``hash,salt``.

        Raises
        ------
        BadInput
            It is not the table that `files` wrote.
        """
        rows = list(csv.reader(io.StringIO(text)))
        if (
            not rows
            or rows[0] != ["user_id", "password_hash", "salt", "is_superuser"]
            or any(len(r) != 4 for r in rows)
        ):
            raise BadInput(f"{self.accounts_file}: its columns are others", "restore it, or begin a new folder")
        return {row[0]: f"{row[1]},{row[2]}" for row in rows[1:]}

    def files(self, access: Access, hashes: Mapping[str, str], server: ServerSettings) -> dict[str, str]:
        """Return the three files."""
        rows = "".join(f"{name},{hashes[name]},false\n" for name in access.names)
        return {
            "base.hocon": self._settings(access, server),
            "acl.conf": self._acl(access),
            self.accounts_file: "user_id,password_hash,salt,is_superuser\n" + rows,
        }

    def _settings(self, access: Access, server: ServerSettings) -> str:
        quoted = {
            name: json.dumps(_below(server.folder, getattr(server, name)))
            for name in ("ca_file", "cert_file", "key_file")
        }
        most = server.most_queued or "infinity"
        verify = ("verify_peer", "true") if server.require_certificate else ("verify_none", "false")
        return f"""\
# Written by: shuian broker-config, for etc/base.hocon of EMQX 5. Not run against a server by its makers.

# Without these, messages are lost while the service is away or when the broker dies.
mqtt {{
  max_mqueue_len = {most}
  max_inflight = {INFLIGHT}
  session_expiry_interval = {access.session_days}d
  max_packet_size = 1MB
}}
durable_sessions {{
  enable = true
  message_retention_period = {access.session_days}d
}}

listeners.tcp.default.enable = false
listeners.ws.default.enable = false
listeners.wss.default.enable = false
listeners.ssl.default {{
  bind = {json.dumps(f"{server.bind or '0.0.0.0'}:{server.port}")}
  ssl_options {{
    cacertfile = {quoted["ca_file"]}
    certfile = {quoted["cert_file"]}
    keyfile = {quoted["key_file"]}
    versions = ["tlsv1.3", "tlsv1.2"]
    verify = {verify[0]}
    fail_if_no_peer_cert = {verify[1]}
  }}
}}

authentication = [
  {{
    mechanism = password_based
    backend = built_in_database
    user_id_type = username
    password_hash_algorithm {{ name = sha256, salt_position = suffix }}
    bootstrap_file = {json.dumps(_below(server.folder, self.accounts_file))}
    bootstrap_type = hash
  }}
]

authorization {{
  no_match = deny
  deny_action = ignore
  sources = [{{ type = file, enable = true, path = {json.dumps(_below(server.folder, "acl.conf"))} }}]
}}
"""

    def _acl(self, access: Access) -> str:
        lines = ["%% Written by: shuian broker-config. The first rule that fits decides; the last one refuses.", ""]
        for one in access.accounts:
            who = f"{{username, {json.dumps(one.name)}}}"
            lines += [f"{{allow, {who}, publish, {_erlang(one.writes)}}}."] if one.writes else []
            lines += [f"{{allow, {who}, subscribe, {_erlang(one.reads)}}}."] if one.reads else []
        lines += ["", "%% Every device, by its own name only."]
        for action, topics in (("publish", access.writes), ("subscribe", access.reads)):
            own = [topic.replace("{device}", "${username}") for topic in topics]
            lines += [f"{{allow, all, {action}, {_erlang(own)}}}."] if own else []
        return "\n".join([*lines, "", "{deny, all}."]) + "\n"


def _erlang(topics: tuple[str, ...] | list[str]) -> str:
    return "[" + ", ".join(json.dumps(topic, ensure_ascii=False) for topic in topics) + "]"


def _below(folder: str, file: str) -> str:
    return file if file.startswith("/") else f"{folder.rstrip('/')}/{file}"


KINDS: Mapping[str, Kind] = {"mosquitto": Mosquitto(), "emqx": Emqx()}
"""Every kind of broker by the name in ``[broker] kind``."""
