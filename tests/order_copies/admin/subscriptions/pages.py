"""Steps of tests about the admin of subscriptions."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies.models import OrderSubscription
from order_copies.subscriptions import changes
from tests.api import staff
from tests.factories import placed_order
from tests.forms import form_of
from tests.stories import WHO

LIST = reverse("admin:order_copies_ordersubscription_changelist")
#: A month end, so that the last day of a month is a slot.
START = datetime(2031, 1, 31, 9, tzinfo=UTC)


def subscription(frequency: str = "monthly", **terms: Any) -> OrderSubscription:
    """Create a subscription to a placed order that starts at ``START``, and activate it."""
    terms = {"source_order": placed_order(), "starts_at": START} | terms
    one = OrderSubscription(frequency=frequency, activate_by_source_order=False, **terms)
    changes.create(one, actor=WHO)
    assert changes.activate([one], actor=WHO) == [[]]
    one.refresh_from_db()
    return one


def page_of(one: OrderSubscription, page: str = "change") -> str:
    """Return the address of a page of a subscription."""
    return reverse(f"admin:order_copies_ordersubscription_{page}", args=[one.pk])


def signed_in(*permissions: str) -> Client:
    """Return a client of a user with these permissions."""
    client = Client()
    client.force_login(staff(*permissions))
    return client


def superuser() -> User:
    """Return the user of ``admin_client``."""
    return User.objects.get(username="admin")


def messages_of(response: Any) -> list[str]:
    """Return the messages that a page shows."""
    return [str(message) for message in response.context["messages"]]


def words_of(response: Any) -> str:
    """Return a page with single spaces."""
    return " ".join(response.content.decode().split())


def listed(client: Client, **query: str) -> list[str]:
    """Return the numbers in the list, in order."""
    return [one.number for one in client.get(LIST, query).context["cl"].result_list]


def cell(one: OrderSubscription, column: str) -> str:
    """Return the content of a column of the list."""
    model_admin: Any = admin.site.get_model_admin(OrderSubscription)
    return str(getattr(model_admin, column)(one) or "–")


def press(client: Client, verb: str, one: OrderSubscription) -> Any:
    """Open the confirmation of a verb and submit it; return the page that follows."""
    url = page_of(one, verb)
    return client.post(url, confirmed(client.get(url)), follow=True)


def act(client: Client, verb: str, *order_subscriptions: OrderSubscription) -> Any:
    """Choose an action for subscriptions; return its confirmation."""
    keys = [one.pk for one in order_subscriptions]
    form = {"action": f"{verb}_selected", "_selected_action": keys}
    return client.post(LIST, form, follow=True)


def confirmed(page: Any) -> dict[str, Any]:
    """Return the form of a confirmation."""
    rows = page.context["rows"]
    return {
        "action": page.context["action"],
        "_selected_action": [row[0].pk for row in rows],
        "shown": [row[2] for row in rows],
        "_confirmed": "1",
    }


def outcomes(page: Any) -> list[tuple[str, bool]]:
    """Return what a confirmation says of each subscription, and whether it is left out."""
    return [(row[1].text, row[1].is_refused) for row in page.context["rows"]]


def saved(client: Client, one: OrderSubscription, **values: Any) -> Any:
    """Change fields of the page of a subscription, and save it."""
    url = page_of(one)
    return client.post(url, form_of(client, url) | values, follow=True)


def errors_of(response: Any) -> dict[str, list[str]]:
    """Return the errors of the form of a page by field."""
    return dict(response.context["adminform"].form.errors)


def query_count(client: Client, url: str) -> int:
    """Return the number of queries of a page."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def in_days(days: int) -> datetime:
    """Return an instant after ``START``."""
    return START + timedelta(days=days)
