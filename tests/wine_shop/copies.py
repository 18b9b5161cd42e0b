"""The declarations of the wine merchant."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F
from django.utils import timezone

from order_copies.shops import CopiedModel, CopyRun, FrozenShop, LineFields, Refused
from order_copies.shops.lines import Available
from tests.wine_shop.models import (
    Address,
    Advice,
    Card,
    Discount,
    Doorbell,
    Enclosure,
    Engraving,
    Gift,
    Leaflet,
    Letter,
    Line,
    Option,
    Order,
    Parcel,
    Region,
    Remark,
    Reminder,
    Reply,
    Wine,
)


class WineShop(FrozenShop):
    copied_models = [
        CopiedModel(
            Order,
            copied=("customer_id", "currency", "shipping", "note", "wanted_on", "data"),
            reset={
                "number": "",
                "status": "draft",
                "placed_at": None,
                "cancelled_at": None,
                "seen_at": timezone.now,
                "token": Order._meta.get_field("token").get_default,
                "attempts": 1,
                "replaces_id": None,
            },
            left_behind_keys={"data": ("invoice",)},
        ),
        CopiedModel(Remark, copied=("text",)),
        CopiedModel(Reply, copied=("text",)),
        CopiedModel(
            Line,
            copied=("wine_id", "name", "quantity", "price", "data"),
            reset=("packed_at",),
            left_behind_keys={"data": ("pallet",)},
        ),
        CopiedModel(Option, copied=("name",)),
        CopiedModel(Engraving, copied=("text",)),
        CopiedModel(Letter, copied=("character",)),
        CopiedModel(Order.occasions.through, copied=("occasion_id",)),
        CopiedModel(Advice, copied=("adviser_id", "text")),
        CopiedModel(Discount, copied=("name",)),
        CopiedModel(Gift, reset=("code",)),
        CopiedModel(Leaflet, copied=("title", "text")),
        CopiedModel(Doorbell, copied=("label",)),
        CopiedModel(Parcel, copied=("weight",)),
        CopiedModel(Address, copied=("street", "country_id")),
        CopiedModel(Region, copied=("name",)),
        CopiedModel(Card, copied=("text",)),
    ]
    line = LineFields(Line, name="name", quantity="quantity", unit="price", product="wine_id")
    currency = "currency"
    totals = {"subtotal_amount_cents": "subtotal_cents", "total_amount_cents": "total"}
    placed = {"status": "placed", "placed_at": timezone.now}
    cancelled = {"status": "cancelled", "cancelled_at": timezone.now}
    owner = "customer__user"
    left_behind = [Reminder, Enclosure]

    def fresh(self, runs: Sequence[CopyRun]) -> list[dict[str, Any]]:
        last = Order.objects.count()
        return [{"number": f"W{last + index}"} for index in range(1, len(runs) + 1)]

    def available(self, products: set[Any]) -> Mapping[Any, Available]:
        wines = Wine.objects.filter(pk__in=products)
        return {wine.pk: wine.embargo or wine.pieces for wine in wines}

    def place_order(self, order: Order) -> None:
        for line in order.lines.exclude(wine=None):
            stock = Wine.objects.filter(pk=line.wine_id)
            if stock.filter(pieces=None).exists():
                continue
            enough = stock.filter(pieces__gte=line.quantity)
            if not enough.update(pieces=F("pieces") - line.quantity):
                raise Refused(f"{line.name} was sold in the meantime")

    def cancel_order(self, order: Order) -> None:
        if order.note == "shipped":
            raise Refused("this order was shipped")
        if order.status == "placed":
            for line in order.lines.exclude(wine=None):
                Wine.objects.filter(pk=line.wine_id).update(pieces=F("pieces") + line.quantity)
