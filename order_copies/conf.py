"""The settings of the app: one dictionary, ``ORDER_COPIES``, read when used and never cached.

Each property of :class:`Settings` documents one key of the dictionary.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from rest_framework.authentication import BaseAuthentication


class Settings:
    """Typed access to ``settings.ORDER_COPIES``."""

    def _get(self, key: str, default: Any) -> Any:
        return getattr(django_settings, "ORDER_COPIES", {}).get(key, default)

    def _require(self, key: str, example: str) -> str:
        value = self._get(key, None)
        if not isinstance(value, str) or not value:
            message = f'Set ORDER_COPIES["{key}"] in your settings, for example to "{example}".'
            raise ImproperlyConfigured(message)
        return value

    @property
    def ORDER_MODEL(self) -> str:  # noqa: N802
        """The shop's order model as ``"app_label.Model"``. Required; fixed once migrated."""
        return self._require("ORDER_MODEL", "orders.Order")

    @property
    def SHOP(self) -> str:  # noqa: N802
        """Dotted path of the shop's :class:`order_copies.shops.Shop`. Required."""
        return self._require("SHOP", "myshop.shop.MyShop")

    @property
    def BATCH_SIZE(self) -> int:  # noqa: N802
        """How many copies a worker claims at once. Default 100."""
        return int(self._get("BATCH_SIZE", 100))

    @property
    def LEASE(self) -> timedelta:  # noqa: N802
        """How long a claimed copy belongs to its worker, in seconds. Default 60.

        A batch must fit into it: choose it, and ``BATCH_SIZE``, by what your payments take.
        """
        return timedelta(seconds=self._get("LEASE", 60))

    @property
    def MAX_ATTEMPTS(self) -> int:  # noqa: N802
        """How often a copy that crashes is tried before it is aborted. Default 5."""
        return int(self._get("MAX_ATTEMPTS", 5))

    @property
    def RETRY_PAUSE(self) -> timedelta:  # noqa: N802
        """Pause before the second attempt, in seconds; it doubles each time. Default 2."""
        return timedelta(seconds=self._get("RETRY_PAUSE", 2))

    @property
    def POLL_INTERVAL(self) -> float:  # noqa: N802
        """Seconds a worker with nothing to do waits before it looks again. Default 0.5."""
        return float(self._get("POLL_INTERVAL", 0.5))

    @property
    def PUBLIC_ID_KEY(self) -> str:  # noqa: N802
        """The secret that public ids are computed with. Default: ``SECRET_KEY``.

        Changing it changes every public id, so give it a value of its own in production.
        """
        return str(self._get("PUBLIC_ID_KEY", django_settings.SECRET_KEY))

    @property
    def MODE(self) -> str:  # noqa: N802
        """``meta.mode`` of every API document, ``"test"`` or ``"live"``. Default ``"test"``."""
        return str(self._get("MODE", "test"))

    @property
    def ORGANIZATION_ID(self) -> str:  # noqa: N802
        """``meta.organization_id`` of every API document. Default ``"xRRkjDFafe"``."""
        return str(self._get("ORGANIZATION_ID", "xRRkjDFafe"))

    @property
    def AUTHENTICATION_CLASSES(self) -> "list[type[BaseAuthentication]] | None":  # noqa: N802
        """Dotted paths of the API's DRF authentication classes.

        Default: what ``REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]`` of the shop says.
        """
        paths = self._get("AUTHENTICATION_CLASSES", None)
        if paths is None:
            return None
        if isinstance(paths, str):
            message = "it must be a list, not a string."
            raise TypeError(message)
        return [cast("type[BaseAuthentication]", import_string(path)) for path in paths]


settings = Settings()
