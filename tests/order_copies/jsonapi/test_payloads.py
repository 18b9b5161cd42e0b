"""Rules of bodies that no resource of ours needs yet."""

from typing import Any

import pytest
from django.db.models import QuerySet
from django.http import HttpRequest

from order_copies.jsonapi.errors import RequestRefusedError
from order_copies.jsonapi.payloads import Payload, read_changes, read_new
from order_copies.jsonapi.resources import Attribute, Relationship, ResourceSerializer, Trigger
from order_copies.jsonapi.values import String


class NoteSerializer(ResourceSerializer):
    """A note, on an order or on nothing."""

    type = "notes"
    attributes = (Attribute(name="text", value=String(), creatable=True, updatable=True),)
    triggers = (Trigger(name="_publish", scope="copy"), Trigger(name="_delete", scope="copy"))
    relationships = (Relationship(name="order", type="orders", column="order_id", creatable=True),)

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        raise NotImplementedError

    def id_of(self, row: Any) -> str:
        raise NotImplementedError

    def key_of(self, public_id: str) -> Any:
        raise NotImplementedError


def test_a_relationship_that_is_not_required_may_be_null() -> None:
    data = {"type": "notes", "relationships": {"order": {"data": None}}}

    payload = read_new({"data": data}, NoteSerializer(), HttpRequest())

    assert (payload.attributes, payload.relationships) == ({}, {"order": None})


def changes_of(**attributes: Any) -> Payload:
    data = {"type": "notes", "id": "a", "attributes": attributes}
    return read_changes({"data": data}, NoteSerializer(), "a")


def test_a_trigger_is_pulled_by_true_and_changes_come_with_it() -> None:
    # when
    payload = changes_of(_publish=True, text="new")

    # then
    assert payload.attributes == {"text": "new"}
    assert payload.trigger is NoteSerializer.triggers[0]


@pytest.mark.parametrize("value", [False, None])
def test_a_trigger_that_is_not_true_is_not_pulled(value: bool | None) -> None:
    assert changes_of(_publish=value).trigger is None


@pytest.mark.parametrize("value", ["true", 1, 0, "", [], {}])
def test_a_trigger_takes_true_and_false_only(value: Any) -> None:
    # when
    with pytest.raises(RequestRefusedError) as caught:
        changes_of(_publish=value)

    # then
    (error,) = caught.value.errors
    assert (error.status, error.pointer) == (422, "/data/attributes/_publish")
    assert error.detail == "_publish - must be true or false"


def test_one_trigger_is_pulled_at_a_time() -> None:
    # when
    with pytest.raises(RequestRefusedError) as caught:
        changes_of(_publish=True, _delete=True)

    # then
    (error,) = caught.value.errors
    assert error.detail == "_delete - can't be sent together with _publish: one trigger at a time"


def test_a_trigger_is_refused_where_a_resource_is_made() -> None:
    data = {"type": "notes", "attributes": {"_publish": True}}

    with pytest.raises(RequestRefusedError, match="_publish is not allowed"):
        read_new({"data": data}, NoteSerializer(), HttpRequest())
