"""Five shops that break the contract, each in one way."""

from collections.abc import Sequence

from django.utils import timezone

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem
from order_copies.shops import CopyRun
from orders.copying import writing
from orders.copying.shop import ReferenceShop
from orders.lifecycle import placing
from orders.models import LineItem, Order

WHO = {"worker": "a wrong shop"}


class CarelessShop(ReferenceShop):
    """Cancels orders one by one, without a look at them."""

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        plans = super().plan(order_copies)
        for plan in plans:
            plan.problems = [one for one in plan.problems if one.attribute != "source_order"]
        return plans

    def write(self, runs: Sequence[CopyRun]) -> None:
        writing.write(runs, who=WHO)

    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        for run in runs:
            order = Order.objects.get(pk=run.order_copy.source_order_id)
            order.status, order.cancelled_at = Order.Status.CANCELLED, timezone.now()
            order.save()
        return [[] for _ in runs]


class MixingShop(ReferenceShop):
    """Writes the lines of another order of the batch."""

    def write(self, runs: Sequence[CopyRun]) -> None:
        super().write(runs)
        targets = [run.target_order for run in runs]
        others = dict(zip(targets, [*targets[1:], targets[0]], strict=True))
        lines = list(LineItem.objects.filter(order__in=targets))
        for line in lines:
            line.order_id = others[line.order_id]
        LineItem.objects.bulk_update(lines, ["order"])


class RoundingShop(ReferenceShop):
    """Writes amounts without their cents."""

    def write(self, runs: Sequence[CopyRun]) -> None:
        super().write(runs)
        lines = list(LineItem.objects.filter(order__in=[run.target_order for run in runs]))
        for line in lines:
            line.unit_amount_cents = round(line.unit_amount_cents, -2)
        LineItem.objects.bulk_update(lines, ["unit_amount_cents"])


class StatusCopyingShop(ReferenceShop):
    """Copies the status of the source."""

    def write(self, runs: Sequence[CopyRun]) -> None:
        for run in runs:
            run.plan.row.values["status"] = run.plan.row.source.status
        super().write(runs)


class LosingShop(ReferenceShop):
    """Places the target of a swap as if its source held nothing."""

    def place(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        requests = [
            placing.Request(
                run.target_order,
                order_copy=run.order_copy.public_id,
                authorization=run.payment.authorization if run.payment else None,
            )
            for run in runs
        ]
        return placing.place(requests, who=WHO)
