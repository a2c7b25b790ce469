"""Files that are sent as they are made, under ASGI and in tests alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import Model
from django.http import HttpRequest, StreamingHttpResponse

from access.auditing import note
from datahub.exports import Format, exported, file_name
from datahub.models import Battery
from datahub.windows import Window


def download(request: HttpRequest, battery: Battery, window: Window, wanted: Format) -> StreamingHttpResponse:
    """Raises NoSuchColumn before the answer begins."""
    name = file_name(battery, wanted)
    return stream(request, exported(battery, window, wanted), wanted.content_type, name, battery)


def stream(
    request: HttpRequest, pieces: Iterator[bytes], content_type: str, name: str, of: Model | None = None
) -> StreamingHttpResponse:
    """Sends a file as it is made; the first piece is made before the answer begins. It is noted as a download `of`."""
    first = next(pieces, b"")
    note("downloaded", of, note=name)
    whole = chain([first], pieces)
    # Under ASGI Django would first collect a plain iterator in memory, whole.
    content: Any = _in_threads(whole) if hasattr(request, "scope") else whole
    return StreamingHttpResponse(
        content, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    take: Any = sync_to_async(next)
    while piece := await take(pieces, b""):
        yield piece
