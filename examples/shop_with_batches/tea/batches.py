from collections import Counter

from django.db.models import prefetch_related_objects

from tea.copies import TeaShop
from tea.models import Tea


class BatchShop(TeaShop):
    def place_orders(self, placements):
        orders = [placement.order for placement in placements]
        teas = locked_teas(orders)
        reasons = []
        for order in orders:
            needed = pieces_of(order)
            short = [name for name in needed if name not in teas or teas[name].stock < needed[name]]
            if not short:
                for name in needed:
                    teas[name].stock -= needed[name]
            reasons.append(f"{short[0]} is out of stock." if short else "")
        Tea.objects.bulk_update(teas.values(), ["stock"])
        return reasons

    def cancel_orders(self, orders):
        teas = locked_teas(orders)
        for order in orders:
            if order.placed:
                needed = pieces_of(order)
                for name in needed.keys() & teas.keys():
                    teas[name].stock += needed[name]
        Tea.objects.bulk_update(teas.values(), ["stock"])
        return [""] * len(orders)


def locked_teas(orders):
    prefetch_related_objects(orders, "lines")
    names = {line.product for order in orders for line in order.lines.all()}
    teas = Tea.objects.filter(name__in=names).order_by("name").select_for_update()
    return {tea.name: tea for tea in teas}


def pieces_of(order):
    needed = Counter()
    for line in order.lines.all():
        needed[line.product] += line.quantity
    return needed
