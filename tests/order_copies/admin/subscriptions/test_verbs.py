"""Buttons and actions of subscriptions: confirmation, effect, refusal, permission."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from order_copies import copying
from order_copies.admin.subscriptions import confirming
from order_copies.models import OrderFactory, OrderSubscription
from order_copies.subscriptions import changes
from tests.factories import OrderSubscriptionFactory, SubscriptionModelFactory, placed_order
from tests.order_copies.admin.subscriptions.pages import (
    LIST,
    START,
    act,
    confirmed,
    in_days,
    messages_of,
    outcomes,
    page_of,
    press,
    signed_in,
    subscription,
    words_of,
)
from tests.order_copies.admin.subscriptions.shops import CLUB, use
from tests.stories import WHO, run_all

pytestmark = pytest.mark.django_db

PAST = timezone.now() - timedelta(days=1)
NEXT = START.replace(month=2, day=28)
MAY_START = ("change_ordersubscription", "add_ordercopy")


def draft(**terms: Any) -> OrderSubscription:
    """Create a subscription that was never activated."""
    one = OrderSubscription(
        source_order=placed_order(),
        frequency="monthly",
        activate_by_source_order=False,
        starts_at=START,
        **terms,
    )
    return changes.create(one, actor=WHO)


def fresh(one: OrderSubscription) -> OrderSubscription:
    one.refresh_from_db()
    return one


def buttons(client: Client, one: OrderSubscription) -> dict[str, str]:
    return dict(client.get(page_of(one)).context["verbs"])


# Buttons


def test_buttons__depend_on_the_status(admin_client: Client) -> None:
    # given
    new, active, skipped, paused, over = draft(), *(subscription() for _ in range(4))
    changes.skip([skipped], actor=WHO)
    changes.update(paused, {"resumes_at": in_days(40)}, actor=WHO)
    changes.cancel([over], actor=WHO)

    # when
    found = [
        [name for name in buttons(admin_client, one) if name != "convert"]
        for one in (new, active, skipped, paused, over)
    ]

    # then
    assert found == [
        ["activate", "cancel"],
        ["deactivate", "skip", "run", "pause", "cancel"],
        ["deactivate", "skip", "unskip", "run", "pause", "cancel"],
        ["activate", "pause", "cancel"],
        [],
    ]
    assert buttons(admin_client, paused)["activate"] == "Resume"


def test_buttons__that_start_copies_need_the_permissions_of_copying() -> None:
    # given
    placing, drafting = subscription(), subscription(place_target_order=False)
    for one in (placing, drafting):
        changes.skip([one], actor=WHO)

    # when
    found = {
        permissions: ["run" in buttons(signed_in(*permissions), one) for one in (placing, drafting)]
        for permissions in (
            MAY_START[:1],
            MAY_START,
            (*MAY_START, "change_order", "place_ordercopy"),
        )
    }

    # then
    assert list(found.values()) == [[False, False], [False, True], [True, True]]


@pytest.mark.parametrize("verb", ["run", "activate"])
def test_button__forged_without_permission_to_change_orders_is_forbidden(verb: str) -> None:
    # given
    one = subscription()
    if verb == "activate":
        changes.deactivate([one], actor=WHO)
    client = signed_in(*MAY_START)

    # when
    answers = [client.get(page_of(one, verb)), client.post(page_of(one, verb))]

    # then
    assert [answer.status_code for answer in answers] == [403, 403]
    assert not OrderFactory.objects.exists()
    assert fresh(one).status == ("inactive" if verb == "activate" else "active")


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_button__of_a_deleted_subscription_says_so(admin_client: Client, verb: str) -> None:
    # given
    one = subscription()
    url = page_of(one, verb)
    changes.delete([one], actor=WHO)

    # when
    response = admin_client.post(url, follow=True)

    # then
    assert messages_of(response) == ["This subscription does not exist any more."]


# Effects


def test_skip__and_take_back(admin_client: Client) -> None:
    # given
    one = subscription()

    # when
    page = admin_client.get(page_of(one, "skip"))
    skipped = press(admin_client, "skip", one)
    after_skip = fresh(one).next_run_at
    taken_back = press(admin_client, "unskip", one)

    # then
    [(text, is_refused)] = outcomes(page)
    assert text.startswith("no run on 01/31/2031 9 a.m.; next run 02/28/2031 9 a.m., in ")
    assert not is_refused
    assert messages_of(skipped) == ["1 run is skipped."]
    assert after_skip == NEXT
    assert messages_of(taken_back) == ["1 skip is taken back."]
    assert fresh(one).next_run_at == START
    logged = LogEntry.objects.order_by("pk").values_list("object_id", "change_message")
    assert list(logged) == [(str(one.pk), "Skip next run."), (str(one.pk), "Take skip back.")]


@pytest.mark.parametrize("verb", ["skip", "run"])
def test_double_submit__takes_one_slot(admin_client: Client, verb: str) -> None:
    # given
    one = subscription()
    form = confirmed(admin_client.get(page_of(one, verb)))

    # when
    admin_client.post(page_of(one, verb), form)
    run_all()
    second = admin_client.post(page_of(one, verb), form, follow=True)

    # then
    assert fresh(one).next_run_at == NEXT
    assert OrderFactory.objects.count() == (verb == "run")
    [_first, text] = messages_of(second)
    assert text.startswith("The next run of 1 subscription has changed since you saw it.")
    assert LogEntry.objects.count() == 1


def test_run_now__requests_the_copy_of_the_next_slot(admin_client: Client) -> None:
    # given
    one = subscription()

    # when
    page = admin_client.get(page_of(one, "run"))
    response = press(admin_client, "run", one)

    # then
    assert outcomes(page)[0][0].startswith("now, instead of 01/31/2031 9 a.m.; after it next run")
    assert messages_of(response) == ["1 copy is requested."]
    order_copy = OrderFactory.objects.get()
    assert (order_copy.order_subscription, order_copy.scheduled_for) == (one, START)
    assert fresh(one).status == "running"


def test_run_now__last_one_is_named(admin_client: Client) -> None:
    one = subscription(expires_at=in_days(1))

    assert outcomes(admin_client.get(page_of(one, "run"))) == [("this is its last run", False)]


def test_activate__draft_and_deactivated_subscriptions(admin_client: Client) -> None:
    # given
    one = draft()

    # when
    page = admin_client.get(page_of(one, "activate"))
    activated = press(admin_client, "activate", one)
    stopped = press(admin_client, "deactivate", one)

    # then
    assert outcomes(page)[0][0].startswith("next run 01/31/2031 9 a.m., in ")
    assert messages_of(activated) == ["1 subscription is active."]
    assert messages_of(stopped) == ["1 subscription is inactive."]
    assert (fresh(one).status, one.next_run_at) == ("inactive", None)


def test_activate__without_a_run_left_says_that_it_cancels(admin_client: Client) -> None:
    # given
    one = subscription(expires_at=in_days(1))
    OrderSubscription.objects.filter(pk=one.pk).update(
        status="inactive", next_run_at=None, due_at=None, last_slot=START
    )

    # when
    found = outcomes(admin_client.get(page_of(one, "activate")))

    # then
    assert found == [("is cancelled, because no run follows before it ends", False)]


def test_cancel__twice_has_no_second_effect(admin_client: Client) -> None:
    # given
    one = subscription()
    form = confirmed(admin_client.get(page_of(one, "cancel")))

    # when
    first = admin_client.post(page_of(one, "cancel"), form, follow=True)
    second = admin_client.post(page_of(one, "cancel"), form, follow=True)

    # then
    assert messages_of(first) == ["1 subscription is cancelled."]
    assert messages_of(second) == ["1 subscription was so already: nothing was changed."]
    assert fresh(one).status == "cancelled"
    assert LogEntry.objects.count() == 1


def test_confirmation__has_no_button_where_nothing_can_be_done(admin_client: Client) -> None:
    # given
    one = subscription()
    changes.cancel([one], actor=WHO)

    # when
    pages = {
        verb: admin_client.get(page_of(one, verb))
        for verb in ("activate", "deactivate", "skip", "unskip", "run", "cancel")
    }

    # then
    texts = {verb: outcomes(page) for verb, page in pages.items()}
    assert {page.context["button"] for page in pages.values()} == {""}
    assert texts["activate"] == [("it is cancelled", True)]
    assert texts["deactivate"] == [("it is cancelled", True)]
    assert texts["skip"] == texts["run"] == [("it is cancelled, for good", True)]
    assert texts["unskip"] == texts["cancel"] == [("is so already", True)]


@pytest.mark.parametrize(
    ("values", "verb", "text"),
    [
        ({"status": "running", "running_for": START}, "run", "a copy runs now: wait until it"),
        ({"next_run_at": None}, "skip", "no run follows before it ends"),
        ({"next_run_at": None}, "run", "no run follows before it ends"),
        ({"source_order": None}, "run", "its source order was deleted"),
        ({"status": "inactive", "source_order": None}, "activate", "its source order was deleted"),
        (
            {
                "status": "inactive",
                "starts_at": None,
                "expires_at": PAST,
            },
            "activate",
            "its end is in the past",
        ),
        ({"skipped_from": PAST}, "unskip", "the skipped run is"),
        ({"status": "inactive", "skipped_from": START}, "unskip", "it is not active"),
    ],
)
def test_confirmation__says_why_it_is_refused(
    admin_client: Client, values: dict[str, Any], verb: str, text: str
) -> None:
    # given
    one = subscription()
    if values.get("status") == "inactive":
        values |= {"next_run_at": None}
    OrderSubscription.objects.filter(pk=one.pk).update(**values)

    # when
    [(found, is_refused)] = outcomes(admin_client.get(page_of(one, verb)))

    # then
    assert (found[: len(text)], is_refused) == (text, True)


def test_refusal__that_the_confirmation_did_not_foresee_is_reported(admin_client: Client) -> None:
    # given
    one = subscription()
    form = confirmed(admin_client.get(page_of(one, "run")))
    OrderSubscription.objects.filter(pk=one.pk).update(source_order=None)

    # when
    response = admin_client.post(page_of(one, "run"), form, follow=True)

    # then
    text = f'1 subscription was left out:<br><a href="{page_of(one)}">{one}</a>: '
    assert messages_of(response) == [f"{text}its source order was deleted"]


def test_convert__without_a_model_of_the_market_is_refused(admin_client: Client) -> None:
    # given
    one = subscription()

    # when
    page = admin_client.get(page_of(one, "convert"))
    press(admin_client, "convert", one)

    # then
    [(text, is_refused)] = outcomes(page)
    assert is_refused
    assert text.startswith("Subscription model: can't be blank")
    assert not fresh(one).is_automatic


def test_convert__automatic_subscription_stays(admin_client: Client) -> None:
    # given
    one = OrderSubscriptionFactory(automatic=True)

    # when
    response = press(admin_client, "convert", one)

    # then
    assert messages_of(response) == ["1 subscription was so already: nothing was changed."]


def test_convert__has_the_items_of_the_order_then(
    admin_client: Client, settings: LazySettings
) -> None:
    # given
    one = subscription()
    use(settings, CLUB)
    SubscriptionModelFactory()

    # when
    label = buttons(admin_client, one)["convert"]
    page = admin_client.get(page_of(one, "convert"))
    response = press(admin_client, "convert", one)

    # then
    assert label == "Convert…"
    assert outcomes(page) == [("its items are those of the source order", False)]
    assert messages_of(response) == ["1 subscription is automatic."]
    assert fresh(one).is_automatic
    assert one.order_subscription_items.exists()


# Pause


def test_pause__until_an_instant_in_local_time(admin_client: Client) -> None:
    # given
    one = subscription()
    form = {"resumes_at": "2031-03-05T08:30"}

    # when
    response = admin_client.post(page_of(one, "pause"), form, follow=True)

    # then
    assert messages_of(response) == ["The subscription is paused until 03/05/2031 8:30 a.m."]
    assert fresh(one).resumes_at == in_days(33) - timedelta(minutes=30)
    assert one.status == "inactive"
    assert LogEntry.objects.get().change_message == "Paused."


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("", "This field is required."),
        ("soon", "Enter a valid date/time."),
        ("2001-01-01T00:00", "Must be in the future."),
    ],
)
def test_pause__invalid_instant_is_an_error_of_the_field(
    admin_client: Client, value: str, error: str
) -> None:
    # given
    one = subscription()

    # when
    response = admin_client.post(page_of(one, "pause"), {"resumes_at": value})

    # then
    assert response.context["form"].errors == {"resumes_at": [error]}
    assert fresh(one).status == "active"


def test_pause__cancelled_subscription_has_an_error_of_the_form(admin_client: Client) -> None:
    # given
    one = subscription()
    changes.cancel([one], actor=WHO)

    # when
    form = {"resumes_at": "2031-03-05T08:30"}
    response = admin_client.post(page_of(one, "pause"), form)

    # then
    assert response.context["form"].non_field_errors() == ["It is cancelled, for good."]


# Actions


def test_action__confirms_and_reports_done_and_left_out(admin_client: Client) -> None:
    # given
    one, other, over = subscription(), subscription("weekly"), subscription()
    changes.cancel([over], actor=WHO)

    # when
    page = act(admin_client, "skip", one, other, over)
    response = admin_client.post(LIST, confirmed(page), follow=True)

    # then
    assert page.context["button"] == "Skip 2 runs"
    assert page.context["left_out"] == 1
    [done, left_out] = messages_of(response)
    assert done == "2 runs are skipped."
    assert left_out.startswith("1 subscription was left out:")
    assert "it is cancelled, for good" in left_out
    assert (fresh(one).next_run_at, fresh(other).next_run_at) == (NEXT, in_days(7))


def test_action__names_the_first_refused_ones(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(confirming, "MAX_NAMED", 1)
    several = [subscription() for _ in range(3)]
    changes.deactivate(several, actor=WHO)

    # when
    response = admin_client.post(LIST, confirmed(act(admin_client, "skip", *several)), follow=True)

    # then
    [text] = messages_of(response)
    assert text.startswith("3 subscriptions were left out:")
    assert text.endswith("<br>and 2 more")


def test_action__too_many_are_refused(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(confirming, "MAX_SELECTED", 1)

    # when
    response = act(admin_client, "cancel", subscription(), subscription())

    # then
    assert messages_of(response) == [
        "Too many subscriptions are selected: select at most 1.",
    ]


def test_action__that_starts_copies_of_orders_of_others_is_refused() -> None:
    # given
    one, other = subscription(), subscription(place_target_order=False)
    client = signed_in(*MAY_START)

    # when
    refused = act(client, "run", one, other)
    allowed = client.post(LIST, confirmed(act(client, "run", other)), follow=True)

    # then
    assert messages_of(refused) == [
        "You need permission to change the orders of all selected subscriptions."
    ]
    assert messages_of(allowed) == ["1 copy is requested."]
    assert OrderFactory.objects.get().order_subscription == other


def test_action__cancel_twice_reports_what_was_so_already(admin_client: Client) -> None:
    # given
    several = [subscription(), subscription()]
    form = confirmed(act(admin_client, "cancel", *several))

    # when
    admin_client.post(LIST, form)
    response = admin_client.post(LIST, form, follow=True)

    # then
    assert messages_of(response)[-1] == "2 subscriptions were so already: nothing was changed."


def test_action__with_subscriptions_that_were_deleted_changes_nothing(
    admin_client: Client,
) -> None:
    # given
    one, other = subscription(), subscription()
    form = confirmed(act(admin_client, "cancel", one, other))
    changes.delete([other], actor=WHO)

    # when
    response = admin_client.post(LIST, form, follow=True)

    # then
    assert messages_of(response) == ["1 subscription is cancelled."]


def test_confirmation__query_count_is_equal_for_one_and_many(admin_client: Client) -> None:
    """Session, user; list, selected; what the shop says of the source orders."""
    # given
    several = [subscription() for _ in range(4)]
    act(admin_client, "activate", *several)

    # when
    with CaptureQueriesContext(connection) as for_one:
        act(admin_client, "activate", several[0])
    with CaptureQueriesContext(connection) as for_many:
        page = act(admin_client, "activate", *several)

    # then
    assert len(page.context["rows"]) == 4
    assert len(for_many) == len(for_one)


def test_history__of_the_admin_names_the_user(admin_client: Client) -> None:
    # given
    one = subscription()
    press(admin_client, "skip", one)

    # when
    url = reverse("admin:order_copies_ordersubscription_history", args=[one.pk])
    words = words_of(admin_client.get(url))

    # then
    assert "Skip next run." in words


def test_renewals__after_run_now_keep_their_time(admin_client: Client) -> None:
    # given
    one = subscription()

    # when
    press(admin_client, "run", one)
    run_all()

    # then
    assert (fresh(one).status, one.next_run_at, one.occurrencies) == ("active", NEXT, 1)
    assert copying.renew([one], actor=WHO) == [[]]
