"""What hostile requests are made of: the words of the API, its ids, and who may ask."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from tests.fuzzing.__main__ import ids, token
from tests.serving import HOST, ROOT, DemoShop

#: The superuser of the demo.
USERNAME = PASSWORD = "admin"
#: The predicates of ``filter[q]``, with some that there are not.
PREDICATES = [
    "eq", "eq_or_null", "not_eq", "not_eq_or_null", "not_eq_all", "in", "in_or_null", "not_in",
    "not_in_or_null", "cont", "cont_any", "cont_all", "not_cont", "not_cont_all", "i_cont", "jcont",
    "null", "not_null", "blank", "present", "true", "false",
    *(
        f"{name}{suffix}"
        for name in ("lt", "lteq", "gt", "gteq", "matches", "does_not_match", "start", "end")
        for suffix in ("", "_any", "_all")
    ),
    "not_start", "not_start_any", "not_end", "not_end_all", "i_eq", "eq_any", "regex", "exact", "",
]  # fmt: skip


@dataclass(frozen=True)
class World:
    """All that requests name. It is the same for each run of one version of the shop."""

    document: dict[str, Any]
    #: Some ids of each type.
    ids: dict[str, list[str]]
    #: The token of each application.
    tokens: dict[str, str]
    applications: dict[str, dict[str, str]]
    #: The cookies of a superuser, and what proves that a form is the superuser's own.
    cookie: str
    csrf: str

    @cached_property
    def types(self) -> list[str]:
        """The types of which there are lists."""
        paths = [path for path in self.document["paths"] if path.count("/") == 2]
        return [path.removeprefix("/api/") for path in paths]

    @cached_property
    def paths(self) -> list[str]:
        """The paths, with a place for an id."""
        return list(self.document["paths"])

    @cached_property
    def fields(self) -> dict[str, list[str]]:
        """The attributes and relationships of each type."""
        return self._words("fields")

    @cached_property
    def sorts(self) -> dict[str, list[str]]:
        """What lists of each type can be sorted by."""
        return self._words("sort")

    @cached_property
    def includes(self) -> dict[str, list[str]]:
        """What can be included with each type."""
        return self._words("include")

    @cached_property
    def all_ids(self) -> list[str]:
        """The ids of every type."""
        return [public_id for found in self.ids.values() for public_id in found]

    def bodies(self, kind: str) -> tuple[list[str], list[str]]:
        """The attributes and the relationships that a resource of this type may be given."""
        schemas = self.document["components"]["schemas"]
        found: tuple[list[str], list[str]] = ([], [])
        for name in (f"{kind}_new", f"{kind}_changes"):
            data = schemas.get(name, {}).get("properties", {}).get("data", {})
            properties = data.get("properties", {})
            for words, part in zip(found, ("attributes", "relationships"), strict=True):
                words.extend(properties.get(part, {}).get("properties", {}))
        return found

    def _words(self, parameter: str) -> dict[str, list[str]]:
        parameters = self.document["components"]["parameters"]
        return {
            kind: _enumerated(parameters[f"{kind}_{parameter}"])
            for kind in self.types
            if f"{kind}_{parameter}" in parameters
        }


def world_of(shop: DemoShop, port: int) -> World:
    """The world of a shop whose server answers on this port, with some copies that have run."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    address = f"http://{HOST}:{port}"
    tokens = {name: token(address, one) for name, one in shop.applications.items()}
    found = ids(address, tokens["integration"], document)
    shop.drain()
    cookie, csrf = _signed_in(port)
    return World(document, found, tokens, shop.applications, cookie, csrf)


def _enumerated(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        return list(schema.get("enum", [])) + _enumerated(list(schema.values()))
    if isinstance(schema, list):
        return [word for one in schema for word in _enumerated(one) if isinstance(word, str)]
    return []


def _signed_in(port: int) -> tuple[str, str]:
    """The cookies of the demo's superuser, after a login like any other."""
    path = "/admin/login/?next=/admin/"
    connection = HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    csrf = _cookie(answer, "csrftoken")
    form = {"username": USERNAME, "password": PASSWORD, "csrfmiddlewaretoken": csrf}
    headers = {
        "Cookie": f"csrftoken={csrf}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": f"http://{HOST}:{port}{path}",
    }
    connection.request("POST", path, urlencode(form), headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 302, "the superuser could not sign in"
    csrf, session = _cookie(answer, "csrftoken"), _cookie(answer, "sessionid")
    connection.close()
    return f"csrftoken={csrf}; sessionid={session}", csrf


def _cookie(answer: Any, name: str) -> str:
    cookies = answer.headers.get_all("Set-Cookie")
    found = (re.search(rf"{name}=([^;]+)", cookie) for cookie in cookies)
    return next(islice((match[1] for match in found if match), 1))
