"""A request of readings as JSON: with NaN and Infinity, which some clients write where they know no value."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import UnsupportedMediaType

from access.bodies import body_of
from fleet.errors import NotJson
from fleet.validators import MOST_ROWS

MOST_BYTES = 16 * 2**20  # ten times what the most rows need
MOST_CONTAINERS = 4 * MOST_ROWS


def json_of(request: HttpRequest) -> Any:
    """Raises UnsupportedMediaType where the content type names anything but JSON, and NotJson."""
    content_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if content_type and content_type != "application/json":
        raise UnsupportedMediaType(content_type[:100])
    body = body_of(request, MOST_BYTES)
    if body.count(b"{") + body.count(b"[") > MOST_CONTAINERS:
        raise NotJson("The body holds more lists and objects than a request has rows.")
    try:
        return json.loads(body)
    except UnicodeDecodeError:
        raise NotJson("The body is not UTF-8 text.") from None
    except RecursionError:
        raise NotJson("The body is nested too deeply.") from None
    except ValueError as wrong:
        told = str(wrong).encode("ascii", "replace").decode()
        raise NotJson(f"The body is not JSON: {told}.") from None
