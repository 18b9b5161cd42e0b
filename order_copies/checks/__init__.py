"""What ``manage.py check`` says about order copies, with what to type.

====  ==========================================================================
E001  ``ORDER_COPIES["ORDER_MODEL"]`` is missing, or names no installed model.
E002  ``ORDER_COPIES["SHOP"]`` is missing, or names no complete ``Shop``.
E003  The database is not supported.
E004  A field of a copied model is not declared as it should be.
E005  ``order_copies.events`` is not installed.
E006  A setting of ``ORDER_COPIES`` has a value that it cannot have, or is unknown.
E007  ``ORDER_COPIES["ENGINE"]`` names no engine, or one whose package is not installed.
E008  ``USE_TZ`` is false.
E009  Copies, their events and orders are not all in the default database.
E010  MariaDB cannot convert to the ``TIME_ZONE``: its tables are not loaded (``--database``).
W001  SQLite does not begin transactions with ``IMMEDIATE``.
W002  SQLite waits less than five seconds for a lock.
W003  SQLite does not keep a write-ahead log.
W004  ``ORDER_COPIES["PUBLIC_ID_KEY"]`` is not set (only with ``--deploy``).
W005  The engine wakes nobody, or not who it should.
W006  Copies have been pending for long, and nobody is at work (``--database``).
W007  Copies lost their worker long ago, and nobody took over (``--database``).
W008  MariaDB does not isolate transactions by ``READ COMMITTED``.
W009  MariaDB takes texts that differ in case or trailing spaces for equal (``--database``).
W010  Copies wait for rows that another transaction keeps locked (``--database``).
W011  Copies are pending, and the database is read-only (``--database``).
====  ==========================================================================
"""

from django.core.checks import Tags, register

from order_copies.checks.database import (
    check_database_settings,
    check_databases,
    check_mariadb,
    check_queue,
)
from order_copies.checks.engine import check_engine
from order_copies.checks.settings import check_settings, check_time_zones
from order_copies.checks.shop import (
    check_copied_models,
    check_events_installed,
    check_order_model,
    check_public_id_key,
    check_shop,
)


def register_checks() -> None:
    """Make ``manage.py check`` run them all."""
    register(check_order_model, Tags.models)
    register(check_shop, Tags.models)
    register(check_copied_models, Tags.models)
    register(check_events_installed, Tags.models)
    register(check_settings, Tags.compatibility)
    register(check_time_zones, Tags.compatibility)
    register(check_databases, Tags.compatibility)
    register(check_engine, Tags.compatibility)
    register(check_database_settings, Tags.compatibility)
    register(check_mariadb, Tags.database)
    register(check_queue, Tags.database)
    register(check_public_id_key, Tags.security, deploy=True)
