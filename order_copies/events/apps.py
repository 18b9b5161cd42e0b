from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    """What happened, to what, by whom."""

    name = "order_copies.events"
    label = "order_copies_events"
    verbose_name = _("Order copy events")
    default_auto_field = "django.db.models.BigAutoField"
