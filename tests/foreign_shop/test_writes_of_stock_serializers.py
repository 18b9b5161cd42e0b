"""Clients change resources whose serializers are those of the library."""

from collections.abc import Callable
from typing import Any

from rest_framework.permissions import IsAuthenticated
from rest_framework_json_api import serializers

from order_copies.jsonapi.views import ReadOnlyViewSet, UpdateMixin
from tests.foreign_shop.conftest import Shopper, complaints
from tests.foreign_shop.models import Label, PurchaseOrder
from tests.foreign_shop.serializers import BuyerSerializer


class LabelSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    class Meta:
        model = Label
        resource_name = "labels"
        fields = ["color"]
        updatable = ["color"]


class LabelViewSet(UpdateMixin, ReadOnlyViewSet):
    queryset = Label.objects.all()
    serializer_class = LabelSerializer
    permission_classes = [IsAuthenticated]

    def perform_update(self, serializer: Any) -> None:
        serializer.save()


class BasketSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """An order whose buyer clients may change, says the shop."""

    included_serializers = {"buyer": BuyerSerializer}

    class Meta:
        model = PurchaseOrder
        resource_name = "baskets"
        fields = ["number", "buyer"]
        updatable = ["buyer"]


class BasketViewSet(LabelViewSet):
    serializer_class = BasketSerializer

    def get_queryset(self) -> Any:
        return PurchaseOrder.objects.filter(buyer__user=self.request.user)


def test_update__changes_what_meta_names(ann: Shopper, routed: Callable[..., None]) -> None:
    # given
    routed(LabelViewSet)
    data: dict[str, Any] = {"type": "labels", "id": "gift"}

    # when
    valid = ann.send("PATCH", "/labels/gift", **data, attributes={"color": "green"})
    invalid = ann.send("PATCH", "/labels/gift", **data, attributes={"color": "x" * 21})
    unknown = ann.send("PATCH", "/labels/gift", **data, attributes={"code": "x"})

    # then
    text = "Ensure this field has no more than 20 characters."
    assert (valid[0], valid[1]["data"]["attributes"]) == (200, {"color": "green"})
    assert invalid[0] == 422
    assert complaints(invalid[1]) == [("/data/attributes/color", "too_long", f"color - {text}")]
    assert (unknown[0], unknown[1]["errors"][0]["code"]) == (400, "PARAM_NOT_ALLOWED")
    assert Label.objects.get(pk="gift").color == "green"


def test_update__relationship_of_a_stock_field_cannot_be_set(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(BasketViewSet)
    related = {"buyer": {"data": {"type": "buyers", "id": "2"}}}

    # when
    status, _ = ann.send("PATCH", "/baskets/1", type="baskets", id="1", relationships=related)

    # then
    assert status == 400
    assert PurchaseOrder.objects.get(pk=1).buyer_id == 1


def test_second_viewset_of_the_order_model__does_not_hide_relationships_to_orders(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(BasketViewSet)
    PurchaseOrder.objects.create(pk=3, number="A0", buyer_id=1, total=1, replaces_id=1)

    # when
    status, document = ann.get("/orders/3/replaces")

    # then
    assert (status, document["data"]["type"]) == (200, "orders")
