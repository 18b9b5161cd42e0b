"""Pages that save and delete by the rules of the app: what it refuses becomes a message."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from order_copies.admin.deletion import DeletionMixin, deletes_selected
from order_copies.exceptions import OrderCopiesError, SubscriptionRefusedError

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object


class RefusalsMixin(DeletionMixin, Base):
    """Delete pages as :class:`DeletionMixin`, and messages for errors of the app.

    ``save_model``, ``delete_model`` and ``delete_queryset`` may raise :class:`OrderCopiesError`:
    then nothing is changed, and the page says why.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return Django's page; show a message if the object cannot be saved."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except OrderCopiesError as error:
            return self._not_changed(request, error)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return Django's page; show a message if the object cannot be deleted."""
        try:
            return super().delete_view(request, *args, **kwargs)
        except OrderCopiesError as error:
            return self._not_changed(request, error)

    @deletes_selected
    def delete_selected(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]"
    ) -> HttpResponse | None:
        """Delete all selected objects; if one cannot be deleted, none is."""
        try:
            with transaction.atomic():
                return super().delete_selected(request, queryset)
        except OrderCopiesError as error:
            self.message_user(request, _said(error), messages.ERROR)
            return None

    def _not_changed(self, request: HttpRequest, error: OrderCopiesError) -> HttpResponse:
        # If the object is gone, the change page says so.
        self.message_user(request, _said(error), messages.ERROR)
        return HttpResponseRedirect(request.path.replace("/delete/", "/change/"))


def _said(error: OrderCopiesError) -> str:
    if isinstance(error, SubscriptionRefusedError):
        reasons = "; ".join(problem.message for problem in error.problems)
        return _("Nothing was changed: %(reasons)s.") % {"reasons": reasons}
    return capfirst(str(error))
