"""The app config of events."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    """The app that records what happened to a resource, and which actor caused it."""

    name = "order_copies.events"
    label = "order_copies_events"
    verbose_name = _("Order copy events")
    default_auto_field = "django.db.models.BigAutoField"
