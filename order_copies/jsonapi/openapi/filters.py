"""Filter parameters of the OpenAPI document.

OpenAPI cannot list every ``filter[q][name_predicate]``, so the schema describes the names by
``patternProperties``: one pattern for each kind of value. The description text covers filters
on related resources, which the patterns do not.
"""

from collections.abc import Iterator
from typing import Any

from order_copies.jsonapi.fields import StringField, ValueField
from order_copies.jsonapi.filtering.backends import (
    MAX_FILTERS,
    MAX_NAME,
    PlainFilter,
    ScopeFilter,
    plain_names,
)
from order_copies.jsonapi.filtering.filters import PublicIdField, parse_name
from order_copies.jsonapi.filtering.predicates import MAX_VALUES, PREDICATES, Operand, Predicate
from order_copies.jsonapi.json_schema import STORABLE, JSONSchema, closed
from order_copies.jsonapi.resources import Resource

_FLAG = {"type": "string", "enum": ["true", "false"]}
_ABOUT = """\
Conditions, each an attribute and a predicate: `filter[q][status_eq]`. A resource must meet all.

- To search several attributes, join them with `_or_`; one of them must meet the condition:
  `filter[q][reference_or_reference_origin_cont]`.
- To filter by attributes or ids of related resources, put the relationship first:
  `filter[q][source_order_number_eq]`, `filter[q][source_order_id_in]`. Relationships:
  {relationships}.
- Without a related resource, its id and attributes are null: `filter[q][events_id_null]=true`
  finds resources without events.
- Predicates that end in `_in`, `_any` or `_all` take values separated by commas.
"""


def plain_schema(resource: Resource) -> JSONSchema:
    """Return the schema of ``filter[…]`` with plain names."""
    filters = plain_names(resource)
    schema = closed({name: _plain(one, resource) for name, one in filters.items()}, required=[])
    return schema | {"maxProperties": MAX_FILTERS}


def _plain(one: Any, resource: Resource) -> JSONSchema:
    if isinstance(one, ScopeFilter):
        return _FLAG | {"description": "A filter scope. False selects all others."}
    if not isinstance(one, PlainFilter):
        return {"type": "string"}
    name = one.extra["short_for"]
    predicate, paths = parse_name(name, name, resource)
    return _text(paths[0].attribute.field, predicate) | {"description": f"Short for `{name}`."}


def predicates_schema(resource: Resource) -> JSONSchema:
    """Return the schema of ``filter[q][…]`` for the resource's own attributes."""
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
    scopes: JSONSchema = dict.fromkeys(resource.viewset.filter_scopes, _FLAG)
    return {
        "type": "object",
        **({"properties": scopes} if scopes else {}),
        "propertyNames": {"maxLength": MAX_NAME},
        "patternProperties": patterns,
        "maxProperties": MAX_FILTERS,
    }


def predicates_description(resource: Resource) -> str:
    """Return the description of ``filter[q][…]``."""
    names = [it.name for it in resource.relationships if it.offers_filters]
    listed = ", ".join(f"`{name}`" for name in names) or "none"
    return _ABOUT.format(relationships=listed)


def _kinds(resource: Resource) -> Iterator[tuple[str, ValueField]]:
    """Yield the names of attributes that accept the same texts, with the value that parses them."""
    named: list[tuple[str, ValueField]] = [
        ("id", PublicIdField(resource)),
        *((it.name, it.field) for it in resource.attributes if it.filterable),
    ]
    for kind in dict.fromkeys((value.text, value.comparisons) for _name, value in named):
        alike = [one for one in named if (one[1].text, one[1].comparisons) == kind]
        yield "|".join(name for name, _value in alike), alike[0][1]


def _text(value: ValueField, predicate: Predicate) -> JSONSchema:
    if predicate.operand is Operand.FLAG:
        return _FLAG
    if isinstance(value, StringField):
        return {"type": "string", "pattern": STORABLE}
    one = value.text
    rest = "" if predicate.operand is Operand.ONE else f"(,({one})){{0,{MAX_VALUES - 1}}}"
    return {"type": "string", "pattern": f"^({one}){rest}$"}
