"""The log as lines of JSON: what was asked, by which key, how it ended and how long it took; no word of any text.

{"at": "2026-11-02T08:15:30.120+00:00", "level": "info", "message": "answered", "request": "req_…", "method": "POST",
 "path": "/v1/chat/completions", "status": 200, "seconds": 0.412, "key": "6f3a91c2", "retry": 0}
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One line of JSON a record; what is passed as `extra={"fields": {…}}` stands in it by name."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None)
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage() if fields is None else "answered",
            **(fields or {}),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def log_as_json() -> None:
    """From here on the service's log goes to standard error as lines of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    log = logging.getLogger("catenary.serve")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
