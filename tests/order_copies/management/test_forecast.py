"""``order_copies_forecast``: arguments, output and exit."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from order_copies import forecasts
from order_copies.models import OrderSubscription
from tests.factories import SkuFactory, placed_order
from tests.subscriptions import subscribed

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 30, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def daily(stock: int = 100, **attributes: Any) -> OrderSubscription:
    """Return a daily subscription, from 9:00 on, to two pieces of an SKU with this stock left."""
    lines = [{"sku": SkuFactory(stock=stock + 2), "quantity": 2, "unit_amount_cents": 1000}]
    order = placed_order(lines=lines, options=0, shipping=False, payment_fee=False)
    return subscribed(order, NOW + HOUR, **attributes)


def output(*words: str) -> tuple[list[str], str]:
    """Return the lines that the command prints, and its error message."""
    out = io.StringIO()
    try:
        call_command("order_copies_forecast", *words, stdout=out)
    except CommandError as error:
        return out.getvalue().replace("\xa0", " ").splitlines(), str(error)
    return out.getvalue().replace("\xa0", " ").splitlines(), ""


def test_forecast__days_are_counted_and_summed() -> None:
    # given
    daily()
    daily(frequency="weekly")

    # then
    counts = "will complete, 0 at risk, 0 will fail"
    assert output("--until", "2027-01-31") == (
        [
            f"Sat 2027-01-30  2 renewals: 2 {counts}; orders of 40.00 EUR",
            f"Sun 2027-01-31  1 renewal: 1 {counts}; orders of 20.00 EUR",
            f"Until 2027-01-31 23:59: 3 renewals: 3 {counts}; orders of 60.00 EUR.",
        ],
        "",
    )


def test_forecast__failing_renewals_are_listed_and_fail_the_command() -> None:
    # given
    one = daily(stock=2)

    # when
    lines, error = output("--until", "2027-01-31")

    # then
    assert error == "1 of 2 renewals will fail."
    assert lines[1] == "Sun 2027-01-31  1 renewal: 0 will complete, 0 at risk, 1 will fail"
    assert lines[2].startswith(f"    09:00  {one.number}  will fail: line_items: ")
    assert "out of stock" in lines[2]


def test_forecast__nothing_to_renew() -> None:
    assert output("--until", "2027-01-31T10:00") == (
        ["Until 2027-01-31 10:00: 0 renewals: 0 will complete, 0 at risk, 0 will fail."],
        "",
    )


def test_forecast__csv_has_a_line_for_each_renewal() -> None:
    # given an email that a spreadsheet would take for a formula
    one = daily(stock=2)
    OrderSubscription.objects.update(customer_email='=HYPERLINK("x")')

    # when
    lines, error = output("--until", "2027-01-31", "--csv")

    # then
    first, second = csv.DictReader(lines)
    assert error == "1 of 2 renewals will fail."
    assert first == {
        "slot": "2027-01-30T09:00:00+00:00",
        "order_subscription": one.number,
        "customer_email": '\'=HYPERLINK("x")',
        "result": "will_complete",
        "currency_code": "EUR",
        "source_total_cents": "2000",
        "target_total_cents": "2000",
        "codes": "",
        "messages": "",
        "plan_digest": first["plan_digest"],
    }
    assert len(first["plan_digest"]) == 64
    assert (second["result"], second["codes"].split()[0]) == ("will_fail", "out_of_stock")
    assert "out of stock" in second["messages"]


@pytest.mark.parametrize("name", ["number", "public_id"])
def test_forecast__of_named_subscriptions(name: str) -> None:
    # given
    one, _other = daily(), daily()

    # when
    lines, _error = output("--until", "2027-01-30", "--csv", "--subscription", getattr(one, name))

    # then
    assert [row["order_subscription"] for row in csv.DictReader(lines)] == [one.number]


@pytest.mark.parametrize("name", ["", "nothing", "ünknown"])
def test_forecast__unknown_subscription_is_an_error(name: str) -> None:
    assert output("--until", "2027-01-30", "--subscription", name) == (
        [],
        f"There is no subscription {name}: check the id or number.",
    )


@pytest.mark.parametrize(
    ("until", "message"),
    [
        ("2027-01-29", "The end 2027-01-29 23:59 is past: choose a later one."),
        ("2027-01-30T08:00", "The end 2027-01-30 08:00 is past: choose a later one."),
        ("soon", "it must be a date or a time"),
        ("2027-02-30", "day is out of range for month"),
        ("", "it must be a date or a time"),
    ],
)
def test_forecast__wrong_end_is_an_error(until: str, message: str) -> None:
    lines, error = output("--until", until)

    assert lines == []
    assert message in error


def test_forecast__end_is_required() -> None:
    assert "--until" in output()[1]


def test_forecast__cut_one_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    monkeypatch.setattr(
        forecasts.forecast,
        "__kwdefaults__",
        {
            **(forecasts.forecast.__kwdefaults__ or {}),
            "limit": 1,
        },
    )
    daily()

    # when
    lines, error = output("--until", "2027-02-28")

    # then
    assert (len(lines), error) == (2, "")
    assert "Others, from 2027-01-31 09:00 UTC on, are left out" in capsys.readouterr().err
