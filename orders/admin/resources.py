"""What the admins of the shop's resources share."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from order_copies.forms import MetadataField
from order_copies.templatetags.order_copies_admin import badge

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    StackedInline = admin.StackedInline[Any, Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin = admin.ModelAdmin
    StackedInline = admin.StackedInline
    TabularInline = admin.TabularInline

#: What stands where there is nothing.
EMPTY = "–"

FILED_UNDER: tuple[Any, Any] = (
    _("Filed under"),
    {
        "classes": ["collapse"],
        "fields": [
            "public_id",
            "reference",
            "reference_origin",
            "metadata",
            "created_at",
            "updated_at",
        ],
    },
)

badge_kinds = {
    "placed": "completed",
    "approved": "completed",
    "authorized": "completed",
    "paid": "completed",
    "fulfilled": "completed",
    "free": "completed",
    "placing": "in_progress",
    "editing": "in_progress",
    "in_progress": "in_progress",
    "pending": "warning",
    "cancelled": "failed",
    "voided": "failed",
    "refunded": "failed",
}


def badge_of(value: str, label: Any) -> SafeString:
    """A status of the shop on its colour."""
    return badge(badge_kinds.get(value, "neutral"), label)


class ResourceAdmin(ModelAdmin):
    """A resource with a public id and metadata."""

    readonly_fields = ["public_id", "created_at", "updated_at"]
    #: The fields of the model itself, above those that every resource has.
    own_fields: list[Any] = []

    class Media:
        css = {"all": ["order_copies/admin.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Its own fields, and what it is filed under."""
        return self.fieldsets or [(None, {"fields": self.own_fields}), FILED_UNDER]

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Metadata is a JSON object; addresses on the web start with https."""
        if db_field.name == "metadata":
            kwargs["form_class"] = MetadataField
        if isinstance(db_field, models.URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description=_("id"))
    def public_id(self, resource: Any) -> str:
        """The id on the wire."""
        return str(resource.public_id) if resource.pk else EMPTY
