"""Tests of what a shop declares: its models, ids and permissions."""

from typing import Any

from django.core.checks import run_checks
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from order_copies.models import OrderFactory
from order_copies.shops.tables import linked_model
from order_copies.testing.base import Contract, anonymous
from order_copies.testing.laws import examples
from order_copies.testing.steps import requested, unsaved


class Declarations(Contract):
    """Tests of ``copied_models`` and of the settings."""

    def test_settings__name_the_shop_and_its_order_model(self) -> None:
        """``ORDER_COPIES`` names an importable adapter that defines all abstract methods."""
        complaints = self._complaints("order_copies.E001", "order_copies.E002")
        assert not complaints, " ".join(complaints)

    def test_copied_models__include_the_order_model(self) -> None:
        """The shop declares what a copy does with the fields of an order."""
        models = [copied.model._meta.label for copied in self.shop().copied_models]
        label = self.shop().order_model._meta.label
        assert label in models, f"copied_models declares {models or 'nothing'}, but not {label}."

    def test_copied_models__declare_every_concrete_field(self) -> None:
        """Each field is declared exactly once, and each declared name is a field."""
        complaints = self._complaints("order_copies.E004")
        assert not complaints, " ".join(complaints)

    def _complaints(self, *ids: str) -> list[str]:
        """Return the messages of the system checks with these ids."""
        return [str(error.msg) for error in run_checks() if error.id in ids]

    def test_copied_models__copy_no_unique_field(self) -> None:
        """A unique value cannot be copied."""
        unique = [
            f"{copied.model._meta.label}.{field.attname}"
            for copied in self.shop().copied_models
            for field in copied.model._meta.concrete_fields
            if field.unique and field.attname in copied.copied
        ]
        assert not unique, f"{', '.join(unique)}: declared as copied, but unique. Reset it."

    def test_copied_models__copy_no_reference_to_a_copied_row(self) -> None:
        """A reference from one row of the order to another one is remapped to the copied row."""
        models = [copied.model for copied in self.shop().copied_models]
        shared = [
            f"{copied.model._meta.label}.{field.attname}"
            for copied in self.shop().copied_models
            for field in copied.model._meta.concrete_fields
            if field.attname in copied.copied
            if (linked := linked_model(field, models)) and linked is not copied.model
        ]
        assert not shared, f"{', '.join(shared)}: declared as copied, so it refers to the source."


class Ids(Contract):
    """Tests of ``order_id``, ``order_key`` and ``find_order``."""

    def test_order_id__is_text_that_leads_back_to_the_key(self) -> None:
        """``order_key`` is the inverse of ``order_id``."""
        order = self.make_order()
        order_id = self.shop().order_id(order.pk)
        key = self.shop().order_key(order_id)
        assert isinstance(order_id, str), f"order_id() returned {order_id!r}, which is no text."
        assert key == order.pk, f"order_key({order_id!r}) returned {key!r} instead of {order.pk!r}."

    def test_order_id__differs_between_orders(self) -> None:
        """Two orders have two ids."""
        ids = {self.shop().order_id(self.make_order().pk) for _ in range(2)}
        assert len(ids) == 2, f"order_id() returned {ids} for two orders."

    def test_order_id__runs_no_queries(self) -> None:
        """Neither ``order_id`` nor ``order_key`` queries the database."""
        order = self.make_order()
        with CaptureQueriesContext(connection) as queries:
            self.shop().order_key(self.shop().order_id(order.pk))
        assert not len(queries), f"order_id() or order_key() ran {queries[0]['sql']}"

    @examples
    @given(text=st.text())
    def test_order_key__accepts_any_text(self, text: str) -> None:
        """A malformed id is no error, and a key can be looked up."""
        orders = self.shop().order_model._base_manager
        assert orders.filter(pk=self.shop().order_key(text)).count() in {0, 1}

    def test_find_order__finds_an_order_by_its_id(self) -> None:
        """Staff can name an order by its public id."""
        order = self.make_order()
        order_id = self.shop().order_id(order.pk)
        key = self.shop().find_order(order_id)
        assert key == order.pk, f"find_order({order_id!r}) returned {key!r}, not {order.pk!r}."

    @examples
    @given(text=st.text())
    def test_find_order__accepts_any_text(self, text: str) -> None:
        """Text that identifies no order is no error."""
        key = self.shop().find_order(text)
        assert key is None or not isinstance(key, self.shop().order_model), (
            f"find_order({text!r}) returned an order instead of its key."
        )


class Permissions(Contract):
    """Tests of what a client may see and change."""

    def test_orders_for__shows_the_order_to_its_client(self) -> None:
        """The client of ``make_request`` sees the order."""
        order = self.make_order()
        shown = self.shop().orders_for(self.make_request(order))
        assert shown.filter(pk=order.pk).exists(), "orders_for() hides the order of make_request()."

    def test_orders_for__shows_an_anonymous_client_nothing(self) -> None:
        """A client that is not authenticated sees no order."""
        order = self.make_order()
        shown = self.shop().orders_for(anonymous())
        assert not shown.filter(pk=order.pk).exists(), "orders_for() shows an order to anybody."

    def test_orders_for__is_a_queryset_that_works_as_a_subquery(self) -> None:
        """The app filters the queryset and uses it as a subquery."""
        order = self.make_order()
        shown = self.shop().orders_for(self.make_request(order))
        model = self.shop().order_model
        assert issubclass(shown.model, model), f"orders_for() returned {shown.model}, not {model}."
        found = model._base_manager.filter(pk__in=shown.values("pk"), pk=order.pk)
        assert found.exists(), "orders_for() does not work as a subquery."

    def test_order_copies_for__shows_a_copy_of_the_order_to_its_client(self) -> None:
        """Who sees an order sees its copies."""
        order = self.make_order()
        requested(unsaved(order))
        shown = self._order_copies_for(self.make_request(order))
        assert shown.filter(source_order=order.pk).exists(), (
            "order_copies_for() hides a copy of the order of make_request()."
        )

    def test_order_copies_for__shows_an_anonymous_client_nothing(self) -> None:
        """A client that is not authenticated sees no copy."""
        requested(unsaved(self.make_order()))
        assert not self._order_copies_for(anonymous()).exists(), (
            "order_copies_for() shows a copy to an anonymous client."
        )

    def test_acts_for_itself__anonymous_client_does_not(self) -> None:
        """A client that acts for itself needs no permissions, so it must be known."""
        assert not self.shop().acts_for_itself(anonymous()), (
            "acts_for_itself() frees an anonymous client from permissions."
        )

    def test_may_change_orders__anonymous_client_may_not(self) -> None:
        """A client that is not authenticated changes nothing."""
        order = self.make_order()
        assert not self.shop().may_change_orders(anonymous(), [order]), (
            "may_change_orders() lets an anonymous client change an order."
        )

    def _order_copies_for(self, request: Any) -> Any:
        return self.shop().order_copies_for(request, OrderFactory.objects.all())
