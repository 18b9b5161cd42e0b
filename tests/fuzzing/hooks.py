"""Hooks of schemathesis that replace random ids by ids of existing resources.

Only valid parts of a case are changed: a part that is invalid on purpose stays as it is.
"""

import json
import os
import re
from itertools import count
from typing import Any
from zlib import crc32

import schemathesis
from schemathesis.core.parameters import ParameterLocation

IDS: dict[str, list[str]] = json.loads(os.environ["FUZZING_IDS"])
KNOWN = {public_id for ids in IDS.values() for public_id in ids}
#: One in this number of random ids is kept.
KEPT_RANDOM = 8


#: Make the Idempotency-Keys of all requests different.
numbers = count(1)

FILTER = "filter[q]["
#: Regular expressions of the names of filters.
PATTERNS: set[str] = set()


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: Any) -> None:
    """Keep the ``fields`` parameters of two types only: all types share their code."""
    for item in raw_schema["paths"].values():
        for operation in item.values():
            parameters = operation["parameters"]
            fields = [it for it in parameters if it.get("$ref", "").endswith("_fields")]
            operation["parameters"] = [it for it in parameters if it not in fields[2:]]
    for parameter in raw_schema["components"]["parameters"].values():
        PATTERNS.update(parameter["schema"].get("patternProperties", {}))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Replace random ids, unknown filters and repeated Idempotency-Keys."""
    kind = case.path.split("/")[2]
    if is_valid(case, ParameterLocation.PATH) and "public_id" in case.path_parameters:
        case.path_parameters["public_id"] = existing_id(kind, case.path_parameters["public_id"])
    if is_valid(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        replace_ids(case.body["data"], case.path_parameters.get("public_id"))
    if is_valid(case, ParameterLocation.QUERY):
        remove_unknown_filters(case.query)
    elif isinstance(case.query, dict):
        send_empty_values(case.query)
    if is_valid(case, ParameterLocation.HEADER):
        make_key_unique(case.headers)
    elif isinstance(case.query, dict):
        # A dry run takes no Idempotency-Key, not even a wrong one.
        case.query.pop("dry_run", None)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember the ids of created resources."""
    location = response.headers.get("location")
    if location:
        KNOWN.add(location[0].rsplit("/", 1)[-1])


def is_valid(case: Any, place: ParameterLocation) -> bool:
    """Return whether this part of the case is valid."""
    part = case.meta and case.meta.components.get(place)
    return part is None or part.mode.is_positive


def make_key_unique(headers: Any) -> None:
    """Never repeat a key: a replayed response may refer to a copy that was deleted."""
    if headers and "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = f"{next(numbers)}-{headers['Idempotency-Key']}"[:255]


def existing_id(kind: str, public_id: str) -> str:
    """Replace a random id by one of an existing resource of this type, mostly."""
    number = crc32(str(public_id).encode(errors="replace"))
    if public_id in KNOWN or not IDS.get(kind) or number % KEPT_RANDOM == 0:
        return public_id
    return IDS[kind][number % len(IDS[kind])]


def replace_ids(data: dict[str, Any], public_id: str | None) -> None:
    """Use the id of the path, and ids of existing related resources."""
    if "id" in data:
        data["id"] = public_id
    for relationship in data.get("relationships", {}).values():
        linkage = relationship.get("data")
        if linkage:
            linkage["id"] = existing_id(linkage["type"], linkage["id"])


def remove_unknown_filters(query: dict[str, Any]) -> None:
    """Remove filters that the document describes in words, without a pattern."""
    for key in list(query):
        name = key.removeprefix(FILTER).removesuffix("]")
        is_known = any(re.search(pattern, name) for pattern in PATTERNS)
        is_json = key == "filter[metadata]" or name.endswith("_jcont")
        if (key.startswith(FILTER) and not is_known) or (is_json and not is_an_object(query[key])):
            del query[key]


def send_empty_values(query: dict[str, Any]) -> None:
    """Send empty lists and objects as text: otherwise they would be left out."""
    query.update({key: str(value) for key, value in query.items() if value in ([], {})})


def is_an_object(text: str) -> bool:
    """Return whether this is a JSON object that can be filtered by."""
    try:
        return isinstance(json.loads(text), dict) and "\\u0000" not in text
    except ValueError:
        return False
