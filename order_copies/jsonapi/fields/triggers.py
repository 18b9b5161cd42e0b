"""Triggers: attributes that start an action (contract 3.1)."""

from typing import Any

from order_copies.jsonapi.fields.numbers import BooleanField


class TriggerField(BooleanField):
    """A write-only attribute of updates that starts an action when it is true.

    ``scope``: the scope that a token needs to send it. False and null start nothing.
    """

    def __init__(self, *, scope: str, **kwargs: Any) -> None:
        super().__init__(null=None, write_only=True, required=False, **kwargs)
        self.scope = scope
