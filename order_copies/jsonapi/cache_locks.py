"""A lock for values in Django's cache that are read, changed and written back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Seconds after which a lock expires whose holder was killed.
EXPIRES = 2
#: Seconds to wait for the lock: longer than the lock of a killed process lasts.
PATIENCE = 5
INTERVAL = 0.002


@contextmanager
def cache_lock(cache: Any, key: str) -> Iterator[None]:
    """Exclude every other process from ``key``. Raises ``TimeoutError``, and what the cache raises.

    It excludes them for certain where ``cache.add`` is atomic: in Redis, Memcached, the database
    and local memory, but not in Django's file-based cache.
    """
    lock = f"{key}.lock"
    deadline = time.monotonic() + PATIENCE
    while not cache.add(lock, 1, EXPIRES):
        if time.monotonic() > deadline:
            message = f"The lock of {key} was not released within {PATIENCE} seconds."
            raise TimeoutError(message)
        time.sleep(INTERVAL)
    expires_at = time.monotonic() + EXPIRES
    try:
        yield
    finally:
        # An expired lock may belong to another process by now.
        if time.monotonic() < expires_at:
            cache.delete(lock)
