"""The pages of the admin and of the reference project, for tests that look at every page.

A new page is one line of ``PAGES``: its name, and its address with the rows of :class:`Shop`. A
page that follows a form has the steps that lead to it in ``STEPS``.
"""

from collections.abc import Callable, Iterator

from django.utils import timezone
from playwright.sync_api import Page

from order_copies.models import CopyBatch, CopyProfile, OrderCopy
from tests.factories import OrderCopyFactory, cancelled_order, placed_order
from tests.security.world import BOSS, World
from tests.stories import copied


class Shop(World):
    """Rows of every model that the admin shows, and a batch with a copy of each status."""

    def __init__(self) -> None:
        self.swapped = copied(placed_order(), place_target_order=True, cancel_source_order=True)
        super().__init__()
        cancelled_order()
        now = timezone.now()
        self.today = timezone.localdate(now)
        self.profile = CopyProfile.objects.create(name="Reorder")
        self.subscription = self.item.order_subscription
        self.batch = CopyBatch.objects.create(
            reason="Damaged in transit", size=4, who={"owner": {"email": BOSS}}
        )
        self.failed = OrderCopyFactory(failed=True, started_at=now, failed_at=now, batch=self.batch)
        self.waiting = OrderCopyFactory(batch=self.batch)
        self.completed = OrderCopyFactory(completed=True, target_order=placed_order())
        OrderCopyFactory(in_progress=True, batch=self.batch)
        OrderCopy.objects.filter(pk=self.completed.pk).update(batch=self.batch)


#: Addresses of pages, by area and name.
PAGES = {
    "start": {
        "front page": "/",
        "index": "/admin/",
        "application": "/admin/order_copies/",
    },
    "copies": {
        "copies": "/admin/order_copies/ordercopy/",
        "no copies": "/admin/order_copies/ordercopy/?q=nothing",
        "completed copy": "/admin/order_copies/ordercopy/{completed.pk}/change/",
        "failed copy": "/admin/order_copies/ordercopy/{failed.pk}/change/",
        "waiting copy": "/admin/order_copies/ordercopy/{waiting.pk}/change/",
        "replaced order": "/admin/order_copies/ordercopy/{swapped.pk}/change/",
        "undo": "/admin/order_copies/ordercopy/{swapped.pk}/undo/",
        "batches": "/admin/order_copies/copybatch/",
        "batch": "/admin/order_copies/copybatch/{batch.pk}/change/",
        "abort a batch": "/admin/order_copies/copybatch/{batch.pk}/abort/",
        "retry a batch": "/admin/order_copies/copybatch/{batch.pk}/retry/",
        "profiles": "/admin/order_copies/copyprofile/",
        "profile": "/admin/order_copies/copyprofile/{profile.pk}/change/",
        "new profile": "/admin/order_copies/copyprofile/add/",
        "events": "/admin/order_copies_events/event/",
        "event": "/admin/order_copies_events/event/{event.pk}/change/",
    },
    "orders": {
        "orders": "/admin/orders/order/",
        "order": "/admin/orders/order/{order.pk}/change/",
        "copy page": "/admin/orders/order/copy/?ids={order.pk},{failed.source_order_id}",
    },
    "subscriptions": {
        "subscribe": "/admin/orders/order/subscribe/?ids={order.pk}",
        "subscriptions": "/admin/order_copies/ordersubscription/",
        "subscription": "/admin/order_copies/ordersubscription/{subscription.pk}/change/",
        "pause": "/admin/order_copies/ordersubscription/{subscription.pk}/pause/",
        "skip": "/admin/order_copies/ordersubscription/{subscription.pk}/skip/",
        "cancel": "/admin/order_copies/ordersubscription/{subscription.pk}/cancel/",
        "calendar": "/admin/order_copies/ordersubscription/calendar/",
        "day": "/admin/order_copies/ordersubscription/calendar/?day={today}",
        "subscription models": "/admin/order_copies/subscriptionmodel/",
        "subscription model": (
            "/admin/order_copies/subscriptionmodel/{subscription.subscription_model_id}/change/"
        ),
        "new subscription model": "/admin/order_copies/subscriptionmodel/add/",
    },
}


def confirm_copy(page: Page) -> None:
    """Ask on the copy page for copies that are placed and cancel their sources."""
    page.check("[name=place_target_order]")
    page.check("[name=cancel_source_order]")
    page.wait_for_selector("text=which voids")
    # The page comes back if an update of the preview was still on its way.
    for _ in range(3):
        with page.expect_navigation():
            page.click("[name=_copy]")
        if page.locator("[name=_confirmed]").count():
            return
    message = "The copies were not asked to be confirmed."
    raise AssertionError(message)


def copy_twice(page: Page) -> None:
    """Open a copy page again after its orders were copied."""
    address = page.url
    page.click("[name=_copy]")
    page.wait_for_url("**/copybatch/**")
    page.goto(address)


def choose(action: str) -> Callable[[Page], None]:
    """Return the step that runs the action on the first row of a list."""

    def step(page: Page) -> None:
        page.check(".action-select >> nth=0")
        page.select_option("[name=action]", action)
        page.click("[name=index]")
        page.wait_for_load_state()

    return step


#: Pages that follow a form: area, name, the page to start on, and what to do there.
STEPS: dict[str, dict[str, tuple[str, Callable[[Page], None]]]] = {
    "orders": {
        "confirm copy": ("copy page", confirm_copy),
        "copied already": ("copy page", copy_twice),
        "place orders": ("orders", choose("place_selected_orders")),
        "cancel orders": ("orders", choose("cancel_selected_orders")),
    },
}


def visit(page: Page, shop: Shop, area: str) -> Iterator[str]:
    """Open the pages of this area one after the other, yield the name of each."""
    for name, address in PAGES[area].items():
        page.goto(address.format(**vars(shop)))
        yield name
    for name, (start, step) in STEPS.get(area, {}).items():
        page.goto(PAGES[area][start].format(**vars(shop)))
        step(page)
        yield name
