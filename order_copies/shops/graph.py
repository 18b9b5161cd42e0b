"""How the copied models of a shop refer to one another, and how rows lead to their order.

The rows of an order are of three kinds: rows that lead to it (lines, and their options), rows that
those lead to (an address of the order), and rows that lead to rows of the second kind.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import CASCADE

Model = type[models.Model]
AnyField: TypeAlias = "models.Field[Any, Any]"


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key from one copied model to another, or to itself."""

    field: AnyField
    #: The copied model that it leads to.
    model: Model

    @property
    def name(self) -> str:
        """The attribute that holds the key."""
        return self.field.attname

    @property
    def cascades(self) -> bool:
        """Whether a row goes with the row that it refers to, as it does when that is deleted."""
        return not self.field.null or cast("Any", self.field.remote_field).on_delete is CASCADE


@dataclass(frozen=True, slots=True)
class Graph:
    """The copied models and their links."""

    order_model: Model
    links: Mapping[Model, Sequence[Link]]

    def writing_order(self) -> dict[Model, frozenset[str]]:
        """Return the models, each after those that it refers to, and its links against that.

        Raises ImproperlyConfigured if required links form a cycle.
        """
        done: dict[Model, frozenset[str]] = {}
        while len(done) < len(self.links):
            left = [model for model in self.links if model not in done]
            later = {model: [it for it in self.links[model] if it.model in left] for model in left}
            ready = [model for model in left if all(link.field.null for link in later[model])]
            if not ready:
                message = "refer to one another: make one of the foreign keys nullable"
                raise ImproperlyConfigured(f"{_names(left)} {message}.")
            # The first of those with the fewest links to later models. Itself does not count.
            model = min(ready, key=lambda one: sum(it.model is not one for it in later[one]))
            done[model] = frozenset(link.name for link in later[model])
        return done

    def reading_order(self) -> list[Model]:
        """Return the models but the order, each after those whose rows lead to its rows.

        Raises ImproperlyConfigured if there is no such order.
        """
        found = [self.order_model]
        while len(found) < len(self.links):
            left = [model for model in self.links if model not in found]
            ready = [model for model in left if self._is_found(model, found)]
            if not ready:
                message = "cannot be found: no foreign keys lead there from the order, or back"
                raise ImproperlyConfigured(f"{_names(left)} {message}.")
            found += ready
        return found[1:]

    def _is_found(self, model: Model, found: Collection[Model]) -> bool:
        if self.paths(model) or self.owners(model):
            return self.owners(model) <= {*found}
        links = self.links[model]
        return bool(links) and all(link.model in found for link in links)

    def paths(self, model: Model, behind: Collection[Model] = ()) -> list[str]:
        """Return the lookups from a model to its order.

        One is enough if it always leads there. ``behind`` are the models it must not lead through.
        """
        if model is self.order_model:
            return [""]
        always = self._leads_always(model)
        lookups = [
            f"{link.field.name}__{way}" if way else link.field.name
            for link in self.links[model]
            if link.model not in {model, *behind} and (not always or self._is_certain(link))
            for way in self.paths(link.model, [*behind, model])
        ]
        return lookups[:1] if always else lookups

    def _leads_always(self, model: Model) -> bool:
        return model is self.order_model or any(map(self._is_certain, self.links[model]))

    def _is_certain(self, link: Link) -> bool:
        return not link.field.null and self._leads_always(link.model)

    def owners(self, model: Model) -> frozenset[Model]:
        """Return the models whose rows refer to rows of this one, found without those.

        Empty if a path always leads from this one to its order.
        """
        if self._leads_always(model):
            return frozenset()
        pairs = [{one, link.model} for one, links in self.links.items() for link in links]
        found, near = set[Model](), {self.order_model}
        while found < near:
            found = near
            near = found.union(*(pair for pair in pairs if pair & found)) - {model}
        return frozenset(
            one for one in found if any(link.model is model for link in self.links[one])
        )


def _names(models_: Collection[Model]) -> str:
    return ", ".join(sorted(model._meta.label for model in models_))
