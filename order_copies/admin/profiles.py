"""The admin class of copy profiles, and which of them a user may use."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from order_copies.admin.display import toggle_labels
from order_copies.admin.parameters import ParametersMixin
from order_copies.models import OPTIONS, CopyProfile
from order_copies.shops import unsupported_toggles
from order_copies.templatetags.order_copies_admin import badge

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[CopyProfile]
    ModelForm = forms.ModelForm[CopyProfile]
else:
    ModelAdmin, ModelForm = admin.ModelAdmin, forms.ModelForm


class CopyProfileForm(ModelForm):
    """The name and the toggles of a profile; toggles that the shop cannot do are absent."""

    is_default = forms.BooleanField(
        label=gettext_lazy("Default"),
        required=False,
        help_text=gettext_lazy(
            "The copy page opens with the toggles of this profile. Another default loses its place."
        ),
    )

    class Meta:
        model = CopyProfile
        fields = ["name", "is_default", *OPTIONS]

    def _get_validation_exclusions(self) -> set[str]:
        # The model moves the default: another profile that has it is no error.
        return {*super()._get_validation_exclusions(), "is_default"}  # type: ignore[misc]


@admin.register(CopyProfile)
class CopyProfileAdmin(ParametersMixin, ModelAdmin):
    """Lists and edits profiles. Copies keep the toggles that a profile had when they were made."""

    form = CopyProfileForm
    list_display = ["name", "default", "toggles"]
    search_fields = ["name"]
    ordering = ["name"]
    list_per_page = 50

    class Media:
        css = {"all": ["order_copies/admin.css"]}

    @admin.display(description=gettext_lazy("default"), boolean=True, ordering="is_default")
    def default(self, profile: CopyProfile) -> bool:
        """Return whether the copy page opens with the profile."""
        return bool(profile.is_default)

    @admin.display(description=gettext_lazy("toggles"), empty_value="–")
    def toggles(self, profile: CopyProfile) -> SafeString | None:
        """Return the labels of the toggles that are on."""
        on = (label for name, label in toggle_labels.items() if getattr(profile, name))
        return format_html_join(" ", "{}", ((badge("toggle", label),) for label in on)) or None

    def get_fieldsets(self, request: Any, obj: CopyProfile | None = None) -> Any:
        """Return the name, and the toggles that the shop can do."""
        absent = unsupported_toggles()
        names = [name for name in OPTIONS if name not in absent]
        return [
            (None, {"fields": ["name", "is_default"]}),
            (gettext_lazy("What copies do"), {"fields": names}),
        ]


def usable_profiles(refused: Collection[str]) -> list[CopyProfile]:
    """Return the profiles, by name, without those that have one of the ``refused`` toggles on."""
    return [
        profile
        for profile in CopyProfile.objects.order_by("name")
        if not any(getattr(profile, name) for name in refused)
    ]
