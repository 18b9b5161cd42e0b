"""The form of request bodies: documents that an endpoint does not take (400)."""

from typing import Any

import pytest

from order_copies.jsonapi.errors import RequestRefusedError
from order_copies.jsonapi.parsers import MAX_BODY, check_changes, check_new
from order_copies.jsonapi.resources import Resource
from order_copies.models import OrderFactory
from tests.api import API, MEDIA_TYPE, staff, the_error_in
from tests.factories import OrderCopyFactory
from tests.order_copies.jsonapi.notes import NoteViewSet

pytestmark = pytest.mark.django_db


@pytest.fixture
def notes(settings: Any) -> API:
    """A client of the API of the URLconf with notes."""
    settings.ROOT_URLCONF = "tests.order_copies.jsonapi.notes"
    return API(staff())


def test_new_document__optional_relationship_may_be_null(notes: API) -> None:
    # given
    data = {"type": "notes", "relationships": {"source_order": {"data": None}}}

    # when
    response = notes.post("/notes", {"data": data})

    # then
    assert response.status_code == 201
    assert OrderFactory.objects.get().source_order is None


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ("attributes", "_publish"),
        ("attributes", "type"),
        ("attributes", "created_at"),
        ("attributes", "reference_origin"),
        ("attributes", "source_order"),
        ("attributes", "a/b~c"),
        ("relationships", "text"),
        ("relationships", "events"),
    ],
)
def test_new_document__undeclared_member_is_refused(notes: API, member: str, name: str) -> None:
    # when
    response = notes.post("/notes", {"data": {"type": "notes", member: {name: True}}})

    # then
    place = f"/data/{member}/{name.replace('~', '~0').replace('/', '~1')}"
    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", place)


def test_changes__of_fields_that_only_creation_sets_are_refused(notes: API) -> None:
    # given
    public_id = str(OrderCopyFactory().pk)
    relationships = {"target_order": {"data": None}}
    document = {"type": "notes", "id": public_id, "attributes": {"metadata": {}}}

    # when
    response = notes.patch(
        f"/notes/{public_id}", {"data": document | {"relationships": relationships}}
    )

    # then
    errors = [(one["code"], one["source"]["pointer"]) for one in response.json()["errors"]]
    assert errors == [
        ("PARAM_NOT_ALLOWED", "/data/attributes/metadata"),
        ("PARAM_NOT_ALLOWED", "/data/relationships/target_order"),
    ]


NEW = [
    ([], "INVALID_DATA_FORMAT", None),
    ("text", "INVALID_DATA_FORMAT", None),
    ({}, "PARAM_MISSING", "/data"),
    ({"data": None}, "INVALID_DATA_FORMAT", "/data"),
    ({"data": [{"type": "notes"}]}, "INVALID_DATA_FORMAT", "/data"),
    ({"data": {"type": "notes"}, "included": []}, "PARAM_NOT_ALLOWED", "/included"),
    ({"data": {}}, "PARAM_MISSING", "/data/type"),
    ({"data": {"type": "orders"}}, "INVALID_RESOURCE", "/data/type"),
    ({"data": {"type": ["notes"]}}, "INVALID_RESOURCE", "/data/type"),
    ({"data": {"type": "notes", "id": "1"}}, "PARAM_NOT_ALLOWED", "/data/id"),
    ({"data": {"type": "notes", "lid": "1"}}, "PARAM_NOT_ALLOWED", "/data/lid"),
    ({"data": {"type": "notes", "attributes": []}}, "INVALID_DATA_FORMAT", "/data/attributes"),
    (
        {"data": {"type": "notes", "relationships": None}},
        "INVALID_DATA_FORMAT",
        "/data/relationships",
    ),
]


@pytest.mark.parametrize(("document", "code", "place"), NEW)
def test_check_new__malformed_document_is_refused(
    document: Any, code: str, place: str | None
) -> None:
    # when
    with pytest.raises(RequestRefusedError) as caught:
        check_new(document, Resource(NoteViewSet))

    # then
    (error,) = caught.value.errors
    assert (error.status, error.code, error.pointer) == (400, code, place)


PLACE = "/data/relationships/source_order"


@pytest.mark.parametrize(
    ("value", "code", "place"),
    [
        (None, "INVALID_LINKS_OBJECT", PLACE),
        ({"links": {}}, "INVALID_LINKS_OBJECT", PLACE),
        ({"data": []}, "INVALID_LINKS_OBJECT", f"{PLACE}/data"),
        ({"data": {"id": "a"}}, "INVALID_LINKS_OBJECT", f"{PLACE}/data"),
        ({"data": {"type": 1, "id": "a"}}, "INVALID_LINKS_OBJECT", f"{PLACE}/data"),
        ({"data": {"type": "notes", "id": "a"}}, "TYPE_MISMATCH", f"{PLACE}/data/type"),
        ({"data": {"type": "orders"}}, "INVALID_LINKS_OBJECT", f"{PLACE}/data/id"),
        ({"data": {"type": "orders", "id": 1}}, "INVALID_LINKS_OBJECT", f"{PLACE}/data/id"),
    ],
)
def test_check_new__malformed_linkage_is_refused(value: Any, code: str, place: str) -> None:
    # given
    document = {"data": {"type": "notes", "relationships": {"source_order": value}}}

    # when
    with pytest.raises(RequestRefusedError) as caught:
        check_new(document, Resource(NoteViewSet))

    # then
    (error,) = caught.value.errors
    assert (error.status, error.code, error.pointer) == (400, code, place)


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        ({"type": "notes"}, "PARAM_MISSING", "/data/id"),
        ({"type": "notes", "id": 1}, "KEY_NOT_INCLUDED_IN_URL", "/data/id"),
        ({"type": "notes", "id": "2"}, "KEY_NOT_INCLUDED_IN_URL", "/data/id"),
    ],
)
def test_check_changes__id_must_be_that_of_the_url(
    data: dict[str, Any], code: str, place: str
) -> None:
    # when
    with pytest.raises(RequestRefusedError) as caught:
        check_changes({"data": data}, Resource(NoteViewSet), "1")

    # then
    (error,) = caught.value.errors
    assert (error.status, error.code, error.pointer) == (400, code, place)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "INVALID_DATA_FORMAT"),
        (b"\xff", 400, "INVALID_DATA_FORMAT"),
        (b'{"data": NaN}', 400, "INVALID_DATA_FORMAT"),
        (b"[" * 100_000, 400, "INVALID_DATA_FORMAT"),
        (b" " * (MAX_BODY + 1), 413, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_body__that_is_not_json_is_refused(notes: API, body: bytes, status: int, code: str) -> None:
    assert the_error_in(notes.post("/notes", body)) == (status, code, None)


def test_body__empty_one_is_refused(notes: API) -> None:
    # given
    is_json = {"Content-Type": MEDIA_TYPE}
    public_id = str(OrderCopyFactory().pk)

    # when
    answers = [
        notes.post("/notes", b"", **is_json),
        notes.patch(f"/notes/{public_id}", b"", **is_json),
    ]

    # then
    assert [the_error_in(it) for it in answers] == [(400, "PARAM_MISSING", "/data")] * 2


def test_body__names_and_meta_are_kept_and_ignored(notes: API, settings: Any) -> None:
    """The names of the contract do not depend on the settings of the library."""
    # given
    settings.JSON_API_FORMAT_FIELD_NAMES = "dasherize"
    attributes = {"plan_digest": "abc", "metadata": {"a_b": 1}}
    data = {"type": "notes", "attributes": attributes, "meta": {"text": "no"}, "links": {}}

    # when
    response = notes.post("/notes", {"data": data, "meta": {}, "jsonapi": {}, "links": {}})

    # then
    shown = response.json()["data"]["attributes"]
    assert shown.items() >= attributes.items()
    assert shown["text"] is None
