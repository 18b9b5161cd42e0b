"""Send a Content-Security-Policy header on Django 5.2, which has no middleware for it."""

from collections.abc import Callable, Mapping, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"
#: With DEBUG Django's pages for these statuses contain inline scripts and styles.
DEBUG_PAGES = {404, 500}


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Add the policy of the setting ``SECURE_CSP`` to responses that have no policy.

    On Django 6.0 and newer use ``django.middleware.csp.ContentSecurityPolicyMiddleware``.
    """
    policy = header_value(settings.SECURE_CSP)

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not (settings.DEBUG and response.status_code in DEBUG_PAGES):
            response.headers.setdefault(HEADER, policy)
        return response

    return middleware


def header_value(policy: Mapping[str, Sequence[str]]) -> str:
    """Return the policy as the value of the header."""
    return "; ".join(f"{directive} {' '.join(sources)}" for directive, sources in policy.items())
