"""The web server's process: `python -m rovi_site.serving.web`, with the server, address and limits of the settings."""

from __future__ import annotations

import gc
import logging
import os
import sys
from importlib import import_module

from rovi_site.serving.limits import open_as_many_files_as_may_be

NEW_OBJECTS_A_WALK = 10_000  # Python's own 700 is for small programs
ROOM_ABOVE_LIMIT = 1024  # a frame just above the limit reaches the consumer, which closes with a sentence


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rovi_site.settings")
    from django.conf import settings  # noqa: PLC0415  (the settings must be named first)

    logging.captureWarnings(True)  # they are lines of the log like others, of JSON where that was asked for
    if settings.ROVI_SERVER == "daphne":
        from rovi_site.serving.daphne_server import run  # noqa: PLC0415  (Twisted's reactor, only where it serves)
    else:
        from rovi_site.serving.uvicorn_server import run  # noqa: PLC0415  (only the one that serves)
    from rovi_site.asgi import application  # noqa: PLC0415  (after Daphne has installed its event loop)

    open_as_many_files_as_may_be()
    settle()
    # A line that cannot be written, as on a full disk, is lost. Else logging would complain of it on standard error, of
    # which Twisted makes a log line again: the thread that writes rows was seen to do nothing else for twenty seconds.
    logging.raiseExceptions = False
    max_frame_bytes = settings.UPLOAD_MAX_FRAME_BYTES + ROOM_ABOVE_LIMIT
    return run(application, settings.HOST, settings.PORT, max_frame_bytes)


def settle() -> None:
    """Loads the views, and lets the collector pass over all that is loaded by now, for it stays for good.

    A page of 10,000 batteries makes so many tuples that it else walked over every module several times.
    """
    from django.conf import settings  # noqa: PLC0415  (as above)

    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_A_WALK, *gc.get_threshold()[1:])


if __name__ == "__main__":
    sys.exit(main())
