"""The errors of exceptions."""

import pytest
from rest_framework.exceptions import APIException, ValidationError

from order_copies.exceptions import UnsupportedToggleError
from order_copies.jsonapi.errors import Error, document_of, errors_of, invalid, refused


class TeapotError(APIException):
    status_code = 418
    default_detail = "I make tea only."
    default_code = "teapot"


def test_invalid__document_names_the_rule_and_the_place() -> None:
    # when
    error = invalid("attributes", "a/b~c", "taken", "is taken", count=3)

    # then
    assert document_of([error]) == {
        "errors": [
            {
                "title": "is taken",
                "detail": "a/b~c - is taken",
                "code": "VALIDATION_ERROR",
                "status": "422",
                "source": {"pointer": "/data/attributes/a~1b~0c"},
                "meta": {"error": "taken", "count": 3},
            }
        ]
    }


@pytest.mark.parametrize(
    ("exception", "errors"),
    [
        (refused("CLOSED", "The shop is closed."), [("CLOSED", 400, None)]),
        (refused("LOCKED", "It is in progress.", "/data"), [("LOCKED", 423, "/data")]),
        (
            UnsupportedToggleError({"reuse_wallet": "this shop has no wallet"}),
            [("VALIDATION_ERROR", 422, "/data/attributes/reuse_wallet")],
        ),
        (TeapotError(), [("TEAPOT", 418, None)]),
        (ValidationError("is wrong"), [("VALIDATION_ERROR", 422, "/data")]),
        (
            ValidationError({"a": ["is wrong", "is bad"], "b": {"c": ["is odd"]}}),
            [
                ("VALIDATION_ERROR", 422, "/data/attributes/a"),
                ("VALIDATION_ERROR", 422, "/data/attributes/a"),
                ("VALIDATION_ERROR", 422, "/data/attributes/b/c"),
            ],
        ),
        (
            ValidationError({"a": [{}, {"b": ["is odd"]}], "c": {"non_field_errors": ["is bad"]}}),
            [
                ("VALIDATION_ERROR", 422, "/data/attributes/a/1/b"),
                ("VALIDATION_ERROR", 422, "/data/attributes/c"),
            ],
        ),
        (APIException("secret"), []),
        (ValueError("secret"), []),
    ],
)
def test_errors_of__each_kind_of_exception(
    exception: Exception, errors: list[tuple[str, int, str | None]]
) -> None:
    found: list[Error] = list(errors_of(exception))

    assert [(it.code, it.status, it.pointer) for it in found] == errors
