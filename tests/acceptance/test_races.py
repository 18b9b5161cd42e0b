"""Story: concurrent workers use each piece of stock, coupon and source order once.

Each thread has its own connection to the database that the suite runs on.
"""

import threading
from typing import Any

import pytest
from django.db import connection

from order_copies.worker.run import run_batch
from tests import stories
from tests.acceptance.races import run_race
from tests.factories import placed_order

#: Each race creates its own rows.
SHOP = ""


def test_race__fifty_copies_for_the_last_ten_pieces_place_ten_targets(
    environment: dict[str, str],
) -> None:
    # when
    result = run_race(environment, "last_pieces")

    # then
    # A copy that loses the race when it is placed reports its status too, unlike in its plan.
    assert set(result.pop("reasons")) - {"status"} == {"line_items"}
    assert result == {
        "copies": {"completed": 10, "failed": 40},
        "placed": 10,
        "stock": [11, 11],
        "audit": [],
    }


def test_race__last_use_of_a_coupon_is_used_once(environment: dict[str, str]) -> None:
    # when
    result = run_race(environment, "last_use_of_a_coupon")

    # then
    assert set(result.pop("reasons")) - {"status"} == {"coupon_code"}
    assert result == {
        "copies": {"completed": 1, "failed": 9},
        "placed": 1,
        "uses": [11, 11],
        "audit": [],
    }


def test_race__two_users_who_swap_one_order_cancel_it_once(
    environment: dict[str, str],
) -> None:
    assert run_race(environment, "two_users") == {
        "responses": [201, 201],
        "copies": {"completed": 1, "failed": 1},
        "reasons": ["source_order"],
        "placed": 1,
        "source": ["cancelled", 1],
        "payments": [["voided"], ["authorized"]],
        "audit": [],
    }


def test_race__two_users_who_undo_one_swap_undo_it_once(environment: dict[str, str]) -> None:
    assert run_race(environment, "undone_twice") == {
        "orders": [["pending", "unpaid"], ["cancelled", "voided"]],
        "events": ["order_copies.undo", "orders.reinstate"],
        "reserved": 0,
        "audit": [],
    }


def test_race__swap_keeps_its_last_piece_and_its_coupon(
    environment: dict[str, str],
) -> None:
    result = run_race(environment, "swap_among_rivals")

    assert result == {
        "swap": {"copies": {"completed": 1}, "reasons": [], "placed": 1, "audit": []},
        "rivals": result["rivals"] | {"copies": {"failed": 10}, "placed": 0, "audit": []},
        "source": "cancelled",
        "stock": [2, 2],
        "uses": 2,
    }


def test_race__two_workers_claim_different_copies(environment: dict[str, str]) -> None:
    """With SKIP LOCKED no worker waits. SQLite has one writer, so the second worker waits."""
    assert run_race(environment, "two_claimers") == {
        "first": [0, 1, 2],
        "second": [3, 4],
        "had to wait": connection.vendor == "sqlite",
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer: no concurrent claims")
def test_race__without_row_locks_a_worker_keeps_only_what_it_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    source = placed_order()
    order_copies = [stories.requested(source) for _ in range(5)]
    claims: list[int] = []

    def claim_concurrently() -> None:
        claims.append(run_batch("w2", limit=2).claimed)
        connection.close()

    def claim_before_update(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE") and not claims:
            thread = threading.Thread(target=claim_concurrently)
            thread.start()
            thread.join()
        return execute(sql, *arguments)

    monkeypatch.setattr(connection.features, "has_select_for_update", False)

    # when
    with connection.execute_wrapper(claim_before_update):
        claims.append(run_batch("w1", limit=3).claimed)

    # then
    found = [stories.fresh(order_copy) for order_copy in order_copies]
    assert claims == [2, 1]
    assert [order_copy.worker for order_copy in found] == ["w2", "w2", "w1", "", ""]
    assert [order_copy.attempt for order_copy in found] == [1, 1, 1, 0, 0]
