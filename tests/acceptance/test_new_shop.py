"""Story: a developer installs the app in a new shop; each command says what to type next."""

from pathlib import Path

import pytest

from tests.acceptance.new_shops import ADAPTER, CONFIGURED, NewShop

FIRST_MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    operations = []
"""


@pytest.fixture
def shop(tmp_path: Path) -> NewShop:
    return NewShop(tmp_path)


def test_new_shop__each_step_says_what_to_type(shop: NewShop) -> None:
    # when
    nothing = shop.manage("makemigrations", "shop")
    shop.configure('ORDER_COPIES = {"ORDER_MODEL": "shop.Order"}')
    without_migrations = shop.manage("check")
    made = shop.manage("makemigrations", "shop")
    without_shop = shop.manage("migrate")
    shop.configure(CONFIGURED)
    shop.write("shop/copies.py", ADAPTER.replace("def write", "def later").replace('"total",', ""))
    incomplete = shop.manage("check")
    shop.write("shop/copies.py", ADAPTER.replace('"total",', ""))
    undeclared = shop.manage("check")
    shop.write("shop/copies.py", ADAPTER)
    complete = shop.manage("migrate")

    # then
    assert nothing == (
        1,
        [
            '?: (order_copies.E001) ORDER_COPIES["ORDER_MODEL"] is missing, or is not a string.',
            f"HINT: Type in your settings: {CONFIGURED}  # your order model, your Shop",
        ],
    )
    assert without_migrations == (
        1,
        [
            '?: (order_copies.E002) ORDER_COPIES["SHOP"] is missing, or is not a string.',
            'HINT: Type in your settings: ORDER_COPIES["SHOP"] = "shop.copies.MyShop"',
            "?: (order_copies.E012) No migration creates the order model shop.Order.",
            "HINT: Type: python manage.py makemigrations shop",
        ],
    )
    assert made == (0, ["+ Create model Customer", "+ Create model Order"])
    assert without_shop == (1, without_migrations[1][:2])
    assert incomplete == (
        1,
        [
            "?: (order_copies.E002) shop.copies.MyShop does not define write.",
            "HINT: Define these methods in the class.",
        ],
    )
    assert undeclared == (
        1,
        [
            "shop.Order: (order_copies.E004) shop.Order.total is not declared.",
            'HINT: Add "total" to copied or to reset of CopiedModel(Order, ...).',
        ],
    )
    assert complete == (
        0,
        ["Applying shop.0001_initial... OK", "Applying order_copies.0001_initial... OK"],
    )


def test_new_shop__misspelled_order_model_is_one_message(shop: NewShop) -> None:
    # given
    shop.configure(CONFIGURED.replace("shop.Order", "shop.Ordr"))

    # when
    checked = shop.manage("check")
    made = shop.manage("makemigrations", "shop", "--skip-checks")

    # then
    message = 'The app "shop" has no model "Ordr" with a table.'
    hint = 'Type for example: ORDER_COPIES["ORDER_MODEL"] = "shop.Order"'
    assert checked == (1, [f"?: (order_copies.E001) {message}", f"HINT: {hint}"])
    assert made == (1, [f"SettingError: {message} {hint}"])
    assert not (shop.folder / "shop" / "migrations").exists()


def test_new_shop__order_model_of_a_later_migration_is_migrated(shop: NewShop) -> None:
    # given
    shop.configure(CONFIGURED)
    shop.write("shop/copies.py", ADAPTER)
    shop.write("shop/migrations/__init__.py", "")
    shop.write("shop/migrations/0001_initial.py", FIRST_MIGRATION)

    # when
    made = shop.manage("makemigrations")
    migrated = shop.manage("migrate")

    # then
    assert made == (0, ["+ Create model Customer", "+ Create model Order"])
    assert migrated == (
        0,
        [
            "Applying shop.0001_initial... OK",
            "Applying shop.0002_initial... OK",
            "Applying order_copies.0001_initial... OK",
        ],
    )


def test_new_shop__unusable_serializer_is_one_line(shop: NewShop) -> None:
    # given
    serializer = 'ORDER_COPIES["ORDER_SERIALIZER"] = "shop.serializers.OrderSerializer"'
    shop.configure(CONFIGURED, serializer)
    shop.write("shop/copies.py", ADAPTER)

    # when
    status, [line] = shop.manage("check")

    # then
    assert status == 1
    assert line.startswith(f"SettingError: {serializer} cannot be imported")
