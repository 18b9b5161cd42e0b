"""System checks of the order model and the shop class."""

import pytest
from django.conf import LazySettings

from order_copies.shops import CopiedModel, Shop
from orders.copying.shop import ReferenceShop
from orders.models import Coupon
from tests.order_copies.checks.results import ids, results_of_checks


class UnfinishedShop(Shop):
    """A shop that defines nothing."""


class UndeclaredFieldsShop(ReferenceShop):
    """A shop that declares one field of its coupons, and one that does not exist."""

    copied_models = [CopiedModel(Coupon, copied=("code", "colour"))]


@pytest.mark.parametrize("model", ["", "orders", "orders.Nothing", "nowhere.Order"])
def test_order_model__unknown_model_is_an_error(settings: LazySettings, model: str) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ORDER_MODEL": model}

    # when, then
    assert "order_copies.E001" in ids()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("", 'Set ORDER_COPIES["SHOP"] in your settings'),
        ("orders.nowhere.Shop", "No module named"),
        ("orders.models.Order", "is not a subclass of order_copies.shops.Shop"),
        ("orders.lifecycle.gateways.get_gateway", "is not a subclass of order_copies.shops.Shop"),
        (f"{__name__}.UnfinishedShop", "does not define orders_for, plan, write"),
    ],
)
def test_shop__unusable_class_is_an_error(
    settings: LazySettings, path: str, complaint: str
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}

    # when
    [(id_, message)] = results_of_checks()

    # then
    assert id_ == "order_copies.E002"
    assert complaint in message


def test_copied_models__undeclared_and_unknown_fields_are_errors(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.UndeclaredFieldsShop"}

    # when
    messages = results_of_checks()

    # then
    assert ("order_copies.E004", "orders.Coupon.usage_limit is not declared.") in messages
    assert (
        "order_copies.E004",
        "orders.Coupon.colour is declared, but orders.Coupon has no such field.",
    ) in messages


@pytest.mark.parametrize("path", [".", ".x", "..x.Shop"])
def test_shop__malformed_path_is_an_error(settings: LazySettings, path: str) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}

    # when, then
    assert ids() == ["order_copies.E002"]
