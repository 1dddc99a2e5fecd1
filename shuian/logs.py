"""Structured logs: one JSON object a line on standard error, a fixed sentence plus fields."""

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

_PLAIN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Time, level, room, sentence, then the fields given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name,
            "message": record.getMessage(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in _PLAIN})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def start(level: str = "INFO", file: Path | None = None) -> None:
    """Send all logs of this process to standard error, or to the end of a file."""
    handler = logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for talker in ("uvicorn", "httpx", "httpcore", "alembic", "mail.log"):
        logging.getLogger(talker).setLevel(logging.WARNING)
