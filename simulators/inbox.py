"""What the simulated phones and mailboxes received, in one SQLite file: it is still there after a restart."""

import sqlite3
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS message(
    n INTEGER PRIMARY KEY AUTOINCREMENT, notice TEXT NOT NULL, channel TEXT NOT NULL, recipient TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, link TEXT, received_at REAL NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One copy of one message; `received_at` in seconds since 1970-01-01 UTC."""

    notice: str
    channel: str
    recipient: str
    subject: str
    text: str
    link: str | None
    received_at: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as people see it: copies with the same notice id count as one with repeats."""

    first: Message
    repeats: int


class Inbox:
    """All messages, newest first; safe to use from several threads."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(
            "PRAGMA synchronous = NORMAL"
        )  # outlives a killed process; nobody needs these after a power cut
        self._db.execute(_TABLE)

    def put(self, message: Message) -> None:
        """Keep one copy."""
        with self._lock:
            self._db.execute(
                "INSERT INTO message(notice, channel, recipient, subject, text, link, received_at)"
                " VALUES (:notice, :channel, :recipient, :subject, :text, :link, :received_at)",
                asdict(message),
            )

    def copies(self) -> list[Message]:
        """Return every copy, in order of arrival."""
        query = "SELECT notice, channel, recipient, subject, text, link, received_at FROM message ORDER BY n"
        with self._lock:
            return [Message(*row) for row in self._db.execute(query)]

    def shown(self, most: int = 200) -> list[Shown]:
        """Return the newest messages, each with how often it was repeated."""
        query = (
            "SELECT notice, channel, recipient, subject, text, link, received_at, copies - 1 FROM message JOIN"
            " (SELECT min(n) AS first, count(*) AS copies FROM message GROUP BY notice, channel, recipient)"
            " ON n = first ORDER BY n DESC LIMIT ?"
        )
        with self._lock:
            return [Shown(Message(*row[:-1]), row[-1]) for row in self._db.execute(query, (most,))]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
