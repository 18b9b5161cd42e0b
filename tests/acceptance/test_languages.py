"""Story: staff with an Italian browser work in Italian; programs read English."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import get_language, override

from order_copies import copying
from order_copies.models import CopyBatch, OrderCopy
from tests.api import API, request_of, staff
from tests.factories import (
    CouponFactory,
    OrderCopyFactory,
    OrderSubscriptionItemFactory,
    draft_order,
    pending_order,
    placed_order,
)
from tests.stories import WHO, run_all

pytestmark = pytest.mark.django_db

#: The attributes that people read.
READABLE = {"title", "aria-label", "alt", "placeholder", "data-label", "data-failed", "data-stale"}
#: Data of tests, identifiers, words that are the same in Italian, and what Django and its packages
#: have no translation of.
SAME = re.compile(
    r"\W*|.*[@\d].*|SUMMER|[A-Za-z]{10}|[a-z_]+\.[a-z_]+|orders|order_copies|.*admin|.*tests\.\w+"
    r"|Shipping|Credit card|Ring twice|True|False|None"
    r"|API|Coupon|EUR|Email:|Id:|[Nn]o|SKU|UTC|crontab: .*"
    r"|- Select an option -|Add link|Change or view list link|Model name|Search|Breadcrumbs"
    r"|Django OAuth Toolkit|Access tokens|Applications|Grants|Id tokens|Refresh tokens",
)


class Texts(HTMLParser):
    """The texts of the content of a page, without those of the frame that Django makes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page[max(page.find('<div id="content"'), 0) :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_button = dict(attrs).get("type") == "submit"
        for name, value in attrs:
            if value and (name in READABLE or (name == "value" and is_button)):
                self.found.append(value)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(" ".join(data.split()))


def english_and_italian(
    client: Client, path: str, data: dict[str, Any] | None = None
) -> tuple[list[str], list[str]]:
    """Return the texts of a page in both languages; ``data`` is posted."""
    both = []
    for language in ("en", "it-IT,it;q=0.9,en;q=0.5"):
        method = client.get if data is None else client.post
        headers = {"Accept-Language": language}
        response: Any = method(path, data, follow=True, headers=headers)
        assert response.status_code == 200, path
        both.append(Texts(response.content.decode()).found)
    return both[0], both[1]


@pytest.fixture(autouse=True)
def _language_of_other_tests() -> Iterator[None]:
    """Forget the language of the last request, which stays active in the thread."""
    with override(get_language()):
        yield


def address(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


@pytest.fixture
def failed(admin_user: Any) -> OrderCopy:
    """A copy of a batch whose coupon has expired, which cannot be placed either."""
    coupon = CouponFactory(code="SUMMER")
    order = placed_order(coupon=coupon)
    type(coupon).objects.update(expires_at=order.placed_at)
    batch = CopyBatch(user=admin_user)
    order_copies = copying.unsaved([order, draft_order()], place_target_order=True)
    copying.request_copies(order_copies, actor=admin_user, batch=batch)
    with override("it"):
        run_all()
    return OrderCopy.objects.get(pk=order_copies[0].pk)


def test_pages__have_no_english_text_in_an_italian_browser(
    admin_client: Client, failed: OrderCopy
) -> None:
    # given
    item = OrderSubscriptionItemFactory()
    subscription, order = item.order_subscription, pending_order()
    OrderCopyFactory(source_order=order)
    orders = address("orders_order_changelist")
    selected = {"_selected_action": [order.pk, failed.source_order_id]}
    pages: list[tuple[str, dict[str, Any] | None]] = [
        ("/", None),
        (address("index"), None),
        (orders, None),
        (orders, {"action": "copy_selected_orders", **selected}),
        (orders, {"action": "place_selected_orders", **selected}),
        (address("orders_order_change", order.pk), None),
        (address("order_copies_ordercopy_changelist"), None),
        (address("order_copies_ordercopy_change", failed.pk), None),
        (address("order_copies_copybatch_changelist"), None),
        (address("order_copies_copybatch_change", failed.batch_id), None),
        (address("order_copies_copybatch_retry", failed.batch_id), None),
        (address("order_copies_copyprofile_add"), None),
        (address("order_copies_events_event_changelist"), None),
        (address("order_copies_ordersubscription_changelist"), None),
        (address("order_copies_ordersubscription_change", subscription.pk), None),
        (address("order_copies_ordersubscription_skip", subscription.pk), None),
        (address("order_copies_ordersubscription_calendar"), None),
        (f"{address('orders_order_subscribe')}?ids={failed.source_order_id}", None),
        (address("orders_promotion_add"), None),
    ]

    # when
    texts = [english_and_italian(admin_client, path, data) for path, data in pages]

    # then
    left = {
        (path, text)
        for (path, _data), (english, italian) in zip(pages, texts, strict=True)
        for text in set(english) & set(italian)
        if not SAME.fullmatch(text)
    }
    assert left == set()


def test_login__is_in_the_language_of_the_browser(client: Client) -> None:
    # when
    english, italian = english_and_italian(client, address("login"))

    # then
    assert "Log in" in english
    assert "Accedi" in italian


def test_amounts_and_dates__are_in_the_format_of_the_language(admin_client: Client) -> None:
    # given
    order = placed_order(lines=[{"unit_amount_cents": 123450, "quantity": 10}], options=0)
    copying.request([order], actor=WHO)
    run_all()
    order_copy = OrderCopy.objects.get()

    # when
    page = address("order_copies_ordercopy_change", order_copy.pk)
    english, italian = english_and_italian(admin_client, page)
    _english, listed = english_and_italian(
        admin_client, address("order_copies_ordercopy_changelist")
    )

    # then
    assert "12,345.00" in english
    assert "12.345,00" in italian
    assert f"{order_copy.created_at:%d/%m/%Y %H:%M}" in listed


def test_stored_errors__are_english_and_pages_translate_them(
    admin_client: Client, failed: OrderCopy
) -> None:
    # when
    page = address("order_copies_ordercopy_change", failed.pk)
    _english, italian = english_and_italian(admin_client, page)

    # then
    assert failed.errors_log["coupon_code"] == ["SUMMER has expired"]
    assert "Codice coupon" in italian
    assert "SUMMER è scaduto" in italian


def test_abort__of_italian_staff_is_stored_in_english(admin_client: Client) -> None:
    # given
    order_copy = OrderCopyFactory()

    # when
    admin_client.post(
        address("order_copies_ordercopy_abort", order_copy.pk), headers={"Accept-Language": "it"}
    )

    # then
    order_copy.refresh_from_db()
    assert order_copy.errors_log == {"base": ["aborted by hand"]}


def test_api__is_english_whatever_the_language_of_the_client() -> None:
    # given
    api, order = API(staff()), draft_order()
    requests = [
        {"data": {"type": "order_copies", "attributes": {"reference": 5}}},
        {"data": {"type": "order_copies"}},
        request_of(order, place_target_order=True),
        b"nothing",
    ]

    # when
    answers = [
        [
            api.post("/order_copies" + query, body, accept_language=language)
            for body, query in zip(requests, ("", "", "?dry_run=true", ""), strict=True)
        ]
        for language in ("en", "it")
    ]

    # then
    english, italian = answers
    assert list(map(_content, italian)) == list(map(_content, english))
    assert {it["Content-Language"] for it in italian} == {"en"}


def _content(response: Any) -> str:
    return re.sub('"trace_id":"[0-9a-f]*"', "", response.content.decode())
