"""The copy page of one order: lines, quantities, SKUs, customer and addresses; and profiles."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from order_copies import public_ids
from order_copies.admin import changes as admin_changes
from order_copies.models import BatchDraft, CopyProfile, OrderCopy
from orders.models import LineItem, Order
from tests.api import staff
from tests.factories import CustomerFactory, SkuFactory, draft_order, placed_order
from tests.forms import ticks_of
from tests.stories import run_all

pytestmark = pytest.mark.django_db

COPY = reverse("admin:orders_order_copy")


def opened(client: Client, *orders: Order) -> str:
    """Open the copy page of these orders; return its address."""
    return str(client.get(f"{COPY}?ids={','.join(str(one.pk) for one in orders)}")["Location"])


def goods_of(order: Order) -> list[LineItem]:
    return list(order.line_items.filter(item_type="skus").order_by("pk"))


def form_for(order: Order, **values: Any) -> dict[str, Any]:
    """Return the form as a browser sends it unchanged, but with these values; None: unticked."""
    data: dict[str, Any] = {"has_changes": "1", "reuse_wallet": "on"}
    for line in goods_of(order):
        key = public_ids.encode("line_items", line.pk)
        data |= {f"line-{key}": "on", f"quantity-{key}": str(line.quantity), f"sku-{key}": ""}
    data |= values
    return {name: value for name, value in data.items() if value is not None}


def field(prefix: str, line: LineItem) -> str:
    return f"{prefix}-{public_ids.encode('line_items', line.pk)}"


def copied(client: Client, address: str, form: dict[str, Any]) -> OrderCopy:
    """Update the preview, copy, and run the copy."""
    client.post(address, form | {"_preview": "1"} | ticks_of(client.get(address)))
    page = client.get(address)
    client.post(address, form | {"_copy": "1"} | ticks_of(page), follow=True)
    run_all()
    one: OrderCopy = OrderCopy.objects.get()
    return one


def test_lines__are_left_out_and_take_other_quantities(admin_client: Client) -> None:
    # given
    order = placed_order(lines=2)
    first, second = goods_of(order)
    form = form_for(order, **{field("line", first): None, field("quantity", second): "3"})

    # when
    one = copied(admin_client, opened(admin_client, order), form)

    # then
    assert one.status == "completed"
    [line] = goods_of(one.target_order)
    assert (line.sku_code, line.quantity) == (second.sku_code, 3)
    assert line.unit_amount_cents == second.unit_amount_cents


def test_unchanged_form__makes_an_unchanged_copy(admin_client: Client) -> None:
    # given
    order = placed_order(lines=2)

    # when
    one = copied(admin_client, opened(admin_client, order), form_for(order))

    # then
    assert (one.status, one.changes) == ("completed", None)


def test_customer_sku_and_address__are_replaced(admin_client: Client) -> None:
    # given
    order, sku, other = draft_order(lines=1), SkuFactory(), CustomerFactory()
    [line] = goods_of(order)
    address = {"line_1": "Via Roma 1", "city": "Roma", "country_code": "IT"}
    form = form_for(order, customer_email=other.email, **{field("sku", line): sku.code}) | {
        f"shipping_address-{name}": value for name, value in address.items()
    }

    # when
    one = copied(admin_client, opened(admin_client, order), form)

    # then
    assert one.status == "completed"
    assert one.target_order.customer == other
    assert [line.sku_code for line in goods_of(one.target_order)] == [sku.code]
    assert one.target_order.addresses.get(role="shipping").line_1 == "Via Roma 1"


def test_changes__after_the_preview_bring_the_page_back(admin_client: Client) -> None:
    # given
    order = placed_order(lines=2)
    address = opened(admin_client, order)
    form = form_for(order, **{field("quantity", goods_of(order)[0]): "5"}) | {"_copy": "1"}

    # when
    page = admin_client.post(address, form | ticks_of(admin_client.get(address)))

    # then
    assert "The options have changed since this preview." in page.content.decode()
    assert not OrderCopy.objects.exists()
    assert 'value="5"' in page.content.decode()


def test_quantities__that_no_copy_can_ask_for_may_stay_as_they_are(admin_client: Client) -> None:
    # given
    order = draft_order(lines=[{"quantity": 0}, {"quantity": 2_000_000}, {}])
    empty, huge, _other = goods_of(order)
    address = opened(admin_client, order)
    changed = {field("quantity", empty): "2", field("quantity", huge): "1999999"}

    # when
    unchanged = admin_client.post(address, form_for(order) | {"_preview": "1"})
    wrong = admin_client.post(address, form_for(order, **changed) | {"_preview": "1"})

    # then
    assert unchanged.status_code == 302
    assert BatchDraft.objects.get().changes is None
    assert list(wrong.context["changes"].errors) == [field("quantity", huge)]


def test_start__of_changes_that_are_impossible_by_now_is_a_message(admin_client: Client) -> None:
    # given
    order, other = draft_order(lines=1), CustomerFactory()
    address = opened(admin_client, order)
    admin_client.post(address, form_for(order, customer_email=other.email) | {"_preview": "1"})
    other.delete()
    page = admin_client.get(address)
    [key] = ticks_of(page)["shown"]

    # when
    tick = {"shown": key, "ticked": key, "reuse_wallet": "on"}
    admin_client.post(address, tick | {"_preview": "1"})
    form = {"_copy": "1"} | tick | {"version": ticks_of(admin_client.get(address))["version"]}
    answer = admin_client.post(address, form, follow=True)

    # then
    assert "is the email of no customer" in answer.content.decode()
    assert not OrderCopy.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quantity", "0"),
        ("quantity", "-1"),
        ("quantity", "9" * 30),
        ("quantity", "two"),
        ("sku", "no such sku"),
        ("sku", "x" * 256),
    ],
)
def test_bad_line__is_an_error_at_its_field(admin_client: Client, name: str, value: str) -> None:
    # given
    order = placed_order(lines=1)
    address = opened(admin_client, order)
    wrong = field(name, goods_of(order)[0])

    # when
    page = admin_client.post(address, form_for(order, **{wrong: value}) | {"_preview": "1"})

    # then
    assert list(page.context["changes"].errors) == [wrong]
    assert BatchDraft.objects.get().changes is None


def test_bad_values__of_the_whole_form_are_errors(admin_client: Client) -> None:
    # given
    order = placed_order(lines=1)
    address = opened(admin_client, order)
    nothing = form_for(order, **{field("line", goods_of(order)[0]): None})
    others = form_for(order, customer_email="nobody@example.com")
    others["billing_address-city"] = "Roma"

    # when
    pages = [admin_client.post(address, form | {"_preview": "1"}) for form in (nothing, others)]

    # then
    errors = [page.context["changes"].errors for page in pages]
    assert errors[0] == {"__all__": ["Tick the lines to copy: a copy needs at least one."]}
    assert {"billing_address-line_1", "billing_address-country_code"} <= errors[1].keys()
    assert BatchDraft.objects.get().changes is None


@pytest.mark.parametrize(
    ("permissions", "fields"),
    [
        ([], set()),
        (["change_lines_ordercopy"], {"line"}),
        (["change_customer_ordercopy"], {"customer_email", "shipping_address", "billing_address"}),
    ],
)
def test_permissions__fields_are_absent_without_theirs(
    client: Client, permissions: list[str], fields: set[str]
) -> None:
    # given
    client.force_login(staff("view_order", "add_ordercopy", *permissions))
    order = placed_order(lines=1)
    address = opened(client, order)

    # when
    shown = client.get(address).context["changes"]
    client.post(address, form_for(order, customer_email="a@example.com") | {"_preview": "1"})

    # then
    names = {name.partition("-")[0] for name in (shown.fields if shown else {})}
    assert names - {"has_changes", "quantity", "sku"} == fields
    if "customer_email" not in fields:
        assert BatchDraft.objects.get().changes is None


def test_changes__of_another_user_stay_where_this_one_may_not_make_them(
    client: Client, admin_client: Client
) -> None:
    # given
    client.force_login(staff("view_order", "add_ordercopy", "change_lines_ordercopy"))
    order, other = placed_order(lines=2), CustomerFactory()
    address = opened(client, order)
    admin_client.post(address, form_for(order, customer_email=other.email) | {"_preview": "1"})

    # when
    form = form_for(order, reuse_wallet=None, **{field("line", goods_of(order)[0]): None})
    client.post(address, form | {"_preview": "1"})
    refused = client.post(address, form | {"_copy": "1"} | ticks_of(client.get(address)))

    # then
    kept = BatchDraft.objects.get().changes
    assert kept is not None
    assert (kept["customer_email"], len(kept["line_items"])) == (other.email, 1)
    assert "You do not have permission" in refused.content.decode()
    assert not OrderCopy.objects.exists()


def test_forged_changes__of_several_orders_are_forbidden(admin_client: Client) -> None:
    # given
    orders = [placed_order(lines=1), placed_order(lines=1)]
    address = opened(admin_client, *orders)

    # then
    assert admin_client.get(address).context["changes"] is None
    assert admin_client.post(address, form_for(orders[0]) | {"_preview": "1"}).status_code == 403


def test_long_order__is_changed_over_the_api(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(admin_changes, "MAX_LINES", 1)

    # when
    page = admin_client.get(opened(admin_client, placed_order(lines=2)))

    # then
    assert page.context["changes"].lines == []
    assert "too many lines to change them here" in page.content.decode()


# Profiles


def test_default_profile__is_what_a_new_page_opens_with(admin_client: Client) -> None:
    # given
    toggles = {"skip_errors": True, "reuse_wallet": False}
    CopyProfile.objects.create(name="repair", is_default=True, **toggles)
    order = placed_order()

    # when
    address = opened(admin_client, order)
    page = admin_client.get(address)
    admin_client.post(address, {"skip_errors": "on", "_copy": "1"} | ticks_of(page))

    # then
    one = OrderCopy.objects.get()
    assert (one.profile, one.skip_errors, one.reuse_wallet) == ("repair", True, False)


def test_profile__sets_the_toggles_and_is_left_with_another_toggle(admin_client: Client) -> None:
    # given
    profile = CopyProfile.objects.create(name="today", apply_promotions=True)
    address = opened(admin_client, placed_order())

    # when
    admin_client.post(address, {"reuse_wallet": "on", "_profile": profile.pk, "reason": "why"})
    chosen = BatchDraft.objects.get()
    admin_client.post(address, {"apply_promotions": "on", "_preview": "1"})
    left = BatchDraft.objects.get()

    # then
    assert (chosen.profile, chosen.reason) == ("today", "why")
    assert chosen.options == ["reuse_wallet", "apply_promotions"]
    assert (left.profile, left.options) == ("", ["apply_promotions"])


def test_profile__that_the_user_may_not_use_is_not_offered_and_refused(client: Client) -> None:
    # given
    client.force_login(staff("view_order", "add_ordercopy"))
    profile = CopyProfile.objects.create(name="place", place_target_order=True)
    address = opened(client, placed_order())

    # when
    page = client.post(address, {"_profile": profile.pk}, follow=True)

    # then
    assert page.context["profiles"] == []
    assert "you may not use it" in page.content.decode()
    assert BatchDraft.objects.get().options == []
