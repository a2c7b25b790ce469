"""The seed paths of this room, and what it adds to the REST API."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
api_routes: list[tuple[str, Any, str]] = []
