from oscar.apps.order import utils

calls: list[tuple[str, str]] = []


class OrderNumberGenerator(utils.OrderNumberGenerator):
    def order_number(self, basket):
        return f"TEA-{basket.id}"


class OrderCreator(utils.OrderCreator):
    def update_stock_records(self, line):
        calls.append(("allocate", line.product.title))
        super().update_stock_records(line)

    def record_voucher_usage(self, order, voucher, user):
        calls.append(("voucher", voucher.code))
        super().record_voucher_usage(order, voucher, user)
