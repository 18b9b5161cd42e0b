"""Names, ids and credentials that hostile requests contain: those of the running demo shop."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode

from tests.fuzzing.__main__ import ids, token
from tests.serving import HOST, ROOT, DemoShop

#: Login of the demo's superuser.
USERNAME = PASSWORD = "admin"
#: Predicates of ``filter[q]``, and some that do not exist.
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
class Vocabulary:
    """Names, ids and credentials. Names and ids are equal in each run of one version of the shop,
    so that a seed and a number always give the same request, except for its credentials.
    """

    #: The OpenAPI document.
    document: dict[str, Any]
    #: Some public ids by resource type.
    ids: dict[str, list[str]]
    #: Access token by application.
    tokens: dict[str, str]
    #: Client credentials by application.
    applications: dict[str, dict[str, str]]
    #: Header ``Cookie`` of a superuser's session.
    cookie: str
    #: CSRF token of that session.
    csrf: str

    @cached_property
    def types(self) -> list[str]:
        """Resource types that have a list."""
        paths = [path for path in self.document["paths"] if path.count("/") == 2]
        return [path.removeprefix("/api/") for path in paths]

    @cached_property
    def paths(self) -> list[str]:
        """Path templates; ``{public_id}`` stands for an id."""
        return list(self.document["paths"])

    @cached_property
    def fields(self) -> dict[str, list[str]]:
        """Attributes and relationships by resource type."""
        return self._parameter_values("fields")

    @cached_property
    def sorts(self) -> dict[str, list[str]]:
        """Values of ``sort`` by resource type."""
        return self._parameter_values("sort")

    @cached_property
    def includes(self) -> dict[str, list[str]]:
        """Values of ``include`` by resource type."""
        return self._parameter_values("include")

    @cached_property
    def all_ids(self) -> list[str]:
        """Public ids of all resource types."""
        return [public_id for public_ids in self.ids.values() for public_id in public_ids]

    def writable_members(self, resource_type: str) -> tuple[list[str], list[str]]:
        """Return the attributes and the relationships that a POST or PATCH may contain."""
        schemas = self.document["components"]["schemas"]
        attributes: list[str] = []
        relationships: list[str] = []
        for name in (f"{resource_type}_new", f"{resource_type}_changes"):
            data = schemas.get(name, {}).get("properties", {}).get("data", {})
            members = data.get("properties", {})
            attributes.extend(members.get("attributes", {}).get("properties", {}))
            relationships.extend(members.get("relationships", {}).get("properties", {}))
        return attributes, relationships

    def _parameter_values(self, parameter: str) -> dict[str, list[str]]:
        parameters = self.document["components"]["parameters"]
        return {
            resource_type: _enum_values(parameters[f"{resource_type}_{parameter}"])
            for resource_type in self.types
            if f"{resource_type}_{parameter}" in parameters
        }


def read_vocabulary(shop: DemoShop, port: int) -> Vocabulary:
    """Read the vocabulary from the shop's server on this port; create copies and run them."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    address = f"http://{HOST}:{port}"
    tokens = {name: token(address, login) for name, login in shop.applications.items()}
    public_ids = ids(address, tokens["integration"], document)
    shop.drain()
    cookie, csrf = _log_in(port)
    return Vocabulary(document, public_ids, tokens, shop.applications, cookie, csrf)


def _enum_values(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        return list(schema.get("enum", [])) + _enum_values(list(schema.values()))
    if isinstance(schema, list):
        return [value for item in schema for value in _enum_values(item) if isinstance(value, str)]
    return []


def _log_in(port: int) -> tuple[str, str]:
    path = "/admin/login/?next=/admin/"
    connection = HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    csrf = _cookie(response, "csrftoken")
    form = {"username": USERNAME, "password": PASSWORD, "csrfmiddlewaretoken": csrf}
    headers = {
        "Cookie": f"csrftoken={csrf}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": f"http://{HOST}:{port}{path}",
    }
    connection.request("POST", path, urlencode(form), headers)
    response = connection.getresponse()
    response.read()
    assert response.status == 302, "the superuser could not log in"
    csrf, session = _cookie(response, "csrftoken"), _cookie(response, "sessionid")
    connection.close()
    return f"csrftoken={csrf}; sessionid={session}", csrf


def _cookie(response: HTTPResponse, name: str) -> str:
    cookies = response.headers.get_all("Set-Cookie", [])
    matches = (re.search(rf"{name}=([^;]+)", cookie) for cookie in cookies)
    return next(match[1] for match in matches if match)
