"""The app config of order copies."""

from contextlib import suppress

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrderCopiesConfig(AppConfig):
    """Copy a shop's orders."""

    name = "order_copies"
    verbose_name = _("Order copies")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, import the engine, and provide for a missing order model.

        The import of the wake-ups connects their receiver.
        """
        # The checks import models, which Django has loaded only now.
        from order_copies.checks import register_checks  # noqa: PLC0415
        from order_copies.engines import wake_ups  # noqa: F401, PLC0415
        from order_copies.engines.base import get_engine  # noqa: PLC0415
        from order_copies.models.order_model import provide_stand_in  # noqa: PLC0415

        provide_stand_in()
        register_checks()
        # A Celery worker knows only tasks that were imported. Check E007 reports a failure.
        with suppress(Exception):
            get_engine()
