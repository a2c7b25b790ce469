"""What this room adds to the REST API."""

from __future__ import annotations

from typing import Any

from access.audit_viewsets import AuditViewSet
from access.viewsets import TokenViewSet

api_routes: list[tuple[str, Any, str]] = [("tokens", TokenViewSet, "token"), ("audit", AuditViewSet, "audit")]
