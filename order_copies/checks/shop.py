"""System checks of the Shop adapter, the order model, and other declarations of a shop."""

import inspect
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from order_copies.conf import settings
from order_copies.shops import Shop, get_shop


def check_order_model(**_kwargs: Any) -> list[CheckMessage]:
    """Return E001 if the order model is missing or not installed."""
    try:
        apps.get_model(settings.ORDER_MODEL)
    except (ImproperlyConfigured, LookupError, ValueError) as error:
        hint = 'Set ORDER_COPIES["ORDER_MODEL"] to your order model, as "app_label.Model".'
        return [Error(str(error), hint=hint, id="order_copies.E001")]
    return []


def check_shop(**_kwargs: Any) -> list[CheckMessage]:
    """Return E002 if the Shop adapter cannot be imported or lacks methods."""
    complaint = _complaint_about_shop()
    hint = 'Set ORDER_COPIES["SHOP"] to the dotted path of your order_copies.shops.Shop.'
    return [Error(complaint, hint=hint, id="order_copies.E002")] if complaint else []


def check_copied_models(**_kwargs: Any) -> list[CheckMessage]:
    """Return E004 for each mistake in the declarations of the shop."""
    if _complaint_about_shop():
        return []
    return [
        Error(complaint.message, hint=complaint.hint, obj=complaint.model, id="order_copies.E004")
        for complaint in get_shop().complaints()
    ]


def check_events_installed(**_kwargs: Any) -> list[CheckMessage]:
    """Return E005 if the events app is not installed."""
    if apps.is_installed("order_copies.events"):
        return []
    message = "The app that records what happens to copies is not installed."
    hint = 'Add "order_copies.events" to INSTALLED_APPS, after "order_copies".'
    return [Error(message, hint=hint, id="order_copies.E005")]


def check_public_id_key(**_kwargs: Any) -> list[CheckMessage]:
    """Return W004 if public ids depend on ``SECRET_KEY``."""
    if "PUBLIC_ID_KEY" in getattr(django_settings, "ORDER_COPIES", {}):
        return []
    message = "Public ids are computed with SECRET_KEY: a new SECRET_KEY would change all of them."
    hint = 'Set ORDER_COPIES["PUBLIC_ID_KEY"] to a long random string, and never change it.'
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
