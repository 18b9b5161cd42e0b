from order_copies.shops import CopiedModel, FrozenShop, LineFields
from tea.models import Order, OrderLine


class TeaShop(FrozenShop):
    copied_models = [
        CopiedModel(Order, copied=("email",), reset=("placed", "cancelled")),
        CopiedModel(OrderLine, copied=("product", "quantity", "price")),
    ]
    line = LineFields(OrderLine, name="product", quantity="quantity", unit="price")
    currency = "EUR"
    totals = {"total_amount_cents": "total"}
    placed = {"placed": True}
    cancelled = {"cancelled": True}
