"""``cleartokens`` of Django OAuth Toolkit deletes only expired tokens."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from oauth2_provider.models import AccessToken

from tests.api import application_of, staff, token_of

pytestmark = pytest.mark.django_db


def test_cleartokens__expired_tokens_are_deleted() -> None:
    # given
    application = application_of(staff())
    expired = [token_of(application) for _ in range(3)]
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    valid = token_of(application)

    # when
    call_command("cleartokens")

    # then
    assert len(expired) == 3
    assert [token.token for token in AccessToken.objects.all()] == [valid]
