"""Sockets of pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from rovi_site.consumers import UpdatesConsumer

websocket_urlpatterns: list[URLPattern] = [path("ws/updates/", UpdatesConsumer.as_asgi())]
