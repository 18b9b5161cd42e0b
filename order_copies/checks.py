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

import inspect
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from order_copies.conf import settings
from order_copies.database_checks import (
    check_database_settings,
    check_databases,
    check_mariadb,
    check_queue,
)
from order_copies.engines.checks import check_engine
from order_copies.setting_checks import check_settings, check_time_zones
from order_copies.shops import Shop


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


def check_order_model(**_kwargs: Any) -> list[CheckMessage]:
    """E001."""
    try:
        apps.get_model(settings.ORDER_MODEL)
    except (ImproperlyConfigured, LookupError, ValueError) as error:
        hint = 'Set ORDER_COPIES["ORDER_MODEL"] to your order model, as "app_label.Model".'
        return [Error(str(error), hint=hint, id="order_copies.E001")]
    return []


def check_shop(**_kwargs: Any) -> list[CheckMessage]:
    """E002."""
    complaint = _complaint_about_shop()
    hint = 'Set ORDER_COPIES["SHOP"] to the dotted path of your order_copies.shops.Shop.'
    return [Error(complaint, hint=hint, id="order_copies.E002")] if complaint else []


def check_copied_models(**_kwargs: Any) -> list[CheckMessage]:
    """E004."""
    if _complaint_about_shop():
        return []
    shop = import_string(settings.SHOP)
    hint = f"Say in {settings.SHOP}.copied_models what a copy does with it."
    return [
        Error(complaint, hint=hint, obj=copied.model, id="order_copies.E004")
        for copied in shop.copied_models
        for complaint in copied.complaints()
    ]


def check_events_installed(**_kwargs: Any) -> list[CheckMessage]:
    """E005."""
    if apps.is_installed("order_copies.events"):
        return []
    message = "The app that records what happens to copies is not installed."
    hint = 'Add "order_copies.events" to INSTALLED_APPS, after "order_copies".'
    return [Error(message, hint=hint, id="order_copies.E005")]


def check_public_id_key(**_kwargs: Any) -> list[CheckMessage]:
    """W004."""
    if "PUBLIC_ID_KEY" in getattr(django_settings, "ORDER_COPIES", {}):
        return []
    message = "Public ids are computed with SECRET_KEY: a new SECRET_KEY would change them all."
    hint = 'Set ORDER_COPIES["PUBLIC_ID_KEY"] to a long random string, and keep it for ever.'
    return [checks.Warning(message, hint=hint, id="order_copies.W004")]


def _complaint_about_shop() -> str:
    try:
        shop = import_string(settings.SHOP)
    except (ImproperlyConfigured, ImportError, TypeError, ValueError) as error:
        return str(error)
    if not (inspect.isclass(shop) and issubclass(shop, Shop)):
        return f"{settings.SHOP} is not a subclass of order_copies.shops.Shop."
    if missing := sorted(shop.__abstractmethods__):
        return f"{settings.SHOP} does not define {', '.join(missing)}."
    return ""
