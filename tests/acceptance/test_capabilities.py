"""Story: a shop declares what it can do, and every other toggle of a copy is refused."""

import io
import json
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from order_copies import copying
from order_copies.admin.order_copies import ToggleFilter
from order_copies.api.serializers import OrderCopySerializer
from order_copies.changes import CHANGES
from order_copies.exceptions import UnsupportedToggleError
from order_copies.jsonapi.openapi.document import openapi_document
from order_copies.management.commands.copy_order import Command
from order_copies.models import OPTIONS, OrderCopy, RecurringOrderCopy, Status
from order_copies.plans import CopyPlan
from order_copies.shops import Capability, Shop, unsupported_toggles
from orders.copying.shop import ReferenceShop
from orders.models import Order
from project import urls
from tests import stories
from tests.acceptance.shops import CopyingShop
from tests.api import API, errors_in, request_of, staff, the_error_in
from tests.factories import OrderCopyFactory, placed_order
from tests.forms import copy_form

pytestmark = pytest.mark.django_db

COPY = reverse("admin:orders_order_copy")
COPIES = reverse("admin:order_copies_ordercopy_changelist")
REASONS = {
    "place_target_order": "this shop cannot place orders",
    "cancel_source_order": "this shop cannot cancel orders",
    "reuse_wallet": "this shop has no wallet",
    "apply_promotions": "this shop has no promotions",
    "ignore_invalid_coupon": "this shop has no coupons",
}
#: The toggles that are off unless a client turns them on.
OFF_BY_DEFAULT = sorted(REASONS.keys() - {"reuse_wallet"})


class WalletShop(CopyingShop):
    """A shop that places orders, and has a wallet."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities | {Capability.WALLET}

    def place(self, runs: Any) -> Any:
        return [[] for _ in runs]


class SelectingShop(CopyingShop):
    """A shop that copies some of the lines, and replaces no articles."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities | {Capability.LINES}


class HastyShop(CopyingShop):
    """A shop that plans to place each target, although it cannot."""

    def plan(self, order_copies: Any) -> list[CopyPlan]:
        plans = super().plan(order_copies)
        for plan in plans:
            plan.place = True
        return plans


def install(settings: LazySettings, path: str) -> None:
    """Set the setting ``SHOP``. Serializers are compiled again, because the URLconf is new."""

    class URLs:
        urlpatterns = urls.urlpatterns

    settings.ROOT_URLCONF = URLs
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}


@pytest.fixture
def copying_shop(settings: LazySettings) -> None:
    install(settings, "tests.acceptance.shops.CopyingShop")


def values_of(order_copy: Any) -> dict[str, bool]:
    return {toggle: getattr(order_copy, toggle) for toggle in REASONS}


# The declaration


@pytest.mark.parametrize(
    ("shop", "capabilities"),
    [
        (ReferenceShop(), set(Capability)),
        (CopyingShop(), set()),
        (WalletShop(), {Capability.PLACE, Capability.WALLET}),
    ],
)
def test_capabilities__default_is_what_the_class_overrides(
    shop: Shop, capabilities: set[Capability]
) -> None:
    # then
    assert shop.capabilities == capabilities
    assert shop.unsupported == {
        one.toggle: REASONS[one.toggle] for one in set(Capability) - capabilities if one.toggle
    }
    assert list(shop.unsupported) == [name for name in REASONS if name in shop.unsupported]


def test_capabilities__stand_for_all_toggles_and_changes() -> None:
    # then
    toggles = {one.toggle for one in Capability} - {None}
    assert toggles == set(OPTIONS) - {"skip_errors"}
    assert {name for one in Capability for name in one.changes} == set(CHANGES)


@pytest.mark.parametrize("method", ["place", "cancel"])
def test_shop__steps_that_it_lacks_are_not_implemented(method: str) -> None:
    # when, then
    with pytest.raises(NotImplementedError):
        getattr(CopyingShop(), method)([])


@pytest.mark.parametrize("path", ["", "no.such.Shop", "orders.models.Order", ".."])
def test_unsupported_toggles__unusable_shop_is_left_to_the_checks(
    settings: LazySettings, path: str
) -> None:
    # given
    install(settings, path)

    # when, then
    assert unsupported_toggles() == {}
    assert all(toggle in json.dumps(openapi_document()) for toggle in REASONS)
    assert "--reuse-wallet" in help_of_copy_order()


# API


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
@pytest.mark.parametrize("toggle", REASONS)
def test_api__unsupported_toggle_is_refused(copying_shop: None, toggle: str, query: str) -> None:
    # given
    api, body = API(staff()), request_of(placed_order(), **{toggle: True})

    # when
    response = api.post(f"/order_copies{query}", body)

    # then
    assert errors_in(response) == [
        {
            "title": REASONS[toggle],
            "detail": f"{toggle} - {REASONS[toggle]}",
            "code": "VALIDATION_ERROR",
            "status": "422",
            "source": {"pointer": f"/data/attributes/{toggle}"},
            "meta": {"error": "unsupported"},
        }
    ]
    assert not OrderCopy.objects.exists()


def test_api__unsupported_changes_are_refused(copying_shop: None) -> None:
    # given
    order = placed_order()
    changes = {key: [{"id": "1"}] for key in CHANGES}

    # when
    response = API(staff()).post("/order_copies", request_of(order, **changes))
    selected = API(staff()).get("/order_copies?fields[order_copies]=line_items")

    # then
    found = {error["source"]["pointer"]: error["meta"] for error in errors_in(response)}
    unsupported = {"error": "unsupported"}
    assert found == {f"/data/attributes/{name}": unsupported for name in CHANGES}
    assert the_error_in(selected)[:2] == (400, "INVALID_FIELD")
    schemas = openapi_document()["components"]["schemas"]
    body = schemas["order_copies_new"]["properties"]["data"]["properties"]["attributes"]
    assert not body["properties"].keys() & set(CHANGES)


def test_copying__unsupported_changes_are_refused(settings: LazySettings) -> None:
    # given
    order = placed_order()
    line = {"id": order.line_items.all()[0].public_id}
    install(settings, f"{__name__}.SelectingShop")

    # when
    [plan] = copying.preview([order], line_items=[line])
    with pytest.raises(UnsupportedToggleError) as refused:
        copying.preview([order], line_items=[line | {"sku_code": "A"}])

    # then
    assert plan.will_complete
    assert refused.value.reasons == {"line_items": Capability.REPLACEMENTS.absence}


def test_api__each_unsupported_toggle_has_an_error(copying_shop: None) -> None:
    # given
    body = request_of(placed_order(), **dict.fromkeys(REASONS, True), skip_errors=True)

    # when
    errors = errors_in(API(staff()).post("/order_copies", body))

    # then
    assert [error["title"] for error in errors] == list(REASONS.values())


@pytest.mark.parametrize("toggles", [{}, dict.fromkeys(REASONS, False), dict.fromkeys(REASONS)])
def test_api__toggle_that_is_off_is_accepted_and_in_no_document(
    copying_shop: None, toggles: dict[str, Any]
) -> None:
    # given
    api = API(staff())

    # when
    response = api.post("/order_copies", request_of(placed_order(), **toggles))

    # then
    created = response.json()["data"]
    shown = api.get(f"/order_factories/{created['id']}").json()["data"]
    order_copy = OrderCopy.objects.get()
    assert response.status_code == 201
    assert values_of(order_copy) == dict.fromkeys(REASONS, False)
    assert created["attributes"].keys() & set(OPTIONS) == {"skip_errors"}
    assert not shown["attributes"].keys() & set(OPTIONS)


@pytest.mark.parametrize("resource", ["order_copies", "order_factories"])
def test_api__unsupported_toggle_cannot_be_selected(copying_shop: None, resource: str) -> None:
    # when
    response = API(staff()).get(f"/{resource}?fields[{resource}]=reuse_wallet")

    # then
    assert the_error_in(response)[:2] == (400, "INVALID_FIELD")


def test_api__unsupported_toggle_must_be_a_boolean(copying_shop: None) -> None:
    # given
    body = request_of(placed_order(), reuse_wallet="no")

    # when
    [error] = errors_in(API(staff()).post("/order_copies", body))

    # then
    assert (error["status"], error["meta"]) == ("422", {"error": "inclusion"})


def test_api__supported_toggles_are_as_before(settings: LazySettings) -> None:
    # given
    install(settings, f"{__name__}.WalletShop")
    api = API(staff())

    # when
    response = api.post("/order_copies", request_of(placed_order(), place_target_order=True))

    # then
    attributes = response.json()["data"]["attributes"]
    assert {name: attributes[name] for name in attributes.keys() & set(OPTIONS)} == {
        "place_target_order": True,
        "reuse_wallet": True,
        "skip_errors": False,
    }


def test_openapi__unsupported_toggles_are_absent(copying_shop: None) -> None:
    # given
    response = API(staff()).post("/order_copies", request_of(placed_order()))

    # when
    document = openapi_document()

    # then
    schemas = document["components"]["schemas"]
    body = schemas["order_copies_new"]["properties"]["data"]["properties"]["attributes"]
    # A subscription has place_target_order: it is true unless the shop cannot place.
    of_copies = [schemas[name] for name in schemas if name.startswith("order_copies")]
    assert not [toggle for toggle in REASONS if toggle in json.dumps(of_copies)]
    assert body["properties"].keys() & set(OPTIONS) == {"skip_errors"}
    created = response.json()["data"]["attributes"]
    described = schemas["order_copies"]["properties"]["attributes"]["properties"]
    assert created.keys() == described.keys() - {*OrderCopySerializer.Meta.on_request}


# Code


@pytest.mark.parametrize("toggle", OFF_BY_DEFAULT)
def test_copying__unsupported_toggle_is_refused(copying_shop: None, toggle: str) -> None:
    # given
    good = OrderCopy(source_order=placed_order())
    bad = OrderCopy(source_order=good.source_order, **{toggle: True})

    # when, then
    with pytest.raises(UnsupportedToggleError, match=f"^{toggle}: {REASONS[toggle]}$") as caught:
        copying.request_copies([good, bad], actor=stories.WHO)
    assert caught.value.reasons == {toggle: REASONS[toggle]}
    with pytest.raises(UnsupportedToggleError):
        copying.preview_copies([good, bad])
    assert not OrderCopy.objects.exists()


def test_copying__toggle_that_is_on_by_default_is_turned_off(copying_shop: None) -> None:
    # given
    shown, order_copy = (OrderCopy(source_order=placed_order()) for _ in range(2))
    recurring = RecurringOrderCopy(source_order=placed_order())

    # when
    [plan] = copying.preview_copies([shown])
    copying.request_copies([order_copy, recurring], actor=stories.WHO)

    # then
    assert plan.will_complete
    assert not shown.reuse_wallet
    assert not stories.fresh(order_copy).reuse_wallet
    assert not recurring.reuse_wallet


# Workers


def test_worker__shop_that_can_only_copy_completes_copies(copying_shop: None) -> None:
    # when
    order_copy = stories.copied(placed_order())

    # then
    assert order_copy.status == Status.COMPLETED
    assert stories.target_of(order_copy).status == "pending"


@pytest.mark.parametrize("toggle", OFF_BY_DEFAULT)
def test_worker__copy_from_before_the_capability_was_lost_fails(
    settings: LazySettings, toggle: str
) -> None:
    # given
    source = placed_order()
    order_copy = stories.requested(source, skip_errors=True, **{toggle: True})
    other = stories.requested(placed_order())
    before = stories.every_byte(source)
    install(settings, "tests.acceptance.shops.CopyingShop")

    # when
    stories.run_all()

    # then
    failed = stories.fresh(order_copy)
    assert (failed.status, failed.target_order) == (Status.FAILED, None)
    assert failed.errors_log == {toggle: [REASONS[toggle]]}
    assert stories.every_byte(source) == before
    assert stories.fresh(other).status == Status.COMPLETED


def test_worker__plan_of_a_step_that_the_shop_lacks_breaks_the_contract(
    settings: LazySettings,
) -> None:
    # given
    install(settings, f"{__name__}.HastyShop")

    # when
    order_copy = stories.copied(placed_order())

    # then
    message = "HastyShop.plan() plans a step that the shop cannot do."
    assert (order_copy.status, order_copy.errors_log) == (Status.FAILED, {"base": [message]})
    assert Order.objects.count() == 1


def test_retry__copy_that_can_only_fail_again_is_refused(settings: LazySettings) -> None:
    # given
    order_copy = stories.requested(placed_order(), cancel_source_order=True)
    copying.abort([order_copy], actor=stories.WHO)
    install(settings, "tests.acceptance.shops.CopyingShop")
    data = {"type": "order_copies", "id": order_copy.public_id, "attributes": {"_retry": True}}

    # when
    response = API(staff()).send("PATCH", f"/order_copies/{order_copy.public_id}", {"data": data})

    # then
    [error] = errors_in(response)
    assert error["status"] == "422"
    assert error["detail"] == "_retry - this shop cannot cancel orders"
    assert stories.fresh(order_copy).status == Status.ABORTED


# Admin


def test_admin__copy_page_has_no_unsupported_options(
    copying_shop: None, admin_client: Client
) -> None:
    # given
    url = f"{COPY}?ids={placed_order().pk}"

    # when
    page = admin_client.get(url, follow=True)
    address, form = copy_form(admin_client, url)
    admin_client.post(address, form | {"_copy": "1"})

    # then
    fields = page.context["form"].fields
    assert fields.keys() & set(OPTIONS) == {"skip_errors"}
    assert not [toggle for toggle in REASONS if toggle in page.text]
    assert values_of(OrderCopy.objects.get()) == dict.fromkeys(REASONS, False)


@pytest.mark.parametrize("toggle", REASONS)
def test_admin__forged_option_is_refused(
    copying_shop: None, admin_client: Client, toggle: str
) -> None:
    # given
    url, forged = f"{COPY}?ids={placed_order().pk}", {toggle: "on"}
    address, form = copy_form(admin_client, url, **forged)

    # when
    page = admin_client.post(address, form | {"_copy": "1"})

    # then
    reason = REASONS[toggle]
    assert page.context["form"].non_field_errors() == [f"{reason[0].upper()}{reason[1:]}."]
    assert f"{reason[1:]}." in page.text
    assert not OrderCopy.objects.exists()


def test_admin__option_that_may_not_be_used_is_absent_if_the_shop_lacks_it(
    copying_shop: None, client: Client
) -> None:
    # given
    client.force_login(staff("view_order", "add_ordercopy"))

    # when
    page = client.get(f"{COPY}?ids={placed_order().pk}", follow=True)

    # then
    assert "place_target_order" not in page.context["form"].fields


def test_admin__page_of_a_copy_shows_options_that_the_shop_has_or_that_are_on(
    copying_shop: None, admin_client: Client
) -> None:
    # given
    new = OrderCopyFactory(reuse_wallet=False)
    old = OrderCopyFactory(reuse_wallet=False, place_target_order=True)

    # when
    pages = [
        admin_client.get(reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk]))
        for order_copy in (new, old)
    ]

    # then
    shown = [[str(name) for name, *_ in page.context["detail"].toggles] for page in pages]
    assert shown == [["skip errors"], ["place target order", "skip errors"]]


def test_admin__unsupported_options_are_no_filters(
    copying_shop: None, admin_client: Client
) -> None:
    # given
    order_copies = [OrderCopyFactory(reuse_wallet=False), OrderCopyFactory()]

    # when
    page = admin_client.get(COPIES, {"toggle": "reuse_wallet"})

    # then
    changes = page.context["cl"]
    [toggle_filter] = [it for it in changes.filter_specs if isinstance(it, ToggleFilter)]
    assert toggle_filter.lookup_choices == [("skip_errors", "skip errors")]
    assert set(changes.result_list) == set(order_copies)


# Command


def help_of_copy_order() -> str:
    return Command().create_parser("manage.py", "copy_order").format_help()


def test_copy_order__help_has_no_unsupported_options(copying_shop: None) -> None:
    # when
    text = help_of_copy_order()

    # then
    assert "--skip-errors" in text
    assert not [toggle for toggle in REASONS if toggle.replace("_", "-") in text]


@pytest.mark.parametrize("toggle", REASONS)
def test_copy_order__unsupported_option_is_unknown(copying_shop: None, toggle: str) -> None:
    # given
    words = [placed_order().public_id, f"--{toggle.replace('_', '-')}"]

    # when, then
    with pytest.raises(CommandError, match="unrecognized arguments"):
        call_command("copy_order", *words)


def test_copy_order__previews_and_requests_without_unsupported_options(copying_shop: None) -> None:
    # given
    order, out = placed_order(), io.StringIO()

    # when
    call_command("copy_order", order.public_id, "--dry-run", stdout=out)
    call_command("copy_order", order.public_id, stdout=out)

    # then
    assert "the copy would complete" in out.getvalue()
    assert values_of(OrderCopy.objects.get()) == dict.fromkeys(REASONS, False)
