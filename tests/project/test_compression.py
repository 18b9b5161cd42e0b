"""Large documents of the API are compressed; pages of the admin are not."""

import gzip
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.api import API, staff
from tests.factories import placed_order

pytestmark = pytest.mark.django_db


def test_compression__large_document_is_compressed() -> None:
    # given
    for _ in range(3):
        placed_order(lines=3)
    api = API(staff())
    plain = api.get("/orders?include=line_items")

    # when
    response = api.get("/orders?include=line_items", **{"accept-encoding": "gzip, br"})

    # then
    assert "Content-Encoding" not in plain.headers
    assert response["Content-Encoding"] == "gzip"
    assert "accept-encoding" in response["Vary"].lower()
    assert int(response["Content-Length"]) == len(response.content) < len(plain.content) / 4
    assert without_trace(gzip.decompress(response.content)) == without_trace(plain.content)


def without_trace(document: bytes) -> bytes:
    """Return the document without its trace id, which differs between requests."""
    return re.sub(rb'"trace_id":"\w+"', b"", document)


def test_compression__small_document_is_not_compressed() -> None:
    # when
    response = API(staff()).get("/orders", **{"accept-encoding": "gzip"})

    # then
    assert response.status_code == 200
    assert "Content-Encoding" not in response.headers


def test_compression__pages_with_cookies_are_not_compressed(client: Client) -> None:
    # given
    client.force_login(User.objects.create_superuser("boss"))

    # when
    response = client.get("/admin/", headers={"accept-encoding": "gzip"})

    # then
    assert len(response.content) > 2000
    assert "Content-Encoding" not in response.headers
