"""Declarations of what a copy does with each field of a shop's models."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models


@dataclass(frozen=True, eq=False)
class CopiedModel:
    """A declaration of what a copy does with each field of one shop model.

    Name fields by their attribute (``"order_id"`` for a foreign key ``order``). Four kinds of
    fields need no name: primary keys and columns that the database computes (``GeneratedField``,
    ``db_default``) start with a new value, ``auto_now`` and ``auto_now_add`` get the time of the
    copy, and a foreign key to another copied model leads to the copy of that row. ``manage.py
    check`` reports E004 for every other field that is not declared.

    Raises TypeError for a group of fields that is a string.
    """

    model: type[models.Model]
    #: Fields whose value is copied: plain values, and references to rows that both orders share.
    copied: tuple[str, ...] = ()
    #: Fields that start with a new value: timestamps, statuses, data of the source alone. Names
    #: alone start with the default of the field; a mapping gives the first value, or a callable
    #: that returns it for each row.
    reset: Collection[str] | Mapping[str, Any] = ()
    #: Fields that are recalculated from the copied values.
    recomputed: tuple[str, ...] = ()
    #: References to a copied row, which in the target point to the copy of that row.
    remapped: tuple[str, ...] = ()
    #: Keys that are removed from a copied JSON field, by field name: data that other systems store
    #: about one order only, such as ``{"metadata": ("_stripe_intent_id",)}``.
    left_behind_keys: Mapping[str, Collection[str]] = field(default_factory=dict)
    #: The rows that are copied, such as ``Q(deleted_at=None)`` where rows are kept after they were
    #: deleted. None and ``Q()``: all rows. Ignored for the order model: a copy names its order.
    only: models.Q | None = None

    def __post_init__(self) -> None:
        for group in ("copied", "reset", "recomputed", "remapped"):
            names = getattr(self, group)
            if isinstance(names, str):
                message = f'Write {group}=("{names}",) with a comma: "{names}" alone is a string.'
                raise TypeError(message)

    def copied_value(self, name: str, value: Any) -> Any:
        """Return ``value`` of the copied field ``name`` without its ``left_behind_keys``.

        Only the top level of a JSON object is filtered; any other value is returned unchanged.
        """
        keys = self.left_behind_keys.get(name)
        if not keys or not isinstance(value, dict) or value.keys().isdisjoint(keys):
            return value
        return {key: item for key, item in value.items() if key not in keys}

    @property
    def declared(self) -> list[str]:
        """All declared field names, repetitions included."""
        return [*self.copied, *self.reset, *self.recomputed, *self.remapped]
