from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies import copying
from order_copies.changes import CHANGES
from order_copies.events.models import Event
from order_copies.exceptions import OrderCopyGoneError, SourceOrderGoneError
from order_copies.models import OPTIONS, OrderCopy, OrderFactory, Status
from order_copies.worker.batches import Batch
from order_copies.worker.run import run_batch
from orders.models import Order
from tests import stories
from tests.acceptance.shops import PATH, InterferedShop
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db


def test_request_copies__empty_list_writes_nothing() -> None:
    # when
    copying.request_copies([], actor=stories.WHO)

    # then
    assert not OrderFactory.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize("orders", ["12", b"12", [OrderCopy()]])
def test_unsaved__refuses_what_is_no_list_of_orders(orders: Any) -> None:
    with pytest.raises(TypeError, match=r"must be a list|is not the order model"):
        copying.unsaved(orders)


@pytest.mark.parametrize("key", ["1\0", 2**63, -(10**400)])
def test_unsaved__refuses_keys_that_no_database_can_store(key: Any) -> None:
    with pytest.raises(ValidationError):
        copying.unsaved([key])


@pytest.mark.parametrize("order", [None, Order()])
def test_request__order_without_a_key_is_gone(order: Any) -> None:
    with pytest.raises(SourceOrderGoneError):
        copying.request([order], actor=stories.WHO)


def test_request_copies__each_only_once() -> None:
    # given
    [saved] = copying.request([placed_order()], actor=stories.WHO)
    [unsaved] = copying.unsaved([placed_order()])

    # when
    for order_copies in ([saved], [unsaved, unsaved]):
        with pytest.raises(ValueError, match="saved already, or twice"):
            copying.request_copies(order_copies, actor=stories.WHO)

    # then
    assert [it.pk for it in OrderFactory.objects.all()] == [saved.pk]


def test_request_copies__one_invalid_copy_refuses_all() -> None:
    # given
    source = placed_order()
    good, bad = OrderCopy(source_order=source), OrderCopy(source_order=source, type="nonsense")

    # when
    with pytest.raises(IntegrityError, match="order_factory_type_known"):
        copying.request_copies([good, bad], actor=stories.WHO)

    # then
    assert not OrderFactory.objects.exists()
    assert not Event.objects.exists()


def test_request_copies__deleted_source_refuses_all() -> None:
    # given
    source = placed_order()
    copies = [OrderCopy(source_order=source), OrderCopy(source_order_id=source.pk + 1)]

    # when
    with pytest.raises(SourceOrderGoneError):
        copying.request_copies(copies, actor=stories.WHO)

    # then
    assert not OrderFactory.objects.exists()
    assert not Event.objects.exists()


def test_update_and_delete__deleted_copy_raises() -> None:
    # given
    order_copy = stories.requested(placed_order())
    OrderFactory.objects.all().delete()

    # when, then
    with pytest.raises(OrderCopyGoneError):
        copying.update(order_copy, actor=stories.WHO)
    with pytest.raises(OrderCopyGoneError):
        copying.delete([order_copy], actor=stories.WHO)


def test_request__copies_of_instances_and_keys_have_the_options() -> None:
    # given
    first, second = placed_order(lines=1), placed_order(lines=1)

    # when
    order_copies = copying.request(
        [first, second.pk, str(first.pk)],
        place_target_order=True,
        reference="R1",
        metadata={"batch": [4]},
        actor="nightly import",
    )

    # then
    assert order_copies == list(OrderCopy.objects.all())
    assert [order_copy.source_order for order_copy in order_copies] == [first, second, first]
    fields = ("status", "place_target_order", "reuse_wallet", "reference", "metadata")
    assert set(map(str, OrderCopy.objects.values_list(*fields))) == {
        str(("pending", True, True, "R1", {"batch": [4]}))
    }


def test_request__costs_the_same_for_one_and_for_many() -> None:
    """BEGIN, lock the orders, INSERT copies, INSERT events, COMMIT; no query for an option."""
    # given
    orders = [placed_order(lines=1) for _ in range(5)]

    def cost(some: list[Order]) -> int:
        with CaptureQueriesContext(connection) as queries:
            copying.request(some, skip_errors=True, actor="import")
        return len(queries)

    # when, then
    assert cost(orders[:1]) == cost(orders)


@pytest.mark.parametrize("call", [copying.request, copying.preview])
def test_request_and_preview__unknown_option_is_named_with_the_known_ones(
    call: Callable[..., Any],
) -> None:
    # given
    keywords = {"actor": "import"} if call is copying.request else {}

    # when
    with pytest.raises(TypeError) as raised:
        call([placed_order(lines=1)], place_order=True, **keywords)

    # then
    assert str(raised.value) == (
        "Unknown: place_order. Known are apply_promotions, billing_address, cancel_source_order, "
        "customer_email, ignore_invalid_coupon, line_items, metadata, place_target_order, "
        "plan_digest, profile, reference, reference_origin, reuse_wallet, shipping_address, "
        "skip_errors."
    )
    assert not OrderFactory.objects.exists()


@pytest.mark.parametrize(
    "options",
    [
        {"skip_errors": "perhaps"},
        {"skip_errors": None},
        {"reference": "x" * 256},
        {"reference": "nul\0"},
        {"reference_origin": "\ud800"},
        {"metadata": ["no object"]},
        {"metadata": {"at": float("inf")}},
        {"metadata": {"at": object()}},
    ],
)
def test_request__value_that_cannot_be_stored_is_refused(options: dict[str, Any]) -> None:
    source = placed_order(lines=1)

    with pytest.raises(ValidationError):
        copying.request([source], actor="import", **options)

    assert not OrderFactory.objects.exists()


def test_request__options_are_those_of_the_model() -> None:
    annotations = {"reference", "reference_origin", "metadata"}

    assert copying.Annotations.__optional_keys__ == annotations
    assert copying.Changes.__optional_keys__ == set(CHANGES)
    options = {*OPTIONS, *annotations, *CHANGES, "profile", "plan_digest"}
    assert copying.CopyOptions.__optional_keys__ == options


def test_request__malformed_key_is_refused() -> None:
    with pytest.raises(ValidationError):
        copying.request(["#12"], actor="import")


@pytest.mark.parametrize(
    ("call", "keywords"), [(copying.request, {"actor": "import"}), (copying.preview, {})]
)
def test_request_and_preview__missing_order_raises(
    call: Callable[..., Any], keywords: dict[str, str]
) -> None:
    source = placed_order(lines=1)

    with pytest.raises(SourceOrderGoneError):
        call([source, source.pk + 1], **keywords)


def test_preview__returns_the_plans_that_requests_with_their_digests_run() -> None:
    # given
    source = placed_order(lines=1)

    # when
    [plan] = copying.preview([source.pk], place_target_order=True)
    [order_copy] = copying.request(
        [source], place_target_order=True, plan_digest=plan.digest, actor="import"
    )
    run_batch("w1")

    # then
    assert plan.will_place
    assert stories.fresh(order_copy).status == Status.COMPLETED


def test_follow__yields_copies_as_they_end_without_deleted_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    orders = [placed_order(lines=1) for _ in range(3)]
    first, deleted, last = copying.request(orders, actor="import")
    run_batch("w1", limit=1)
    steps = iter([partial(copying.delete, [deleted], actor="x"), partial(run_batch, "w1")])
    monkeypatch.setattr("time.sleep", lambda seconds: next(steps)())

    # when
    followed = [(one, one.status) for one in copying.follow([last, deleted, first], 60)]

    # then
    assert followed == [(first, Status.COMPLETED), (last, Status.COMPLETED)]
    assert list(steps) == []


def test_follow__raises_after_the_timeout() -> None:
    order_copies = copying.request([placed_order(lines=1)], actor="import")

    with pytest.raises(TimeoutError, match="1 of 1 copies have not ended: check that a worker is"):
        list(copying.follow(order_copies, 0.05))


def test_wait__returns_the_copies_in_order_ended_or_not() -> None:
    # given
    orders = [placed_order(lines=1) for _ in range(2)]
    first, second = copying.request(orders, actor="import")
    run_batch("w1", limit=1)

    # when
    waited = copying.wait([second, first], 0.05)

    # then
    assert waited == [second, first]
    assert [one.has_ended for one in waited] == [False, True]
    assert all(isinstance(one, OrderCopy) for one in waited)


def test_events_of__are_those_of_the_copy_oldest_first() -> None:
    # given
    order_copy, _other = copying.request([placed_order(lines=1)] * 2, actor="import")
    copying.abort([order_copy], actor="import")
    copying.update(order_copy, reference="R2", actor="import")

    # when
    events = copying.events_of(order_copy)

    # then
    assert [event.name for event in events] == ["order_copies.create", "order_copies.abort", ""]
    assert [event.who for event in events] == [{"command": {"name": "import"}}] * 3


def test_update__unknown_name_or_value_is_refused() -> None:
    [order_copy] = copying.request([placed_order(lines=1)], actor="import")

    with pytest.raises(TypeError, match="Unknown: skip_errors"):
        copying.update(order_copy, skip_errors=True, actor="import")  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        copying.update(order_copy, reference="x" * 256, actor="import")


def test_run_batch__empty_queue_claims_nothing() -> None:
    # when
    batch = run_batch(worker="w1")

    # then
    assert batch.claimed == 0
    assert str(batch) == "0 claimed, none ended in 0.000 s"


def test_batch__str_is_one_line_of_counts() -> None:
    # given
    batch = Batch(claimed=3, seconds=0.25)

    # when
    batch.ends.update(["completed", "failed", "completed"])

    # then
    assert str(batch) == "3 claimed, 2 completed, 1 failed in 0.250 s"


@pytest.mark.parametrize(("attempt", "pause"), [(0, 2), (1, 4), (2, 8), (3, 16)])
def test_run_batch__backoff_doubles_with_each_crash(
    settings: LazySettings, attempt: int, pause: int
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH}
    order_copy = OrderCopyFactory(attempt=attempt)
    InterferedShop.before["plan"] = crash
    before = timezone.now()

    # when
    batch = run_batch(worker="w1")
    InterferedShop.before.clear()

    # then
    lease = OrderFactory.objects.get(pk=order_copy.pk).lease_expires_at
    assert lease is not None
    assert dict(batch.ends) == {"to retry": 1}
    assert before + timedelta(seconds=pause) <= lease
    assert lease <= timezone.now() + timedelta(seconds=pause)


def crash(_: object) -> None:
    raise ZeroDivisionError


def test_run_batch__lease_has_the_configured_length(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH, "LEASE": 30}
    order_copy = OrderCopyFactory()
    leases: list[object] = []
    InterferedShop.before["plan"] = lambda order_copies: leases.append(
        order_copies[0].lease_expires_at - order_copies[0].started_at
    )

    # when
    run_batch(worker="w1")
    InterferedShop.before.clear()

    # then
    assert leases == [timedelta(seconds=30)]
    assert stories.fresh(order_copy).lease_expires_at is None
