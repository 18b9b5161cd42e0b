"""Story: a copy with the digest of a previewed plan executes that plan, or does nothing."""

import json
from typing import Any

import pytest
from django.utils import translation

from order_copies import copying
from order_copies.models import OrderCopy, OrderFactory, Status
from orders.models import Order
from tests import stories
from tests.acceptance.processes import run
from tests.api import API, request_of, staff, the_error_in, written
from tests.factories import SkuFactory, draft_order, placed_order

pytestmark = pytest.mark.django_db

DIGEST = "/data/attributes/plan_digest"
SWAP = {"place_target_order": True, "cancel_source_order": True}


@pytest.fixture
def api() -> API:
    return API(staff())


def dry_run(api: API, order: Order, **attributes: Any) -> dict[str, Any]:
    """Return the meta of a dry run."""
    response = api.post("/order_copies?dry_run=true", request_of(order, **attributes))
    meta: dict[str, Any] = response.json()["meta"]
    return meta


def take_off_sale(order: Order) -> None:
    for line_item in order.line_items.exclude(sku=None):
        line_item.sku.on_sale = False
        line_item.sku.save()


def test_plan_digest__unchanged_plan_is_executed(api: API) -> None:
    # given
    order = placed_order()
    digest = dry_run(api, order, **SWAP)["plan_digest"]

    # when
    response = api.post(
        "/order_copies?fields[order_copies]=status,plan_digest",
        request_of(order, plan_digest=digest.upper(), **SWAP),
    )
    stories.run_all()

    # then
    order_copy = OrderFactory.objects.get()
    assert response.json()["data"]["attributes"] == {"status": "pending", "plan_digest": digest}
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)


def test_plan_digest__changed_plan_fails_the_copy_without_effects(api: API) -> None:
    # given
    order = placed_order(lines=2)
    digest = dry_run(api, order, skip_errors=True, **SWAP)["plan_digest"]
    order_copies = request_of(order, plan_digest=digest, skip_errors=True, **SWAP)
    api.post("/order_copies", order_copies)
    line_item = order.line_items.exclude(sku=None).first()
    line_item.sku.on_sale = False
    line_item.sku.save()
    before = stories.every_byte(order)

    # when
    stories.run_all()

    # then
    order_copy = OrderFactory.objects.get()
    assert (order_copy.status, order_copy.target_order) == (Status.FAILED, None)
    assert order_copy.errors_log["plan_changed"] == [
        "the plan has changed since the preview: preview the copy again"
    ]
    assert ("skipped", "sku_not_on_sale") in stories.actions(order_copy)
    assert stories.every_byte(order) == before
    assert Order.objects.count() == 1


def test_plan_digest__other_copies_of_the_batch_complete(api: API) -> None:
    # given
    order = placed_order()
    order_copies = [
        OrderCopy(source_order=order),
        OrderCopy(source_order=order, plan_digest="0" * 64),
    ]
    copying.request_copies(order_copies, actor=stories.WHO)

    # when
    stories.run_all()

    # then
    ended = [stories.fresh(order_copy).status for order_copy in order_copies]
    assert ended == [Status.COMPLETED, Status.FAILED]


def test_dry_run__reports_whether_the_plan_has_changed(api: API) -> None:
    # given
    order = placed_order()
    first = dry_run(api, order)

    # when
    same = dry_run(api, order, plan_digest=first["plan_digest"])
    other = dry_run(api, order, plan_digest="0" * 64)

    # then
    assert (same["status"], same["plan_digest"]) == ("completed", first["plan_digest"])
    assert (other["status"], other["plan_digest"]) == ("failed", first["plan_digest"])
    assert list(other["errors_log"]) == ["plan_changed"]
    assert (other["will_write"], other["errors_count"]) == (False, 1)


def test_plan_digest__independent_of_the_language() -> None:
    # given
    order = placed_order(lines=[{"sku": SkuFactory(stock=1)}, {}], payment_source=None)
    take_off_sale(order)
    plan = stories.previewed(order, skip_errors=True, place_target_order=True)

    # when
    with translation.override("de"):
        again = stories.previewed(order, skip_errors=True, place_target_order=True)

    # then
    assert plan.problems
    assert again.digest == plan.digest


@pytest.mark.parametrize(
    "toggles",
    [{"place_target_order": True}, {"cancel_source_order": True}, {"skip_errors": True}],
    ids=str,
)
def test_plan_digest__depends_on_the_toggles(toggles: dict[str, bool]) -> None:
    order = draft_order()

    assert stories.previewed(order).digest != stories.previewed(order, **toggles).digest


@pytest.mark.parametrize(
    "digest", ["", "0" * 63, "0" * 65, "g" * 64, 7, [], "٣" * 64, "0" * 64 + "\n"]
)
def test_plan_digest__malformed_is_refused(api: API, digest: Any) -> None:
    # when
    response = api.post("/order_copies", request_of(placed_order(lines=1), plan_digest=digest))

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", DIGEST)
    assert written() == (0, 0)


def test_plan_digest__none_is_null(api: API) -> None:
    # when
    response = api.post(
        "/order_copies?fields[order_copies]=plan_digest",
        request_of(placed_order(lines=1), plan_digest=None),
    )

    # then
    assert response.json()["data"]["attributes"] == {"plan_digest": None}
    assert OrderFactory.objects.get().plan_digest == ""


def test_plan_digest__cannot_be_updated(api: API) -> None:
    # given
    order_copy = stories.requested(placed_order(lines=1))
    data = {"type": "order_copies", "id": order_copy.public_id}
    data |= {"attributes": {"plan_digest": "0" * 64}}

    # when
    response = api.patch(f"/order_copies/{order_copy.public_id}", {"data": data})

    # then
    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", DIGEST)


# Outcomes


def test_outcomes__returned_on_request_only(api: API) -> None:
    # given
    order_copy = stories.copied(placed_order())
    url = f"/order_copies/{order_copy.public_id}"

    # when
    requested = api.get(f"{url}?fields[order_copies]=outcomes").json()["data"]
    default = api.get(url).json()["data"]["attributes"]

    # then
    assert requested["attributes"] == {"outcomes": order_copy.outcomes}
    assert {entry["action"] for entry in order_copy.outcomes} == {"copied"}
    assert not {"outcomes", "plan_digest", "_retry", "_abort"} & set(default)


@pytest.mark.parametrize("name", ["outcomes", "_retry"])
def test_create__read_only_attribute_or_trigger_is_refused(api: API, name: str) -> None:
    response = api.post("/order_copies", request_of(placed_order(lines=1), **{name: True}))

    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", f"/data/attributes/{name}")


# Other processes

SHOP = """
import django
django.setup()
from tests.factories import SkuFactory, placed_order
placed_order(lines=[{"sku": SkuFactory(on_sale=False)}, {}])
"""

DIGESTS = """
import json
import django
django.setup()
from order_copies import copying
from order_copies.models import OrderCopy
from orders.models import Order
[plan] = copying.preview_copies([OrderCopy(source_order=Order.objects.get(), skip_errors=True)])
print(json.dumps(plan.digest))
"""


def test_plan_digest__equal_in_every_process(environment: dict[str, str]) -> None:
    # given
    seeds = [environment | {"PYTHONHASHSEED": seed} for seed in ("1", "2")]

    # when
    digests = {json.loads(run(seeded, DIGESTS)) for seeded in seeds}

    # then
    assert len(digests) == 1
