"""How log records are written: one line each, as text or as JSON, with the id of the request they belong to."""

from __future__ import annotations

import logging
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from rovi_site.observing.requests import request_id

FIELDS = "%(asctime)s %(levelname)s %(name)s %(process)d %(threadName)s %(request_id)s %(message)s"
RENAMED = {"asctime": "time", "levelname": "level", "name": "logger", "threadName": "thread"}


class WithRequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class Line(logging.Formatter):
    """A traceback's lines are parted by ` | `, so that no record takes two lines and no text begins a record."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        told = " | ".join(part for part in super().format(record).splitlines() if part.strip())
        identity = getattr(record, "request_id", "")
        return f"{told} [{identity}]" if identity else told


class Json(JsonFormatter):
    def __init__(self, **_: Any) -> None:
        super().__init__(FIELDS, rename_fields=RENAMED)
