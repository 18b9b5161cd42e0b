import pytest
from django.http import HttpRequest
from rest_framework.request import Request

from order_copies.api.prefer import preferred_wait
from tests.api import API, request_of, staff
from tests.factories import placed_order


def wait_of(prefer: str) -> int:
    request = HttpRequest()
    request.META["HTTP_PREFER"] = prefer
    return preferred_wait(Request(request))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5),
        ("WAIT = 5", 5),
        ('wait="7"', 7),
        ("wait=007", 7),
        ("respond-async, wait=3; q=1, handling=lenient", 3),
        ("wait=10", 10),
        ("wait=11", 10),
        ("wait=" + "9" * 5000, 10),
        ("wait=0", 0),
        ("wait=", 0),
        ("wait=1.5", 0),
        ("wait=five", 0),
        ("wait=٣", 0),
        ("wait 5", 0),
        ("dont-wait=5", 0),
        ("", 0),
    ],
)
def test_preferred_wait__is_parsed_as_rfc_7240_says(prefer: str, seconds: int) -> None:
    assert wait_of(prefer) == seconds


@pytest.mark.django_db
def test_preferred_wait__is_ignored_inside_a_transaction() -> None:
    # given
    api, order = API(staff()), placed_order(lines=1)

    # when
    response = api.post("/order_copies", request_of(order), Prefer="wait=9")

    # then
    assert response.status_code == 201
    assert "Preference-Applied" not in response
