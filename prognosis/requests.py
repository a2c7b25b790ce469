"""A load as it comes over HTTP: in the query, as a form, as JSON, as CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.core.files.base import File
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from prognosis.errors import LoadRefused
from prognosis.forecasting.load import Load, load_from
from prognosis.forecasting.profile import MAX_CSV_BYTES
from prognosis.forecasting.runs import Way

DESCRIBED = ("phases", "profile", "dataset", "temperature", "loads", "options")
REPEATED = ("batteries", "files")


class CsvParser(BaseParser):
    """A body that is a CSV; `request.data` is its text."""

    media_type = "text/csv"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return _decoded(stream.read(MAX_CSV_BYTES + 1))


def load_of_request(request: Request, **how: Any) -> Load:
    """Raises LoadRefused. What the body says goes before what the query says. `how`: as for `load_from`."""
    values: dict[str, Any] = request.query_params.dict()
    body = request.data
    if isinstance(body, str):
        return load_from(values, body, **how)
    if not isinstance(body, Mapping):
        raise LoadRefused({"ahead_time": ["The body must be a map with ahead_time, resolution and more."]})
    values |= with_json_read(body)
    return load_from(values, _csv_in(values), **how)


def with_json_read(body: Any) -> dict[str, Any]:
    """The fields of a body; a form, which holds texts only, may have JSON in those that are maps or lists.

    Files and names that a form repeats stay lists. Raises LoadRefused.
    """
    if not isinstance(body, Mapping):
        return {}
    several = getattr(body, "getlist", None)
    values = {}
    for name in body:
        values[name] = several(name) if several and name in REPEATED else body[name]
        if name in DESCRIBED and isinstance(values[name], str) and values[name].lstrip()[:1] in ("{", "["):
            values[name] = _from_json(name, values[name])
    if several and isinstance(values.get("batteries"), list) and len(values["batteries"]) == 1:
        (only,) = values["batteries"]
        if only.lstrip()[:1] == "[":
            values["batteries"] = _from_json("batteries", only)
    return values


def way_asked(given: Mapping[str, Any]) -> Way:
    """From checked fields of a request."""
    return Way(
        forecaster=given.get("forecaster"),
        kind=given.get("kind", ""),
        options=given.get("options") or {},
        threshold=given.get("threshold"),
        as_of=given.get("as_of"),
    )


def _from_json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as wrong:
        raise LoadRefused({name: [f"It is no JSON: {wrong}."]}) from None


def uploaded_csv(file: File) -> str:
    return _decoded(file.read(MAX_CSV_BYTES + 1))


def _csv_in(values: Mapping[str, Any]) -> str:
    """The text of the profile that was uploaded as file or text under `csv`."""
    given = values.get("csv") or ""
    if isinstance(given, File):
        return uploaded_csv(given)
    if not isinstance(given, str):
        raise LoadRefused({"csv": ["Give the text of a CSV, or a file."]})
    return given


def _decoded(content: bytes) -> str:
    if len(content) > MAX_CSV_BYTES:
        raise LoadRefused({"csv": [f"The CSV is larger than {MAX_CSV_BYTES // 2**20} MiB."]})
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LoadRefused({"csv": ["The CSV is not UTF-8 text."]}) from None
