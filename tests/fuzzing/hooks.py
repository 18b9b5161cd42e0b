"""Have schemathesis ask for what there is: real ids, and bodies that name what the path names.

Only what fits the document is touched: what is wrong on purpose stays as wrong as it was.
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
#: One in so many ids stays as it was made up.
STRANGE = 8


#: Tells the Idempotency-Keys of two requests apart.
numbers = count(1)

FILTER = "filter[q]["
#: What the names of filters look like.
PATTERNS: set[str] = set()


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: Any) -> None:
    """Ask for fields of the first two types only: all others would be the same once more."""
    for item in raw_schema["paths"].values():
        for operation in item.values():
            asked = operation["parameters"]
            fields = [it for it in asked if it.get("$ref", "").endswith("_fields")]
            operation["parameters"] = [it for it in asked if it not in fields[2:]]
    for parameter in raw_schema["components"]["parameters"].values():
        PATTERNS.update(parameter["schema"].get("patternProperties", {}))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Put real ids in."""
    kind = case.path.split("/")[2]
    if fits(case, ParameterLocation.PATH) and "public_id" in case.path_parameters:
        case.path_parameters["public_id"] = real(kind, case.path_parameters["public_id"])
    if fits(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        put_ids_into(case.body["data"], case.path_parameters.get("public_id"))
    if fits(case, ParameterLocation.QUERY):
        leave_out_unknown_filters(case.query)
    elif isinstance(case.query, dict):
        send_what_is_empty(case.query)
    if fits(case, ParameterLocation.HEADER):
        make_key_new(case.headers)
    elif isinstance(case.query, dict):
        # A dry run takes no Idempotency-Key, not even a wrong one.
        case.query.pop("dry_run", None)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Know what was made meanwhile."""
    location = response.headers.get("location")
    if location:
        KNOWN.add(location[0].rsplit("/", 1)[-1])


def fits(case: Any, place: ParameterLocation) -> bool:
    """Whether this part of the case is what the document asks for."""
    part = case.meta and case.meta.components.get(place)
    return part is None or part.mode.is_positive


def make_key_new(headers: Any) -> None:
    """Never ask twice by one key: the second answer may tell of a copy that was deleted since."""
    if headers and "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = f"{next(numbers)}-{headers['Idempotency-Key']}"[:255]


def real(kind: str, public_id: str) -> str:
    """An id of this kind of resource, mostly."""
    number = crc32(str(public_id).encode(errors="replace"))
    if public_id in KNOWN or not IDS.get(kind) or number % STRANGE == 0:
        return public_id
    return IDS[kind][number % len(IDS[kind])]


def put_ids_into(data: dict[str, Any], public_id: str | None) -> None:
    """Name the resource of the path, and related resources that there are."""
    if "id" in data:
        data["id"] = public_id
    for relationship in data.get("relationships", {}).values():
        linkage = relationship.get("data")
        if linkage:
            linkage["id"] = real(linkage["type"], linkage["id"])


def leave_out_unknown_filters(query: dict[str, Any]) -> None:
    """The document has words, but no pattern, for filters by what is related, and for JSON."""
    for key in list(query):
        name = key.removeprefix(FILTER).removesuffix("]")
        is_known = any(re.search(pattern, name) for pattern in PATTERNS)
        is_json = key == "filter[metadata]" or name.endswith("_jcont")
        if (key.startswith(FILTER) and not is_known) or (is_json and not is_an_object(query[key])):
            del query[key]


def send_what_is_empty(query: dict[str, Any]) -> None:
    """An empty list or object is wrong where a text is due, but would not be sent at all."""
    query.update({key: str(value) for key, value in query.items() if value in ([], {})})


def is_an_object(text: str) -> bool:
    """Whether this is JSON that can be asked for."""
    try:
        return isinstance(json.loads(text), dict) and "\\u0000" not in text
    except ValueError:
        return False
