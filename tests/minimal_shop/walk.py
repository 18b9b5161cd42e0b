"""The tests of the shops in examples/. Copied into their app ``tea``, they run in its process."""

import json
import re
from base64 import b64encode
from decimal import Decimal
from io import StringIO
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import Max
from django.test import TestCase
from django.urls import reverse

from order_copies.models import OrderCopy
from tea import models

LIST = reverse("admin:tea_order_changelist")
#: The hidden fields of the copy page.
HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
LINES = [("Assam", 2, Decimal("7.50")), ("Sencha", 1, Decimal("6.50"))]


def contents(order: models.Order) -> dict[str, Any]:
    return {
        "email": order.email,
        "total": order.total,
        "placed": order.placed,
        "cancelled": order.cancelled,
        "lines": list(order.lines.order_by("pk").values_list("product", "quantity", "price")),
    }


def expected(**changes: Any) -> dict[str, Any]:
    same = {"email": "ada@example.com", "total": Decimal("21.50"), "lines": LINES}
    return {**same, "placed": False, "cancelled": False, **changes}


def newest() -> models.Order:
    return models.Order.objects.get(pk=models.Order.objects.aggregate(last=Max("pk"))["last"])


class Walk(TestCase):
    """Every way to copy an order, by a shop of a page."""

    def setUp(self) -> None:
        self.user = User.objects.create_superuser("admin", "admin@example.com", "admin")
        self.client.force_login(self.user)
        self.with_stock = hasattr(models, "Tea")
        if self.with_stock:
            models.Tea.objects.create(name="Assam", stock=3)
            models.Tea.objects.create(name="Sencha", stock=3)
        self.order = self.added()

    def added(self) -> models.Order:
        form = {"email": "ada@example.com", "lines-TOTAL_FORMS": 2, "lines-INITIAL_FORMS": 0}
        for number, (product, quantity, price) in enumerate(LINES):
            form |= {
                f"lines-{number}-product": product,
                f"lines-{number}-quantity": quantity,
                f"lines-{number}-price": price,
            }
        response = self.client.post(reverse("admin:tea_order_add"), form)
        self.assertRedirects(response, LIST)
        return newest()

    def run_worker(self) -> models.Order:
        call_command("order_copies_worker", "--drain", verbosity=0)
        assert {one.status for one in OrderCopy.objects.all()} == {"completed"}
        return newest()

    def post(self, path: str, **attributes: Any) -> dict[str, Any]:
        """Request a copy over the API, as curl does."""
        source = {"data": {"type": "orders", "id": str(self.order.pk)}}
        data = {
            "type": "order_copies",
            "attributes": attributes,
            "relationships": {"source_order": source},
        }
        response = self.client_class().post(
            path,
            json.dumps({"data": data}),
            content_type="application/vnd.api+json",
            headers={"Authorization": f"Basic {b64encode(b'admin:admin').decode()}"},
        )
        assert response.status_code in (200, 201), response.content
        return response.json()

    def test_check__finds_nothing(self) -> None:
        call_command("check", fail_level="WARNING", databases=["default"])

    def test_admin__order_is_swapped_as_previewed(self) -> None:
        # given
        options = {"place_target_order": "on", "cancel_source_order": "on"}
        action = {"action": "copy_selected_orders", "_selected_action": self.order.pk}
        url = self.client.post(LIST, action).url

        # when
        preview = self.client.post(url, options, follow=True)
        hidden = HIDDEN.findall(preview.content.decode())
        submitted = dict(hidden) | {"_copy": "1", "_confirmed": "1"}
        progress = self.client.post(url, submitted, follow=True)
        target = self.run_worker()

        # then
        self.assertContains(preview, "2 × 7.50")
        self.assertContains(progress, "1 copy was requested.")
        assert contents(target) == expected(placed=True)
        self.order.refresh_from_db()
        assert contents(self.order) == expected(cancelled=True)
        copy_page = reverse(
            "admin:order_copies_ordercopy_change", args=[OrderCopy.objects.get().pk]
        )
        self.assertContains(self.client.get(copy_page), "EUR")
        self.assert_stock(Assam=1, Sencha=2)

    def test_api__copies_what_the_preview_describes(self) -> None:
        # when
        preview = self.post("/api/order_copies?dry_run=true")["meta"]
        assert not OrderCopy.objects.exists()
        requested = self.post("/api/order_copies")["data"]
        target = self.run_worker()

        # then
        assert preview["target_totals"] == {"total_amount_cents": 2150}
        assert [one["action"] for one in preview["outcomes"]] == ["copied", "copied"]
        assert requested["attributes"]["status"] == "pending"
        assert contents(target) == expected()
        self.assert_stock(Assam=3, Sencha=3)

    def test_command__places_the_copy(self) -> None:
        # when
        key, output = str(self.order.pk), StringIO()
        call_command("copy_order", key, "--place-target-order", "--dry-run", stdout=output)
        call_command("copy_order", key, "--place-target-order", stdout=output)
        target = self.run_worker()
        call_command("audit_order_copies", stdout=output)

        # then
        assert "total_amount: 21.50\xa0EUR" in output.getvalue()
        assert "1 copy audited, no findings." in output.getvalue()
        assert contents(target) == expected(placed=True)
        self.assert_stock(Assam=1, Sencha=2)

    def test_stock__less_is_copied_or_nothing(self) -> None:
        if not self.with_stock:
            self.skipTest("This shop has no stock.")

        # given
        models.Tea.objects.filter(name="Assam").update(stock=1)
        options = {"place_target_order": True}

        # when
        failing = self.post("/api/order_copies?dry_run=true", **options)["meta"]
        self.post("/api/order_copies", **options, skip_errors=True)
        target = self.run_worker()

        # then
        assert failing["status"] == "failed"
        lines = [("Assam", 1, Decimal("7.50")), LINES[1]]
        assert contents(target) == expected(placed=True, lines=lines, total=14)
        assert target.number == f"C-{OrderCopy.objects.get().pk}"
        self.assert_stock(Assam=0, Sencha=2)

    def test_customer__copies_own_orders_only(self) -> None:
        if not self.with_stock:
            self.skipTest("Orders of this shop have no owner.")

        # given
        self.user.is_superuser = False
        self.user.save()

        # when, then
        assert self.client.get("/api/orders").json()["data"] == []
        self.order.customer = self.user
        self.order.save()
        self.post("/api/order_copies", place_target_order=True)
        assert self.run_worker().customer == self.user
        assert len(self.client.get("/api/orders").json()["data"]) == 2

    def assert_stock(self, **pieces: int) -> None:
        if self.with_stock:
            found = dict(models.Tea.objects.values_list("name", "stock"))
            assert found == pieces
