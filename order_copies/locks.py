"""Row locks, as gentle as the database can make them."""

from typing import Any, TypeVar

from django.db import connections
from django.db.models import QuerySet

Rows = TypeVar("Rows", bound="QuerySet[Any, Any]")


def locked(rows: Rows) -> Rows:
    """The rows, locked until the transaction ends.

    Others may refer to them meanwhile, where the database can tell the difference.
    """
    no_key = connections[rows.db].features.has_select_for_no_key_update
    return rows.select_for_update(no_key=no_key)


def locked_unless_taken(rows: Rows) -> Rows:
    """The rows that nobody else has locked, locked until the transaction ends.

    Where the database cannot skip the others, it waits for them.
    """
    skip_locked = connections[rows.db].features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=skip_locked)
