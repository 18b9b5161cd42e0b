"""Closed-world copying: every field of every copied model is declared."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models


@dataclass(frozen=True)
class CopiedModel:
    """What a copy does with each field of one model of the shop.

    Fields are named by their attribute (``"order_id"`` for a foreign key ``order``). A field that
    is declared nowhere, twice, or does not exist is an error of ``manage.py check``.
    """

    model: type[models.Model]
    #: Travel as they are: values, and links to things that both orders share.
    copied: tuple[str, ...] = ()
    #: Start afresh: identity, stamps, statuses, what belongs to the source alone.
    reset: tuple[str, ...] = ()
    #: Worked out anew from what was copied.
    recomputed: tuple[str, ...] = ()
    #: Point at the new counterpart of what they pointed at.
    remapped: tuple[str, ...] = ()
    #: By copied JSON field, the keys of its objects that stay behind: what other systems know about
    #: one order only, such as ``{"metadata": ("_stripe_intent_id",)}``.
    left_behind_keys: Mapping[str, Collection[str]] = field(default_factory=dict)

    def travelling(self, name: str, value: Any) -> Any:
        """Return the value of a copied field without the keys that stay behind."""
        keys = self.left_behind_keys.get(name)
        if not keys or not isinstance(value, dict) or value.keys().isdisjoint(keys):
            return value
        return {key: item for key, item in value.items() if key not in keys}

    @property
    def declared(self) -> list[str]:
        """All declared names, with repetitions."""
        return [*self.copied, *self.reset, *self.recomputed, *self.remapped]

    def complaints(self) -> Iterator[str]:
        """What is wrong with the declaration, one sentence each."""
        label = self.model._meta.label
        names = {field.attname for field in self.model._meta.concrete_fields}
        declared = self.declared
        for name in sorted(names - set(declared)):
            yield f"{label}.{name} is not declared."
        for name in sorted(set(declared) - names):
            yield f"{label}.{name} is declared, but {label} has no such field."
        for name in sorted({name for name in declared if declared.count(name) > 1}):
            yield f"{label}.{name} is declared more than once."
        for name in sorted(set(self.left_behind_keys) - set(self.copied)):
            yield f"{label}.{name} has keys that stay behind, but is not declared as copied."
