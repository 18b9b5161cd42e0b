from oscar.apps.shipping import apps


class ShippingConfig(apps.ShippingConfig):
    name = "tests.oscar_shop.forked.shipping"
