"""Sockets of pages."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from rovi_site.consumers import UpdatesConsumer
from rovi_site.sockets import nowhere

websocket_urlpatterns: list[URLPattern] = [path("ws/updates/", UpdatesConsumer.as_asgi())]
# The last of all: Channels raises where it finds no route, so that a stranger could fill the log with tracebacks.
no_such_socket: list[URLPattern] = [re_path(r"", nowhere)]  # type: ignore[arg-type]  # an ASGI application
