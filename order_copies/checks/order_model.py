"""System checks of the order model."""

from typing import Any

from django.core.checks import CheckMessage, Error

from order_copies.checks.conditions import not_in_makemigrations, with_order_model
from order_copies.conf import settings
from order_copies.models.order_migrations import lacks_migration
from order_copies.models.order_model import complaint_about_order_model


def check_order_model(**_kwargs: Any) -> list[CheckMessage]:
    """Return E001 if ``ORDER_MODEL`` is missing or names no model."""
    complaint = complaint_about_order_model()
    if complaint is None:
        return []
    message, hint = complaint
    return [Error(message, hint=hint, id="order_copies.E001")]


@not_in_makemigrations
@with_order_model
def check_order_migrations(**_kwargs: Any) -> list[CheckMessage]:
    """Return E012 if no migration creates the order model."""
    if not lacks_migration():
        return []
    app_label = settings.ORDER_MODEL.partition(".")[0]
    message = f"No migration creates the order model {settings.ORDER_MODEL}."
    hint = f"Type: python manage.py makemigrations {app_label}"
    return [Error(message, hint=hint, id="order_copies.E012")]
