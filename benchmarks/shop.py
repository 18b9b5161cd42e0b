"""A shop of many equal orders, inserted with one statement per table and chunk."""

import secrets
from decimal import Decimal
from typing import Any

from django.utils import timezone

from order_copies import copying
from order_copies.db.rows import insert_rows
from order_copies.models import OrderCopy
from orders.models import (
    Address,
    Customer,
    CustomerPaymentSource,
    LineItem,
    LineItemOption,
    Market,
    Order,
    PaymentMethod,
    PaymentSource,
    Sku,
    StockItem,
)

SKU_LINES = 4
CHUNK = 1000


def make_orders(count: int) -> list[int]:
    """Insert pending orders and return their keys.

    Each has four lines of SKUs, one of them with an option, and a shipping line.
    """
    Market.objects.create(
        name="Bench",
        code="bench",
        currency_code="EUR",
        tax_rate=Decimal("0.22"),
        shipping_amount_cents=700,
    )
    customer = Customer.objects.create(email="bench@example.com")
    method = PaymentMethod.objects.create(name="Card", payment_source_type="stripe_payments")
    source = PaymentSource.objects.create(payment_method=method, name="Visa", token="tok")
    CustomerPaymentSource.objects.create(customer=customer, payment_source=source)
    skus = [Sku.objects.create(code=f"SKU{n}", name=f"Thing {n}") for n in range(50)]
    for sku in skus:
        StockItem.objects.create(sku=sku, quantity=10**8)
    keys: list[int] = []
    for start in range(0, count, CHUNK):
        keys += _chunk(min(CHUNK, count - start), skus)
    return keys


def _chunk(count: int, skus: list[Sku]) -> list[int]:
    market, customer = Market.objects.get(), Customer.objects.get()
    method, source = PaymentMethod.objects.get(), PaymentSource.objects.get()
    now = timezone.now()
    orders = [
        Order(
            market=market, customer=customer, customer_email=customer.email, status="pending",
            currency_code="EUR", tax_rate=market.tax_rate, payment_method=method,
            payment_source=source, subtotal_amount_cents=4000, shipping_amount_cents=700,
            total_tax_amount_cents=846, total_amount_cents=4700,
            total_amount_with_taxes_cents=4700, metadata={"channel": "web"}, updated_at=now,
        )
        for _ in range(count)
    ]  # fmt: skip
    keys = _insert(Order, orders)
    lines = [
        line
        for key in keys
        for line in [
            *(
                LineItem(
                    order_id=key, sku=sku, sku_code=sku.code, name=sku.name, quantity=1,
                    unit_amount_cents=1000, total_amount_cents=1000, tax_rate=market.tax_rate,
                    tax_amount_cents=180, metadata={"n": 1}, updated_at=now,
                )
                for sku in (secrets.choice(skus) for _ in range(SKU_LINES))
            ),
            LineItem(
                order_id=key, item_type="shipments", name="Courier", unit_amount_cents=700,
                total_amount_cents=700, tax_rate=market.tax_rate, tax_amount_cents=126,
                updated_at=now,
            ),
        ]
    ]  # fmt: skip
    line_keys = _insert(LineItem, lines)
    options = [
        LineItemOption(line_item_id=key, name="Gift wrap", options={"to": "me"}, updated_at=now)
        for key in line_keys[:: SKU_LINES + 1]
    ]
    _insert(LineItemOption, options)
    addresses = [
        Address(
            order_id=key, role=role, first_name="Ada", last_name="Bench", line_1="Via Roma 1",
            city="Roma", zip_code="00100", country_code="IT", phone="1", updated_at=now,
        )
        for key in keys
        for role in ("billing", "shipping")
    ]  # fmt: skip
    _insert(Address, addresses)
    return keys


def _insert(model, rows) -> list[int]:
    names = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
    return insert_rows(model, names, [[getattr(row, name) for name in names] for row in rows])


def request(keys: list[int], count: int, **options: Any) -> None:
    """Request this number of frozen copies, of each order in turn."""
    for start in range(0, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        copies = [
            OrderCopy(source_order_id=keys[number % len(keys)], **options) for number in numbers
        ]
        copying.request_copies(copies, actor={"bench": {}})
