"""What `celery -A rovi_site worker` runs: Django with the settings of the environment, and the app that calls jobs."""

from __future__ import annotations

import os

import django

from rovi_site.env import CannotStart

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rovi_site.settings")
django.setup()

from django.conf import settings  # noqa: E402  (the settings must be named first)

from jobs.running.celery_app import app  # noqa: E402  (as above)

if not settings.REDIS_URL:
    raise CannotStart("Celery needs REDIS_URL=redis://host:port/0. Without Redis: make worker.")

__all__ = ("app",)
