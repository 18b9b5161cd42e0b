"""Keys and numbers in the admin out of the range of columns, for which databases raise errors."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import CouponFactory
from tests.security.test_admin_nul import ADMINS, OURS, name_of
from tests.security.world import World

pytestmark = pytest.mark.django_db

TOO_LARGE = str(2**63)


@pytest.mark.parametrize("model_admin", ADMINS, ids=lambda one: one.opts.model_name)
def test_list__too_large_key_is_an_incorrect_lookup(admin_client: Client, model_admin: Any) -> None:
    # given
    url = reverse(f"{name_of(model_admin)}_changelist")
    key = model_admin.opts.pk.name

    # when
    response = admin_client.get(url, {f"{key}__in": f"1,{TOO_LARGE}"})

    # then
    # MariaDB compares such a number and finds nothing.
    assert response.status_code in {200, 302}
    assert response.headers.get("Location", f"{url}?e=1") == f"{url}?e=1"


@pytest.mark.parametrize("model_admin", OURS, ids=lambda one: one.opts.model_name)
def test_action__too_large_key_does_nothing(admin_client: Client, model_admin: Any) -> None:
    # given
    World()
    url = reverse(f"{name_of(model_admin)}_changelist")
    form = {"action": "delete_selected", "_selected_action": TOO_LARGE}

    # when
    response = admin_client.post(url, form, follow=True)

    # then
    assert response.status_code == 200
    assert [str(message) for message in response.context["messages"]] in (
        ["Nothing was done: select the rows again."],
        [],  # A list without actions.
        ["No action selected."],
    )


KEYS = ["a", "\0", TOO_LARGE, "1.5"]


@pytest.mark.parametrize("key", KEYS)
def test_form__invalid_related_key_is_an_error_of_its_field(admin_client: Client, key: str) -> None:
    # given
    url = reverse("admin:orders_coupon_change", args=[CouponFactory().pk])

    # when
    page = admin_client.post(url, {"promotion": key})

    # then
    assert page.status_code == 200
    assert list(page.context["adminform"].form.errors["promotion"])


@pytest.mark.parametrize("key", KEYS)
def test_inline__invalid_related_key_is_an_error_of_its_field(
    admin_client: Client, key: str
) -> None:
    # given
    url = reverse("admin:orders_customer_add")
    inline = "customer_payment_sources"
    form = {f"{inline}-TOTAL_FORMS": "1", f"{inline}-INITIAL_FORMS": "0", f"{inline}-0-name": "a"}

    # when
    page = admin_client.post(url, form | {f"{inline}-0-payment_source": key})

    # then
    assert page.status_code == 200
    (formset,) = page.context["inline_admin_formsets"]
    assert list(formset.formset.forms[0].errors["payment_source"])


def test_list__year_0000_is_an_incorrect_lookup(admin_client: Client) -> None:
    # given
    url = reverse("admin:orders_coupon_changelist")

    # when
    response = admin_client.get(url, {"created_at__year": "0000"})

    # then
    assert (response.status_code, response["Location"]) == (302, f"{url}?e=1")
