"""``copy_order``: the command line has the options of the API and the admin."""

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from order_copies.events.models import Event
from order_copies.models import OrderCopy, OrderFactory
from order_copies.templatetags.order_copies_admin import money
from order_copies.worker.run import run_batch
from orders.models import Order, Sku
from tests.factories import MarketFactory, SkuFactory, draft_order, placed_order

pytestmark = pytest.mark.django_db


def copy_order(*words: str, **options: Any) -> str:
    """Run the command and return its output."""
    out = io.StringIO()
    call_command("copy_order", *words, stdout=out, **options)
    return out.getvalue()


def test_copy_order__requests_a_copy_of_each_order_with_the_options() -> None:
    # given
    first, second = placed_order(), placed_order()

    # when
    out = copy_order(
        first.public_id,
        f"#{second.number}",
        "--place-target-order",
        "--no-reuse-wallet",
        "--apply-promotions",
        "--reference",
        "R1",
        "--reference-origin",
        "shell",
    )

    # then
    copies = list(OrderCopy.objects.all())
    assert [order_copy.source_order for order_copy in copies] == [first, second]
    assert {
        (
            order_copy.status,
            order_copy.place_target_order,
            order_copy.reuse_wallet,
            order_copy.cancel_source_order,
            order_copy.apply_promotions,
            order_copy.skip_errors,
            order_copy.ignore_invalid_coupon,
            order_copy.reference,
            order_copy.reference_origin,
        )
        for order_copy in copies
    } == {("pending", True, False, False, True, False, False, "R1", "shell")}
    assert out.splitlines() == [
        f"{order_copy.public_id}: copy of #{order_copy.source_order.number} requested"
        for order_copy in copies
    ]
    assert [event.who for event in Event.objects.all()] == [{"command": {"name": "copy_order"}}] * 2


@pytest.mark.parametrize("words", [["nobody"], ["ABCRtyUpBa"], ["#0"], ["\0"]])
def test_copy_order__unknown_order_is_refused_and_nothing_is_requested(words: list[str]) -> None:
    known = placed_order()

    with pytest.raises(CommandError, match="There is no order"):
        copy_order(known.public_id, *words)

    assert not OrderFactory.objects.exists()


def test_dry_run__prints_the_plan_as_a_table_and_requests_nothing() -> None:
    # given
    source = placed_order(
        lines=[{"sku": SkuFactory(name="Mug", stock=9), "quantity": 2, "unit_amount_cents": 500}]
    )
    Sku.objects.update(on_sale=False)

    # when
    out = copy_order(source.public_id, "--dry-run", "--place-target-order")

    # then
    assert out.splitlines()[0] == f"#{source.number}: the copy would fail."
    assert re.search(r"^  action +line +quantity +total +reason$", out, re.MULTILINE)
    pattern = r"^  skipped +.+ 2 → - +[0-9.,]+\sEUR → - +.* is not on sale"
    assert re.search(pattern, out, re.MULTILINE)
    assert "nothing of this order is available any more" in out
    assert not OrderFactory.objects.exists()
    assert Order.objects.count() == 1


def test_dry_run__says_that_the_target_is_placed_and_the_source_cancelled() -> None:
    source = placed_order()

    out = copy_order(source.public_id, "--dry-run", "--place-target-order", "--cancel-source-order")

    assert out.splitlines()[0] == (
        f"#{source.number}: the copy would complete and be placed; the source would be cancelled."
    )


def test_dry_run__says_that_the_target_is_not_placed() -> None:
    source = draft_order()

    out = copy_order(source.public_id, "--dry-run", "--place-target-order", "--skip-errors")

    assert out.splitlines()[0] == (f"#{source.number}: the copy would complete, but not be placed.")


def test_dry_run__prints_the_amount_to_pay() -> None:
    # given
    market = MarketFactory(tax_included=False, currency_code="EUR")
    source = placed_order(market=market)

    # when
    out = copy_order(source.public_id, "--dry-run")

    # then
    to_be_paid = money(source.total_amount_with_taxes_cents, "EUR")
    assert source.total_amount_with_taxes_cents != source.total_amount_cents
    assert out.splitlines()[-1] == f"  total_amount_with_taxes: {to_be_paid}"
    assert f"  total_tax_amount: {money(source.total_tax_amount_cents, 'EUR')}" in out


def test_wait__prints_the_results() -> None:
    # given
    source = placed_order()

    # when
    command_out = copy_order_while(lambda: run_batch("background"), source)

    # then
    order_copy = OrderCopy.objects.get()
    assert command_out.splitlines()[-1] == (
        f"{order_copy.public_id}: completed, #{order_copy.target_order.number}"
    )


def test_wait__failed_copy_fails_the_command() -> None:
    # given
    source = placed_order()
    Sku.objects.update(on_sale=False)

    # when, then
    with pytest.raises(CommandError, match="1 of 1 copies did not complete"):
        copy_order_while(lambda: run_batch("background"), source)


def test_wait__ends_after_the_given_seconds_without_a_worker() -> None:
    source = placed_order()

    with pytest.raises(
        CommandError, match="1 of 1 copies have not ended: check that a worker is running"
    ):
        copy_order(source.public_id, "--wait", "0.15")


@pytest.mark.parametrize("wait", [["--wait", "-3"], ["--wait=-0.5"], ["--wait=long"]])
def test_wait__invalid_seconds_are_refused_and_nothing_is_requested(wait: list[str]) -> None:
    source = placed_order()

    with pytest.raises(CommandError, match="argument --wait"):
        copy_order(source.public_id, *wait)

    assert not OrderFactory.objects.exists()


def copy_order_while(work: Any, source: Order) -> str:
    """Run the command with ``--wait``, and the work when the command first sleeps."""
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr("order_copies.copying.time.sleep", lambda seconds: work())
        return copy_order(source.public_id, "--wait")


def test_reference__too_long_one_is_refused_and_nothing_is_requested() -> None:
    source = placed_order()

    with pytest.raises(CommandError, match="at most 255 characters"):
        copy_order(source.public_id, "--reference", "x" * 256)

    assert not OrderFactory.objects.exists()
