from django.db.models import F

from order_copies.shops import CopiedModel, FrozenShop, LineFields, Refused
from tea.models import Order, OrderLine, Tea


class TeaShop(FrozenShop):
    copied_models = [
        CopiedModel(
            Order, copied=("customer_id", "email"), reset=("number", "placed", "cancelled")
        ),
        CopiedModel(OrderLine, copied=("product", "quantity", "price")),
    ]
    line = LineFields(OrderLine, name="product", quantity="quantity", unit="price")
    currency = "EUR"
    totals = {"total_amount_cents": "total"}
    placed = {"placed": True}
    cancelled = {"cancelled": True}
    owner = "customer"

    def fresh(self, runs):
        return [{"number": f"C-{run.order_copy.pk}"} for run in runs]

    def available(self, products):
        return dict(Tea.objects.filter(name__in=products).values_list("name", "stock"))

    def place_order(self, order):
        for line in order.lines.order_by("product"):
            enough = Tea.objects.filter(name=line.product, stock__gte=line.quantity)
            if not enough.update(stock=F("stock") - line.quantity):
                raise Refused(f"{line.product} is out of stock.")

    def cancel_order(self, order):
        if order.placed:
            for line in order.lines.order_by("product"):
                Tea.objects.filter(name=line.product).update(stock=F("stock") + line.quantity)
