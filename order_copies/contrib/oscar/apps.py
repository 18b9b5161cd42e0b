"""The app that connects django-oscar with order copies."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OscarCopiesConfig(AppConfig):
    """Name ``"order_copies.contrib.oscar"`` in ``INSTALLED_APPS``."""

    name = "order_copies.contrib.oscar"
    label = "order_copies_oscar"
    verbose_name = _("Order copies for Oscar")
