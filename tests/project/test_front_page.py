"""``/``: a page that says what there is; ``/admin`` without a slash."""

import re

import pytest
from django.test import Client


def test_front_page__links_to_what_there_is(client: Client) -> None:
    # when
    response = client.get("/")

    # then
    assert response.status_code == 200
    links = re.findall('<a href="([^"]*)"', response.content.decode())
    assert links == ["/admin/", "/api/docs", "/api/schema", "/healthz"]


@pytest.mark.django_db
def test_front_page__each_link_answers(client: Client) -> None:
    for path in ("/admin/", "/api/docs", "/api/schema", "/healthz"):
        assert client.get(path).status_code in {200, 302}, path


def test_admin__address_without_a_slash_redirects_with_its_query(client: Client) -> None:
    # when
    response = client.get("/admin?next=1")

    # then
    assert response.status_code == 302
    assert response["Location"] == "/admin/?next=1"
