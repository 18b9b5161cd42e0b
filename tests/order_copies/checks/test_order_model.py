"""System checks of the order model: the setting, and the migration that creates the model."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured

from order_copies.checks.order_model import check_order_migrations, check_order_model
from order_copies.models.order_migrations import order_model_dependency
from order_copies.models.order_model import checked_order_model, order_model_label
from tests.order_copies.checks.results import results_of_checks

IMPORTS = "from django.db import migrations\nfrom django.db.migrations import *\n"
CREATE = "CreateModel('Order', [])"


@pytest.fixture
def migrations(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: Any
) -> Any:
    """Return a function that gives the app of the orders other migrations."""
    name = f"migrations_{abs(hash(request.node.name))}"
    monkeypatch.syspath_prepend(tmp_path)
    settings.MIGRATION_MODULES = {"orders": name}

    def write(**operations: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        for migration, text in operations.items():
            body = f"class Migration(migrations.Migration):\n    operations = [{text}]\n"
            (tmp_path / name / f"{migration}.py").write_text(IMPORTS + body)

    return write


@pytest.mark.parametrize(
    ("model", "message", "line"),
    [
        (None, 'ORDER_COPIES["ORDER_MODEL"] is missing, or is not a string.', ""),
        (7, 'ORDER_COPIES["ORDER_MODEL"] is missing, or is not a string.', ""),
        ("Order", 'ORDER_COPIES["ORDER_MODEL"] is "Order", and not "app_label.Model".', None),
        (
            "orders.models.Order",
            'ORDER_COPIES["ORDER_MODEL"] is "orders.models.Order", and not "app_label.Model".',
            None,
        ),
        ("orders.Ordr", 'The app "orders" has no model "Ordr" with a table.', None),
        (
            "orders.Resource",
            'The app "orders" has no model "Resource" with a table.',
            "app_label.Model",
        ),
        ("ordrs.Order", 'There is no app "ordrs" in INSTALLED_APPS ("ordrs.Order").', None),
        ("order_copies.OrderCopy", "order_copies.OrderCopy is a proxy model.", "OrderFactory"),
    ],
)
def test_order_model__wrong_one_is_one_error_with_a_line_to_type(
    settings: LazySettings, model: Any, message: str, line: str | None
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ORDER_MODEL": model}

    # when
    found = results_of_checks()
    [error] = check_order_model()

    # then
    assert found == [("order_copies.E001", message)]
    expected = 'ORDER_COPIES["ORDER_MODEL"] = "orders.Order"' if line is None else line
    assert expected in str(error.hint)


@pytest.mark.parametrize("given", [None, {}, [], "orders.Order"])
def test_order_copies__missing_dictionary_is_one_error(settings: LazySettings, given: Any) -> None:
    # given
    settings.ORDER_COPIES = given

    # when, then
    assert [id_ for id_, _message in results_of_checks()] == ["order_copies.E001"]


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("orders.Order", "orders.Order"),
        ("orders.Ordr", "orders.Ordr"),
        ("ordrs.Order", "order_copies.NoOrder"),
        ("Order", "order_copies.NoOrder"),
        ("", "order_copies.NoOrder"),
    ],
)
def test_order_model_label__is_of_an_installed_app(
    settings: LazySettings, model: str, label: str
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ORDER_MODEL": model}

    # when, then
    assert order_model_label() == label


def test_checked_order_model__wrong_one_raises_for_migrations(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ORDER_MODEL": "orders.Ordr"}

    # when, then
    with pytest.raises(ImproperlyConfigured, match=r'has no model "Ordr" with a table\. Type'):
        checked_order_model()


@pytest.mark.parametrize(
    ("operations", "created_in"),
    [
        ({"m1": CREATE, "m2": ""}, "m1"),
        ({"m1": "", "m2": "CreateModel('Market', [])", "m3": CREATE}, "m3"),
        ({"m1": "CreateModel('Purchase', [])", "m2": "RenameModel('Purchase', 'order')"}, "m2"),
        ({"m1": f"SeparateDatabaseAndState(state_operations=[{CREATE}])"}, "m1"),
        ({"m1": "CreateModel('Market', [])"}, "__first__"),
        ({"_m1": CREATE}, "__first__"),
        ({}, "__first__"),
    ],
)
def test_order_migrations__tables_depend_on_the_one_that_creates_the_order_model(
    migrations: Any, operations: dict[str, str], created_in: str
) -> None:
    # given
    migrations(**operations)

    # when
    found = [message.hint for message in check_order_migrations()]

    # then
    assert order_model_dependency() == ("orders", created_in)
    hint = "Type: python manage.py makemigrations orders"
    assert found == ([hint] if created_in == "__first__" else [])


def test_order_migrations__app_without_migrations_is_an_error(
    settings: LazySettings,
) -> None:
    # given
    settings.MIGRATION_MODULES = {"orders": "nowhere.migrations"}

    # when, then
    assert results_of_checks() == [
        ("order_copies.E012", "No migration creates the order model orders.Order.")
    ]


def test_order_migrations__disabled_ones_are_no_error(settings: LazySettings) -> None:
    # given
    settings.MIGRATION_MODULES = {"orders": None}

    # when, then
    assert results_of_checks() == []
    assert order_model_dependency() == ("orders", "__first__")


def test_rest_framework__missing_one_is_a_warning(settings: LazySettings) -> None:
    # given
    apps = [app for app in settings.INSTALLED_APPS if app != "rest_framework"]
    settings.INSTALLED_APPS = apps

    # when
    found = results_of_checks()

    # then
    assert [id_ for id_, _message in found] == ["order_copies.W012"]
