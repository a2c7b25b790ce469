"""Rows of several batteries: a ZIP archive with a Parquet file each."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence

from django.http import HttpRequest, StreamingHttpResponse

from datahub.downloads import download, stream
from datahub.exports import PARQUET, exported, file_name
from datahub.models import Battery
from datahub.windows import Window

PIECE_BYTES = 1 << 16


def download_archive(request: HttpRequest, batteries: Sequence[Battery]) -> StreamingHttpResponse:
    """One battery is its file; several are an archive."""
    if len(batteries) == 1:
        return download(request, batteries[0], Window(), PARQUET)
    return stream(request, archive_pieces(batteries), "application/zip", "batteries.zip")


def archive_pieces(batteries: Sequence[Battery]) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # Parquet is compressed already
            for battery in batteries:
                # Two names may become the same one for a file system; the id tells them apart.
                with archive.open(f"{battery.pk}_{file_name(battery, PARQUET)}", "w", force_zip64=True) as entry:
                    for piece in exported(battery, Window(), PARQUET):
                        entry.write(piece)
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece
