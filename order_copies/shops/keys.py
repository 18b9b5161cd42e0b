"""Generate primary keys in the order in which the database sorts them.

Rows are read by their keys, so random keys would shuffle the lines of a target.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connections, router

from order_copies.shops.graph import AnyField


def ascending_keys(field: AnyField, generate: Callable[[], Any], count: int) -> list[Any]:
    """Return ``count`` generated keys, sorted as the database of the field sorts them."""
    connection = connections[router.db_for_write(field.model)]
    is_swapped = (
        connection.vendor == "mysql"
        and field.get_internal_type() == "UUIDField"
        and connection.features.has_native_uuid_field
    )
    order: Callable[[Any], Any] | None = mariadb_order if is_swapped else None
    return sorted((generate() for _ in range(count)), key=order)


def mariadb_order(key: UUID) -> bytes:
    """Return the sort key of MariaDB's uuid type: old versions are sorted by their last group.

    See https://jira.mariadb.org/browse/MDEV-29959.
    """
    text = key.bytes
    if key.version is not None and key.version >= 6:
        return text
    return text[10:] + text[8:10] + text[6:8] + text[4:6] + text[:4]
