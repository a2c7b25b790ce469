"""Sockets of this room."""

from __future__ import annotations

from django.urls import URLPattern, path

import datahub.converters  # noqa: F401  (registers `battery_name`)
from datahub.consumers import UploadConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("db/upload/<battery_name:name>", UploadConsumer.as_asgi()),  # type: ignore[arg-type]  # an ASGI application
]
