"""A load as it comes over HTTP: in the query, as a form, as JSON, as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.core.files.base import File
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from prognosis.errors import LoadRefused
from prognosis.forecasting.load import Load, load_from
from prognosis.forecasting.profile import MAX_CSV_BYTES


class CsvParser(BaseParser):
    """A body that is a CSV; `request.data` is its text."""

    media_type = "text/csv"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return _decoded(stream.read(MAX_CSV_BYTES + 1))


def load_of_request(request: Request) -> Load:
    """Raises LoadRefused. What the body says goes before what the query says."""
    values: dict[str, Any] = request.query_params.dict()
    body = request.data
    if isinstance(body, str):
        return load_from(values, body)
    if not isinstance(body, Mapping):
        raise LoadRefused({"ahead_time": ["The body must be a map with ahead_time, resolution, …"]})
    values |= {name: body[name] for name in body}
    return load_from(values, _profile_in(values))


def uploaded_csv(file: File) -> str:
    return _decoded(file.read(MAX_CSV_BYTES + 1))


def _profile_in(values: Mapping[str, Any]) -> str:
    """The text of the profile: uploaded as file or text under `csv`, or as columns under `profile`."""
    given = values.get("csv") or ""
    if isinstance(given, File):
        return uploaded_csv(given)
    if not isinstance(given, str):
        raise LoadRefused({"csv": ["Give the text of a CSV, or a file."]})
    columns = values.get("profile")
    if columns in (None, ""):
        return given
    if not isinstance(columns, Mapping) or not all(isinstance(values, list) for values in columns.values()):
        raise LoadRefused({"profile": ['Give columns, such as {"test_time": [0, 60], "current": [1.5, 0]}.']})
    if len({len(values) for values in columns.values()}) > 1:
        raise LoadRefused({"profile": ["The columns differ in length."]})
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(str(value) for value in row) for row in rows)])


def _decoded(content: bytes) -> str:
    if len(content) > MAX_CSV_BYTES:
        raise LoadRefused({"csv": [f"The CSV is larger than {MAX_CSV_BYTES // 2**20} MiB."]})
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LoadRefused({"csv": ["The CSV is not UTF-8 text."]}) from None
