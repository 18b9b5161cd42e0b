"""A benefit that is granted after an order is placed."""

from oscar.core.loading import get_class, get_model

Benefit = get_model("offer", "Benefit")
PostOrderAction = get_class("offer.results", "PostOrderAction")


class Points(Benefit):
    name = description = "A hundred points"

    class Meta:
        app_label = "offer"
        proxy = True

    def apply(self, basket, condition, offer):
        condition.consume_items(offer, basket, ())
        return PostOrderAction("A hundred points")

    def apply_deferred(self, basket, order, application):
        return "A hundred points were granted"
