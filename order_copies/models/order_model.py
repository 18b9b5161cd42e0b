"""The order model that ``ORDER_COPIES["ORDER_MODEL"]`` names, and a stand-in if it names none.

With the stand-in Django loads all models, so that ``manage.py check`` can report the mistake.
"""

from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from order_copies.conf import SettingError, settings

STAND_IN = "order_copies.NoOrder"
EXAMPLE = 'ORDER_COPIES = {"ORDER_MODEL": "shop.Order", "SHOP": "shop.copies.MyShop"}'


class StandIn(models.Model):
    """A model without a table, in place of an order model that does not exist."""

    id = models.BigAutoField(primary_key=True)

    class Meta:
        abstract = True

    @classmethod
    def check(cls, **_kwargs: Any) -> list[CheckMessage]:
        """Return no messages: check E001 reports the setting."""
        return []


def order_model_label() -> str:
    """Return the label for foreign keys to the order: the setting, or else :data:`STAND_IN`.

    Call it after all apps are loaded, and before models are: it cannot know which models exist.
    """
    try:
        app_label, _name = settings.ORDER_MODEL.split(".")
    except (ImproperlyConfigured, ValueError):
        return STAND_IN
    return settings.ORDER_MODEL if app_label in apps.app_configs else STAND_IN


def provide_stand_in() -> None:
    """Define the model that foreign keys to the order name, unless it exists."""
    label = order_model_label()
    try:
        apps.get_model(label)
    except LookupError:
        app_label, name = label.split(".")
        options = {"app_label": app_label, "managed": False, "db_table": "order_copies_no_order"}
        members = {"__module__": __name__, "Meta": type("Meta", (), options)}
        type(name, (StandIn,), members)


def checked_order_model() -> str:
    """Return the setting, for migrations. Raises :class:`SettingError` if it names no model."""
    if complaint := complaint_about_order_model():
        raise SettingError(" ".join(complaint))
    return settings.ORDER_MODEL


def complaint_about_order_model() -> tuple[str, str] | None:
    """Return what is wrong with ``ORDER_MODEL``, and what to type; None if it names a model."""
    try:
        label = settings.ORDER_MODEL
    except ImproperlyConfigured:
        message = 'ORDER_COPIES["ORDER_MODEL"] is missing, or is not a string.'
        return message, f"Type in your settings: {EXAMPLE}  # your order model, your Shop"
    try:
        app_label, name = label.split(".")
    except ValueError:
        message = f'ORDER_COPIES["ORDER_MODEL"] is "{label}", and not "app_label.Model".'
        return message, f"Type for example: {_line(label)}"
    if app_label not in apps.app_configs:
        hint = f"Add the app of your orders to INSTALLED_APPS, or type for example: {_line(label)}"
        return f'There is no app "{app_label}" in INSTALLED_APPS ("{label}").', hint
    return _complaint_about_model(app_label, name)


def _complaint_about_model(app_label: str, name: str) -> tuple[str, str] | None:
    try:
        model = apps.get_model(app_label, name)
    except LookupError:
        model = StandIn
    if issubclass(model, StandIn):
        message = f'The app "{app_label}" has no model "{name}" with a table.'
        return message, f"Type for example: {_line(f'{app_label}.{name}')}"
    if model._meta.proxy:
        message = f"{model._meta.label} is a proxy model."
        return message, f"Type: {_line(model._meta.concrete_model._meta.label)}"
    return None


def _line(label: str) -> str:
    # The line of settings with the model whose name is most similar.
    known = {
        model._meta.label: model.__name__
        for model in apps.get_models()
        if not issubclass(model, StandIn) and not model._meta.proxy
    }
    names = get_close_matches(label.rpartition(".")[2], known.values(), n=1, cutoff=0.7)
    labels = [known_label for known_label, name in known.items() if name in names]
    similar = get_close_matches(label, labels, n=1, cutoff=0) or ["app_label.Model"]
    return f'ORDER_COPIES["ORDER_MODEL"] = "{similar[0]}"'
