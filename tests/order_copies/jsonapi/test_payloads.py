"""Rules of request bodies that no resource of this project uses yet."""

from typing import Any

import pytest
from django.db.models import QuerySet
from django.http import HttpRequest

from order_copies.jsonapi.errors import RequestRefusedError
from order_copies.jsonapi.payloads import Payload, read_changes, read_new
from order_copies.jsonapi.resources import Attribute, Relationship, ResourceSerializer, Trigger
from order_copies.jsonapi.values import String


class NoteSerializer(ResourceSerializer):
    """A note, with or without an order."""

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


def test_read_new__optional_relationship_may_be_null() -> None:
    data = {"type": "notes", "relationships": {"order": {"data": None}}}

    payload = read_new({"data": data}, NoteSerializer(), HttpRequest())

    assert (payload.attributes, payload.relationships) == ({}, {"order": None})


def changes_of(**attributes: Any) -> Payload:
    data = {"type": "notes", "id": "a", "attributes": attributes}
    return read_changes({"data": data}, NoteSerializer(), "a")


def test_read_changes__trigger_and_attributes_come_together() -> None:
    # when
    payload = changes_of(_publish=True, text="new")

    # then
    assert payload.attributes == {"text": "new"}
    assert payload.trigger is NoteSerializer.triggers[0]


@pytest.mark.parametrize("value", [False, None])
def test_read_changes__false_and_null_do_not_trigger(value: bool | None) -> None:
    assert changes_of(_publish=value).trigger is None


@pytest.mark.parametrize("value", ["true", 1, 0, "", [], {}])
def test_read_changes__trigger_must_be_a_boolean(value: Any) -> None:
    # when
    with pytest.raises(RequestRefusedError) as caught:
        changes_of(_publish=value)

    # then
    (error,) = caught.value.errors
    assert (error.status, error.pointer) == (422, "/data/attributes/_publish")
    assert error.detail == "_publish - must be true or false"


def test_read_changes__two_triggers_are_refused() -> None:
    # when
    with pytest.raises(RequestRefusedError) as caught:
        changes_of(_publish=True, _delete=True)

    # then
    (error,) = caught.value.errors
    assert error.detail == "_delete - can't be sent together with _publish: one trigger at a time"


def test_read_new__trigger_is_refused() -> None:
    data = {"type": "notes", "attributes": {"_publish": True}}

    with pytest.raises(RequestRefusedError, match="_publish is not allowed"):
        read_new({"data": data}, NoteSerializer(), HttpRequest())
