"""What the OpenAPI document says of filters.

OpenAPI has no word for ``filter[q][name_predicate]``, but objects whose members have patterns:
one for each kind of value. What lies behind relationships is told in words.
"""

from collections.abc import Iterator
from typing import Any

from order_copies.jsonapi.filtering.filters import PublicId, understand
from order_copies.jsonapi.filtering.filtersets import (
    MAX_FILTERS,
    MAX_NAME,
    ShortFilter,
    filterset_of,
)
from order_copies.jsonapi.filtering.predicates import MAX_VALUES, PREDICATES, Operand, Predicate
from order_copies.jsonapi.openapi.json_schema import STORABLE, JSONSchema, closed
from order_copies.jsonapi.resources import ResourceSerializer
from order_copies.jsonapi.values import String, Value

_FLAG = {"type": "string", "enum": ["true", "false"]}
_ABOUT = """\
Conditions that all have to be met, each an attribute and a predicate: `filter[q][status_eq]`.

- More attributes of which one has to meet it: `filter[q][reference_or_reference_origin_cont]`.
- Attributes of related resources, and their ids: `filter[q][source_order_number_eq]`,
  `filter[q][source_order_id_in]`. Here: {relationships}.
- What is related to nothing has null there: `filter[q][events_id_null]=true` finds what has no
  event.
- Predicates that end in `_in`, `_any` or `_all` take values separated by commas.
"""


def plain_schema(resource: ResourceSerializer) -> JSONSchema:
    """The plain names of ``filter[…]``."""
    filters = filterset_of(resource).base_filters
    schema = closed({name: _plain(one, resource) for name, one in filters.items()}, required=[])
    return schema | {"maxProperties": MAX_FILTERS}


def _plain(one: Any, resource: ResourceSerializer) -> JSONSchema:
    if not isinstance(one, ShortFilter):
        return {"type": "string"}
    name = one.extra["short_for"]
    predicate, paths = understand(name, name, resource)
    return _text(paths[0].attribute.value, predicate) | {"description": f"Short for `{name}`."}


def predicates_schema(resource: ResourceSerializer) -> JSONSchema:
    """The names and values of ``filter[q][…]``, as far as patterns tell them."""
    groups: dict[tuple[str, str], tuple[JSONSchema, list[str]]] = {}
    for names, value in _kinds(resource):
        for predicate in PREDICATES.values():
            if predicate.comparison in value.comparisons:
                schema = _text(value, predicate)
                group = groups.setdefault((names, str(schema)), (schema, []))
                group[1].append(predicate.name)
    patterns = {
        f"^({names})(_or_({names}))*_({'|'.join(predicates)})$": schema
        for (names, _text_of_it), (schema, predicates) in groups.items()
    }
    return {
        "type": "object",
        "propertyNames": {"maxLength": MAX_NAME},
        "patternProperties": patterns,
        "maxProperties": MAX_FILTERS,
    }


def predicates_description(resource: ResourceSerializer) -> str:
    """What people have to know of ``filter[q][…]``."""
    names = [it.name for it in resource.relationships if it.offers_filters]
    listed = ", ".join(f"`{name}`" for name in names) or "none"
    return _ABOUT.format(relationships=listed)


def _kinds(resource: ResourceSerializer) -> Iterator[tuple[str, Value]]:
    """The names of attributes that take the same texts, each with what reads them."""
    named: list[tuple[str, Value]] = [
        ("id", PublicId(resource=resource)),
        *((it.name, it.value) for it in resource.attributes if it.filterable),
    ]
    for kind in dict.fromkeys((value.text, value.comparisons) for _name, value in named):
        alike = [one for one in named if (one[1].text, one[1].comparisons) == kind]
        yield "|".join(name for name, _value in alike), alike[0][1]


def _text(value: Value, predicate: Predicate) -> JSONSchema:
    if predicate.operand is Operand.FLAG:
        return _FLAG
    if isinstance(value, String):
        return {"type": "string", "pattern": STORABLE}
    one = value.text
    rest = "" if predicate.operand is Operand.ONE else f"(,({one})){{0,{MAX_VALUES - 1}}}"
    return {"type": "string", "pattern": f"^({one}){rest}$"}
