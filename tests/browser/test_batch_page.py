"""Story: staff watch a batch, abort what waits and retry it, with and without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PageErrors, copy_page
from tests.factories import placed_order
from tests.stories import run_all

pytestmark = pytest.mark.django_db(transaction=True)


def press(page: Page, label: str) -> None:
    """Press a button of the page of a batch, and confirm it."""
    page.get_by_role("link", name=label).click()
    page.click("#content [type=submit]")


def test_batch__is_aborted_retried_and_completed(page: Page, page_errors: PageErrors) -> None:
    # given
    page.goto(copy_page(placed_order(), placed_order()))
    page.click("[name=_copy]")
    page.wait_for_url("**/copybatch/**")

    # when
    press(page, "Abort the remaining 2")
    expect(page.locator(".copies-aborted")).to_have_count(2)
    press(page, "Retry the 2")
    expect(page.locator(".copies-pending")).to_have_count(2)
    run_all()
    if reload := page.get_by_role("link", name="Reload").all():
        reload[0].click()

    # then
    expect(page.locator(".copies-batch .copies-completed")).to_have_count(2)
    expect(page.get_by_role("link", name="Reload")).to_have_count(0)
    assert page_errors.found == []
