"""What every page's template knows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from access.roles import role_of


def navigation(request: HttpRequest) -> dict[str, Any]:
    return {"role": role_of(getattr(request, "user", None))}
