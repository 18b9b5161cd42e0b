"""A lock for read-modify-write updates of values in Django's cache."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Seconds until a lock expires, in case its holder was killed.
EXPIRES = 2
#: Seconds to wait for the lock: longer than EXPIRES, so that the lock of a killed process is gone.
PATIENCE = 5
#: Seconds between two attempts to take the lock.
INTERVAL = 0.002


@contextmanager
def cache_lock(cache: Any, key: str) -> Iterator[None]:
    """Hold an exclusive lock on ``key`` across all processes that use the cache.

    Raise ``TimeoutError`` after ``PATIENCE`` seconds; errors of the cache propagate. The lock
    expires after ``EXPIRES`` seconds, even if the block still runs.

    The lock is exclusive only if ``cache.add`` is atomic: it is in Redis, Memcached, the database
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
        # After the expiry, another process may hold the lock: do not delete it.
        if time.monotonic() < expires_at:
            cache.delete(lock)
