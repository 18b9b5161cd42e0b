"""A page of another site copies an order over the API, with a bearer token."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from order_copies.models import OrderCopy
from tests.api import application_of, request_of, staff, token_of
from tests.factories import placed_order

SITE = "http://storefront.localhost:1/"
COPY = """
async ({address, token, body}) => {
    const response = await fetch(`${address}/api/order_copies`, {
        method: "POST",
        headers: {
            "Authorization": `Bearer ${token}`,
            "Accept": "application/vnd.api+json",
            "Content-Type": "application/vnd.api+json",
            "Idempotency-Key": "from-a-browser",
        },
        body: JSON.stringify(body),
    });
    const location = response.headers.get("Location");
    return [response.status, (await response.json()).data.id, location];
}
"""


def test_cors__page_of_another_site_copies_an_order(
    open_browser: Callable[..., Page], live_server: Any
) -> None:
    # given
    order = placed_order(lines=1)
    token = token_of(application_of(staff()))
    page = open_browser(permissions=["local-network-access"])
    page.route(SITE, lambda route: route.fulfill(body="<title>Storefront</title>"))
    page.goto(SITE)

    # when
    arguments = {"address": live_server.url, "token": token, "body": request_of(order)}
    status, key, location = page.evaluate(COPY, arguments)

    # then
    order_copy = OrderCopy.objects.get()
    assert (status, key) == (201, order_copy.public_id)
    assert location.endswith(f"/api/order_copies/{key}")
