"""The body of a request, before anyone asks what it says."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError

from access.errors import BodyCutShort, BodyTooLarge


def body_of(request: HttpRequest, most: int = 0) -> bytes:
    """The body, whatever its content type says; `most` bytes, or what an upload may have.

    Raises BodyTooLarge before it is read into memory, and BodyCutShort.
    """
    most = most or settings.UPLOAD_MAX_BODY_BYTES
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > most:
            raise BodyTooLarge(most)
        return request.body
    except RequestDataTooBig:
        raise BodyTooLarge(most) from None
    except (UnreadablePostError, ValueError):
        raise BodyCutShort("The body ended before its announced length.") from None
