"""System checks of the shop class and its declarations."""

import pytest
from django.conf import LazySettings

from order_copies.checks.shop import check_shop
from order_copies.shops import CopiedModel, Shop
from orders.copying.shop import ReferenceShop
from orders.models import Coupon
from tests.order_copies.checks.results import ids, results_of_checks


class UnfinishedShop(Shop):
    """A shop that defines nothing."""


class ShopWithArguments(ReferenceShop):
    """A shop that the app cannot create."""

    def __init__(self, warehouse: str) -> None:
        self.warehouse = warehouse


class ShopWithNames(ReferenceShop):
    """A shop that declares names in place of models."""

    copied_models = ["orders.Coupon"]  # type: ignore[list-item]


class ShopWithNameOfModel(ReferenceShop):
    """A shop that declares the name of a model in place of the model."""

    copied_models = [CopiedModel("orders.Coupon")]  # type: ignore[arg-type]


class UndeclaredFieldsShop(ReferenceShop):
    """A shop that declares one field of its coupons, and one that does not exist."""

    copied_models = [CopiedModel(Coupon, copied=("code", "colour"))]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("", 'ORDER_COPIES["SHOP"] is missing, or is not a string.'),
        ("MyShop", 'ORDER_COPIES["SHOP"] is "MyShop".'),
        ("nowhere.copies.MyShop", "There is no module nowhere."),
        ("orders.nowhere.Shop", "There is no module orders.nowhere."),
        ("orders.copying.shop.Nothing", "The module orders.copying.shop has no class Nothing."),
        (
            "tests.order_copies.checks.unimportable.MyShop",
            "cannot be imported: ModuleNotFoundError: No module named 'warehouse_client'",
        ),
        ("orders.models.Order", "is not a subclass of order_copies.shops.Shop"),
        ("orders.lifecycle.gateways.get_gateway", "is not a subclass of order_copies.shops.Shop"),
        (f"{__name__}.UnfinishedShop", "does not define orders_for, plan, write"),
        (f"{__name__}.ShopWithArguments", "ShopWithArguments().copied_models fails: TypeError"),
        (f"{__name__}.ShopWithNames", "ShopWithNames.copied_models is no list of CopiedModel."),
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


def test_copied_models__unreadable_declarations_are_one_error(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.ShopWithNameOfModel"}

    # when
    [(id_, message)] = results_of_checks()

    # then
    assert id_ == "order_copies.E004"
    assert "ShopWithNameOfModel fail: AttributeError: 'str' object has no attribute" in message


def test_shop__missing_methods_have_a_hint_to_define_them(settings: LazySettings) -> None:
    # given
    path = f"{__name__}.UnfinishedShop"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}

    # when
    [message] = check_shop()

    # then
    assert message.hint == (
        "Define these methods in the class.\n\t"
        "See “Write a shop” in the documentation of django-order-copies."
    )


@pytest.mark.parametrize("name", ["UnfinishedShop", "UndeclaredFieldsShop"])
def test_shop__unfinished_one_does_not_stop_makemigrations(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.{name}"}
    monkeypatch.setattr("sys.argv", ["manage.py", "makemigrations", "shop"])

    # when, then
    assert ids() == []
