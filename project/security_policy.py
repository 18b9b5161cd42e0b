"""The Content-Security-Policy header, for versions of Django that have no middleware for it."""

from collections.abc import Callable, Mapping, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"
#: With DEBUG Django answers these with pages that have scripts and styles in them.
DEBUG_PAGES = {404, 500}


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Send the policy of the setting ``SECURE_CSP`` with every answer that has none of its own.

    From Django 6.0 on ``django.middleware.csp.ContentSecurityPolicyMiddleware`` does this.
    """
    policy = written(settings.SECURE_CSP)

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not (settings.DEBUG and response.status_code in DEBUG_PAGES):
            response.headers.setdefault(HEADER, policy)
        return response

    return middleware


def written(policy: Mapping[str, Sequence[str]]) -> str:
    """The value of the header."""
    return "; ".join(f"{directive} {' '.join(sources)}" for directive, sources in policy.items())
