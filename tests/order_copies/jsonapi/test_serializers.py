"""The values of request bodies: which a serializer accepts, and which it refuses (422, 404)."""

from typing import Any

import pytest
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries
from rest_framework import fields as drf
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from order_copies.jsonapi.errors import RequestRefusedError
from order_copies.jsonapi.fields import (
    REQUIRED,
    BlankField,
    BooleanField,
    ChoiceField,
    FloatField,
    InstantField,
    IntegerField,
    ObjectField,
    StringField,
    URLField,
)
from order_copies.jsonapi.relations import ResourceRelatedField
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.models import OrderFactory
from orders.models import Order
from tests.api import API, errors_in, shopper, staff, the_error_in
from tests.factories import OrderCopyFactory, pending_order, placed_order
from tests.order_copies.jsonapi.notes import NoteSerializer

pytestmark = pytest.mark.django_db


@pytest.fixture
def notes(settings: Any) -> API:
    """A client of the API of the URLconf with notes."""
    settings.ROOT_URLCONF = "tests.order_copies.jsonapi.notes"
    return API(staff())


def creation(user: Any = None, **data: Any) -> NoteSerializer:
    """Return the serializer of a request that creates a note."""
    request = Request(RequestFactory().post("/"))
    request.user, request.auth = user, None
    return NoteSerializer(data=data, context={"request": request})


def update(**data: Any) -> NoteSerializer:
    """Return the serializer of a request that updates a note."""
    return NoteSerializer(OrderFactory(), data=data, partial=True)


def errors_of(serializer: NoteSerializer) -> dict[str, list[str]]:
    """Return the codes of the errors by field."""
    with pytest.raises(ValidationError) as caught:
        serializer.is_valid(raise_exception=True)
    return {name: [one.code for one in errors] for name, errors in caught.value.detail.items()}


def linkage(order: Order) -> dict[str, str]:
    return {"type": "orders", "id": order.public_id}


def patch(api: API, **attributes: Any) -> Any:
    """Change a new note."""
    public_id = str(OrderCopyFactory().pk)
    data = {"type": "notes", "id": public_id, "attributes": attributes}
    return api.patch(f"/notes/{public_id}", {"data": data})


def test_new_note__values_are_named_by_their_source() -> None:
    # given
    order, user = placed_order(), staff()
    serializer = creation(user, text="new", metadata={"a": 1}, source_order=linkage(order))

    # when
    serializer.is_valid(raise_exception=True)

    # then
    assert serializer.validated_data == {
        "reference": "new",
        "metadata": {"a": 1},
        "source_order": order,
    }
    assert (serializer.changes, serializer.trigger) == (serializer.validated_data, "")


def test_new_note__missing_values_are_not_set() -> None:
    serializer = creation()

    assert serializer.is_valid()
    assert serializer.validated_data == {}


def test_new_note__optional_relationship_may_be_null() -> None:
    serializer = creation(source_order=None, author=None)

    assert serializer.is_valid()
    assert serializer.validated_data == {"source_order": None, "author": None}


def test_new_note__null_stands_for_the_value_that_the_column_stores() -> None:
    serializer = creation(text=None, metadata=None, plan_digest=None)

    assert serializer.is_valid()
    assert serializer.validated_data == {"reference": None, "metadata": {}, "plan_digest": ""}


def test_new_note__all_invalid_values_are_reported() -> None:
    serializer = creation(
        text=1, status="done", place_target_order=None, plan_digest="a" * 65, source_order=7
    )

    assert errors_of(serializer) == {
        "text": ["invalid"],
        "status": ["inclusion"],
        "place_target_order": ["null"],
        "plan_digest": ["too_long"],
        "source_order": ["invalid"],
    }


def test_new_note__unlisted_fields_and_triggers_are_ignored() -> None:
    """The parser refuses them; the serializer does not set them either."""
    serializer = creation(type="order_copies", reference_origin="erp", outcomes=[], _publish=True)

    assert serializer.is_valid()
    assert (serializer.validated_data, serializer.trigger) == ({}, "")


def test_new_note__unknown_related_row_is_not_found(notes: API) -> None:
    # given
    unknown = {"data": {"type": "orders", "id": "XAyRWNUzyN"}}
    data = {"type": "notes", "relationships": {"source_order": unknown}}

    # when
    response = notes.post("/notes", {"data": data})

    # then
    place = "/data/relationships/source_order"
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", place)
    assert not OrderFactory.objects.exists()


@pytest.mark.parametrize("public_id", ["", "nonsense", "a\0b", "\ud800"])
def test_related_row__malformed_id_is_not_found(public_id: str) -> None:
    serializer = creation(staff(), source_order={"type": "orders", "id": public_id})

    with pytest.raises(RequestRefusedError) as caught:
        serializer.is_valid()

    (error,) = caught.value.errors
    assert (error.status, error.pointer) == (404, "/data/relationships/source_order")


def test_related_row__invisible_one_is_not_found() -> None:
    # given
    own, other = pending_order(), pending_order()
    customer = shopper(own.customer)

    # when, then
    assert creation(customer, source_order=linkage(own)).is_valid()
    with pytest.raises(RequestRefusedError, match="not found"):
        creation(customer, source_order=linkage(other)).is_valid()


def test_related_row__of_a_text_column_is_not_found() -> None:
    serializer = creation(staff(), author={"type": "customers", "id": "1"})

    with pytest.raises(RequestRefusedError) as caught:
        serializer.is_valid()

    (error,) = caught.value.errors
    assert (error.status, error.pointer) == (404, "/data/relationships/author")


def test_related_row__is_looked_up_only_if_all_values_are_valid(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    # given
    serializer = creation(source_order=linkage(placed_order()), text=1)

    # when, then
    with django_assert_num_queries(0):
        assert errors_of(serializer) == {"text": ["invalid"]}


def test_update__trigger_and_attributes_come_together() -> None:
    # when
    serializer = update(_publish=True, text="new")

    # then
    assert serializer.is_valid()
    assert (serializer.trigger, serializer.changes) == ("_publish", {"reference": "new"})


@pytest.mark.parametrize("value", [False, None])
def test_update__false_and_null_do_not_trigger(value: bool | None) -> None:
    # when
    serializer = update(_publish=value, _delete=True)

    # then
    assert serializer.is_valid()
    assert (serializer.trigger, serializer.changes) == ("_delete", {})


@pytest.mark.parametrize("value", ["true", 1, 0, "", [], {}])
def test_update__trigger_must_be_a_boolean(value: Any, notes: API) -> None:
    # when
    response = patch(notes, _publish=value)

    # then
    place = "/data/attributes/_publish"
    assert the_error_in(response) == (422, "VALIDATION_ERROR", place)
    assert errors_in(response)[0]["detail"] == "_publish - must be true or false"


def test_update__two_triggers_are_refused(notes: API) -> None:
    # when
    response = patch(notes, _publish=True, _delete=True, text="new")

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", "/data/attributes/_delete")
    message = "can't be sent together with _publish: one trigger at a time"
    (error,) = errors_in(response)
    assert (error["title"], error["detail"]) == (message, f"_delete - {message}")
    assert error["meta"] == {"error": "exclusion"}
    assert not OrderFactory.objects.filter(reference="new").exists()


def test_update__invalid_triggers_are_reported_after_other_values(
    notes: API,
) -> None:
    # when
    response = patch(notes, _publish=True, text="a" * 256, _delete=True)

    # then
    errors = [(one["source"]["pointer"], one["meta"]) for one in errors_in(response)]
    assert errors == [
        ("/data/attributes/text", {"error": "too_long", "count": 255}),
        ("/data/attributes/_delete", {"error": "exclusion"}),
    ]


def test_update__returns_the_changed_resource(notes: API) -> None:
    # when
    attributes = patch(notes, _publish=True, text="new").json()["data"]["attributes"]

    # then
    assert (attributes["text"], attributes["reference_origin"]) == ("new", "_publish")
    assert not {"_publish", "_delete"} & set(attributes)


def test_update__fields_that_only_creation_sets_are_ignored() -> None:
    serializer = update(status="completed", source_order=None, reference_origin="erp")

    assert serializer.is_valid()
    assert serializer.validated_data == {"reference_origin": "erp"}


def test_fields__are_read_only_by_default() -> None:
    # when
    fields = NoteSerializer().fields

    # then
    settable = {*NoteSerializer.Meta.creatable, *NoteSerializer.Meta.updatable}
    triggers = {"_publish", "_delete"}
    read_only = {name for name, field in fields.items() if field.read_only}
    assert read_only == set(fields) - settable - triggers
    assert "created_at" in read_only


def test_fields__are_copies_for_each_serializer() -> None:
    # given
    class ShortNoteSerializer(NoteSerializer):
        class Meta(NoteSerializer.Meta):
            fields = ["text"]

    # when
    first, second = NoteSerializer(), NoteSerializer()
    first.fields["text"].max_length = 1

    # then
    assert first.fields["text"].parent is first
    assert second.fields["text"].parent is second
    assert second.fields["text"].max_length == 255
    assert list(ShortNoteSerializer().fields) == ["text"]


def test_fields__are_those_of_the_dialect_for_columns_of_the_model() -> None:
    # given
    class CopySerializer(ModelSerializer):
        class Meta:
            model = OrderFactory
            fields = [
                *("type", "started_at", "errors_count", "place_target_order", "reference"),
                *("plan_digest", "metadata", "outcomes", "target_order"),
            ]

    class OrderColumnsSerializer(ModelSerializer):
        class Meta:
            model = Order
            fields = ["tax_rate", "cart_url", "number", "customer_email"]

    # when
    fields = {**CopySerializer().fields, **OrderColumnsSerializer().fields}

    # then
    assert {name: type(field) for name, field in fields.items()} == {
        "type": ChoiceField,
        "started_at": InstantField,
        "errors_count": IntegerField,
        "place_target_order": BooleanField,
        "reference": StringField,
        "plan_digest": BlankField,
        "metadata": ObjectField,
        "outcomes": ObjectField,
        "target_order": ResourceRelatedField,
        "tax_rate": FloatField,
        "cart_url": URLField,
        "number": StringField,
        "customer_email": BlankField,
    }
    nulls = {name: field.null for name, field in fields.items() if name != "target_order"}
    assert nulls == {
        **dict.fromkeys(["started_at", "reference"]),
        **dict.fromkeys(["type", "errors_count", "place_target_order", "outcomes"], REQUIRED),
        **dict.fromkeys(["plan_digest", "cart_url", "customer_email"], ""),
        **dict.fromkeys(["tax_rate", "number"], REQUIRED),
        "metadata": {},
    }
    assert not any(isinstance(field, drf.CharField) for field in fields.values())


def test_save__is_refused() -> None:
    # given
    new, changed = creation(text="new"), update(text="new")
    assert new.is_valid()
    assert changed.is_valid()

    # when, then
    for serializer in (new, changed):
        with pytest.raises(TypeError, match="without events and permissions"):
            serializer.save()
    with pytest.raises(TypeError, match="without events and permissions"):
        NoteSerializer().create({})
    with pytest.raises(TypeError, match="without events and permissions"):
        NoteSerializer().update(OrderFactory(), {})
    assert not OrderFactory.objects.exists()
