"""Story: an operator follows one copy through the log, from the request to its end."""

import logging
from typing import Any

import pytest
from django.http import HttpResponse

from order_copies.models import OrderFactory
from order_copies.worker.run import run_batch
from tests.acceptance.shops import InterferedShop
from tests.api import API, request_of, staff
from tests.factories import OrderCopyFactory, SkuFactory, placed_order

pytestmark = pytest.mark.django_db


def fields_of(record: logging.LogRecord, *names: str) -> dict[str, Any]:
    """Return some of the structured fields of a log record."""
    return {name: vars(record).get(name) for name in names}


def patch(api: API, order_copy: OrderFactory, trigger: str) -> HttpResponse:
    data = {"type": "order_copies", "id": order_copy.public_id, "attributes": {trigger: True}}
    return api.patch(f"/order_copies/{order_copy.public_id}", {"data": data})


def test_log__request_line_has_the_trace_id_of_the_response(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given
    api, order = API(staff()), placed_order()

    # when
    with caplog.at_level(logging.INFO, "order_copies.copies"):
        data = api.post("/order_copies", request_of(order)).json()["data"]

    # then
    (record,) = caplog.records
    assert record.getMessage() == f"Copy {data['id']} was requested over the API"
    assert fields_of(record, "order_copy_id", "attempt", "worker", "trace_id") == {
        "order_copy_id": data["id"],
        "attempt": 0,
        "worker": "",
        "trace_id": data["meta"]["trace_id"],
    }


def test_log__one_line_for_each_change_by_a_client(caplog: pytest.LogCaptureFixture) -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()

    # when
    with caplog.at_level(logging.INFO, "order_copies.copies"):
        responses = [
            patch(api, order_copy, "_abort"),
            patch(api, order_copy, "_abort"),
            patch(api, order_copy, "_retry"),
            patch(api, order_copy, "_nothing"),
            api.delete(f"/order_copies/{order_copy.public_id}"),
        ]

    # then
    assert [response.status_code for response in responses] == [200, 200, 200, 400, 204]
    ours = [record for record in caplog.records if record.name == "order_copies.copies"]
    assert [record.getMessage() for record in ours] == [
        f"Copy {order_copy.public_id} was aborted over the API",
        f"Copy {order_copy.public_id} was queued for a retry over the API",
        f"Copy {order_copy.public_id} was deleted over the API",
    ]


def test_log__one_line_for_each_ended_copy_and_each_batch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given
    order = placed_order(lines=1)
    completed = OrderCopyFactory(source_order=order)
    nothing = placed_order(lines=[{"sku": SkuFactory(on_sale=False)}])
    failed = OrderCopyFactory(source_order=nothing)
    skipped = [{"sku": SkuFactory(on_sale=False)}, {}]
    partial = OrderCopyFactory(source_order=placed_order(lines=skipped), skip_errors=True)

    # when
    with caplog.at_level(logging.INFO, "order_copies"):
        run_batch("w1")

    # then
    *copies, batch = caplog.records
    codes = ["no_sellable_line", "sku_not_on_sale"]
    assert [record.getMessage() for record in copies] == [
        f"Copy {completed} completed",
        f"Copy {failed} failed (no_sellable_line, sku_not_on_sale)",
        f"Copy {partial} completed (sku_not_on_sale)",
    ]
    fields = ["order_copy_id", "attempt", "worker", "status", "codes"]
    assert [fields_of(record, *fields) for record in copies] == [
        dict(zip(fields, [str(completed), 1, "w1", "completed", []], strict=True)),
        dict(zip(fields, [str(failed), 1, "w1", "failed", codes], strict=True)),
        dict(zip(fields, [str(partial), 1, "w1", "completed", codes[1:]], strict=True)),
    ]
    assert fields_of(batch, "worker", "claimed", "ends", "codes") == {
        "worker": "w1",
        "claimed": 3,
        "ends": {"completed": 2, "failed": 1},
        "codes": dict.fromkeys(codes, 1),
    }
    [trace_id] = {vars(record)["trace_id"] for record in caplog.records}
    assert len(trace_id) == 64
    assert all(0 <= vars(record)["ms"] < 60_000 for record in caplog.records)


def test_log__lines_of_single_copies_can_be_disabled(caplog: pytest.LogCaptureFixture) -> None:
    # given
    OrderCopyFactory(source_order=placed_order(lines=1))

    # when
    caplog.set_level(logging.WARNING, "order_copies.copies")
    with caplog.at_level(logging.INFO, "order_copies.worker"):
        run_batch("w1")

    # then
    assert [record.name for record in caplog.records] == ["order_copies.worker"]


def test_log__crash_has_the_copy_in_its_fields(
    caplog: pytest.LogCaptureFixture, shop: type[InterferedShop]
) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=placed_order(lines=1))

    def crash(_: Any) -> None:
        raise ZeroDivisionError

    shop.before["write"] = crash

    # when
    with caplog.at_level(logging.ERROR, "order_copies"):
        run_batch("w1")

    # then
    (record,) = caplog.records
    assert record.getMessage() == f"Copy {order_copy} crashed and is retried"
    assert fields_of(record, "order_copy_id", "attempt", "worker") == {
        "order_copy_id": str(order_copy),
        "attempt": 1,
        "worker": "w1",
    }
    assert len(vars(record)["trace_id"]) == 64
