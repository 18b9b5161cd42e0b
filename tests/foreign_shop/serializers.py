"""Serializers as the documentation of djangorestframework-jsonapi has them.

They import nothing of order_copies.
"""

from typing import Any

from rest_framework_json_api import serializers
from rest_framework_json_api.relations import (
    ResourceRelatedField,
    SerializerMethodResourceRelatedField,
)

from tests.foreign_shop.models import (
    Buyer,
    Label,
    Product,
    PurchaseLine,
    PurchaseOrder,
    Voucher,
)


class ShoutingField(serializers.CharField):  # type: ignore[misc]
    """A field class of the shop's own."""

    def to_representation(self, value: Any) -> str:
        return str(value).upper()


class AddressSerializer(serializers.Serializer):  # type: ignore[misc]
    """A nested object."""

    city = serializers.CharField()
    place = serializers.ListField(child=serializers.DecimalField(max_digits=6, decimal_places=3))

    class Meta:
        resource_name = "nested"


class BuyerSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    class Meta:
        model = Buyer
        resource_name = "buyers"
        fields = ["email"]


class LabelSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    class Meta:
        model = Label
        resource_name = "labels"
        fields = ["color"]


class VoucherSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    class Meta:
        model = Voucher
        resource_name = "vouchers"
        fields = ["code"]


class ProductSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    class Meta:
        model = Product
        resource_name = "products"
        fields = ["name"]


class PurchaseLineSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    title = serializers.SerializerMethodField()

    included_serializers = {
        "order": "tests.foreign_shop.serializers.PurchaseOrderSerializer",
        "item": ProductSerializer,
    }

    class Meta:
        model = PurchaseLine
        resource_name = "purchase-lines"
        fields = ["product", "quantity", "title", "order", "item"]

    def get_title(self, line: PurchaseLine) -> str:
        return f"{line.quantity} x {line.product}"

    def to_representation(self, instance: PurchaseLine) -> Any:
        """Add what the shop thinks a document needs."""
        return super().to_representation(instance) | {"product": instance.product.title()}


class PurchaseOrderSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """A purchase order of the shop."""

    shouted = ShoutingField(source="number", read_only=True)
    is_large = serializers.ReadOnlyField()
    reader = serializers.SerializerMethodField()
    delivery = AddressSerializer(read_only=True)
    secret = serializers.CharField(write_only=True, required=False)
    vouchers = SerializerMethodResourceRelatedField(model=Voucher, many=True, read_only=True)
    main_item = SerializerMethodResourceRelatedField(model=Product, read_only=True)
    gift = SerializerMethodResourceRelatedField(model=Voucher, read_only=True)
    payer = ResourceRelatedField(read_only=True)
    referrer = ResourceRelatedField(queryset=Buyer.objects, write_only=True, required=False)

    included_serializers = {
        "buyer": BuyerSerializer,
        "labels": LabelSerializer,
        "lines": PurchaseLineSerializer,
        "vouchers": VoucherSerializer,
        "payer": BuyerSerializer,
        "main_item": ProductSerializer,
        "gift": VoucherSerializer,
    }

    class Meta:
        model = PurchaseOrder
        resource_name = "purchase-orders"
        fields = [
            "number",
            "total",
            "ordered_on",
            "shipped_at",
            "token",
            "channel",
            "short_note",
            "shouted",
            "is_large",
            "reader",
            "delivery",
            "secret",
            "buyer",
            "labels",
            "lines",
            "vouchers",
            "warehouse",
            "replaces",
            "payer",
            "main_item",
            "gift",
            "referrer",
        ]

    def get_reader(self, order: PurchaseOrder) -> str:
        return str(self.context["request"].user.username)

    def get_vouchers(self, order: PurchaseOrder) -> Any:
        return Voucher.objects.filter(code__startswith=order.number)

    def get_main_item(self, order: PurchaseOrder) -> Product | None:
        line = order.lines.order_by("-quantity").first()
        return line.item if line else None

    def get_gift(self, order: PurchaseOrder) -> Any:
        """Return a buyer, though the field is one of vouchers."""
        return order.buyer
