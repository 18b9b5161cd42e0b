"""The contract between the app and a shop, as tests."""

from order_copies.testing.availability import Availability
from order_copies.testing.declarations import Declarations, Ids, Permissions
from order_copies.testing.laws import Laws
from order_copies.testing.placements import Placements
from order_copies.testing.plans import Plans
from order_copies.testing.queries import Queries
from order_copies.testing.selections import Selections
from order_copies.testing.subscriptions import Subscriptions
from order_copies.testing.swaps import Swaps
from order_copies.testing.targets import Targets


class ShopContract(
    Declarations,
    Ids,
    Permissions,
    Plans,
    Targets,
    Queries,
    Placements,
    Swaps,
    Availability,
    Selections,
    Subscriptions,
    Laws,
):
    """The tests that every :class:`order_copies.shops.Shop` must pass.

    Install the extra ``testing``, subclass this class in a test module of yours, and run pytest::

        class TestTeaShop(ShopContract):
            def make_order(self):
                order = Order.objects.create(email=unique_email(), total="24.97", placed=True)
                order.lines.create(product="Assam", quantity=2, price="9.99")
                order.lines.create(product="Sencha", quantity=1, price="4.99")
                return order

            def make_request(self, order):
                request = RequestFactory().get("/")
                request.user = User.objects.create_superuser("staff")
                return request

    Both methods are required:

    - :meth:`make_order` creates a new order each time: saved, placed, with two or more lines,
      unlike other orders in a name or a price, with amounts that are not round, such as 19.99. A
      copy of it must complete with everything that the shop can do, so let its products have stock
      for ten more, and give it the addresses and the payment that placing needs.
    - :meth:`make_request` returns an ``HttpRequest`` with the ``user`` of a client that may see the
      order.

    Three more are optional. The tests that need one are collected only if you override it:

    - :meth:`add_line` adds one line to an order. The tests then compare the number of queries of
      few and of many lines, and edit a source between plan and write.
    - :meth:`make_unavailable` makes one line of an order impossible to copy, but not the others.
    - :meth:`leave_last_pieces` leaves nothing in stock but what the order holds. The tests then
      swap the last piece, alone and among rivals.

    Nor are tests collected that need one of ``Shop.capabilities`` that the shop lacks. Tests of
    ``RECURRING`` order five pieces of a line, those of ``LINES`` three of the first line.

    The tests run against the class that ``ORDER_COPIES["SHOP"]`` names, or against
    :attr:`shop_class`. They use the Python API, the worker (``run_batch``) and your database, each
    in a transaction that is rolled back. Races need no threads: a second worker runs between the
    plan and the write of the first one. Calls to a payment gateway must be faked by your settings
    or by an ``autouse`` fixture of your class.

    A failing test says which method broke which promise, such as "cancel() ran 2 queries for one
    copy and 10 for five". To omit a test, set its name to None in your class.
    """
