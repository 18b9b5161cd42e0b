"""Story: a shop runs the app on an ``AdminSite`` of its own, with its own order admin."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from order_copies.admin import CopyOrdersMixin, EventAdmin, OrderCopyAdmin, register
from order_copies.admin.pages import page_url
from order_copies.events.models import Event
from order_copies.models import CopyBatch, OrderCopy
from orders.models import Order
from tests.factories import placed_order
from tests.forms import copy_form
from tests.stories import run_all

pytestmark = pytest.mark.django_db


class StaffSite(admin.AdminSite):
    site_header = "Tea shop staff"
    site_url = None


class OwnForms(admin.ModelAdmin):  # type: ignore[type-arg]
    """The base class of all admins of the shop, with a template of its own."""

    change_form_template = "own/change_form.html"


class StaffOrderAdmin(CopyOrdersMixin, OwnForms):
    fields = ["number"]
    list_display = ["number", "customer_email", "copies"]
    actions = ["greet"]
    change_list_template = "own/change_list.html"

    @admin.display(description="how many")
    def copies(self, order: Order) -> int:
        return order.order_factories.count()

    @admin.action(description="Greet")
    def greet(self, request: HttpRequest, queryset: Any) -> None:
        self.message_user(request, "Hello")


class PlainPage(admin.ModelAdmin):  # type: ignore[type-arg]
    fields = ["number"]

    def render_change_form(self, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse("plain")


class PlainOrderAdmin(CopyOrdersMixin, PlainPage):
    pass


class MyCopyAdmin(OrderCopyAdmin):
    list_display = ["copy_id", "status_badge"]


staff, back_office = StaffSite(name="staff"), StaffSite(name="back_office")
register(staff)
staff.register(Order, StaffOrderAdmin)
for model, model_admin in admin.site._registry.items():
    back_office.register(model, type(model_admin))
plain = admin.AdminSite(name="plain")
plain.register(Order, PlainOrderAdmin)
urlpatterns = [
    path("desk/staff/", staff.urls),
    path("office/", back_office.urls),
    path("plain/", plain.urls),
]

LINK = re.compile(r'(?:href|formaction|action|data-status-url)="([^"]+)"')


@pytest.fixture
def client(settings: LazySettings, tmp_path: Path) -> Client:
    """A client of a superuser, in a shop with templates of its own and without Django's site."""
    settings.ROOT_URLCONF = __name__
    settings.TEMPLATES = [
        settings.TEMPLATES[0] | {"DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}
    ]
    write(tmp_path, "own/change_form.html", form("the form of the shop"))
    write(
        tmp_path,
        "own/change_list.html",
        '{% extends "admin/change_list.html" %}{% block search %}the list{% endblock %}',
    )
    user = User.objects.create_superuser("ann", "ann@example.com")
    client = Client()
    client.force_login(user)
    return client


def form(text: str, tools: str = "") -> str:
    """Return a template of the page of an order, with a text and with object tools."""
    blocks = f"{{% block form_top %}}{text}{{% endblock %}}"
    if tools:
        blocks += f"{{% block object-tools-items %}}{tools}{{% endblock %}}"
    return '{% extends "admin/change_form.html" %}' + blocks


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def links(response: Any) -> set[str]:
    """Return the addresses on a page that lead to another page of the server."""
    found = {unescape(link) for link in LINK.findall(response.content.decode())}
    return {link for link in found if link.startswith("/") and not link.startswith("/static/")}


def copied(client: Client, site: admin.AdminSite, *orders: Order) -> list[Any]:
    """Copy orders on a site, by the action of its list. Return the responses."""
    action = {"action": "copy_selected_orders", "_selected_action": [it.pk for it in orders]}
    page = client.post(page_url(site, Order, "changelist"), action, follow=True)
    address, data = copy_form(client, page.redirect_chain[-1][0], reuse_wallet="on")
    data |= {"_copy": "1"}
    batch = client.post(address, data, follow=True)
    return [page, batch, client.post(address, data, follow=True)]


@pytest.mark.parametrize(
    ("site", "prefix"),
    [(staff, "/desk/staff/"), (back_office, "/office/")],
    ids=["staff", "office"],
)
def test_own_site__every_link_stays_on_it(
    client: Client, site: admin.AdminSite, prefix: str
) -> None:
    # given
    order, other = placed_order(), placed_order()

    # when
    pages = copied(client, site, order, other)
    (first, second) = OrderCopy.objects.order_by("pk")
    change = page_url(site, OrderCopy, "change", first.pk)
    aborted = client.post(page_url(site, OrderCopy, "abort", first.pk), follow=True)
    retried = client.post(page_url(site, OrderCopy, "retry", first.pk), follow=True)
    run_all()
    pages += [aborted, retried, copied(client, site, order)[0], client.get(change)]
    pages += [client.get(page_url(site, OrderCopy, "delete", second.pk))]
    models = (Order, OrderCopy, CopyBatch, Event)
    pages += [client.get(page_url(site, model, "changelist")) for model in models]
    pages += [client.get(page_url(site, Order, "change", order.pk))]
    gone = client.get(page_url(site, CopyBatch, "change", 10**6), follow=True)

    # then
    assert [page.status_code for page in [*pages, gone]] == [200] * (len(pages) + 1)
    first.refresh_from_db()
    assert first.status == "completed"
    for page in [*pages, gone]:
        assert [link for link in links(page) if not link.startswith(prefix)] == []
    followed = set().union(*map(links, pages)) - {f"{prefix}logout/"}
    statuses = {link: client.get(link, follow=True).status_code for link in followed}
    # Buttons that abort and retry accept POST only.
    assert {link for link, status in statuses.items() if status != 200} <= {
        page_url(site, OrderCopy, verb, it.pk)
        for verb in ("abort", "retry")
        for it in (first, second)
    }


def test_own_order_admin__keeps_its_columns_actions_and_templates(client: Client) -> None:
    # given
    order = placed_order()

    # when
    listed = client.get(page_url(staff, Order, "changelist"))
    greeted = client.post(
        page_url(staff, Order, "changelist"),
        {"action": "greet", "_selected_action": [order.pk]},
        follow=True,
    )
    page = client.get(page_url(staff, Order, "change", order.pk))

    # then
    assert listed.context["cl"].list_display == ["action_checkbox", *StaffOrderAdmin.list_display]
    assert "the list" in listed.content.decode()
    choices = [name for name, _label in listed.context["action_form"].fields["action"].choices]
    assert choices == ["", "delete_selected", "greet", "copy_selected_orders"]
    assert [str(message) for message in greeted.context["messages"]] == ["Hello"]
    assert "the form of the shop" in page.content.decode()
    assert f"{page_url(staff, Order, 'copy')}?ids={order.pk}" in links(page)


@pytest.mark.parametrize(
    ("name", "text", "buttons"),
    [
        ("own/change_form.html", form("mine", "<li>tool</li>"), 1),
        (
            "own/change_form.html",
            form("mine", '{% include "admin/order_copies/parts/copy_button.html" %}'),
            1,
        ),
        (
            "own/change_form.html",
            'mine <ul>{% include "admin/order_copies/parts/copy_button.html" %}</ul>',
            1,
        ),
        ("own/change_form.html", "mine, without a button", 0),
        (
            "admin/order_copies/parts/copy_button.html",
            '<a href="{{ copy_orders_url }}">mine</a>',
            1,
        ),
        ("admin/order_copies/copy_orders_change_form.html", "{% extends copy_orders_parent %}", 0),
    ],
)
def test_own_form_template__has_one_button(
    client: Client, tmp_path: Path, name: str, text: str, buttons: int
) -> None:
    # given
    order = placed_order()
    write(tmp_path, name, text)

    # when
    page = client.get(page_url(staff, Order, "change", order.pk)).content.decode()

    # then
    assert page.count(f'href="{page_url(staff, Order, "copy")}?ids={order.pk}"') == buttons
    assert ("mine" in page) == (text.find("mine") >= 0)


def test_overridden_templates__win(client: Client, tmp_path: Path) -> None:
    # given
    order = placed_order()
    name = "admin/order_copies/ordercopy/change_form.html"
    copied(client, back_office, order)
    (order_copy,) = OrderCopy.objects.all()
    write(
        tmp_path,
        name,
        f'{{% extends "{name}" %}}{{% block form_top %}}mine {{{{ block.super }}}}{{% endblock %}}',
    )
    write(tmp_path, "admin/orders/order/change_form.html", form("the order of the shop"))

    # when
    copy_page = client.get(page_url(back_office, OrderCopy, "change", order_copy.pk))
    order_page = client.get(page_url(back_office, Order, "change", order.pk))

    # then
    assert re.search(r"mine\s+<div class=.copies-detail", copy_page.content.decode())
    assert "the order of the shop" in order_page.content.decode()
    assert f"{page_url(back_office, Order, 'copy')}?ids={order.pk}" in links(order_page)


def test_own_page__that_is_no_template_stays(client: Client) -> None:
    # given
    order = placed_order()

    # when
    page = client.get(page_url(plain, Order, "change", order.pk))

    # then
    assert page.content == b"plain"


def test_register__keeps_what_the_site_has() -> None:
    # given
    site = admin.AdminSite(name="own")
    site.register(OrderCopy, MyCopyAdmin)

    # when
    register(site)
    register(site)
    register(admin.site)

    # then
    assert isinstance(site.get_model_admin(OrderCopy), MyCopyAdmin)
    assert isinstance(site.get_model_admin(Event), EventAdmin)
