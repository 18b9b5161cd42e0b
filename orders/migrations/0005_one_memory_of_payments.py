"""Payments that are about to be requested for orders are remembered with those of copies."""

from typing import Any

from django.db import migrations, models

from order_copies import public_ids


def move_asked_payments(apps: Any, _schema_editor: Any) -> None:
    """Make open payments of authorizations that were requested; declined ones are not kept."""
    authorizations = apps.get_model("orders", "Authorization").objects
    open_payments = apps.get_model("order_copies", "OpenPayment").objects
    # One by one: a process of the earlier version may still write such rows.
    while asked := authorizations.filter(status="asked").first():
        open_payments.create(
            key=asked.token,
            subject=f"orders/{public_ids.encode('orders', asked.order_id)}",
            details={**(asked.details or {}), "amount_cents": asked.amount_cents},
            created_at=asked.created_at,
            due_at=asked.due_at,
        )
        authorizations.filter(pk=asked.pk).delete()
    authorizations.filter(status="declined").delete()


def move_open_payments_back(apps: Any, _schema_editor: Any) -> None:
    """Make authorizations of the open payments of orders."""
    authorizations = apps.get_model("orders", "Authorization").objects
    open_payments = apps.get_model("order_copies", "OpenPayment").objects.exclude(subject="")
    orders = apps.get_model("orders", "Order").objects
    for opened in open_payments.iterator():
        order = public_ids.decode("orders", opened.subject.partition("/")[2])
        if not orders.filter(pk=order).exists():
            continue  # A row of the earlier version needs its order.
        details = dict(opened.details)
        authorizations.create(
            order_id=order,
            token=opened.key,
            amount_cents=details.pop("amount_cents"),
            status="asked",
            details=details,
            created_at=opened.created_at,
            due_at=opened.due_at,
        )
    open_payments.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0004_coupon_codes_without_case"),
        ("order_copies", "0002_payments_of_orders_placed_by_people"),
    ]

    operations = [
        migrations.RunPython(move_asked_payments, move_open_payments_back),
        migrations.RemoveField(model_name="authorization", name="details"),
        migrations.AlterField(
            model_name="authorization",
            name="status",
            field=models.CharField(
                choices=[("authorized", "authorized"), ("voided", "voided")],
                default="authorized",
                max_length=16,
                verbose_name="status",
            ),
        ),
    ]
