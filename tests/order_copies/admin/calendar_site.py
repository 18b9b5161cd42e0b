"""An admin site with the calendar of subscriptions. This module is its URLconf."""

from django.contrib import admin
from django.urls import include, path

from order_copies.admin.calendar import CalendarMixin
from order_copies.models import OrderSubscription


class OrderSubscriptionAdmin(CalendarMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass


site = admin.AdminSite(name="calendar_site")
site.register(OrderSubscription, OrderSubscriptionAdmin)

urlpatterns = [path("calendar_site/", site.urls), path("", include("project.urls"))]
