"""The copy page with the keyboard alone."""

import pytest
from playwright.sync_api import Page

from order_copies.models import OrderCopy
from tests.browser.conftest import copy_page
from tests.factories import placed_order

pytestmark = pytest.mark.django_db(transaction=True)

HAS_VISIBLE_FOCUS = """
() => {
    const {outlineStyle, boxShadow} = getComputedStyle(document.activeElement);
    const isSeen = outlineStyle !== "none" || boxShadow !== "none";
    return isSeen || document.activeElement === document.body;
}
"""


def test_skip_link__leads_to_the_options(page: Page) -> None:
    # given
    page.goto(copy_page(placed_order()))

    # when
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    # then
    assert page.evaluate("document.activeElement.form?.id") == "copy-orders-form"


def test_focus__is_visible_on_each_control(scripted_page: Page) -> None:
    # given
    page = scripted_page
    page.goto(copy_page(placed_order()))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    unseen = []

    # when
    for _ in range(15):
        page.keyboard.press("Tab")
        if not page.evaluate(HAS_VISIBLE_FOCUS):
            unseen.append(page.evaluate("document.activeElement.outerHTML"))

    # then
    assert unseen == []


def test_space_and_enter__tick_options_and_copy_with_the_button_alone(page: Page) -> None:
    # given
    page.goto(copy_page(placed_order()))
    page.focus("[name=apply_promotions]")

    # when
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")

    # then
    assert page.is_checked("[name=apply_promotions]")
    assert not OrderCopy.objects.exists()
    page.focus("[name=_copy]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/copybatch/**")
    assert OrderCopy.objects.get().apply_promotions
