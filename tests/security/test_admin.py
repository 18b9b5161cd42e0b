"""Permissions of the admin: each row of the table in ``docs/access.md``."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from order_copies.admin import drafts
from order_copies.models import OPTIONS, BatchDraft, CopyBatch, CopyProfile
from orders.models import Promotion
from tests.api import service, staff
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    MarketFactory,
    OrderCopyFactory,
    OrderFactory,
    OrderSubscriptionFactory,
    PaymentMethodFactory,
    PaymentSourceFactory,
    PromotionFactory,
    SkuFactory,
    SubscriptionModelFactory,
    pending_order,
    placed_order,
    tomorrow,
)
from tests.forms import terms_of
from tests.security.tables import Case, cases
from tests.security.world import EVERYTHING, happened, writes
from tests.subscriptions import subscription_market

pytestmark = pytest.mark.django_db

CASES = cases("Staff")
APPS = {"orders", "order_copies", "order_copies_events"}
VERBS = {"view", "add", "change", "delete"}
#: A value for each field and each inline of all forms.
FORM = {
    **dict.fromkeys(["name", "code", "reference"], "a-word"),
    "email": "customer@example.com",
    "currency_code": "EUR",
    "tax_rate": "0.22",
    "payment_source_type": "cards",
    "type": Promotion.Kind.PERCENTAGE_DISCOUNT,
    **dict.fromkeys(["percentage", "priority"], "10"),
    **dict.fromkeys(["price_amount_cents", "fixed_amount_cents", "shipping_amount_cents"], "0"),
    "starts_at_0": "2024-01-01",
    "starts_at_1": "00:00:00",
    "metadata": "{}",
    "frequency_name": "monthly",
    "named": "monthly",
    "strategy": "by_frequency",
    "start": "date",
    "starts_at": "2098-01-01T00:00",
    "resumes_at": "2098-01-01T00:00",
    "renewal_alert_period": "1",
    "price_policy": "frozen",
    **{
        f"{inline}-{name}_FORMS": "0"
        for inline in (
            *("customer_payment_sources", "prices", "stock_item", "coupons"),
            *("line_items", "addresses"),
        )
        for name in ("TOTAL", "INITIAL")
    },
}


def batch_of_copies() -> CopyBatch:
    """Create a batch with a copy that can be aborted, and one that can be retried."""
    batch = CopyBatch.objects.create(reason="a reason", size=2)
    OrderCopyFactory(batch=batch)
    OrderCopyFactory(batch=batch, failed=True)
    return batch


ROWS: dict[str, Callable[[], Any]] = {
    "market": MarketFactory,
    "customer": CustomerFactory,
    "paymentmethod": PaymentMethodFactory,
    "paymentsource": PaymentSourceFactory,
    "sku": lambda: SkuFactory(price=False, stock=False),
    "promotion": PromotionFactory,
    "coupon": CouponFactory,
    "order": OrderFactory,
    "ordercopy": OrderCopyFactory,
    "subscriptionmodel": SubscriptionModelFactory,
    "copybatch": batch_of_copies,
    "copyprofile": lambda: CopyProfile.objects.create(name=f"profile {uuid4().hex}"),
    "event": lambda: happened("orders", OrderFactory().pk),
}
#: The pages whose address names orders, and a key that identifies the submit.
PAGES = ("/order/copy/", "/subscribe/")
#: Rows to which an action applies.
ROWS_FOR: dict[str, Callable[[], Any]] = {
    "place_selected_orders": lambda: pending_order(lines=1),
    "cancel_selected_orders": lambda: placed_order(lines=1),
    "approve_selected_orders": lambda: placed_order(lines=1),
    "archive_selected_orders": lambda: placed_order(lines=1),
    "place_target_order": lambda: placed_order(lines=1),
    "cancel_source_order": lambda: placed_order(lines=1),
    "create_subscriptions_selected_orders": lambda: placed_order(
        lines=[{"frequency": "weekly"}], market=subscription_market()
    ),
    "unarchive_selected_orders": lambda: OrderFactory(archived_at=timezone.now()),
}


def row_for(case: Case) -> Any:
    """Create a row to which the request of the case applies."""
    if "undo" in case.path.split("/"):
        return OrderCopyFactory(
            completed=True, completed_at=timezone.now(), target_order=pending_order(lines=1)
        )
    if model_of(case) == "ordercopy":
        options = dict.fromkeys(options_of(case), True)
        return OrderCopyFactory(failed="retry" in str(case), **options)
    if model_of(case) == "ordersubscription":
        return subscription_for(case)
    return next((ROWS_FOR[word] for word in case.words if word in ROWS_FOR), ROWS[model_of(case)])()


def subscription_for(case: Case) -> Any:
    """Create a subscription to which the verb of the case applies."""
    if "activate" in case.path.split("/") or "activate_selected" in case.words:
        status = {"status": "inactive", "next_run_at": None, "due_at": None}
        return OrderSubscriptionFactory(**status)
    skipped = {"skipped_from": tomorrow()} if "unskip" in case.path else {}
    return OrderSubscriptionFactory(**skipped)


def model_of(case: Case) -> str:
    return case.path.split("/")[3]


def options_of(case: Case) -> list[str]:
    return [word for word in case.words if word in OPTIONS]


def clients(case: Case) -> Iterator[tuple[str, Client]]:
    """Yield the clients that send the request of this case, with the heading of their column."""
    needed = permissions_of(case)
    yield "anonymous", Client()
    yield "no staff", signed_in(service(*EVERYTHING))
    for permission in needed:
        # The permission to change includes the permission to view.
        missing = {permission, permission.replace("view_", "change_")}
        yield "without permission", signed_in(staff(*EVERYTHING - missing))
    yield "who may only look", signed_in(staff(*(name for name in EVERYTHING if "view_" in name)))
    yield "with permission", signed_in(staff(*needed))


def permissions_of(case: Case) -> list[str]:
    """Return the codenames of the permissions; a verb alone applies to the model of the path."""
    names = case.takes["permission"]
    return [f"{name}_{model_of(case)}" if name in VERBS else name for name in names]


def signed_in(user: Any, **options: Any) -> Client:
    client = Client(raise_request_exception=False, **options)
    client.force_login(user)
    return client


def form_for(case: Case, row: Any) -> dict[str, Any]:
    """Return the form of the request, with confirmation."""
    action = next((word for word in case.words if "_selected" in word), None)
    if action:
        form = {"action": action, "_selected_action": row.pk, "post": "yes", "_confirmed": "1"}
        return form | shown_run(row)
    related = {"payment_method": PaymentMethodFactory().pk, "promotion": PromotionFactory().pk}
    pressed = ("_copy", "_confirmed", "_subscribe")
    buttons = dict.fromkeys(pressed, "1") | {"post": "yes", "request_key": str(uuid4())}
    return FORM | related | buttons | dict.fromkeys(options_of(case), "on") | shown_run(row)


def shown_run(row: Any) -> dict[str, str]:
    """Return the hidden field with the next run of a subscription."""
    slot = getattr(row, "next_run_at", None)
    return {"shown": f"{row.pk}:{slot.isoformat()}"} if slot else {}


def draft_for(case: Case, client: Client, row: Any) -> BatchDraft:
    """Select an order as the user of the client, with the options of the case."""
    key = client.session.get("_auth_user_id", staff().pk)
    draft = drafts.create([row.pk], user=User.objects.get(pk=key))
    drafts.set_options(draft, options=options_of(case))
    drafts.preview(draft)
    drafts.tick_all(draft, draft.selected_orders.all(), choice=True)
    return draft


def path_for(case: Case, row: Any) -> str:
    path = case.path.replace(":id", str(row.pk))
    if path.endswith("/ordercopy/status/"):
        return f"{path}?ids={row.public_id}"
    return f"{path}?ids={row.pk}&request_key={uuid4()}" if path.endswith(PAGES) else path


def answer_of(case: Case, response: HttpResponse, written: list[str]) -> str:
    """Return "login", a status, "done", or "nothing" if only a page was returned."""
    location = response.get("Location", "")
    if location.startswith("/admin/login/"):
        return "login"
    if response.status_code >= 400 or (case.method == "GET" and not written):
        return str(response.status_code)
    return "done" if written else "nothing"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_admin__each_client_gets_the_answer_of_the_table(case: Case) -> None:
    # given
    answers: dict[str, set[str]] = {}

    # when
    for column, client in clients(case):
        row = row_for(case)
        path, form = path_for(case, row), form_for(case, row)
        if ":draft" in path:
            draft = draft_for(case, client, row)
            path = path.replace(":draft", draft.public_id)
            form |= {"version": str(draft.version)}
        if path.startswith("/admin/orders/order/subscribe/"):
            form["shown_terms"] = terms_of(client, path, **form | {"_subscribe": ""})
        with writes() as written:
            response = client.get(path) if case.method == "GET" else client.post(path, form)
        answer = answer_of(case, response, written)
        answers.setdefault(column, set()).add(answer)
        assert answer == "done" or not written
        assert answer not in {"login", "403"} or str(row) not in response.content.decode()

    # then
    assert {column: ", ".join(sorted(found)) for column, found in answers.items()} == case.answers


@pytest.mark.parametrize("case", [case for case in CASES if case.method == "POST"], ids=str)
def test_admin__post_without_csrf_token_is_forbidden(case: Case) -> None:
    # given
    client = signed_in(staff(*permissions_of(case)), enforce_csrf_checks=True)
    row = row_for(case)
    path, form = path_for(case, row), form_for(case, row)

    # when
    with writes() as written:
        response = client.post(path, form)

    # then
    assert (response.status_code, written) == (403, [])


def test_table__lists_every_view_and_action() -> None:
    # given
    listed = {(case.method, case.path) for case in CASES}
    acted = {(case.path, word) for case in CASES for word in case.words if "_selected" in word}

    # then
    assert {view for admin_of_ours in admins() for view in views_of(*admin_of_ours)} == listed
    assert {action for admin_of_ours in admins() for action in actions_of(*admin_of_ours)} == acted


def admins() -> Iterator[tuple[str, Any]]:
    """Yield path and admin of each of our models."""
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label in APPS:
            yield f"/admin/{model._meta.app_label}/{model._meta.model_name}/", model_admin


def views_of(root: str, model_admin: Any) -> Iterator[tuple[str, str]]:
    for entry in model_admin.get_urls():
        path = str(entry.pattern).replace("<path:object_id>", ":id")
        path = path.replace("<str:draft_id>", ":draft")
        yield from ((method, f"{root}{path}") for method in ("GET", "POST"))


def actions_of(root: str, model_admin: Any) -> Iterator[tuple[str, str]]:
    """Yield the actions that a superuser sees."""
    request = RequestFactory().get(root)
    request.user = User(is_superuser=True, is_active=True)
    yield from ((root, name) for name in model_admin.get_actions(request))
