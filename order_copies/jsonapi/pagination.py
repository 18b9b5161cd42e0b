"""Pages of lists: numbered pages with counts, and cursors for histories (contract 5.2, 4.3)."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from order_copies.jsonapi.errors import refused
from order_copies.jsonapi.json_schema import JSONSchema, closed

DEFAULT_SIZE = 10
MAX_SIZE = 25


def _whole(default: int, maximum: int) -> JSONSchema:
    return {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}


def _links(*always: str, sometimes: Sequence[str]) -> JSONSchema:
    links = {name: {"type": "string", "format": "uri"} for name in (*always, *sometimes)}
    return closed(links, required=always)


_SIZE = _whole(DEFAULT_SIZE, MAX_SIZE)
_COUNT = {"type": "integer", "minimum": 0}
_COUNTS = closed({"record_count": _COUNT, "page_count": _COUNT})
_NUMBER = re.compile(r"[0-9]{1,15}")
_PARAMETER = re.compile(r"page\[(\w+)\]")


class Pagination(BasePagination):
    """The base of the dialect's paginations. An unknown or invalid parameter is refused."""

    #: The names in the brackets of ``page[...]``, each with its JSON Schema.
    parameters: ClassVar[Mapping[str, JSONSchema]]
    #: The JSON Schemas of the members that a page adds to its document.
    schemas: ClassVar[Mapping[str, JSONSchema]]

    #: The members that the current page adds to its document.
    members: dict[str, Any]

    def paginate_queryset(  # type: ignore[override]
        self, queryset: "QuerySet[Any]", request: Request, view: Any = None
    ) -> list[Any]:
        """Return the rows of the requested page. Raises :class:`RequestRefusedError`."""
        self.request = request
        self.view = view
        self.requested = dict(self._requested())
        rows, self.members = self.page(queryset)
        return rows

    def get_paginated_response(self, data: dict[str, Any]) -> Response:
        """Return the response with a document and the members of the page."""
        links = data.get("links", {}) | self.members["links"]
        return Response(data | self.members | {"links": links})

    def page(self, queryset: "QuerySet[Any]") -> tuple[list[Any], dict[str, Any]]:
        """Return the rows of the requested page and its members."""
        raise NotImplementedError

    def link(self, **page: Any) -> str:
        """Return the URL of another page, with the other parameters of the query."""
        query = [
            (name, value)
            for name, values in self.request.query_params.lists()
            if not name.startswith("page[")
            for value in values
        ]
        query += [(f"page[{name}]", str(value)) for name, value in page.items()]
        return f"{self.view.url}?{urlencode(query)}"

    @property
    def size(self) -> int:
        """The number of rows on a page."""
        return self.number("size", DEFAULT_SIZE, MAX_SIZE)

    def number(self, name: str, default: int, maximum: int | None = None) -> int:
        """Return a requested number from 1 to ``maximum``, or ``default``."""
        text = self.requested.get(name)
        if text is None:
            return default
        number = int(text) if _NUMBER.fullmatch(text) else 0
        if number < 1 or (maximum is not None and number > maximum):
            raise _invalid_page(name, text)
        return number

    def _requested(self) -> Iterator[tuple[str, str]]:
        for key in self.request.query_params:
            if key.partition("[")[0] != "page":
                continue
            found = _PARAMETER.fullmatch(key)
            if found is None or found[1] not in self.parameters:
                detail = f"{key} is not a valid page parameter."
                raise refused("INVALID_PAGE_OBJECT", detail)
            yield found[1], self.request.query_params.get(key, "")


class NumberPagination(Pagination):
    """``page[number]`` and ``page[size]``, with counts and links in both directions."""

    parameters = {"number": _whole(1, 10**15 - 1), "size": _SIZE}
    schemas = {"links": _links("first", "last", sometimes=("prev", "next")), "meta": _COUNTS}

    def page(self, queryset: "QuerySet[Any]") -> tuple[list[Any], dict[str, Any]]:
        """Return up to 25 rows, 10 by default; none after the last page."""
        number, size = self.number("number", 1), self.size
        queryset = queryset if queryset.ordered else queryset.order_by("pk")
        record_count = queryset.count()
        page_count = math.ceil(record_count / size)
        start = (number - 1) * size
        rows = list(queryset[start : start + size]) if number <= page_count else []
        return rows, {
            "meta": {"record_count": record_count, "page_count": page_count},
            "links": self._page_links(number, size, max(page_count, 1)),
        }

    def _page_links(self, number: int, size: int, last: int) -> dict[str, str]:
        numbers = {"first": 1}
        if number > 1:
            numbers["prev"] = min(number - 1, last)
        if number < last:
            numbers["next"] = number + 1
        numbers["last"] = last
        return {name: self.link(number=to, size=size) for name, to in numbers.items()}


class CursorPagination(Pagination):
    """``page[after]`` and ``page[size]``, with a link to the next page only.

    Rows are sorted by primary key. A cursor is the id of the last row of the page before.
    """

    parameters = {"after": {"type": "string"}, "size": _SIZE}
    schemas = {"links": _links(sometimes=("next",))}

    def page(self, queryset: "QuerySet[Any]") -> tuple[list[Any], dict[str, Any]]:
        """Return the rows after the cursor."""
        ids, size, after = self.view.resource.id_field, self.size, self.requested.get("after")
        if after is not None:
            key = ids.key_of(after)
            if key is None:
                raise _invalid_page("after", after)
            queryset = queryset.filter(pk__gt=key)
        rows = list(queryset.order_by("pk")[: size + 1])
        if len(rows) <= size:
            return rows, {"links": {}}
        rows.pop()
        return rows, {"links": {"next": self.link(size=size, after=ids.id_of(rows[-1]))}}


def _invalid_page(name: str, value: str) -> Exception:
    detail = f"{value} is not a valid value for the page[{name}] parameter."
    return refused("INVALID_PAGE_VALUE", detail)
