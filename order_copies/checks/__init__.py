"""System checks of order copies, each with a hint that says what to do.

====  ==========================================================================
E001  ``ORDER_COPIES["ORDER_MODEL"]`` is missing, or names no installed model.
E002  ``ORDER_COPIES["SHOP"]`` is missing, or names no complete ``Shop``.
E003  The database is not supported.
E004  A field of a copied model is not declared as it should be.
E005  ``order_copies.events`` is not installed.
E006  A setting of ``ORDER_COPIES`` is invalid or unknown.
E007  ``ORDER_COPIES["ENGINE"]`` names no engine, or one whose package is not installed.
E008  ``USE_TZ`` is false.
E009  Copies, their events and orders are not all in the default database.
E010  MariaDB cannot convert to the ``TIME_ZONE``: load its tables (``--database``).
E011  A serializer of the API has a mistake, or cannot be compiled.
E012  No migration creates the order model.
W001  SQLite does not begin transactions with ``IMMEDIATE``.
W002  SQLite waits less than five seconds for a lock.
W003  SQLite does not use a write-ahead log.
W004  ``ORDER_COPIES["PUBLIC_ID_KEY"]`` is not set (only with ``--deploy``).
W005  The engine wakes no worker, or the wrong process.
W006  Copies have been pending for long, and no worker is active (``--database``).
W007  Leases of copies expired long ago, and no worker claimed them (``--database``).
W008  MariaDB does not use the isolation level ``READ COMMITTED``.
W009  MariaDB's collation ignores case or trailing spaces (``--database``).
W010  Copies wait for rows that another transaction keeps locked (``--database``).
W011  Copies are pending, and the database is read-only (``--database``).
W012  ``rest_framework`` is not installed.
W013  Subscriptions are due, and nothing schedules them (``--database``).
====  ==========================================================================

E002, E004, E009, E011 and E012 need an order model: they say nothing while E001 does. Nor do E002,
E004, E011 and E012 stop ``makemigrations``, which a new shop runs before its adapter is complete.
"""

from django.core.checks import Tags, register

from order_copies.checks.api import check_serializers
from order_copies.checks.database import (
    check_database_settings,
    check_databases,
    check_mariadb,
    check_queue,
)
from order_copies.checks.engine import check_engine
from order_copies.checks.order_model import check_order_migrations, check_order_model
from order_copies.checks.settings import check_rest_framework, check_settings, check_time_zones
from order_copies.checks.shop import (
    check_copied_models,
    check_events_installed,
    check_public_id_key,
    check_shop,
)


def register_checks() -> None:
    """Register all system checks of the app with Django."""
    register(check_order_model, Tags.models)
    register(check_order_migrations, Tags.models)
    register(check_shop, Tags.models)
    register(check_copied_models, Tags.models)
    register(check_events_installed, Tags.models)
    register(check_settings, Tags.compatibility)
    register(check_rest_framework, Tags.compatibility)
    register(check_time_zones, Tags.compatibility)
    register(check_databases, Tags.compatibility)
    register(check_engine, Tags.compatibility)
    register(check_serializers, Tags.urls)
    register(check_database_settings, Tags.compatibility)
    register(check_mariadb, Tags.database)
    register(check_queue, Tags.database)
    register(check_public_id_key, Tags.security, deploy=True)
