from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client


def test_favicon__redirects_to_an_existing_static_file(client: Client) -> None:
    # when
    response = client.get("/favicon.ico")

    # then
    assert response.status_code == 302
    found = finders.find(response["Location"].removeprefix(f"/{settings.STATIC_URL.strip('/')}/"))
    assert found
    assert Path(found).read_bytes()[:4] == b"\x00\x00\x01\x00"
