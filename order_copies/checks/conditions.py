"""Conditions of system checks."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.checks import CheckMessage

from order_copies.models.order_model import complaint_about_order_model

Check = Callable[..., list[CheckMessage]]


def with_order_model(check: Check) -> Check:
    """Return a check that returns nothing if there is no order model, which E001 reports."""

    @wraps(check)
    def checked(**options: Any) -> list[CheckMessage]:
        return [] if complaint_about_order_model() else check(**options)

    return checked


def not_in_makemigrations(check: Check) -> Check:
    """Return a check that returns nothing in ``manage.py makemigrations``.

    A new shop runs that command before its adapter is complete. Django has no other way to know
    which command runs the checks.
    """

    @wraps(check)
    def checked(**options: Any) -> list[CheckMessage]:
        return [] if sys.argv[1:2] == ["makemigrations"] else check(**options)

    return checked
