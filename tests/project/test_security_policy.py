"""The Content-Security-Policy is sent with each response, and allows all that our pages need."""

import re
from pathlib import Path

import django
import pytest
from django.conf import LazySettings
from django.http import HttpRequest, HttpResponse
from django.test import Client

from project.security_policy import content_security_policy
from tests.commands import ROOT

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
FOLDERS = ("order_copies", "orders", "project", "templates")
TEMPLATES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.html"))]
INLINE = re.compile(
    r"<style|<script>|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE
)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/healthz", "/api/schema", "/api/orders", "/no"])
def test_policy__is_sent_with_each_response(client: Client, path: str) -> None:
    response = client.get(path)

    assert set(response["Content-Security-Policy"].split("; ")) == POLICY


def test_policy__page_may_have_its_own(client: Client) -> None:
    response = client.get("/api/docs")

    assert "form-action 'none'" in response["Content-Security-Policy"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_policy__no_template_has_inline_scripts_or_styles(template: Path) -> None:
    assert INLINE.findall(template.read_text()) == []


@pytest.mark.parametrize(
    ("debug", "status", "sent"),
    [(False, 200, True), (False, 500, True), (True, 200, True), (True, 404, False)],
)
def test_policy_middleware__skips_the_debug_pages_of_django(
    settings: LazySettings, debug: bool, status: int, sent: bool
) -> None:
    # given
    settings.DEBUG = debug
    middleware = content_security_policy(lambda _request: HttpResponse(status=status))

    # when
    response = middleware(HttpRequest())

    # then
    assert ("Content-Security-Policy" in response) == sent


def test_policy_middleware__is_that_of_django_from_6_0(settings: LazySettings) -> None:
    own = "django.middleware.csp.ContentSecurityPolicyMiddleware"

    assert (own in settings.MIDDLEWARE) == (django.VERSION >= (6, 0))
