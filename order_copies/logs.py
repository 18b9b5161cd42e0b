"""Structured logging: a JSON formatter, and the fields of a log record about a copy.

The message of a record is complete for a reader. For programs the record also has the fields
``order_copy_id``, ``attempt``, ``worker`` and ``trace_id`` (of the request, or of the worker's
batch).
"""

import json
import logging
import secrets
from datetime import UTC, datetime
from typing import Any

_standard = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_plain = (str, int, float, list, tuple, dict, type(None))


class JSONFormatter(logging.Formatter):
    """Formats each record as one JSON object: ``time`` (UTC), ``level``, ``logger``, ``message``.

    Values passed as ``extra`` are added if they are plain data. A traceback is added as
    ``exception``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the JSON object on one line, without a newline at the end."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = _fields(record) | {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, skipkeys=True, ensure_ascii=False)


def new_trace_id() -> str:
    """Return a random id of 64 hexadecimal digits for one API request or one batch of a worker."""
    return secrets.token_hex(32)


def log_fields(order_copy: Any, **more: Any) -> dict[str, Any]:
    """Return the ``extra`` for a log record about ``order_copy``, with the fields ``more``."""
    return {
        "order_copy_id": order_copy.public_id,
        "attempt": order_copy.attempt,
        "worker": order_copy.worker,
        **more,
    }


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    # Libraries attach requests, sockets and other objects to records: leave them out.
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _standard and isinstance(value, _plain)
    }
