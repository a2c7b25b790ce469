"""JSON of large answers. The standard library takes as long to write 10,000 estimates as the database to find them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from rest_framework.renderers import JSONRenderer


def as_json(value: Any) -> msgspec.Raw:
    """A part of an answer, written already. So the objects of one record are gone before those of the next are made."""
    return msgspec.Raw(msgspec.json.encode(value))


class PlainJsonRenderer(JSONRenderer):
    """For maps, lists, texts, booleans and numbers; what is not finite becomes null. `indent` of Accept is heeded."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if data is None:
            return b""
        written = msgspec.json.encode(data)
        indent = self.get_indent(accepted_media_type or "", dict(renderer_context or {}))
        return msgspec.json.format(written, indent=indent) if indent else written
