"""Declarations of what a copy does with each field of a shop's models."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models


@dataclass(frozen=True)
class CopiedModel:
    """A declaration of what a copy does with each field of one shop model.

    Name fields by their attribute (``"order_id"`` for a foreign key ``order``). ``manage.py check``
    reports E004 for a field of the model that is not declared, and for a declared name that is
    repeated or is not a field.
    """

    model: type[models.Model]
    #: Fields whose value is copied: plain values, and references to rows that both orders share.
    copied: tuple[str, ...] = ()
    #: Fields that start with a new value: keys, timestamps, statuses, data of the source alone.
    reset: tuple[str, ...] = ()
    #: Fields that are recalculated from the copied values.
    recomputed: tuple[str, ...] = ()
    #: References to a copied row, which in the target point to the copy of that row.
    remapped: tuple[str, ...] = ()
    #: Keys that are removed from a copied JSON field, by field name: data that other systems store
    #: about one order only, such as ``{"metadata": ("_stripe_intent_id",)}``.
    left_behind_keys: Mapping[str, Collection[str]] = field(default_factory=dict)

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

    def complaints(self) -> Iterator[str]:
        """Yield one sentence for each mistake in the declaration."""
        label = self.model._meta.label
        names = {model_field.attname for model_field in self.model._meta.concrete_fields}
        declared = self.declared
        for name in sorted(names - set(declared)):
            yield f"{label}.{name} is not declared."
        for name in sorted(set(declared) - names):
            yield f"{label}.{name} is declared, but {label} has no such field."
        for name in sorted({name for name in declared if declared.count(name) > 1}):
            yield f"{label}.{name} is declared more than once."
        for name in sorted(set(self.left_behind_keys) - set(self.copied)):
            yield f"{label}.{name} has keys that stay behind, but is not declared as copied."
