"""System checks of the engine."""

from typing import Any

from django.core.checks import CheckMessage, Error

from order_copies.conf import settings
from order_copies.engines.base import ENGINES, get_engine

#: The extras of this package that install what an engine needs.
EXTRAS = {"django.tasks": "tasks", "celery": "celery"}


def check_engine(**_kwargs: Any) -> list[CheckMessage]:
    """Return E007 if the engine cannot be loaded, otherwise its own messages (W005)."""
    try:
        return get_engine().check()
    except Exception as error:
        message = f'The engine "{settings.ENGINE}" cannot be used: {error}'
        return [Error(message, hint=_hint(error), id="order_copies.E007")]


def _hint(error: Exception) -> str:
    extra = EXTRAS.get(settings.ENGINE)
    if extra and isinstance(error, ModuleNotFoundError):
        return f'Type: pip install "django-order-copies[{extra}]"'
    names = ", ".join(f'"{name}"' for name in ENGINES)
    return f'Set ORDER_COPIES["ENGINE"] to {names}, or the dotted path of your Engine.'
