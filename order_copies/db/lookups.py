"""Lookups for the contract's predicates that Django lacks, at least on some databases."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import CharField, JSONField, Lookup, TextField
from django.db.models.fields.json import DataContains

if TYPE_CHECKING:
    AnyLookup = Lookup[Any]
else:
    AnyLookup = Lookup


@CharField.register_lookup
@TextField.register_lookup
class Like(AnyLookup):
    """Case-insensitive ``LIKE`` with the wildcards ``%`` and ``_`` of the client's text."""

    lookup_name = "order_copies_like"

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Compare both sides in upper case; escape with ``!``, so that a backslash is literal."""
        column, column_params = self.process_lhs(compiler, connection)
        pattern, pattern_params = self.process_rhs(compiler, connection)
        sql = f"UPPER({column}) LIKE UPPER({pattern}) ESCAPE '!'"
        return sql, [*column_params, *(self.pattern(str(text)) for text in pattern_params)]

    def pattern(self, text: str) -> str:
        """Return the ``LIKE`` pattern for the client's text."""
        return text.replace("!", "!!")


class _Part(Like):
    """Case-insensitive search for a part of a text: Django's is case-sensitive on MariaDB."""

    template = ""

    def pattern(self, text: str) -> str:
        """Return the ``LIKE`` pattern for texts with this part; escape its wildcards."""
        for sign in "!%_":
            text = text.replace(sign, f"!{sign}")
        return self.template.format(text)


@CharField.register_lookup
@TextField.register_lookup
class StartsWith(_Part):
    """Case-insensitive lookup: the text starts with the value."""

    lookup_name = "order_copies_start"
    template = "{}%"


@CharField.register_lookup
@TextField.register_lookup
class EndsWith(_Part):
    """Case-insensitive lookup: the text ends with the value."""

    lookup_name = "order_copies_end"
    template = "%{}"


@CharField.register_lookup
@TextField.register_lookup
class Contains(_Part):
    """Case-insensitive lookup: the text contains the value."""

    lookup_name = "order_copies_cont"
    template = "%{}%"


@JSONField.register_lookup
class ContainsJSON(DataContains):
    """Containment lookup for JSON columns, with the semantics of PostgreSQL's ``@>``."""

    lookup_name = "order_copies_contains"

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        """Call :func:`contains` as an SQL function, because SQLite has no JSON containment."""
        connection.ensure_connection()
        connection.connection.create_function("order_copies_contains", 2, _contains_text)
        column, column_params = self.process_lhs(compiler, connection)
        wanted, wanted_params = self.process_rhs(compiler, connection)
        return f"order_copies_contains({column}, {wanted})", [*column_params, *wanted_params]

    def as_mysql(self, compiler: Any, connection: Any) -> Any:
        """Build the condition from JSON functions.

        MariaDB's ``JSON_CONTAINS`` finds ``{"a": 1}`` in ``{"a": [1]}``; ``@>`` does not.
        """
        column, column_params = self.process_lhs(compiler, connection)
        return _joined(_conditions(column, column_params, self.rhs, level=0))


def _contains_text(text: str | None, wanted: str) -> bool:
    return text is not None and contains(json.loads(text), json.loads(wanted))


def contains(value: Any, wanted: Any) -> bool:
    """Return whether ``value`` contains every member of ``wanted``, at the same path."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            key in value and contains(value[key], member) for key, member in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(value, list) and all(
            any(contains(found, member) for found in value) for member in wanted
        )
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _conditions(
    found: str, params: Sequence[Any], wanted: Any, *, level: int
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield MariaDB conditions, with parameters, that ``found`` :func:`contains` ``wanted``."""
    if isinstance(wanted, dict):
        yield f"JSON_TYPE({found}) = 'OBJECT'", params
        for key, member in wanted.items():
            path = f"$.{json.dumps(key)}"
            member_of = f"JSON_EXTRACT({found}, %s)"
            yield from _conditions(member_of, [*params, path], member, level=level)
    elif isinstance(wanted, list):
        yield f"JSON_TYPE({found}) = 'ARRAY'", params
        items = f"JSON_TABLE({found}, '$[*]' COLUMNS (position FOR ORDINALITY)) AS items{level}"
        item = f"JSON_EXTRACT({found}, CONCAT('$[', items{level}.position - 1, ']'))"
        for member in wanted:
            sql, more = _joined(_conditions(item, params, member, level=level + 1))
            yield f"EXISTS (SELECT 1 FROM {items} WHERE {sql})", [*params, *more]  # noqa: S608
    else:
        yield f"JSON_NORMALIZE({found}) = JSON_NORMALIZE(%s)", [*params, json.dumps(wanted)]


def _joined(conditions: Iterator[tuple[str, Sequence[Any]]]) -> tuple[str, list[Any]]:
    sql, params = zip(*conditions, strict=True)
    return " AND ".join(sql), [param for some in params for param in some]
