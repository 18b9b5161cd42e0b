"""The reference project as a WSGI application, which also serves its static files."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from whitenoise import WhiteNoise

from project.slow_bodies import BodyDeadline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = WhiteNoise(
    BodyDeadline(get_wsgi_application()), root=settings.STATIC_ROOT, prefix=settings.STATIC_URL
)
