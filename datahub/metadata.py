"""Metadata documents of battery-data-toolkit: checked by its own schema, wrong fields named. No database here."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from datahub.errors import MetadataRefused

if TYPE_CHECKING:
    from battdat.schemas import BatteryMetadata


def checked_metadata(document: Any) -> dict[str, Any]:
    """The document as it is stored: validated, plain JSON, fields without a value left out. Raises MetadataRefused."""
    from pydantic import ValidationError  # noqa: PLC0415  (a quarter of a second; a web process boots without it)

    if not isinstance(document, dict):
        raise MetadataRefused({"metadata": [f"It is a {type(document).__name__}; a BatteryMetadata is a map."]})
    try:
        checked = _schema().model_validate(document)
    except ValidationError as wrong:
        raise MetadataRefused(_complaints(wrong)) from None
    stored: dict[str, Any] = checked.model_dump(mode="json", exclude_none=True)
    if not _is_plain_json(stored):
        raise MetadataRefused({"metadata": ["It holds a number that JSON has no sign for (NaN or infinite)."]})
    return stored


@cache
def metadata_schema() -> dict[str, Any]:
    """The JSON schema of BatteryMetadata; forms are made from it."""
    schema: dict[str, Any] = _schema().model_json_schema()
    return schema


def _schema() -> type[BatteryMetadata]:
    from battdat import schemas  # noqa: PLC0415  (a quarter of a second, as above)

    found: type[BatteryMetadata] = schemas.BatteryMetadata
    return found


def _complaints(wrong: Any) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for error in wrong.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(part) for part in error["loc"]) or "metadata"
        fields.setdefault(path, []).append(error["msg"])
    return fields


def _is_plain_json(document: dict[str, Any]) -> bool:
    try:
        json.dumps(document, allow_nan=False).encode()
    except ValueError:
        return False
    return True
