"""The base classes of serializers: those of djangorestframework-jsonapi, closed by default.

``Meta`` names what clients may do with fields, in addition to the library's options:

- ``creatable``, ``updatable``: the fields that they can set. Every other field is read-only.
- ``filterable``, ``sortable``: by default each field that is a column of the model.
- ``on_request``: the fields that documents contain only if ``fields[type]`` names them.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy, deepcopy
from typing import Any, NoReturn

from django.core.validators import (
    MaxLengthValidator,
    ProhibitNullCharactersValidator,
    URLValidator,
)
from django.db import models
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.relations import RelatedField
from rest_framework.utils.field_mapping import ClassLookupDict
from rest_framework_json_api import serializers

from order_copies.jsonapi import fields
from order_copies.jsonapi.compiler import tables_of
from order_copies.jsonapi.errors import RequestRefusedError, not_found, pointer
from order_copies.jsonapi.fields import FIELDS, AnyField, TriggerField
from order_copies.jsonapi.relations import ResourceRelatedField
from order_copies.jsonapi.resources import resource_of
from order_copies.jsonapi.storable import InvalidValueError

#: The arguments of DRF's fields for model fields that the dialect's fields have too.
_ARGUMENTS = ("read_only", "required", "default", "help_text", "label")
#: The validators of model fields that repeat what the fields of the dialect check.
_CHECKED_BY_FIELDS = (MaxLengthValidator, URLValidator, ProhibitNullCharactersValidator)


class ModelSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """A resource whose rows are those of a model.

    ``save()`` is refused: writes go through the app's functions, which record events.
    """

    serializer_related_field = ResourceRelatedField
    serializer_related_to_field = ResourceRelatedField
    serializer_choice_field = fields.ChoiceField
    serializer_field_mapping = FIELDS
    # The contract has an attribute ``type``. A test compares documents with those of the library.
    _reserved_field_names = serializers.ModelSerializer._reserved_field_names - {"type"}  # noqa: SLF001

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The library's own __init__ reads ``include`` from the request: queries.py has done so.
        super(serializers.IncludedResourcesValidationMixin, self).__init__(*args, **kwargs)

    def get_fields(self) -> dict[str, AnyField]:
        """Return copies of the fields, which are built once per class: building them is slow."""
        prototypes = vars(type(self)).get("_prototypes")
        if prototypes is None:
            prototypes = super().get_fields()
            for name in set(prototypes) - self._settable("creatable") - self._settable("updatable"):
                if not isinstance(prototypes[name], TriggerField):
                    prototypes[name].read_only = True
            type(self)._prototypes = prototypes  # noqa: SLF001
        return {name: _copy(field) for name, field in prototypes.items()}

    def build_standard_field(
        self, field_name: str, model_field: "models.Field[Any, Any]"
    ) -> tuple[type[AnyField], dict[str, Any]]:
        """Return the dialect's field for a model field, and its arguments."""
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        is_text = isinstance(model_field, models.CharField | models.TextField)
        if issubclass(field_class, fields.ChoiceField) and not is_text:
            # Numbers are no words of a ChoiceField: a validator compares them.
            field_class = ClassLookupDict(self.serializer_field_mapping)[model_field]  # type: ignore[type-var]
        if not issubclass(field_class, fields.ValueField):
            return field_class, kwargs
        if field_class is fields.StringField and model_field.blank and not model_field.null:
            field_class = fields.BlankField
        arguments = {name: kwargs[name] for name in _ARGUMENTS if name in kwargs}
        if issubclass(field_class, fields.ChoiceField):
            arguments["choices"] = model_field.flatchoices
        elif issubclass(field_class, fields.StringField):
            arguments["max_length"] = model_field.max_length
            arguments["allow_blank"] = model_field.blank
        if not kwargs.get("read_only"):
            arguments["validators"] = _validators(model_field, kwargs.get("validators", ()))
        return field_class, arguments | {"null": _null_of(model_field)}

    @property
    def _writable_fields(self) -> Iterator[AnyField]:
        # The names decide, for each kind of request: DRF's fields are writable for all or none.
        names = self._settable("creatable" if self.instance is None else "updatable")
        for name, field in self.fields.items():
            is_trigger = isinstance(field, TriggerField) and self.instance is not None
            if name in names or is_trigger:
                yield field

    def _settable(self, option: str) -> set[str]:
        return set(getattr(self.Meta, option, ()))

    def to_internal_value(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the validated values, with rows in place of resource identifiers.

        Raises ``ValidationError`` with all errors at once, and :class:`RequestRefusedError` for a
        related row that the client may not see.
        """
        errors: dict[str, Any] = {}
        values: dict[str, Any] = {}
        try:
            values = super().to_internal_value(data)
        except ValidationError as error:
            errors = dict(error.detail)  # type: ignore[arg-type]
        triggers = self._triggers
        sent = [name for name in data if name in triggers and data[name]]
        for name in [name for name in sent[1:] if name not in errors]:
            message = f"can't be sent together with {sent[0]}: one trigger at a time"
            errors[name] = [ErrorDetail(message, code="exclusion")]
        if errors:
            raise ValidationError(errors)
        for field in self._writable_fields:
            if isinstance(field, ResourceRelatedField) and values.get(field.source) is not None:
                values[field.source] = self._related_row(field.field_name, values[field.source])
        return values

    @property
    def _triggers(self) -> list[str]:
        return [name for name, field in self.fields.items() if isinstance(field, TriggerField)]

    def _related_row(self, name: str, public_id: str) -> Any:
        # The resource knows under which type a viewset serves the related rows.
        view = self.context.get("view")
        tables = view.resource if view else tables_of(type(self))
        relationship = tables.relationships_by_name[name]
        try:
            return resource_of(relationship.type).find(self.context["request"], public_id)
        except RequestRefusedError:
            raise RequestRefusedError(not_found(pointer("relationships", name))) from None

    @property
    def trigger(self) -> str:
        """The name of the trigger that a valid request sends; empty if it sends none."""
        return next((name for name in self._triggers if self.validated_data.get(name)), "")

    @property
    def changes(self) -> dict[str, Any]:
        """The values that a valid request sets: ``validated_data`` without triggers."""
        triggers = self._triggers
        return {name: value for name, value in self.validated_data.items() if name not in triggers}

    def create(self, validated_data: Any) -> NoReturn:
        """Refuse to write: see :class:`ModelSerializer`."""
        raise TypeError(_NO_SAVE)

    def update(self, instance: Any, validated_data: Any) -> NoReturn:
        """Refuse to write: see :class:`ModelSerializer`."""
        raise TypeError(_NO_SAVE)


_NO_SAVE = (
    "save() would write without events and permissions. Read validated_data, and call "
    "order_copies.copying or the function of your shop that writes."
)


def _copy(field: AnyField) -> AnyField:
    # A deep copy builds a field again from its arguments, which only fields with children need.
    is_simple = isinstance(field, fields.ValueField | RelatedField)
    copied = copy(field) if is_simple else deepcopy(field)
    copied.read_only = field.read_only
    return copied


def _validators(model_field: "models.Field[Any, Any]", others: Iterable[Any]) -> list[Any]:
    # Those of the model field, which DRF turns into arguments of its own fields, and ``unique``.
    own = [one for one in model_field.validators if not isinstance(one, _CHECKED_BY_FIELDS)]
    if model_field.choices and not isinstance(model_field, models.CharField | models.TextField):
        own.append(_OneOf([key for key, _label in model_field.flatchoices]))
    return [*own, *(one for one in others if one not in own)]


class _OneOf:
    """A validator that accepts the keys of choices."""

    def __init__(self, keys: list[Any]) -> None:
        self.keys = keys

    def __call__(self, value: Any) -> None:
        if value not in self.keys:
            listed = ", ".join(str(key) for key in self.keys)
            raise InvalidValueError("inclusion", f"must be one of {listed}")


def _null_of(model_field: "models.Field[Any, Any]") -> Any:
    # The value that null in a request stands for.
    if model_field.null:
        return None
    if isinstance(model_field, models.JSONField) and model_field.default is dict:
        return {}
    if isinstance(model_field, models.CharField | models.TextField) and model_field.blank:
        return ""
    return fields.REQUIRED
