"""What the tests of the contract need from a shop, and which of them concern it."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import RequestFactory, override_settings

from order_copies.shops import Capability, Shop, get_shop
from order_copies.testing import rows

Test = TypeVar("Test", bound=Callable[..., None])


def needs(*needed: Capability | str) -> Callable[[Test], Test]:
    """Mark a test that concerns only shops with these capabilities and hooks."""

    def mark(test: Test) -> Test:
        test.needed = frozenset(needed)  # type: ignore[attr-defined]
        return test

    return mark


class Contract:
    """The parts of :class:`order_copies.testing.ShopContract` that a shop overrides."""

    pytestmark = pytest.mark.django_db

    #: The adapter to test. None: the one that ``ORDER_COPIES["SHOP"]`` names.
    shop_class: ClassVar[type[Shop] | None] = None

    def make_order(self) -> Any:
        """Create and return a new order: saved, placed, with two or more lines.

        A copy of it must complete with everything that the shop can do: all its lines are
        available, also for ten more orders like it. Make each order differ from the others, in a
        name or a price, and use amounts that are not round, such as 19.99.
        """
        raise NotImplementedError

    def make_request(self, order: Any) -> HttpRequest:
        """Return a request, with ``user``, of a client that may see ``order``."""
        raise NotImplementedError

    def add_line(self, order: Any) -> None:
        """Add an available line to a placed order, and update its totals. Optional."""
        raise NotImplementedError

    def make_unavailable(self, order: Any) -> None:
        """Make one line of the order impossible to copy, but not the others. Optional.

        Delete its product, say, or take it off sale.
        """
        raise NotImplementedError

    def leave_last_pieces(self, order: Any) -> None:
        """Leave nothing in stock but the pieces that the placed order holds. Optional."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _installed_shop(self) -> Iterator[None]:
        """Install the shop, and retry crashed copies at once."""
        installed = settings.ORDER_COPIES | {"RETRY_PAUSE": -1}
        if self.shop_class is not None:
            installed["SHOP"] = f"{self.shop_class.__module__}.{self.shop_class.__qualname__}"
        with override_settings(ORDER_COPIES=installed):
            yield

    def __init_subclass__(cls) -> None:
        """Leave out the tests that need what the shop cannot do or the class does not override."""
        super().__init_subclass__()
        if cls.make_order is Contract.make_order:
            return
        abilities = cls.abilities()
        for name in dir(cls):
            if name.startswith("test_") and name not in vars(cls):
                test = _inherited(cls, name)
                needed: frozenset[str] = getattr(test, "needed", frozenset())
                missing = ", ".join(sorted(needed - abilities))
                setattr(cls, name, f"needs {missing}" if missing else test)

    @classmethod
    def shop(cls) -> Shop:
        """Return a new instance of the adapter."""
        return cls.shop_class() if cls.shop_class is not None else get_shop()

    @classmethod
    def abilities(cls) -> frozenset[str]:
        """Return the capabilities of the shop and the names of the overridden hooks."""
        hooks = ("add_line", "make_unavailable", "leave_last_pieces")
        overridden = {hook for hook in hooks if getattr(cls, hook) is not getattr(Contract, hook)}
        return cls.shop().capabilities | overridden

    def belongings(self, order: Any) -> rows.Rows:
        """Return the row of an order and every row that refers to it."""
        return rows.belongings(self.shop().order_model, order.pk)

    def contents(self, order: Any) -> dict[Any, list[rows.Row]]:
        """Return the rows of an order in each copied model."""
        return rows.contents(self.shop(), order.pk)

    def copied_contents(
        self, order: Any, *, of_source: bool
    ) -> Iterator[tuple[str, list[rows.Row]]]:
        """Yield each copied model with the fields of an order's rows that copies must have too."""
        contents = self.contents(order)
        for copied in self.shop().copied_models:
            yield (
                copied.model._meta.label,
                rows.copied_fields(copied, contents[copied.model], of_source=of_source),
            )


def anonymous() -> HttpRequest:
    """Return a request of a client that is not authenticated."""
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    return request


def _inherited(cls: type, name: str) -> Any:
    """Return a test as it is defined, also where a base class leaves it out."""
    found = (vars(base)[name] for base in cls.__mro__ if name in vars(base))
    return next(test for test in found if not isinstance(test, str))
