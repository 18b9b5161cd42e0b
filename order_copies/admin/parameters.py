"""Parameters of the admin that no field accepts: a message instead of an error of the database."""

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


def refuse_nul(request: HttpRequest) -> HttpResponse | None:
    """Lead to the same address without the parameters that contain U+0000, if there are any.

    PostgreSQL can neither store nor compare this character. Raises ``BadRequest`` for a form: what
    it does to the rows of a list must not be done to those of another list.
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
    text = _("Parameters with the character U+0000 were left out of the address.")
    messages.warning(request, text)
    query = request.GET.copy()
    query.clear()
    for name, value in storable:
        query.appendlist(name, value)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")


def accepts(model_field: Any, value: Any) -> bool:
    """Whether this can be a value of the field, or a key that it refers to, on any database.

    A number may be a number and not fit into 64 bits.
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
    """Asks the database for keys that can be keys only; the stock one crashes (500) on others."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """The stock options, without those that there cannot be."""
        target = self.field.target_field
        return super().optgroups(name, [key for key in value if accepts(target, key)], attr)


class AutocompleteMixin(FormBase):
    """Puts search boxes into forms that show any key that was sent, for inlines too."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The stock field, whose search box shows any value that was sent."""
        if "widget" not in kwargs and db_field.name in self.get_autocomplete_fields(request):
            database = kwargs.get("using")
            kwargs["widget"] = SafeAutocompleteSelect(db_field, self.admin_site, using=database)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ParametersMixin(AutocompleteMixin, Base):
    """An admin that answers bad filters, initial values and keys with a message."""

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The stock list. Raises ``IncorrectLookupParameters`` for impossible numbers too."""
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError, DataError) as error:
            if not request.GET:
                raise
            raise IncorrectLookupParameters(error) from error

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The stock list, whose filters contain no U+0000."""
        return refuse_nul(request) or super().changelist_view(request, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]", search_term: str
    ) -> tuple["models.QuerySet[Any]", bool]:
        """The stock results; nothing contains U+0000."""
        if NUL in search_term:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The values in the address of an add page that their fields accept."""
        initial = super().get_changeform_initial_data(request)
        return {name: value for name, value in initial.items() if self._accepts(name, value)}

    def response_action(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]", action_location: Any = None
    ) -> HttpResponse | None:
        """The stock answer, for keys that can be keys of this model.

        ``action_location`` exists from Django 6.1 on.
        """
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if all(self._accepts("pk", key) for key in keys):
            location = {} if action_location is None else {"action_location": action_location}
            return super().response_action(request, queryset, **location)
        self.message_user(request, _("Select the rows again: nothing was done."), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def _accepts(self, name: str, value: Any) -> bool:
        try:
            model_field = self.opts.pk if name == "pk" else self.opts.get_field(name)
        except FieldDoesNotExist:
            return True
        return accepts(model_field, value)
