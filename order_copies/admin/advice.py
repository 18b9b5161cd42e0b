"""What staff can do about the errors of a copy, by code if it is known, else by attribute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from order_copies.languages import translated
from order_copies.models import OPTIONS, OrderFactory, Status
from order_copies.plans import Action
from order_copies.templatetags.order_copies_admin import words

#: By the code of the problem. A test compares docs/reference/errors.md with it.
BY_CODE: dict[str, Promise] = {
    "crashed": _("Read the log of the worker, correct the cause, then retry."),
    "shop_contract": _("Correct the adapter of the shop: the message names the mistake."),
    "source_gone": _("Copy another order."),
    "plan_changed": _("Preview the order again, then copy it."),
    "unsupported": _("Copy again without this option."),
    "cannot_transition": _("See the other reasons: they say what prevents it."),
    "target_exists": _("Place the order that was left, or cancel it and copy again."),
}

_COMPLETE = _("Add what is missing to the order, then place it.")
_WITHOUT = _("The copy is complete without it: tell the customer, or add it by hand.")

#: By attribute, for errors whose code is not recorded.
BY_ATTRIBUTE: dict[str, Promise] = {
    "base": BY_CODE["shop_contract"],
    "plan_changed": BY_CODE["plan_changed"],
    "status": BY_CODE["cannot_transition"],
    "source_order": _("Copy again without “cancel source order”, and cancel the original by hand."),
    "target_order": _("Correct what prevents it, then place the order by hand."),
    "order_subscription": _("Look at the subscription: only an active one renews."),
    "coupon_code": _("Copy again with “ignore invalid coupon”: its discount is left out too."),
    "gift_card_code": _("Copy again without “cancel source order”."),
    "payment_source": _("Agree on another payment with the customer, then place the order."),
    "total_amount_with_taxes_cents": _("Correct the amounts of the order, then place it."),
    **dict.fromkeys(("customer_email", "billing_address", "shipping_address"), _COMPLETE),
    **dict.fromkeys(OPTIONS, BY_CODE["unsupported"]),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """An attribute at fault, its messages, and what to do about them; empty if unknown."""

    name: str
    messages: Sequence[str]
    advice: str


def is_aborted_by_hand(order_copy: OrderFactory) -> bool:
    """Return whether a person aborted the copy: a worker that aborts one records an outcome."""
    return order_copy.status == Status.ABORTED and not order_copy.outcomes


def reasons_of(order_copy: OrderFactory) -> list[Reason]:
    """Return the errors of a copy, each message once, translated; none if a person aborted it."""
    if is_aborted_by_hand(order_copy):
        return []
    log: Mapping[str, Sequence[str]] = order_copy.errors_log or {}
    return [
        Reason(
            words(name), list(map(translated, dict.fromkeys(messages))), _advice(order_copy, name)
        )
        for name, messages in log.items()
    ]


def _advice(order_copy: OrderFactory, attribute: str) -> str:
    outcomes = [one for one in order_copy.outcomes or [] if one["attribute"] == attribute]
    codes = (one.get("code") for one in outcomes)
    known = next((BY_CODE[code] for code in codes if code in BY_CODE), None)
    if known:
        return str(known)
    if attribute == "line_items":
        return str(_about_lines(order_copy, outcomes))
    if attribute == "coupon_code" and order_copy.status == Status.COMPLETED:
        return str(_WITHOUT)
    return str(BY_ATTRIBUTE.get(attribute, ""))


def _about_lines(order_copy: OrderFactory, outcomes: Sequence[Mapping[str, Any]]) -> Promise:
    """Return what to do about unavailable lines: the new order may exist, complete or not."""
    if order_copy.status == Status.COMPLETED:
        return _WITHOUT
    if order_copy.target_order_id is not None:
        return _("Refill the stock, then place the order that was left.")
    is_all = all(one["action"] == Action.SKIPPED for one in outcomes)
    if is_all or order_copy.skip_errors:
        return _("Refill the stock, then retry.")
    return _("Refill the stock, then retry; or copy again with “skip errors”.")
