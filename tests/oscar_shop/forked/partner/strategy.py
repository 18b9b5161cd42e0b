from decimal import Decimal

from oscar.apps.partner import availability, prices, strategy


class Rationed(availability.Base):
    """At most three pieces of a product in an order."""

    def is_purchase_permitted(self, quantity):
        return quantity <= 3, "at most three pieces"


class Discontinued(availability.Base):
    """A product that is no longer sold, though some is in stock."""

    def is_purchase_permitted(self, quantity):
        return False, "this product is discontinued"


class Strategy(strategy.UseFirstStockRecord, strategy.FixedRateTax, strategy.Structured):
    rate = Decimal("0.20")
    exponent = Decimal("0.01")

    def pricing_policy(self, product, stockrecord):
        if product.title == "Imported pot":
            return prices.FixedPrice(stockrecord.price_currency, stockrecord.price)
        return super().pricing_policy(product, stockrecord)

    def availability_policy(self, product, stockrecord):
        if product.title == "Old pot":
            return Discontinued()
        if not product.get_product_class().track_stock:
            return availability.Available()
        if product.title == "Rare pot":
            return Rationed()
        return availability.StockRequired(stockrecord.net_stock_level)


class Selector(strategy.Selector):
    def strategy(self, request=None, user=None, **kwargs):
        return Strategy(request)
