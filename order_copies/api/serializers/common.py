"""Fields that the resources of the contract have in common."""

from operator import attrgetter
from typing import Any

from rest_framework.relations import ManyRelatedField

from order_copies import public_ids
from order_copies.currencies import decimal_places
from order_copies.jsonapi.fields import FloatField, IDField, ObjectField, StringField, ValueField
from order_copies.jsonapi.relations import ResourceRelatedField
from order_copies.jsonapi.serializers import ModelSerializer


class PublicIDField(IDField):
    """A ten-letter id, computed from the primary key.

    ``sequence``: ids of one sequence differ from those of another with the same key.
    """

    pattern = public_ids.PATTERN

    def __init__(self, sequence: str) -> None:
        super().__init__()
        self.sequence = sequence

    def to_representation(self, value: Any) -> str:
        """Return the id of a primary key."""
        return public_ids.encode(self.sequence, int(value))

    def id_of(self, row: Any) -> str:
        """Return the id of a row."""
        return public_ids.encode(self.sequence, row.pk)

    def key_of(self, public_id: str) -> int | None:
        """Return the primary key of an id, or None if the id is malformed."""
        return public_ids.decode(self.sequence, public_id)


class AmountField(ValueField):
    """A form of an amount of a row, of which the row has the cents and ``currency_code``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"source": "*", "read_only": True, **kwargs})

    def bind(self, field_name: str, parent: Any) -> None:
        """Find the cents by the name of the field."""
        super().bind(field_name, parent)
        name = field_name.removeprefix("formatted_").removesuffix("_float")
        self.cents_of = attrgetter(f"{name}_cents")


class FloatAmountField(AmountField):
    """An amount as a number in units of its currency."""

    json_schema = FloatField.json_schema

    def to_representation(self, value: Any) -> float | None:
        """Return the amount of a row, or None."""
        cents = self.cents_of(value)
        return None if cents is None else cents / 10 ** decimal_places(value.currency_code)


class CommonSerializer(ModelSerializer):
    """A resource with timestamps, references and metadata: :data:`COMMON` in ``Meta.fields``."""

    reference = StringField(
        null=None,
        required=False,
        help_text="The identifier of the resource in another system.",
        example="ANY-EXTERNAL-REFERENCE",
    )
    reference_origin = StringField(
        null=None,
        required=False,
        help_text="The system that `reference` belongs to.",
        example="ANY-EXTERNAL-REFERENCE-ORIGIN",
    )
    metadata = ObjectField(
        null={},
        required=False,
        help_text="Any JSON object that the client stores with the resource.",
    )


#: The names of the common attributes, in the order of the contract, and what they can do.
SETTABLE = ["reference", "reference_origin", "metadata"]
COMMON = ["created_at", "updated_at", *SETTABLE]
COMMON_SORTABLE = ["created_at", "updated_at", "reference", "reference_origin"]


def events_of(*resource_types: str) -> ManyRelatedField:
    """Return the relationship of a resource to its ``events``.

    ``resource_types``: the values of ``Event.resource_type`` for the resource.
    """
    return _events("events", resource_types)


def event_stores_of(*resource_types: str) -> ManyRelatedField:
    """Return the relationship to ``event_stores``, which every resource has (contract 4.3)."""
    return _events("event_stores", resource_types)


def _events(name: str, resource_types: tuple[str, ...]) -> ManyRelatedField:
    conditions = {"resource_type__in": resource_types}
    field: ManyRelatedField = ResourceRelatedField(
        resource_name=name, many=True, lookup="resource_id", key=str, conditions=conditions
    )
    return field
