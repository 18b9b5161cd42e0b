"""Handle invalid parameters of admin pages with a message instead of a database error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import BadRequest, FieldDoesNotExist, ValidationError
from django.db import DataError, models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
    FormBase = admin.options.BaseModelAdmin[Any]
else:
    Base = FormBase = object

NUL = "\0"
#: What databases raise for a filter with a value that they cannot look up.
LOOKUP_ERRORS = (OverflowError, ValueError, DataError)


def refuse_nul(request: HttpRequest) -> HttpResponse | None:
    """Redirect to the same address without the parameters that contain U+0000, if there are any.

    Returns None if there are none. PostgreSQL can neither store nor compare this character. Raises
    BadRequest for a submitted form, which must not be applied to another list of rows.
    """
    pairs = [(name, value) for name, values in request.GET.lists() for value in values]
    # The search box reports the character itself.
    storable = [
        (name, value) for name, value in pairs if name == SEARCH_VAR or NUL not in name + value
    ]
    if len(storable) == len(pairs):
        return None
    if request.method not in {"GET", "HEAD"}:
        raise BadRequest("The address contains U+0000.")
    text = _("Parameters with the character U+0000 were removed from the address.")
    messages.warning(request, text)
    query = request.GET.copy()
    query.clear()
    for name, value in storable:
        query.appendlist(name, value)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")


def accepts(model_field: Any, value: Any) -> bool:
    """Return whether ``value`` is valid for the field, or as a key that it refers to.

    False for U+0000 and for integers that do not fit into 64 bits, on any database.
    """
    try:
        if isinstance(value, str) and isinstance(model_field, models.Field):
            parsed = model_field.to_python(value)
            if isinstance(model_field, models.IntegerField):
                model_field.run_validators(parsed)
    except ValidationError:
        return False
    return NUL not in str(value)


class SafeAutocompleteSelect(AutocompleteSelect):
    """An autocomplete widget that queries valid keys only; Django's crashes on others (500)."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """Return Django's options for the valid keys in ``value``."""
        target = self.field.target_field
        return super().optgroups(name, [key for key in value if accepts(target, key)], attr)


class AutocompleteMixin(FormBase):
    """Uses :class:`SafeAutocompleteSelect` in the forms of admin classes and inlines."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return Django's field, with a widget that accepts any submitted value."""
        if "widget" not in kwargs and db_field.name in self.get_autocomplete_fields(request):
            database = kwargs.get("using")
            kwargs["widget"] = SafeAutocompleteSelect(db_field, self.admin_site, using=database)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ParametersMixin(AutocompleteMixin, Base):
    """An admin class that reports invalid filters, initial values and keys with a message."""

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return Django's list. Raises IncorrectLookupParameters also for invalid numbers."""
        try:
            return super().get_changelist_instance(request)
        except LOOKUP_ERRORS as error:
            if not request.GET:
                raise
            raise IncorrectLookupParameters(error) from error

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return Django's list, or a redirect that removes filters with U+0000."""
        return refuse_nul(request) or super().changelist_view(request, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]", search_term: str
    ) -> tuple["models.QuerySet[Any]", bool]:
        """Return Django's results; no row matches a term with U+0000."""
        if NUL in search_term:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the initial values in the address of an add page that their fields accept."""
        initial = super().get_changeform_initial_data(request)
        return {name: value for name, value in initial.items() if self._accepts(name, value)}

    def response_action(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]", action_location: Any = None
    ) -> HttpResponse | None:
        """Run Django's action if all selected keys are valid keys of the model.

        Django passes ``action_location`` since 6.1.
        """
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if all(self._accepts("pk", key) for key in keys):
            location = {} if action_location is None else {"action_location": action_location}
            return super().response_action(request, queryset, **location)
        self.message_user(request, _("Nothing was done: select the rows again."), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def _accepts(self, name: str, value: Any) -> bool:
        try:
            model_field = self.opts.pk if name == "pk" else self.opts.get_field(name)
        except FieldDoesNotExist:
            return True
        return accepts(model_field, value)
