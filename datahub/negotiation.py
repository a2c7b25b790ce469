"""How rows are asked for as JSON, CSV, Parquet or HDF5: `?format=`, or the Accept header."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer

from access.errors import Refused
from datahub.exports import BDF, BDF_PARQUET, CSV, FORMATS, HDF5, PARQUET
from datahub.rendering import PlainJsonRenderer


class UnknownFormat(Refused):
    code = "unknown_format"

    def __init__(self, wanted: str) -> None:
        super().__init__(
            f"Rows cannot be had as {wanted!r}.", hint=f"Formats are json, {', '.join(FORMATS)}.",
            fields={"format": ["It is not a format of rows."]},
        )  # fmt: skip


class _OfFile(BaseRenderer):
    """Takes part in the choice of format only; the file itself is streamed (datahub.downloads)."""

    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return JSONRenderer().render(data)


class CsvRenderer(_OfFile):
    media_type, format = "text/csv", CSV.name


class ParquetRenderer(_OfFile):
    media_type, format = PARQUET.content_type, PARQUET.name


class Hdf5Renderer(_OfFile):
    media_type, format = HDF5.content_type, HDF5.name


class BdfRenderer(_OfFile):
    media_type, format = "text/vnd.bdf+csv", BDF.name


class BdfParquetRenderer(_OfFile):
    media_type, format = "application/vnd.bdf+parquet", BDF_PARQUET.name


ROW_RENDERERS = [PlainJsonRenderer, CsvRenderer, ParquetRenderer, Hdf5Renderer, BdfRenderer, BdfParquetRenderer]


class RowsNegotiation(DefaultContentNegotiation):
    def filter_renderers(self, renderers: Any, format: str) -> Any:
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            raise UnknownFormat(format)
        return found
