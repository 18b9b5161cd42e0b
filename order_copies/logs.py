"""Log lines as JSON, and the fields that a line about a copy carries besides its words.

The words alone are meant to be read; programs get ``order_copy_id``, ``attempt``, ``worker`` and
``trace_id`` (of the request, or of the worker's batch) as fields of the record.
"""

import json
import logging
import secrets
from datetime import UTC, datetime
from typing import Any

_standard = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_plain = (str, int, float, list, tuple, dict, type(None))


class JSONFormatter(logging.Formatter):
    """Each record as one line of JSON: ``time`` (UTC), ``level``, ``logger``, ``message``, fields.

    The fields are what came as ``extra``, as far as it is plain data. A traceback stands under
    ``exception``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
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
    """What names a request, or a batch of a worker, in all that it says: 64 hexadecimal digits."""
    return secrets.token_hex(32)


def about(order_copy: Any, **more: Any) -> dict[str, Any]:
    """The ``extra`` of a line about this copy, with ``more`` fields."""
    return {
        "order_copy_id": order_copy.public_id,
        "attempt": order_copy.attempt,
        "worker": order_copy.worker,
        **more,
    }


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Requests, sockets and other objects that libraries attach to their lines are left out."""
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _standard and isinstance(value, _plain)
    }
