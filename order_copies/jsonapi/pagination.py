"""Pages of lists: numbered ones with counts, and cursors for histories (contract 5.2, 4.3)."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest

from order_copies.jsonapi.errors import INVALID_PAGE_OBJECT, INVALID_PAGE_VALUE, refused
from order_copies.jsonapi.openapi.json_schema import JSONSchema, closed

if TYPE_CHECKING:
    from order_copies.jsonapi.resources import ResourceSerializer

DEFAULT_SIZE = 10
MAX_SIZE = 25


def _whole(default: int, maximum: int) -> JSONSchema:
    return {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}


def _links(*always: str, rarely: Sequence[str]) -> JSONSchema:
    links = {name: {"type": "string", "format": "uri"} for name in (*always, *rarely)}
    return closed(links, required=always)


_SIZE = _whole(DEFAULT_SIZE, MAX_SIZE)
_COUNT = {"type": "integer", "minimum": 0}
_COUNTS = closed({"record_count": _COUNT, "page_count": _COUNT})
_NUMBER = re.compile(r"[0-9]{1,15}")
_PARAMETER = re.compile(r"page\[(\w+)\]")


@dataclass
class Page:
    """The rows of one page, and what its document says of it."""

    rows: Sequence[Any]
    links: dict[str, str]
    meta: dict[str, int] | None = None


@dataclass
class Pages(ABC):
    """One way to cut a list into pages."""

    #: What may stand in the brackets of ``page[...]``, each with its JSON Schema.
    parameters: ClassVar[Mapping[str, JSONSchema]]
    #: The JSON Schemas of what a page's document says of the page.
    members: ClassVar[Mapping[str, JSONSchema]]
    #: Whether the list may be sorted and filtered.
    sortable: ClassVar[bool] = True

    request: HttpRequest
    url: str
    resource: "ResourceSerializer"

    @abstractmethod
    def cut(self, rows: "QuerySet[Any]") -> Page:
        """The page that the request asks for. Raises :class:`RequestRefusedError`."""

    def link(self, **page: Any) -> str:
        """The address of another page, the rest of the query kept."""
        query = [
            (name, value)
            for name, values in self.request.GET.lists()
            if not name.startswith("page[")
            for value in values
        ]
        query += [(f"page[{name}]", str(value)) for name, value in page.items()]
        return f"{self.url}?{urlencode(query)}"

    @property
    def size(self) -> int:
        """How many rows a page has."""
        return self.number("size", DEFAULT_SIZE, MAX_SIZE)

    def number(self, name: str, default: int, maximum: int | None = None) -> int:
        """A number from one to ``maximum`` that the request gives, or ``default``."""
        text = self.asked.get(name)
        if text is None:
            return default
        number = int(text) if _NUMBER.fullmatch(text) else 0
        if number < 1 or (maximum is not None and number > maximum):
            raise invalid_page(name, text)
        return number

    @property
    def asked(self) -> dict[str, str]:
        """What the request says of the page, by name."""
        return dict(self._read())

    def _read(self) -> Iterator[tuple[str, str]]:
        for key in self.request.GET:
            if key.partition("[")[0] != "page":
                continue
            found = _PARAMETER.fullmatch(key)
            if found is None or found[1] not in self.parameters:
                detail = f"{key} is not a valid page parameter."
                raise refused(INVALID_PAGE_OBJECT, "Invalid page object", detail)
            yield found[1], self.request.GET.get(key, "")


class NumberedPages(Pages):
    """``page[number]`` and ``page[size]``, with counts and links both ways."""

    parameters = {"number": _whole(1, 10**15 - 1), "size": _SIZE}
    members = {"links": _links("first", "last", rarely=("prev", "next")), "meta": _COUNTS}

    def cut(self, rows: "QuerySet[Any]") -> Page:
        """Ten rows unless told otherwise, 25 at most; nothing beyond the end."""
        number, size = self.number("number", 1), self.size
        record_count = rows.count()
        page_count = -(-record_count // size)
        start = (number - 1) * size
        return Page(
            list(rows[start : start + size]) if number <= page_count else [],
            self._links(number, size, max(page_count, 1)),
            {"record_count": record_count, "page_count": page_count},
        )

    def _links(self, number: int, size: int, last: int) -> dict[str, str]:
        numbers = {"first": 1}
        if number > 1:
            numbers["prev"] = min(number - 1, last)
        if number < last:
            numbers["next"] = number + 1
        numbers["last"] = last
        return {name: self.link(number=to, size=size) for name, to in numbers.items()}


class CursorPages(Pages):
    """``page[after]`` and ``page[size]``, with nothing but a link to the next page.

    Rows come in the order of their keys; a cursor is the id of the last row seen.
    """

    parameters = {"after": {"type": "string"}, "size": _SIZE}
    members = {"links": _links(rarely=("next",))}
    sortable = False

    def cut(self, rows: "QuerySet[Any]") -> Page:
        """The rows after the cursor."""
        size, after = self.size, self.asked.get("after")
        if after is not None:
            rows = rows.filter(pk__gt=self._key_of(after))
        found = list(rows[: size + 1])
        if len(found) <= size:
            return Page(found, {})
        found.pop()
        return Page(found, {"next": self.link(size=size, after=self.resource.id_of(found[-1]))})

    def _key_of(self, cursor: str) -> Any:
        key = self.resource.key_of(cursor)
        if key is None:
            raise invalid_page("after", cursor)
        return key


def invalid_page(name: str, value: str) -> Exception:
    """The exception for a page parameter with a value that it cannot have."""
    detail = f"{value} is not a valid value for the page[{name}] parameter."
    return refused(INVALID_PAGE_VALUE, "Invalid page value", detail)
