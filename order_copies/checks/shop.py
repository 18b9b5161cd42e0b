"""System checks of the Shop adapter and other declarations of a shop."""

import inspect
from importlib import import_module
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from order_copies.checks.conditions import not_in_makemigrations, with_order_model
from order_copies.conf import settings
from order_copies.shops import CopiedModel, Shop, get_shop
from order_copies.shops.complaints import Complaint

EXAMPLE = 'ORDER_COPIES["SHOP"] = "shop.copies.MyShop"'
DECLARATION = 'copied_models = [CopiedModel(Order, copied=("email",), reset=("placed",))]'
GUIDE = "See “Write a shop” in the documentation of django-order-copies."


@not_in_makemigrations
@with_order_model
def check_shop(**_kwargs: Any) -> list[CheckMessage]:
    """Return E002 if the Shop adapter cannot be imported or lacks methods."""
    complaint = _complaint_about_shop()
    if complaint is None:
        return []
    message, hint = complaint
    return [Error(message, hint=f"{hint}\n\t{GUIDE}", id="order_copies.E002")]


@not_in_makemigrations
@with_order_model
def check_copied_models(**_kwargs: Any) -> list[CheckMessage]:
    """Return E004 for each mistake in the declarations of the shop."""
    if _complaint_about_shop():
        return []
    try:
        complaints = [*get_shop().complaints()]
    except Exception as error:
        message = f"The declarations of {settings.SHOP} fail: {type(error).__name__}: {error}"
        complaints = [Complaint(message, GUIDE)]
    return [
        Error(complaint.message, hint=complaint.hint, obj=complaint.model, id="order_copies.E004")
        for complaint in complaints
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
    if "PUBLIC_ID_KEY" in settings.given:
        return []
    message = "Public ids are computed with SECRET_KEY: a new SECRET_KEY would change all of them."
    hint = 'Set ORDER_COPIES["PUBLIC_ID_KEY"] to a long random string, and never change it.'
    return [checks.Warning(message, hint=hint, id="order_copies.W004")]


def _complaint_about_shop() -> tuple[str, str] | None:
    # What is wrong with SHOP, and what to type.
    try:
        path = settings.SHOP
    except ImproperlyConfigured:
        message = 'ORDER_COPIES["SHOP"] is missing, or is not a string.'
        return message, f"Type in your settings: {EXAMPLE}"
    module, _dot, name = path.rpartition(".")
    if not module or module.startswith("."):
        return f'ORDER_COPIES["SHOP"] is "{path}".', f"Type its dotted path: {EXAMPLE}"
    try:
        shop = getattr(import_module(module), name, None)
    except Exception as error:
        return _complaint_about_module(module, name, error)
    if shop is None:
        message = f"The module {module} has no class {name}."
        return message, f'Write it there, or correct ORDER_COPIES["SHOP"] = "{path}".'
    return _complaint_about_class(path, shop)


def _complaint_about_module(module: str, name: str, error: Exception) -> tuple[str, str]:
    absent = error.name if isinstance(error, ModuleNotFoundError) else None
    if absent and f"{module}.".startswith(f"{absent}."):
        path = f'ORDER_COPIES["SHOP"] = "{module}.{name}"'
        return f"There is no module {absent}.", f"Write the module, or correct {path}."
    message = f"{module} cannot be imported: {type(error).__name__}: {error}"
    return message, f'To see the place, type: python manage.py shell -c "import {module}"'


def _complaint_about_class(path: str, shop: Any) -> tuple[str, str] | None:
    if not (inspect.isclass(shop) and issubclass(shop, Shop)):
        message = f"{path} is not a subclass of order_copies.shops.Shop."
        return message, "Let it inherit from order_copies.shops.Shop."
    if missing := sorted(shop.__abstractmethods__):
        return f"{path} does not define {', '.join(missing)}.", "Define these methods in the class."
    try:
        declared = list(shop().copied_models)
    except Exception as error:
        message = f"{path}().copied_models fails: {type(error).__name__}: {error}"
        return message, "The app creates the class without arguments, and reads this list."
    if not all(isinstance(it, CopiedModel) for it in declared):
        return f"{path}.copied_models is no list of CopiedModel.", f"Type: {DECLARATION}"
    return None
