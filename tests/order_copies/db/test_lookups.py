"""The lookups of filters: each database gives the same results as Python."""

from typing import Any

import pytest
from django.db.models import JSONField, Value
from hypothesis import example, given
from hypothesis import strategies as st

from order_copies.db import lookups
from order_copies.db.lookups import contains
from order_copies.models import OrderFactory
from tests.factories import OrderCopyFactory

pytestmark = pytest.mark.django_db

# Few keys and values, so that one JSON often contains another; and all that must be quoted.
keys = st.sampled_from(["a", "b", "", "a.b", 'ä"\\', "$[0]", "%s", "🎁"])
scalars = st.sampled_from([None, True, False, 0, 1, -1.5, 2**53, "1", "a", "A", "a ", "é", "'"])
jsons = st.recursive(
    scalars,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(keys, children, max_size=2),
    max_leaves=6,
)
objects = st.dictionaries(keys, jsons, max_size=3)
texts = st.text("aAbB%_!\\' ", max_size=6)


@st.composite
def parts(draw: st.DrawFn, whole: Any) -> Any:
    """Draw a JSON value that is contained in this one."""
    if isinstance(whole, dict):
        names = draw(st.sets(st.sampled_from(sorted(whole)))) if whole else set()
        return {name: draw(parts(whole[name])) for name in names}
    if isinstance(whole, list):
        kept = draw(st.lists(st.sampled_from(whole), max_size=3)) if whole else []
        return [draw(parts(member)) for member in kept]
    return whole


def matches(lookup: type[Any], field: str, value: Any, wanted: Any) -> bool:
    """Return whether a row with this value matches the lookup."""
    order_copy = OrderCopyFactory(**{field: value})
    rows = OrderFactory.objects.filter(pk=order_copy.pk)
    return rows.filter(**{f"{field}__{lookup.lookup_name}": wanted}).exists()


@given(objects, objects)
@example({"a": [1]}, {"a": 1})
@example({"a": [[1, 2]]}, {"a": [1]})
@example({"a": [{"b": 1}]}, {"a": {"b": 1}})
@example({"a": 1}, {"a": True})
@example({"a": 2**63 - 1}, {"a": 2**63 - 2})
@example({}, {"a": None})
def test_contains_json__database_agrees_with_python(
    value: dict[str, Any], wanted: dict[str, Any]
) -> None:
    found = matches(lookups.ContainsJSON, "metadata", value, wanted)

    assert found is contains(value, wanted)


@given(st.data(), objects)
def test_contains_json__object_contains_its_parts(
    data: st.DataObject, value: dict[str, Any]
) -> None:
    # given
    wanted = data.draw(parts(value))

    # when, then
    assert contains(value, wanted)
    assert matches(lookups.ContainsJSON, "metadata", value, wanted)


def test_contains_json__null_contains_no_object() -> None:
    # given
    order_copy = OrderCopyFactory()
    rows = OrderFactory.objects.filter(pk=order_copy.pk)
    rows.update(metadata=Value(None, JSONField()))

    # when
    found = rows.filter(metadata__order_copies_contains={})

    # then
    assert not found.exists()
    assert not contains(None, {})


@given(texts, texts)
@example("a_b", "A_")
@example("a%b", "A%B")
@example("!", "!")
@example("\\", "\\")
@example("a ", "a")
def test_text_lookups__database_agrees_with_python(value: str, part: str) -> None:
    # when
    found = [
        matches(lookup, "reference", value, part)
        for lookup in (lookups.StartsWith, lookups.EndsWith, lookups.Contains)
    ]

    # then
    value, part = value.upper(), part.upper()
    assert found == [value.startswith(part), value.endswith(part), part in value]
