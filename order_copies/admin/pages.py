"""URLs of admin pages."""

from typing import Any

from django.contrib.admin.sites import AdminSite
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse


def page_url(site: AdminSite, model: type[Model], view: str, *keys: Any) -> str:
    """Return the URL of a page of ``model`` on this site, regardless of the site's name.

    Raises NoReverseMatch if the site has no such page.
    """
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}"
    return reverse(name, args=[quote(key) for key in keys], current_app=site.name)
