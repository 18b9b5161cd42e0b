"""Story: staff select orders in the admin, preview their copies, and request them."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import F
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse

from order_copies.admin import CopyOrdersMixin
from order_copies.admin.permissions import TOGGLES
from order_copies.events.models import Event
from order_copies.models import OPTIONS, BatchDraft, OrderCopy, OrderFactory, Status
from orders.models import Order, Sku
from tests.factories import (
    CouponFactory,
    SkuFactory,
    draft_order,
    placed_order,
)
from tests.factories import OrderFactory as BareOrderFactory
from tests.forms import copy_form, ticks_of
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


class ChangingOrderAdmin(CopyOrdersMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """An order admin during whose checks of permissions another tab changes the draft."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        BatchDraft.objects.update(version=F("version") + 1)
        return True


sites = {name: admin.AdminSite(name=name) for name in ("guests", "deleting", "changing")}
sites["guests"].register(Order, GuestOrderAdmin)
sites["deleting"].register(Order, DeletingOrderAdmin)
sites["changing"].register(Order, ChangingOrderAdmin)
urlpatterns = [path("admin/", admin.site.urls)]
urlpatterns += [path(f"{name}/", site.urls) for name, site in sites.items()]

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


def staff_with(*permissions: str, name: str = "sam") -> Client:
    user = User.objects.create_user(name, "sam@example.com", is_staff=True)
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
    """Return the address that opens a new copy page of these orders."""
    return f"{COPY}?ids={','.join(str(order.pk) for order in orders)}"


def open_page(client: Client, *orders: Order) -> Any:
    """Open the copy page of these orders; follow its redirect to the address of the draft."""
    return client.get(page_of(*orders), follow=True)


def preview(client: Client, *orders: Order, **options: str) -> Any:
    """Open the copy page of these orders, and preview it with these options."""
    address, form = copy_form(client, page_of(*orders), **options)
    return client.post(address, form | {"_preview": "1"}, follow=True)


def submit(client: Client, url: str, **options: Any) -> Any:
    """Preview the copies, then submit the page and confirm it."""
    address, form = copy_form(client, url, **{"reuse_wallet": "on"} | options)
    response = client.post(address, form | {"_copy": "1"}, follow=True)
    if "confirm" not in str(response.templates and response.templates[0].name):
        return response
    confirmed = {"_copy": "1", "_confirmed": "1", "version": form["version"]}
    return client.post(address, confirmed, follow=True)


def previews(response: Any) -> list[Any]:
    return [row.preview for row in response.context["rows"]]


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
    batch = submit(staff, chosen["Location"], place_target_order="on", reference="Reorder 7")
    run_all()

    # then
    assert {preview.order.pk for preview in previews(page)} == {order.pk for order in orders}
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
    completing = preview(staff, order, skip_errors="on")

    # then
    [before], [after] = previews(failing), previews(completing)
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
    [refused] = previews(preview(staff, order, **toggles))
    [ignored] = previews(preview(staff, order, **toggles, ignore_invalid_coupon="on"))

    # then
    assert refused.source[1] == "Source: not cancelled"
    assert ignored.verdict == "Will complete"
    assert ignored.target[1] == "Target: created and placed"
    assert ignored.source[1] == "Source: cancelled"


def test_preview__order_that_cannot_be_placed_leaves_a_target(staff: Client) -> None:
    [found] = previews(preview(staff, draft_order(), place_target_order="on"))

    assert found.verdict == "Will fail and leave a target to repair by hand"
    assert found.target[1] == "Target: created, but not placed"


# Drafts: a page copies once, and what it shows


def test_draft__second_submit_of_a_page_copies_nothing(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()))

    # when
    first, second = (staff.post(address, form | {"_copy": "1"}, follow=True) for _ in range(2))

    # then
    assert OrderCopy.objects.count() == 1
    assert messages_of(second) == [
        "These copies had been requested already. Nothing was copied twice."
    ]
    assert second.redirect_chain == first.redirect_chain


def test_draft__another_page_copies_the_same_order_again(staff: Client) -> None:
    # given
    order = placed_order()

    # when
    submit(staff, page_of(order))
    submit(staff, page_of(order))

    # then
    assert OrderCopy.objects.count() == 2


@pytest.mark.parametrize("draft_id", ["x", "%20", "AAAAAAAAAA", "9" * 30])
def test_draft__unknown_redirects_to_the_orders(staff: Client, draft_id: str) -> None:
    # when
    response = staff.post(f"{COPY}{draft_id}/", {"_copy": "1"}, follow=True)

    # then
    assert response.redirect_chain == [(ORDERS, 302)]
    gone = "The selection does not exist any more: select the orders again."
    assert messages_of(response) == [gone]
    assert staff.get(f"{COPY}{draft_id}/progress/").status_code == 404


def test_draft__other_staff_may_not_see_it_but_superusers_may(
    staff: Client, admin_client: Client
) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()))
    User.objects.filter(username="sam").update(username="ann", email="ann@example.com")
    other = staff_with(*MAY_CHANGE, *MAY_COPY)

    # then
    assert [other.get(address).status_code, other.post(address, form).status_code] == [403, 403]
    assert staff_with("orders.view_order", name="eve").get(address).status_code == 403
    assert other.get(f"{address}progress/").status_code == 403
    assert admin_client.get(address).status_code == 200


def test_draft__expired_session_comes_back_to_the_filled_page(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()), skip_errors="on", reason="A storm")
    user = User.objects.get(username="sam")
    staff.logout()

    # when
    asked = staff.post(address, form | {"_copy": "1"})
    staff.force_login(user)
    page = staff.get(asked["Location"].partition("?next=")[2])

    # then
    assert page.context["form"]["skip_errors"].value() is True
    assert 'value="A storm"' in page.content.decode()
    assert OrderCopy.objects.count() == 0


def test_copy_page__malformed_toggles_and_references_are_form_errors(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()))
    forged = {"reference": "x" * 300, "reference_origin": "\0", "place_target_order": "\0"}

    # when
    response = staff.post(address, form | forged | {"_copy": "1"})

    # then
    assert set(response.context["form"].errors) == {"reference", "reference_origin"}
    assert "Please correct the errors below." in response.content.decode()
    assert OrderFactory.objects.count() == 0


@pytest.mark.parametrize(
    "forged",
    [
        {"shown": ["\0", "-1", "9" * 30, "x", "²"], "ticked": ["\0", "9" * 30]},
        {"version": "x" * 100},
        {"version": "9" * 30},
        {"version": ""},
        {"_show": "\0", "_page": "\0"},
        {"_tick": "\0"},
        {"_confirmed": "1"},
    ],
    ids=str,
)
def test_copy_page__forged_fields_copy_nothing(staff: Client, forged: dict[str, Any]) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()))
    form = {"_copy": "1", "version": "0"} | form | {"version": "7"} | forged

    # when
    response = staff.post(f"{address}?show=x&p=x", form, follow=True)

    # then
    assert response.status_code == 200
    assert OrderFactory.objects.count() == 0


OPTIONS_CHANGED = (
    "The options have changed since this preview. "
    "Nothing was copied. Check the updated preview, then copy."
)
TICKS_CHANGED = (
    "The ticks have changed since this preview. "
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
    address, form = copy_form(staff, page_of(placed_order()))

    # when
    response = staff.post(address, form | {"_copy": "1", option: "on"})

    # then
    assert response.context["stale"] == OPTIONS_CHANGED
    assert OPTIONS_CHANGED in response.content.decode()
    assert response.context["form"][option].value() is True
    assert OrderFactory.objects.count() == 0


def test_copy_page__submit_of_the_updated_preview_copies(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()))
    form |= {"cancel_source_order": "on", "_copy": "1"}
    bounced = staff.post(address, form)

    # when
    form |= ticks_of(bounced)
    asked = staff.post(address, form)
    confirmed = {"_copy": "1", "_confirmed": "1", "version": form["version"]}
    response = staff.post(address, confirmed, follow=True)

    # then
    assert asked.context["overview"].consequences.cancelled == 1
    assert messages_of(response) == ["1 copy was requested."]
    assert OrderCopy.objects.get().cancel_source_order


def test_copy_page__options_changed_in_another_tab_copy_nothing(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()))
    staff.post(address, form | {"cancel_source_order": "on"})

    # when
    response = staff.post(address, form | {"_copy": "1"})

    # then
    assert response.context["stale"] == OPTIONS_CHANGED
    assert OrderFactory.objects.count() == 0


def test_copy_page__order_that_changed_since_the_preview_is_not_copied(staff: Client) -> None:
    # given
    sku = SkuFactory()
    order = placed_order(lines=[{"sku": sku}, {}])
    address, form = copy_form(staff, page_of(order), skip_errors="on")
    Sku.objects.filter(pk=sku.pk).update(on_sale=False)

    # when
    response = staff.post(address, form | {"_copy": "1"})

    # then
    assert response.context["stale"] == ORDERS_CHANGED
    assert OrderFactory.objects.count() == 0


def test_copy_page__order_that_was_copied_since_the_preview_is_not_copied_again(
    staff: Client,
) -> None:
    # given
    order = placed_order()
    address, form = copy_form(staff, page_of(order))
    submit(staff, page_of(order))

    # when
    response = staff.post(address, form | {"_copy": "1"})

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


@pytest.mark.parametrize("method", ["get", "post"])
def test_copy_page__opened_again_after_its_submit_shows_the_copies(
    staff: Client, method: str
) -> None:
    # given
    orders = [placed_order(), placed_order()]
    address, form = copy_form(staff, page_of(*orders), reuse_wallet="on")
    batch = staff.post(address, form | {"_copy": "1"}, follow=True)

    # when
    response = getattr(staff, method)(address, {} if method == "get" else form)
    again = staff.post(address, {"_again": "1"}, follow=True)

    # then
    page = response.content.decode()
    assert "These 2 orders were copied from this page already." in page
    assert f'<a href="{batch.redirect_chain[-1][0]}">See the 2 copies</a>' in page
    assert "_copy" not in page
    assert again.redirect_chain[-1][0] != address
    assert {preview.order for preview in previews(again)} == set(orders)


def test_copy_page__copied_already_links_no_copies_for_staff_who_may_not_view_them() -> None:
    # given
    client = staff_with(*set(MAY_COPY) - {"order_copies.view_ordercopy"})
    address, form = copy_form(client, page_of(placed_order()))
    client.post(address, form | {"_copy": "1"})

    # when
    response = client.get(address)

    # then
    assert "This order was copied from this page already." in response.content.decode()
    assert "See the copy" not in response.content.decode()


@pytest.mark.urls(__name__)
def test_copy_page__order_that_is_deleted_during_the_preview_is_no_error(staff: Client) -> None:
    # given
    url = page_of(BareOrderFactory()).replace("/admin/", "/deleting/")

    # when
    address = staff.get(url)["Location"]
    staff.get(address)
    response = staff.get(address)

    # then
    assert "No order is selected: those that were are deleted" in response.content.decode()


def test_copy_page__deleted_order_is_left_out_with_a_message(staff: Client) -> None:
    # given
    gone, order = BareOrderFactory(), placed_order()
    address, form = copy_form(staff, page_of(gone, order))
    Order.objects.filter(pk=gone.pk).delete()

    # when
    bounced = staff.post(address, form | {"_copy": "1"})
    page = staff.post(address, form | {"_copy": "1"} | ticks_of(bounced), follow=True)

    # then
    assert messages_of(bounced) == ["1 order was not found and is left out."]
    assert bounced.context["stale"] == ORDERS_CHANGED
    assert 'value="Copy 1 order"' in bounced.content.decode()
    assert messages_of(page)[-1] == "1 copy was requested."


def test_copy_page__draft_without_orders_says_so(staff: Client) -> None:
    # given
    order = BareOrderFactory()
    address, form = copy_form(staff, page_of(order))
    Order.objects.filter(pk=order.pk).delete()

    # when
    response = staff.post(address, form | {"_copy": "1"})

    # then
    assert "No order is selected" in response.content.decode()
    assert "_copy" not in response.content.decode()


# Ticks, filters and pages


def test_ticks__order_that_fails_is_left_out_until_it_is_ticked(staff: Client) -> None:
    # given
    sku = SkuFactory()
    failing, other = placed_order(lines=[{"sku": sku}, {}]), placed_order()
    Sku.objects.filter(pk=sku.pk).update(on_sale=False)
    address, form = copy_form(staff, page_of(other, failing))

    # when
    page = staff.get(address)
    ticked = staff.post(address, form | {"ticked": form["shown"]}, follow=True)
    allowed = staff.post(address, {"skip_errors": "on"} | form | {"_preview": ""}, follow=True)

    # then
    assert [preview.order for preview in previews(page)] == [failing, other]
    assert 'value="Copy 1 order"' in page.content.decode()
    assert "1 left out" in page.content.decode()
    assert 'value="Copy 2 orders"' in ticked.content.decode()
    assert allowed.context["overview"].cannot == 0


def test_ticks__that_were_not_previewed_copy_nothing(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order(), placed_order()))

    # when
    bounced = staff.post(address, form | {"_copy": "1", "ticked": form["ticked"][:1]})
    copied = staff.post(address, form | {"_copy": "1"} | ticks_of(bounced), follow=True)

    # then
    assert bounced.context["stale"] == TICKS_CHANGED
    assert messages_of(copied) == ["1 copy was requested."]


def test_ticks__none_is_an_error(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()))
    staff.post(address, form | {"_tick": "none"})
    page = staff.get(address)

    # when
    response = staff.post(address, {"_copy": "1"} | ticks_of(page))

    # then
    assert response.context["error"] == "Tick the orders to copy."
    assert OrderFactory.objects.count() == 0


def test_ticks__buttons_tick_the_orders_that_the_filter_shows(staff: Client) -> None:
    # given
    copied_before, other = placed_order(), placed_order()
    submit(staff, page_of(copied_before))
    address, form = copy_form(staff, page_of(copied_before, other))

    # when
    before = staff.post(address, form | {"_show": "before"}, follow=True)
    staff.post(f"{address}?show=before", form | ticks_of(before) | {"_tick": "none"})
    page = staff.get(address)
    reset = staff.post(address, ticks_of(page) | {"_tick": "complete"}, follow=True)

    # then
    assert before.redirect_chain == [(f"{address}?show=before", 302)]
    assert [preview.order for preview in previews(before)] == [copied_before]
    assert {row.preview.order: row.selected.is_ticked for row in page.context["rows"]} == {
        copied_before: False,
        other: True,
    }
    assert (page.context["overview"].ticked, reset.context["overview"].ticked) == (1, 2)


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
    client = staff_with(*MAY_COPY)
    address, form = copy_form(client, page_of(placed_order()))

    # when
    response = client.post(address, form | {button: "1", option: "on"})

    # then
    why = "You do not have permission to change these orders."
    label = response.context["form"].Meta.labels[option]
    assert response.context["form"].non_field_errors() == [f"{label}: {why}"]
    assert why in response.content.decode()
    [found] = previews(response)
    assert found.target[1] == "Target: created, not placed"
    assert OrderFactory.objects.count() == 0


@pytest.mark.urls(__name__)
def test_permissions__one_order_without_change_permission_refuses_placing(staff: Client) -> None:
    # given
    free, locked = (placed_order(customer=None, number=number) for number in ("free", "locked"))
    urls = [page_of(*orders).replace("/admin/", "/guests/") for orders in ([free], [free, locked])]

    # when
    alone, together = (submit(staff, url, cancel_source_order="on") for url in urls)

    # then
    assert messages_of(alone) == ["1 copy was requested."]
    [error] = together.context["form"].non_field_errors()
    assert error.endswith("You do not have permission to change these orders.")
    assert OrderCopy.objects.get().source_order == free


@pytest.mark.urls(__name__)
def test_copy_page__order_that_is_deleted_during_the_submit_is_not_copied(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(BareOrderFactory()), cancel_source_order="on")

    # when
    url = address.replace("/admin/", "/deleting/")
    confirmed = {"_copy": "1", "_confirmed": "1", "version": form["version"]}
    response = staff.post(url, confirmed, follow=True)

    # then
    assert "A source order was deleted in the meantime: nothing was copied." in messages_of(
        response
    )
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
    page = staff.get(f"{page_of(order)},garbage,{order.pk + 1}", follow=True)

    # then
    assert messages_of(page) == ["2 orders were not found and are left out."]
    assert [preview.order for preview in previews(page)] == [order]


def test_ids__very_long_list_is_truncated(staff: Client) -> None:
    # given
    order = placed_order()
    many = ",".join(map(str, range(10_000, 30_000)))

    # when
    response = staff.get(f"{page_of(order)},{many}", follow=True)

    # then
    assert [preview.order for preview in previews(response)] == [order]


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
        (label.capitalize(), cell) for label, cell in previews(page)[0].cells
    ]
    assert "/admin/orders/" not in page.content.decode()
    assert OrderCopy.objects.get().source_order == seen
    assert response.redirect_chain == [("/guests/orders/order/", 302)]
    assert messages_of(page) == ["2 orders were not found and are left out."]


@pytest.mark.urls(__name__)
def test_custom_site__action_leaves_out_orders_that_may_not_be_viewed(staff: Client) -> None:
    # given
    seen, secret = (placed_order(customer=None, number=number) for number in ("seen", "secret"))

    # when
    action = {"action": "copy_selected_orders", "_selected_action": [seen.pk, secret.pk]}
    page = staff.post("/guests/orders/order/", action, follow=True)

    # then
    assert [preview.order for preview in previews(page)] == [seen]


@pytest.mark.urls(__name__)
def test_draft__that_changes_during_the_submit_is_not_started(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()), cancel_source_order="on")

    # when
    confirmed = {"_copy": "1", "_confirmed": "1", "version": form["version"]}
    response = staff.post(address.replace("/admin/", "/changing/"), confirmed)

    # then
    changed = "The draft has changed since the page was shown: nothing was copied."
    assert response.context["stale"].startswith(changed)
    assert OrderFactory.objects.count() == 0


def test_summary__orders_without_dates_have_no_oldest(staff: Client) -> None:
    assert open_page(staff, draft_order(), draft_order()).context["facts"] == ["2 draft"]


def test_preview__query_count_is_constant(staff: Client) -> None:
    """Queries: session, user, permissions; the orders; the snapshot of the plan."""
    # given
    two, many = [placed_order(), placed_order()], [placed_order(lines=6) for _ in range(8)]
    open_page(staff, *two)

    # when
    with CaptureQueriesContext(connection) as for_two:
        open_page(staff, *two)
    with CaptureQueriesContext(connection) as for_many:
        open_page(staff, *many)

    # then
    assert len(for_two) == len(for_many)


def test_copy_page__query_count_of_the_submit_is_constant(staff: Client) -> None:
    """Queries: session, user, permissions, lock, log; orders and plan; one INSERT per table."""
    # given
    two, many = [placed_order(), placed_order()], [placed_order() for _ in range(8)]
    forms = [copy_form(staff, page_of(*orders)) for orders in (two, many)]

    # when
    counts = []
    for address, form in forms:
        with CaptureQueriesContext(connection) as captured:
            staff.post(address, form | {"_copy": "1"})
        counts.append(len(captured))

    # then
    assert counts[0] == counts[1]
    assert OrderCopy.objects.count() == 10


# Confirmation of what is charged and voided


def test_copy_page__placing_is_confirmed_with_count_and_sum(staff: Client) -> None:
    # given
    orders = [placed_order(), placed_order()]
    options = {"place_target_order": "on", "cancel_source_order": "on", "reuse_wallet": "on"}
    address, form = copy_form(staff, page_of(*orders), **options)
    due = sum(order.total_amount_with_taxes_cents for order in orders)

    # when
    asked = staff.post(address, form | {"_copy": "1"})
    copies = OrderCopy.objects.count()
    yes = {"version": form["version"], "_copy": "1", "_confirmed": "1"}
    confirmed = staff.post(address, yes, follow=True)

    # then
    amount = f"{due / 100:,.2f}\xa0EUR"
    assert asked.context["overview"].consequences.sentences == [
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
    options = {"place_target_order": "on", "reuse_wallet": "on"}
    address, form = copy_form(staff, page_of(order), **options)
    staff.post(address, form | {"_copy": "1"})
    order.line_items.filter(item_type="skus").update(quantity=7)

    # when
    yes = {"version": form["version"], "_copy": "1", "_confirmed": "1"}
    response = staff.post(address, yes)

    # then
    assert response.context["stale"] == ORDERS_CHANGED
    assert OrderCopy.objects.count() == 0


def test_copy_page__drafts_need_no_confirmation(staff: Client) -> None:
    # given
    address, form = copy_form(staff, page_of(placed_order()))

    # when
    page = staff.get(address)
    response = staff.post(address, form | {"_copy": "1"}, follow=True)

    # then
    assert "Copies are not placed, and nothing is charged." in page.content.decode()
    assert messages_of(response) == ["1 copy was requested."]
