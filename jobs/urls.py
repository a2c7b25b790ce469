"""What this room adds to the REST API."""

from __future__ import annotations

from typing import Any

from jobs.viewsets import JobViewSet, WorkerViewSet

api_routes: list[tuple[str, Any, str]] = [("jobs", JobViewSet, "job"), ("workers", WorkerViewSet, "worker")]
