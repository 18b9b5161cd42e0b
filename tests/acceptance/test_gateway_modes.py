"""Story: in every mode of the gateway a placed target is authorized once, and nothing else is.

The gateway runs in its own process: see :mod:`tests.gateway`.
"""

from collections import Counter
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.utils import timezone

from order_copies import copying
from order_copies.models import OpenPayment, OrderCopy, OrderFactory, Status
from orders.lifecycle.gateways import HTTPGateway
from orders.models import Authorization, Order
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.audits import audited
from tests.factories import AuthorizationFactory, PaymentSourceFactory, SkuFactory, placed_order
from tests.gateway.modes import Mode
from tests.gateway.process import FakeGateway, gateway_process

pytestmark = pytest.mark.django_db

UNANSWERED = [Mode.FAILING, Mode.FALSE_ERROR, Mode.NO_RESPONSE, Mode.DOWN]
ANSWERED = [Mode.NORMAL, Mode.SLOW, Mode.DUPLICATED]


@pytest.fixture
def gateway(settings: LazySettings) -> Iterator[FakeGateway]:
    """A gateway for the reference shop; crashed copies are retried at once, up to five times."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RETRY_PAUSE": 0}
    with gateway_process() as gateway:
        settings.ORDERS_GATEWAY = "orders.lifecycle.gateways.HTTPGateway"
        settings.ORDERS_GATEWAY_URL = gateway.url
        yield gateway


def authorized() -> Counter[str]:
    """Return the tokens that the shop has authorized for the targets of copies."""
    live = Authorization.objects.filter(status=Authorization.Status.AUTHORIZED)
    targets = live.filter(order__source_order_factory__isnull=False)
    return Counter(targets.values_list("token", flat=True))


def an_order(mode: str = "tok", **arguments: object) -> Order:
    """Create a placed order whose payment source selects this mode for its copies."""
    return placed_order(payment_source=PaymentSourceFactory(token=f"{mode}_4242"), **arguments)


@pytest.mark.parametrize("mode", [*ANSWERED, *UNANSWERED])
def test_gateway_mode__placed_target_is_authorized_once(gateway: FakeGateway, mode: Mode) -> None:
    # given
    order_copy = stories.requested(an_order(mode), place_target_order=True)

    # when
    stories.run_all()

    # then
    target = stories.target_of(stories.fresh(order_copy))
    assert stories.statuses(target)[:2] == ("placed", "authorized")
    assert gateway.tokens() == authorized() == Counter({target.authorizations.get().token: 1})
    assert gateway.tokens("voided") == Counter()
    assert gateway.calls("authorize") == 1 + (mode in UNANSWERED)
    assert audited(final=True) == []


@pytest.mark.parametrize("mode", UNANSWERED)
def test_unanswered_payment__voided_after_the_copy_is_aborted(
    gateway: FakeGateway, mode: Mode
) -> None:
    # given
    order_copy = stories.requested(an_order(), place_target_order=True)
    gateway.set_mode(mode)
    stories.run_all()
    assert stories.fresh(order_copy).status == Status.ABORTED
    assert OpenPayment.objects.count() == 1

    # when
    gateway.set_mode(Mode.NORMAL)
    OpenPayment.objects.update(due_at=timezone.now())
    stories.run_all()

    # then
    assert gateway.tokens() == Counter()
    assert sum(gateway.tokens("voided").values()) == 1
    assert not OpenPayment.objects.exists()
    assert audited(final=True) == []


def test_declined_payment__requested_once_and_target_not_placed(gateway: FakeGateway) -> None:
    # given
    order_copy = stories.requested(an_order(Mode.DECLINED), place_target_order=True)

    # when
    stories.run_all()

    # then
    found = stories.fresh(order_copy)
    assert (found.status, found.target_order.status) == (Status.FAILED, "pending")
    assert found.errors_log["payment_source"] == ["the payment source was declined"]
    assert (gateway.calls("authorize"), gateway.calls("void")) == (1, 0)
    assert gateway.tokens() == gateway.tokens("voided") == Counter()
    assert audited(final=True) == []


def test_last_piece__only_one_of_two_copies_is_authorized(gateway: FakeGateway) -> None:
    # given
    source = an_order(lines=[{"sku": SkuFactory(stock=2)}])
    order_copies = [OrderCopy(source_order=source, place_target_order=True) for _ in range(2)]
    copying.request_copies(order_copies, actor=stories.WHO)

    # when
    stories.run_all()

    # then
    statuses = OrderFactory.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.COMPLETED, Status.FAILED]
    assert gateway.tokens() == authorized()
    assert not gateway.tokens("voided")
    assert audited(final=True) == []


def test_batch__with_cards_of_all_modes_is_authorized_copy_by_copy(gateway: FakeGateway) -> None:
    # given
    modes = [*Mode, *Mode]
    order_copies = [
        OrderCopy(source_order=an_order(mode), place_target_order=True) for mode in modes
    ]
    copying.request_copies(order_copies, actor=stories.WHO)

    # when
    stories.run_all()

    # then
    statuses = Counter(OrderFactory.objects.values_list("status", flat=True))
    assert statuses == {Status.COMPLETED: 2 * (len(Mode) - 1), Status.FAILED: 2}
    assert gateway.tokens() == authorized()
    assert gateway.tokens("voided") == Counter()
    assert audited(final=True) == []


def test_swap__authorization_of_the_source_is_voided_once_the_gateway_is_back(
    gateway: FakeGateway, shop: type[InterferedShop]
) -> None:
    # given
    source = an_order(authorized=False)
    checkout = HTTPGateway().authorize(
        idempotency_key="checkout", payment_source_token="tok", amount_cents=1, currency="EUR"
    )
    AuthorizationFactory(order=source, token=checkout.token)
    swap = {"place_target_order": True, "cancel_source_order": True}
    order_copy = stories.requested(source, **swap)
    shop.before["place"] = lambda runs: gateway.set_mode(Mode.DOWN)

    # when
    stories.run_all()
    not_voided = gateway.tokens() - authorized()
    gateway.set_mode(Mode.NORMAL)
    stories.run_all()

    # then
    assert stories.fresh(order_copy).status == Status.COMPLETED
    assert not_voided == gateway.tokens("voided") == Counter({checkout.token: 1})
    assert gateway.tokens() == authorized()
    assert audited(final=True) == []
