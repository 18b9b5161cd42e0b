"""Statements of the README that a test can check."""

import ast
import json
import re
from pathlib import Path

import pytest

from order_copies.models import OPTIONS, OrderCopy
from order_copies.plans import Action
from tests.api import API
from tests.documentation import fenced, options_and_defaults, section, shape
from tests.factories import placed_order

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.django_db


def test_readme__is_short() -> None:
    assert len(README.splitlines()) < 150


def test_options__all_are_listed_with_their_defaults() -> None:
    listed = options_and_defaults(section(README, "Options"))

    assert listed == {name: str(getattr(OrderCopy(), name)).lower() for name in OPTIONS}


def test_outcomes__all_are_named() -> None:
    assert all(f"`{action}`" in section(README, "Options") for action in Action)


def test_curl__its_request_gets_the_printed_response(admin_user) -> None:
    # given
    command, printed = fenced(section(README, "The API"))
    path = re.findall(r"8000/api(\S+)'", command)[0]
    body = json.loads(command.split("-d '")[1].rpartition("'")[0])
    body["data"]["relationships"]["source_order"]["data"]["id"] = placed_order().public_id

    # when
    response = API(admin_user).post(path, body)

    # then
    assert response.status_code == 201
    assert shape(response.json()) == shape(json.loads(printed))


def test_installation__takes_ten_lines() -> None:
    shop, installation = fenced(section(README, "Install it in your shop"))

    for code in (shop, installation):
        compile(code, "README.md", "exec")
        assert len([line for line in code.splitlines() if line]) <= 10


def test_installation__its_shop_is_that_of_the_tutorial() -> None:
    shop, _installation = fenced(section(README, "Install it in your shop"))
    example = (ROOT / "examples/minimal_shop/tea/copies.py").read_text()

    assert statements(shop) == statements(example)


def statements(code: str) -> str:
    """Return the class in normal form: without comments, imports and formatting."""
    (shop,) = (node for node in ast.parse(code).body if isinstance(node, ast.ClassDef))
    return "\n".join(map(ast.unparse, shop.body))
