"""Retries for a database whose connections are cut and whose server is restarted."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error, connection

Result = TypeVar("Result")


def retry(
    work: Callable[[], Result],
    *,
    timeout: float,
    errors: tuple[type[Exception], ...] = (Error,),
) -> Result:
    """Call ``work`` until it raises none of ``errors``, for at most ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return work()
        except errors:
            if time.monotonic() > deadline:
                raise
            connection.close()
            time.sleep(0.05)
