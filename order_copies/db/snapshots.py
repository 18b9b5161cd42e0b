"""Read a consistent snapshot of the database, independent of concurrent writes."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_begin = {
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "mysql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
}


@contextmanager
def one_moment() -> Iterator[None]:
    """Open a transaction in which all queries read one snapshot of the database.

    Inside another transaction, queries have the isolation level of that transaction.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(savepoint=False):
        if is_outermost and connection.vendor in _begin:
            with connection.cursor() as cursor:
                cursor.execute(_begin[connection.vendor])
        yield
