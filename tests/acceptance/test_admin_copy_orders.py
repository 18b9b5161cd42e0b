"""Story: staff select orders in the admin, preview their copies, and request them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse

from order_copies.admin import CopyOrdersMixin
from order_copies.admin.permissions import TOGGLES
from order_copies.events.models import Event
from order_copies.models import OPTIONS, OrderCopy, OrderFactory, Status
from orders.models import Order, Sku
from tests.factories import (
    CouponFactory,
    SkuFactory,
    draft_order,
    placed_order,
)
from tests.factories import OrderFactory as BareOrderFactory
from tests.forms import previewed
from tests.stories import run_all

pytestmark = pytest.mark.django_db


class GuestOrderAdmin(CopyOrdersMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """An order admin that shows guest orders only, some of which may not be viewed or changed."""

    actions = None
    list_select_related = ("market",)
    copy_orders_display = ("__str__", "number")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(guest=True)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.number != "secret"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.number != "locked"


class DeletingOrderAdmin(CopyOrdersMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """An order admin that deletes each order while its permissions are checked."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None:
            Order.objects.filter(pk=obj.pk).delete()
        return True


guest_site, deleting_site = admin.AdminSite(name="guests"), admin.AdminSite(name="deleting")
guest_site.register(Order, GuestOrderAdmin)
deleting_site.register(Order, DeletingOrderAdmin)
urlpatterns = [
    path("admin/", admin.site.urls),
    path("guests/", guest_site.urls),
    path("deleting/", deleting_site.urls),
]

ORDERS = reverse("admin:orders_order_changelist")
COPY = reverse("admin:orders_order_copy")
MAY_COPY = [
    "orders.view_order",
    *(f"order_copies.{verb}_ordercopy" for verb in ("add", "view", "reuse_wallet")),
]
MAY_CHANGE = [
    "orders.change_order",
    *(f"order_copies.{verb}_ordercopy" for verb in ("place", "cancel_source")),
]


def staff_with(*permissions: str) -> Client:
    user = User.objects.create_user("sam", "sam@example.com", is_staff=True)
    codenames = [permission.partition(".")[2] for permission in permissions]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def staff() -> Client:
    """A client signed in as a user who may view, change and copy orders."""
    return staff_with(*MAY_CHANGE, *MAY_COPY)


def page_of(*orders: Order) -> str:
    return f"{COPY}?ids={','.join(str(order.pk) for order in orders)}"


def open_page(client: Client, *orders: Order) -> Any:
    """Open the copy page of these orders; follow its redirect to the address with a key."""
    return client.get(page_of(*orders), follow=True)


def submit(client: Client, url: str, *, key: Any = None, **data: Any) -> Any:
    """Preview the copies, then submit the page."""
    data = {"reuse_wallet": "on"} | data
    data |= previewed(client, url, **data)
    data = {"_copy": "1", "_confirmed": "1", "request_key": str(key or uuid4())} | data
    return client.post(url, data, follow=True)


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_copy_selected_orders__batch_page_shows_progress_until_all_have_ended(
    staff: Client,
) -> None:
    # given
    orders = [placed_order(), placed_order()]

    # when
    chosen = staff.post(
        ORDERS,
        {"action": "copy_selected_orders", "_selected_action": [order.pk for order in orders]},
    )
    page = staff.get(chosen["Location"])
    key = page.context["form"].next_request_key
    batch = submit(
        staff, chosen["Location"], key=key, place_target_order="on", reference="Reorder 7"
    )
    run_all()

    # then
    assert {order.pk for order in orders} == {
        preview.order.pk for preview in page.context["previews"]
    }
    assert messages_of(batch) == ["2 copies were requested."]
    assert str(batch.context["progress"]) == "0 of 2 ended – waiting: no worker is running"
    copies = OrderCopy.objects.all()
    assert {
        (copy.status, copy.place_target_order, copy.reuse_wallet, copy.reference) for copy in copies
    } == {(Status.COMPLETED, True, True, "Reorder 7")}
    ended = staff.get(batch.redirect_chain[-1][0])
    assert str(ended.context["progress"]) == "2 of 2 ended: 2 completed"


def test_copy_page__create_event_records_the_user(staff: Client) -> None:
    # given
    order = placed_order()

    # when
    submit(staff, page_of(order))

    # then
    event = Event.objects.get(name="order_copies.create")
    user = User.objects.get(username="sam")
    assert event.who == {
        "owner": {"type": "User", "id": str(user.pk), "name": "sam", "email": "sam@example.com"}
    }


def test_preview__verdict_and_line_actions_equal_those_of_the_run(staff: Client) -> None:
    # given
    taken = SkuFactory(stock=1, name="Moka pot")
    order = placed_order(lines=[{"sku": taken}, {}])

    # when
    failing = open_page(staff, order)
    completing = staff.post(page_of(order), {"skip_errors": "on", "_preview": "1"})

    # then
    [before], [after] = failing.context["previews"], completing.context["previews"]
    assert (before.verdict, before.target[1]) == ("Will fail", "Target: none")
    assert (after.verdict, after.kind) == ("Will complete with errors", "warning")
    assert "is out of stock" in completing.content.decode()
    assert OrderFactory.objects.count() == 0

    # when
    submit(staff, page_of(order), skip_errors="on")
    run_all()

    # then
    order_copy = OrderCopy.objects.get()
    line_actions = [
        (line.name, line.action) for line in [*after.lines.touched, *after.lines.untouched]
    ]
    assert line_actions[0] == ("Moka pot", "skipped")
    assert sorted(line_actions) == sorted(
        (line["name"], line["action"]) for line in order_copy.outcomes
    )
    assert order_copy.status == Status.COMPLETED


def test_preview__follows_the_toggles(staff: Client) -> None:
    # given
    order = placed_order(coupon=CouponFactory(expired=True))
    toggles = {"place_target_order": "on", "cancel_source_order": "on", "reuse_wallet": "on"}

    # when
    refused = staff.post(page_of(order), toggles)
    ignored = staff.post(page_of(order), toggles | {"ignore_invalid_coupon": "on"})

    # then
    [refused_preview] = refused.context["previews"]
    [ignored_preview] = ignored.context["previews"]
    assert refused_preview.source[1] == "Source: not cancelled"
    assert ignored_preview.verdict == "Will complete"
    assert ignored_preview.target[1] == "Target: created and placed"
    assert ignored_preview.source[1] == "Source: cancelled"


def test_preview__order_that_cannot_be_placed_leaves_a_target(staff: Client) -> None:
    # given
    order = draft_order()

    # when
    response = staff.post(page_of(order), {"place_target_order": "on"})

    # then
    [preview] = response.context["previews"]
    assert preview.verdict == "Will fail and leave a target to repair by hand"
    assert preview.target[1] == "Target: created, but not placed"


def test_request_key__second_submit_of_a_page_copies_nothing(staff: Client) -> None:
    # given
    order, key = placed_order(), uuid4()

    # when
    first = submit(staff, page_of(order), key=key)
    second = submit(staff, page_of(order), key=key)

    # then
    assert OrderCopy.objects.count() == 1
    assert messages_of(second) == [
        "These copies had been requested already. Nothing was copied twice."
    ]
    assert second.redirect_chain == first.redirect_chain


@pytest.mark.parametrize(
    "change",
    [
        {"reuse_wallet": ""},
        {"place_target_order": "on"},
        {"cancel_source_order": "on"},
        {"apply_promotions": "on"},
        {"skip_errors": "on"},
        {"ignore_invalid_coupon": "on"},
        {"reference": "R-2"},
        {"reference_origin": "phone"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_request_key__changed_option_makes_another_copy(
    staff: Client, change: dict[str, str]
) -> None:
    # given
    order, key = placed_order(), uuid4()
    submit(staff, page_of(order), key=key)

    # when
    changed = submit(staff, page_of(order), key=key, **change)
    repeated = submit(staff, page_of(order), key=key, **change)

    # then
    assert messages_of(changed) == ["1 copy was requested."]
    assert "already" in messages_of(repeated)[0]
    assert repeated.redirect_chain == changed.redirect_chain
    assert OrderCopy.objects.count() == 2


def test_request_key__other_selection_of_orders_is_copied(staff: Client) -> None:
    # given
    first, second, key = placed_order(), placed_order(), uuid4()
    submit(staff, page_of(first), key=key)

    # when
    response = submit(staff, page_of(first, second), key=key)

    # then
    assert messages_of(response) == ["2 copies were requested."]
    assert sorted(OrderCopy.objects.values_list("source_order", flat=True)) == [
        first.pk,
        first.pk,
        second.pk,
    ]


def test_request_key__sequence_of_the_orders_does_not_matter(staff: Client) -> None:
    # given
    first, second, key = placed_order(), placed_order(), uuid4()
    submit(staff, page_of(first, second), key=key)

    # when
    response = submit(staff, page_of(second, first), key=key)

    # then
    assert "already" in messages_of(response)[0]
    assert OrderCopy.objects.count() == 2


def test_request_key__another_page_copies_the_same_order_again(staff: Client) -> None:
    # given
    order = placed_order()

    # when
    submit(staff, page_of(order))
    submit(staff, page_of(order))

    # then
    assert OrderCopy.objects.count() == 2


@pytest.mark.parametrize("key", ["", "garbage", "\0"])
def test_request_key__missing_or_malformed_copies_nothing_with_a_message(
    staff: Client, key: str
) -> None:
    # given
    order = placed_order()

    # when
    response = staff.post(page_of(order), {"_copy": "1", "request_key": key})

    # then
    assert "This page was out of date, so nothing was copied." in response.content.decode()
    assert OrderFactory.objects.count() == 0
    assert response.context["form"].next_request_key


def test_copy_page__malformed_toggles_and_references_are_form_errors(staff: Client) -> None:
    # given
    order = placed_order()
    forged = {"reference": "x" * 300, "reference_origin": "\0", "place_target_order": "\0"}

    # when
    response = staff.post(page_of(order), {"_copy": "1", "request_key": str(uuid4())} | forged)

    # then
    assert set(response.context["form"].errors) == {"reference", "reference_origin"}
    assert "Please correct the errors below." in response.content.decode()
    assert OrderFactory.objects.count() == 0


OPTIONS_CHANGED = (
    "The options have changed since this preview. "
    "Nothing was copied. Check the updated preview, then copy."
)
ORDERS_CHANGED = (
    "These orders were changed or copied since this preview. "
    "Nothing was copied. Check the updated preview, then copy."
)


@pytest.mark.parametrize("option", OPTIONS)
def test_copy_page__options_that_were_not_previewed_copy_nothing(
    staff: Client, option: str
) -> None:
    # given
    order = placed_order()
    seen = previewed(staff, page_of(order))

    # when
    submitted = {"_copy": "1", "request_key": str(uuid4()), option: "on"}
    response = staff.post(page_of(order), submitted | seen)

    # then
    assert response.context["stale"] == OPTIONS_CHANGED
    assert OPTIONS_CHANGED in response.content.decode()
    assert response.context["previewed"].options == option
    assert OrderFactory.objects.count() == 0


def test_copy_page__submit_of_the_updated_preview_copies(staff: Client) -> None:
    # given
    order, form = placed_order(), {"cancel_source_order": "on", "request_key": str(uuid4())}
    bounced = staff.post(page_of(order), form | {"_copy": "1"}).context["previewed"]

    # when
    seen = {"previewed_options": bounced.options, "previewed_digest": bounced.digest}
    submitted = form | seen | {"_copy": "1", "_confirmed": "1"}
    response = staff.post(page_of(order), submitted, follow=True)

    # then
    assert messages_of(response) == ["1 copy was requested."]
    assert OrderCopy.objects.get().cancel_source_order


def test_copy_page__order_that_changed_since_the_preview_is_not_copied(staff: Client) -> None:
    # given
    sku = SkuFactory()
    order = placed_order(lines=[{"sku": sku}, {}])
    seen = previewed(staff, page_of(order), skip_errors="on")
    Sku.objects.filter(pk=sku.pk).update(on_sale=False)

    # when
    submitted = {"_copy": "1", "request_key": str(uuid4()), "skip_errors": "on"}
    response = staff.post(page_of(order), submitted | seen)

    # then
    assert response.context["stale"] == ORDERS_CHANGED
    assert OrderFactory.objects.count() == 0


def test_copy_page__order_that_was_copied_since_the_preview_is_not_copied_again(
    staff: Client,
) -> None:
    # given
    order = placed_order()
    seen = previewed(staff, page_of(order))
    submit(staff, page_of(order))

    # when
    submitted = {"_copy": "1", "request_key": str(uuid4())}
    response = staff.post(page_of(order), submitted | seen)

    # then
    assert response.context["stale"] == ORDERS_CHANGED
    assert "Copied before" in response.content.decode()
    assert OrderFactory.objects.count() == 1


def test_copy_page__copy_whose_plan_changes_before_it_runs_fails(staff: Client) -> None:
    # given
    sku = SkuFactory()
    order = placed_order(lines=[{"sku": sku}, {}])
    submit(staff, page_of(order), skip_errors="on")
    Sku.objects.filter(pk=sku.pk).update(on_sale=False)

    # when
    run_all()

    # then
    order_copy = OrderCopy.objects.get()
    assert (order_copy.status, "plan_changed" in order_copy.errors_log) == (Status.FAILED, True)
    assert order_copy.target_order is None


def test_copy_page__address_holds_the_key_of_the_submit(staff: Client) -> None:
    # given
    order = placed_order()

    # when
    first, second = open_page(staff, order), open_page(staff, order)

    # then
    addresses = [urlsplit(page.redirect_chain[-1][0]) for page in (first, second)]
    keys = [parse_qs(address.query)["request_key"] for address in addresses]
    assert keys == [[str(page.context["form"].next_request_key)] for page in (first, second)]
    assert keys[0] != keys[1]
    assert first.redirect_chain[0][0].startswith(page_of(order))


@pytest.mark.parametrize("method", ["get", "post"])
def test_copy_page__opened_again_after_its_submit_shows_the_copies(
    staff: Client, method: str
) -> None:
    # given
    orders, key = [placed_order(), placed_order()], uuid4()
    batch = submit(staff, page_of(*orders), key=key, place_target_order="on")

    # when
    data = {} if method == "get" else {"request_key": str(key), "_preview": "1"}
    response = getattr(staff, method)(f"{page_of(*orders)}&request_key={key}", data)

    # then
    page = response.content.decode()
    assert "These 2 orders were copied from this page already." in page
    assert f'<a href="{batch.redirect_chain[-1][0]}">See the 2 copies</a>' in page
    assert f'<a href="{page_of(*orders)}">Copy again…</a>' in page
    assert "_copy" not in page


def test_copy_page__copied_already_links_no_copies_for_staff_who_may_not_view_them() -> None:
    # given
    client = staff_with(*set(MAY_COPY) - {"order_copies.view_ordercopy"})
    order, key = placed_order(), uuid4()
    submit(client, page_of(order), key=key)

    # when
    response = client.get(f"{page_of(order)}&request_key={key}")

    # then
    assert "This order was copied from this page already." in response.content.decode()
    assert "See the copy" not in response.content.decode()


def test_copy_page__other_orders_under_a_used_key_are_previewed(staff: Client) -> None:
    # given
    copied, other, key = placed_order(), placed_order(), uuid4()
    submit(staff, page_of(copied), key=key)

    # when
    response = staff.get(f"{page_of(other)}&request_key={key}")

    # then
    assert [preview.order for preview in response.context["previews"]] == [other]


@pytest.mark.urls(__name__)
def test_copy_page__order_that_is_deleted_during_the_preview_is_no_error(staff: Client) -> None:
    # given
    url = page_of(BareOrderFactory()).replace("/admin/", "/deleting/")

    # when
    response = staff.get(f"{url}&request_key={uuid4()}", follow=True)

    # then
    assert messages_of(response) == [
        "A source order was deleted in the meantime: nothing was copied.",
        "Select the orders to copy.",
    ]


CHANGING_ORDERS = ["place_target_order", "cancel_source_order"]


@pytest.mark.parametrize("missing", [*MAY_CHANGE, "order_copies.reuse_wallet_ordercopy"])
def test_permissions__options_are_absent_without_their_permission(missing: str) -> None:
    # given
    client = staff_with(*({*MAY_CHANGE, *MAY_COPY} - {missing}))

    # when
    fields = open_page(client, placed_order()).context["form"].fields

    # then
    verb = missing.removeprefix("order_copies.").removesuffix("_ordercopy")
    absent = [name for name, needed in TOGGLES.items() if needed == verb] or CHANGING_ORDERS
    assert {name for name in TOGGLES if name not in fields} == set(absent)


def test_permissions__all_options_are_present_with_all_permissions(staff: Client) -> None:
    order = placed_order()

    fields = open_page(staff, order).context["form"].fields

    assert fields.keys() > TOGGLES.keys()


def test_permissions__copying_works_without_change_order() -> None:
    # given
    order = placed_order()

    # when
    response = submit(staff_with(*MAY_COPY), page_of(order), skip_errors="on")

    # then
    assert messages_of(response) == ["1 copy was requested."]
    order_copy = OrderCopy.objects.get()
    assert (order_copy.skip_errors, order_copy.place_target_order) == (True, False)


@pytest.mark.parametrize("option", CHANGING_ORDERS)
@pytest.mark.parametrize("button", ["_copy", "_preview"])
def test_permissions__forged_place_or_cancel_is_a_form_error(option: str, button: str) -> None:
    # given
    order = placed_order()
    data = {button: "1", "request_key": str(uuid4()), option: "on"}

    # when
    response = staff_with(*MAY_COPY).post(page_of(order), data)

    # then
    why = "You do not have permission to change these orders."
    label = OrderCopy._meta.get_field(option).verbose_name.capitalize()
    assert response.context["form"].non_field_errors() == [f"{label}: {why}"]
    assert why in response.content.decode()
    [preview] = response.context["previews"]
    assert preview.target[1] == "Target: created, not placed"
    assert OrderFactory.objects.count() == 0


@pytest.mark.urls(__name__)
def test_permissions__one_order_without_change_permission_refuses_placing(staff: Client) -> None:
    # given
    free, locked = (placed_order(customer=None, number=number) for number in ("free", "locked"))
    urls = [page_of(*orders).replace("/admin/", "/guests/") for orders in ([free], [free, locked])]

    # when
    alone, together = (submit(staff, url, place_target_order="on") for url in urls)

    # then
    assert messages_of(alone) == ["1 copy was requested."]
    [error] = together.context["form"].non_field_errors()
    assert error.endswith("You do not have permission to change these orders.")
    assert OrderCopy.objects.get().source_order == free


@pytest.mark.urls(__name__)
def test_copy_page__order_that_is_deleted_before_the_submit_is_not_copied(staff: Client) -> None:
    # given
    order = BareOrderFactory()
    seen = previewed(staff, page_of(order))

    # when
    url = page_of(order).replace("/admin/", "/deleting/")
    copied = {"_copy": "1", "request_key": str(uuid4())}
    response = staff.post(url, seen | copied, follow=True)

    # then
    gone, nothing_left = messages_of(response)
    assert gone == "A source order was deleted in the meantime: nothing was copied."
    assert nothing_left == "Select the orders to copy."
    assert OrderFactory.objects.count() == 0


@pytest.mark.parametrize(
    "permissions", [["orders.view_order"], ["order_copies.add_ordercopy"]], ids=["view", "add"]
)
def test_permissions__page_and_submit_are_forbidden_without_view_or_add(
    permissions: list[str],
) -> None:
    # given
    order = placed_order()
    client = staff_with(*permissions)

    # when
    seen, forged = client.get(page_of(order)), submit(client, page_of(order))

    # then
    assert (seen.status_code, forged.status_code) == (403, 403)
    assert OrderFactory.objects.count() == 0


def test_permissions__action_and_button_are_hidden_without_add() -> None:
    # given
    order = placed_order()
    client = staff_with("orders.view_order")

    # when
    changelist = client.get(ORDERS)
    change_page = client.get(reverse("admin:orders_order_change", args=[order.pk]))

    # then
    assert "copy_selected_orders" not in changelist.content.decode()
    assert COPY not in change_page.content.decode()


def test_permissions__anonymous_user_is_redirected_to_the_login() -> None:
    # when
    response = Client().get(COPY)

    # then
    assert response.status_code == 302
    assert "login" in response["Location"]


def test_order_page__has_a_button_to_copy(staff: Client) -> None:
    order = placed_order()

    response = staff.get(reverse("admin:orders_order_change", args=[order.pk]))

    assert f'<a href="{page_of(order)}">Copy…</a>' in response.content.decode()


def test_permissions__submit_redirects_to_the_orders_without_view_copies() -> None:
    # given
    order = placed_order()
    client = staff_with(*set(MAY_COPY) - {"order_copies.view_ordercopy"})

    # when
    response = submit(client, page_of(order))

    # then
    assert response.redirect_chain == [(ORDERS, 302)]
    assert messages_of(response) == ["1 copy was requested."]


@pytest.mark.parametrize(
    "ids",
    ["", ",", "garbage", "%00", "1%00", "-1", "9" * 30, "9" * 6000, "0x1", "%F0%9F%98%80", "1;2"],
)
def test_ids__malformed_redirect_to_the_orders_with_a_message(staff: Client, ids: str) -> None:
    # given
    placed_order(pk=77)

    # when
    response = staff.post(f"{COPY}?ids={ids}", {"_copy": "1"}, follow=True)

    # then
    assert response.redirect_chain == [(ORDERS, 302)]
    assert messages_of(response) == ["Select the orders to copy."]
    assert OrderFactory.objects.count() == 0


def test_ids__unknown_orders_are_left_out_with_a_message(staff: Client) -> None:
    # given
    order = placed_order()

    # when
    response = submit(staff, f"{page_of(order)},garbage,{order.pk + 1}")

    # then
    assert messages_of(response)[0] == "2 orders were not found and are left out."
    assert OrderCopy.objects.get().source_order == order


def test_ids__very_long_list_is_truncated(staff: Client) -> None:
    # given
    order = placed_order()
    many = ",".join(map(str, range(10_000, 30_000)))

    # when
    response = staff.get(f"{page_of(order)},{many}", follow=True)

    # then
    assert [preview.order for preview in response.context["previews"]] == [order]


def test_ids__selection_over_the_limit_is_truncated_with_a_message(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("orders.admin.OrderAdmin.copy_orders_limit", 2)
    orders = [placed_order() for _ in range(3)]

    # when
    response = staff.post(
        ORDERS,
        {"action": "copy_selected_orders", "_selected_action": [order.pk for order in orders]},
        follow=True,
    )

    # then
    assert messages_of(response) == ["Only 2 orders can be copied at once: here are the first."]
    [ids] = parse_qs(urlsplit(response.redirect_chain[-1][0]).query)["ids"]
    assert len(ids.split(",")) == len(response.context["previews"]) == 2


@pytest.mark.urls(__name__)
def test_custom_site__copies_only_the_orders_that_its_admin_shows(staff: Client) -> None:
    # given
    seen, of_another, secret = (
        placed_order(customer=None, number="seen"),
        placed_order(),
        placed_order(customer=None, number="secret"),
    )
    url = page_of(seen, of_another, secret).replace("/admin/", "/guests/")

    # when
    page = staff.get(url, follow=True)
    response = submit(staff, url)

    # then
    assert ("Number", "seen") in [
        (label.capitalize(), cell) for label, cell in page.context["previews"][0].cells
    ]
    assert "/admin/orders/" not in page.content.decode()
    assert OrderCopy.objects.get().source_order == seen
    assert response.redirect_chain == [("/guests/orders/order/", 302)]
    assert messages_of(response)[0] == "2 orders were not found and are left out."


def test_preview__query_count_is_constant(staff: Client) -> None:
    """Queries: session, user, permissions; the orders; the snapshot of the plan."""
    # given
    one, many = [placed_order()], [placed_order(lines=6) for _ in range(8)]
    open_page(staff, *one)

    # when
    with CaptureQueriesContext(connection) as for_one:
        open_page(staff, *one)
    with CaptureQueriesContext(connection) as for_many:
        open_page(staff, *many)

    # then
    assert len(for_one) == len(for_many)


def test_copy_page__query_count_of_the_submit_is_constant(staff: Client) -> None:
    """Queries: session, user, permissions, lock, log; orders and plan; one INSERT per table."""
    # given
    two, many = [placed_order(), placed_order()], [placed_order() for _ in range(8)]
    forms = [
        previewed(staff, page_of(*orders)) | {"_copy": "1", "request_key": str(uuid4())}
        for orders in (two, many)
    ]

    # when
    with CaptureQueriesContext(connection) as for_two:
        staff.post(page_of(*two), forms[0])
    with CaptureQueriesContext(connection) as for_many:
        staff.post(page_of(*many), forms[1])

    # then
    assert len(for_two) == len(for_many)
    assert OrderCopy.objects.count() == 10


# Confirmation of what is charged and voided


def test_copy_page__placing_is_confirmed_with_count_and_sum(staff: Client) -> None:
    # given
    orders = [placed_order(), placed_order()]
    url = page_of(*orders)
    form = {"place_target_order": "on", "cancel_source_order": "on", "reuse_wallet": "on"}
    form |= previewed(staff, url, **form) | {"_copy": "1", "request_key": str(uuid4())}
    due = sum(order.total_amount_with_taxes_cents for order in orders)

    # when
    asked = staff.post(url, form)
    copies = OrderCopy.objects.count()
    yes = dict(asked.context["submitted"]) | {"_copy": "1", "_confirmed": "1"}
    confirmed = staff.post(url, yes, follow=True)

    # then
    amount = f"{due / 100:,.2f}\xa0EUR"
    assert asked.context["consequences"].sentences == [
        f"2 copies will be placed, which authorizes {amount} in all.",
        f"2 originals will be cancelled, which voids their payments ({amount}).",
    ]
    assert copies == 0
    assert messages_of(confirmed) == ["2 copies were requested."]


def test_copy_page__changed_order_is_previewed_again_after_the_confirmation(
    staff: Client,
) -> None:
    # given
    order = placed_order()
    url = page_of(order)
    form = {"place_target_order": "on", "reuse_wallet": "on"}
    form |= previewed(staff, url, **form) | {"_copy": "1", "request_key": str(uuid4())}
    asked = staff.post(url, form)
    order.line_items.filter(item_type="skus").update(quantity=7)

    # when
    yes = dict(asked.context["submitted"]) | {"_copy": "1", "_confirmed": "1"}
    response = staff.post(url, yes)

    # then
    assert "changed or copied since this preview" in response.content.decode()
    assert OrderCopy.objects.count() == 0


def test_copy_page__drafts_need_no_confirmation(staff: Client) -> None:
    # given
    url = page_of(placed_order())
    form = previewed(staff, url) | {"_copy": "1", "request_key": str(uuid4())}

    # when
    page = staff.get(url, follow=True)
    response = staff.post(url, form, follow=True)

    # then
    assert "Copies are not placed, and nothing is charged." in page.content.decode()
    assert messages_of(response) == ["1 copy was requested."]
