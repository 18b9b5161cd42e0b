"""See the database as of one moment, whatever others write meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_begin = {
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "mysql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
}


@contextmanager
def one_moment() -> Iterator[None]:
    """A transaction to read in, all of whose queries see the same state.

    Within another transaction they see what that one sees.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(savepoint=False):
        if is_outermost and connection.vendor in _begin:
            with connection.cursor() as cursor:
                cursor.execute(_begin[connection.vendor])
        yield
