"""Rows of several batteries: a ZIP archive with a file each."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence

from django.http import HttpRequest, StreamingHttpResponse

from datahub.downloads import download, stream
from datahub.exports import BDF_PARQUET, HDF5, PARQUET, Format, exported, file_name
from datahub.models import Battery
from datahub.windows import Window

PIECE_BYTES = 1 << 16
PACKED = (PARQUET, BDF_PARQUET, HDF5)  # are compressed already
WHOLE = Window()


def download_archive(
    request: HttpRequest, batteries: Sequence[Battery], window: Window = WHOLE, wanted: Format = PARQUET
) -> StreamingHttpResponse:
    """One battery is its file; several are an archive."""
    if len(batteries) == 1:
        return download(request, batteries[0], window, wanted)
    return stream(request, archive_pieces(batteries, window, wanted), "application/zip", "batteries.zip")


def archive_pieces(batteries: Sequence[Battery], window: Window = WHOLE, wanted: Format = PARQUET) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED if wanted in PACKED else zipfile.ZIP_DEFLATED) as archive:
            for battery in batteries:
                # Two names may become the same one for a file system; the id tells them apart.
                with archive.open(f"{battery.pk}_{file_name(battery, wanted)}", "w", force_zip64=True) as entry:
                    for piece in exported(battery, window, wanted):
                        entry.write(piece)
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece
