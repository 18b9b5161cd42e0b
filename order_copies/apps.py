from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from order_copies.checks import register_checks


class OrderCopiesConfig(AppConfig):
    """Copy a shop's orders."""

    name = "order_copies"
    verbose_name = _("Order copies")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        register_checks()
