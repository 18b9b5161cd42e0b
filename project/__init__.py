import os

if os.environ.get("ENGINE") == "celery":
    from project.celery import app as celery_app  # noqa: F401
