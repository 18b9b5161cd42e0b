from oscar.apps.order import apps


class OrderConfig(apps.OrderConfig):
    name = "tests.oscar_shop.forked.order"
