"""Patience with a database whose connections are cut and whose server is restarted."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error, connection

Result = TypeVar("Result")


def steadily(
    work: Callable[[], Result],
    *,
    patience: float,
    trouble: tuple[type[Exception], ...] = (Error,),
) -> Result:
    """Try until there is no trouble, for so many seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return work()
        except trouble:
            if time.monotonic() > deadline:
                raise
            connection.close()
            time.sleep(0.05)
