"""``/api/docs``: the page that shows the OpenAPI document."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client


def test_the_page_needs_nothing_but_this_server(client: Client) -> None:
    # when
    response = client.get("/api/docs", headers={"accept": "text/html"})

    # then
    assert response.status_code == 200
    page = response.text
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(files) == 4
    for file in files:
        assert finders.find(file.removeprefix("/static/")), file
    assert 'data-schema="/api/schema"' in page
    assert "script-src 'self';" in response["Content-Security-Policy"]
    assert "http" not in page.replace(response.wsgi_request.get_host(), "")


def test_no_script_or_style_stands_in_the_page(client: Client) -> None:
    # when
    page = client.get("/api/docs").text

    # then
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == ["", ""]
    assert "<style" not in page
    assert "style=" not in page


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_nothing_but_the_page_is_html(method: str) -> None:
    # when
    response = Client(enforce_csrf_checks=True).generic(method, "/api/docs")

    # then
    assert response.status_code == 405
    assert response["Content-Type"] == "application/vnd.api+json"
    assert response.json()["errors"][0]["code"] == "METHOD_NOT_ALLOWED"
