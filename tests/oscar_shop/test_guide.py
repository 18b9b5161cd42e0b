"""The guide for Oscar shops says what the shop of these tests does."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "oscar.md").read_text()
BLOCKS = re.findall(r"^```\S*\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_settings__are_those_of_this_shop() -> None:
    # given
    (block,) = [block for block in BLOCKS if "INSTALLED_APPS" in block]
    written: dict[str, Any] = {"INSTALLED_APPS": []}

    # when
    exec(block, written)

    # then
    ours = written["INSTALLED_APPS"]
    assert [app for app in settings.INSTALLED_APPS if app in ours] == ours
    assert written["OSCAR_ORDER_STATUS_PIPELINE"] == settings.OSCAR_ORDER_STATUS_PIPELINE
    assert written["ORDER_COPIES"].items() <= settings.ORDER_COPIES.items()
    assert len(block.splitlines()) < 15


def test_template__is_that_of_this_shop() -> None:
    template = Path(__file__).parent / "templates/oscar/dashboard/orders/order_detail.html"

    assert template.read_text() in BLOCKS


def test_declarations__are_those_of_the_fork() -> None:
    # given
    (block,) = [block for block in BLOCKS if "class MyShop" in block]
    fork = Path(__file__).parent / "forked" / "copying.py"

    # when
    names = re.findall(r"gift_message|invoice_number|oscar_models|OscarShop", block)

    # then
    assert set(names) <= set(re.findall(r"\w+", fork.read_text()))
