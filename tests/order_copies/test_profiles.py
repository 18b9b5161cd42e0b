"""Copy profiles: named sets of toggles for the admin, the API, the command line and code."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from order_copies import copying
from order_copies.admin.profiles import usable_profiles
from order_copies.models import CopyProfile, OrderCopy
from tests.api import API, service, staff, the_error_in
from tests.factories import draft_order, placed_order

pytestmark = pytest.mark.django_db

LIST = reverse("admin:order_copies_copyprofile_changelist")
ADD = reverse("admin:order_copies_copyprofile_add")


def repair(**toggles: bool) -> CopyProfile:
    toggles = {"skip_errors": True, "ignore_invalid_coupon": True, "reuse_wallet": False} | toggles
    profile: CopyProfile = CopyProfile.objects.create(name="repair", **toggles)
    return profile


def request_body(order: Any, **attributes: Any) -> dict[str, Any]:
    source = {"data": {"type": "orders", "id": order.public_id}}
    relationships = {"source_order": source}
    data = {"type": "order_copies", "attributes": attributes, "relationships": relationships}
    return {"data": data}


def test_default__moves_to_the_profile_that_was_saved_last() -> None:
    # given
    first = CopyProfile.objects.create(name="first", is_default=True)

    # when
    second = CopyProfile.objects.create(name="second", is_default=True)

    # then
    assert list(CopyProfile.objects.filter(is_default=True)) == [second]

    # when
    first.refresh_from_db()
    with pytest.raises(IntegrityError), transaction.atomic():
        CopyProfile.objects.filter(pk=first.pk).update(is_default=True)


def test_request__toggles_of_the_profile_unless_they_are_given() -> None:
    # given
    repair()

    # when
    [order_copy] = copying.request(
        [draft_order()], actor="tests", profile="repair", skip_errors=False, apply_promotions=True
    )

    # then
    order_copy.refresh_from_db()
    assert order_copy.profile == "repair"
    assert order_copy.toggles == {
        "place_target_order": False,
        "reuse_wallet": False,
        "cancel_source_order": False,
        "apply_promotions": True,
        "skip_errors": False,
        "ignore_invalid_coupon": True,
    }


def test_request__unknown_profile_is_refused() -> None:
    with pytest.raises(ValidationError, match="There is no copy profile other"):
        copying.request([draft_order()], actor="tests", profile="other")


def test_api__profile_sets_the_toggles_that_are_not_sent() -> None:
    # given
    repair()
    body = request_body(draft_order(), profile="repair", ignore_invalid_coupon=False)

    # when
    response = API(staff()).post("/order_copies?fields[order_copies]=profile,skip_errors", body)

    # then
    assert response.status_code == 201
    assert response.json()["data"]["attributes"] == {"skip_errors": True, "profile": "repair"}
    assert OrderCopy.objects.get().ignore_invalid_coupon is False


@pytest.mark.parametrize("sent", ["other", "", "x" * 64, "a\x00b", 7, ["repair"]])
def test_api__anything_but_the_name_of_a_profile_is_refused(sent: Any) -> None:
    # given
    repair()

    # when
    response = API(staff()).post("/order_copies", request_body(draft_order(), profile=sent))

    # then
    status, _, pointer = the_error_in(response)
    assert (status, pointer) == (422, "/data/attributes/profile")
    assert not OrderCopy.objects.exists()


def test_api__profile_that_places_needs_the_scope_to_place() -> None:
    # given
    repair(place_target_order=True)
    api = API(service("view_order", "add_ordercopy", "change_order"), scopes=["read", "copy"])

    # when
    response = api.post("/order_copies", request_body(placed_order(), profile="repair"))

    # then
    assert response.status_code == 401
    assert not OrderCopy.objects.exists()


def test_copy_order__takes_the_options_of_a_profile() -> None:
    # given
    repair()

    # when
    call_command("copy_order", draft_order().public_id, "--profile", "repair", "--no-skip-errors")

    # then
    order_copy = OrderCopy.objects.get()
    assert (order_copy.skip_errors, order_copy.ignore_invalid_coupon) == (False, True)


def test_copy_order__unknown_profile_is_refused() -> None:
    with pytest.raises(CommandError, match="There is no copy profile other"):
        call_command("copy_order", draft_order().public_id, "--profile", "other")


def test_admin__new_default_takes_the_place_of_the_former(admin_client: Client) -> None:
    # given
    former = CopyProfile.objects.create(name="former", is_default=True)

    # when
    admin_client.post(ADD, {"name": "repair", "is_default": "on", "skip_errors": "on"})

    # then
    former.refresh_from_db()
    made = CopyProfile.objects.get(name="repair")
    assert (former.is_default, made.is_default) == (None, True)
    assert {name for name, value in made.toggles.items() if value} == {"skip_errors"}


def test_admin__second_profile_of_a_name_is_a_form_error(admin_client: Client) -> None:
    repair()

    response = admin_client.post(ADD, {"name": "repair"})

    assert list(response.context["adminform"].form.errors) == ["name"]


def test_usable_profiles__leave_out_what_the_user_may_not_turn_on() -> None:
    # given
    plain, placing = repair(), CopyProfile.objects.create(name="place", place_target_order=True)

    # then
    assert usable_profiles([]) == [placing, plain]
    assert usable_profiles(["place_target_order"]) == [plain]
