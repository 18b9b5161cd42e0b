"""Rules of bodies that no resource of ours needs yet."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from order_copies.jsonapi.payloads import read_new
from order_copies.jsonapi.resources import Attribute, Relationship, ResourceSerializer
from order_copies.jsonapi.values import String


class NoteSerializer(ResourceSerializer):
    """A note, on an order or on nothing."""

    type = "notes"
    attributes = (Attribute(name="text", value=String(), creatable=True),)
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
