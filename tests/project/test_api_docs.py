"""``/api/docs``: the page that shows the OpenAPI document."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client


def test_api_docs__loads_files_from_this_server_only(client: Client) -> None:
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


def test_api_docs__has_no_inline_script_or_style(client: Client) -> None:
    # when
    page = client.get("/api/docs").text

    # then
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == ["", ""]
    assert "<style" not in page
    assert "style=" not in page


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_api_docs__other_methods_get_a_json_api_error(method: str) -> None:
    # when
    response = Client(enforce_csrf_checks=True).generic(method, "/api/docs")

    # then
    assert response.status_code == 405
    assert response["Content-Type"] == "application/vnd.api+json"
    assert response.json()["errors"][0]["code"] == "METHOD_NOT_ALLOWED"
