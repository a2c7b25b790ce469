"""A client of ROVI: `Client` for scripts and notebooks, `AsyncClient` for programs that do several things at once."""

from __future__ import annotations

from rovi_client.errors import (
    Conflict,
    Invalid,
    JobFailed,
    NotAllowed,
    NotFound,
    PreconditionFailed,
    Refused,
    RoviError,
    ServerFault,
    TooMany,
    Unreachable,
    UploadInterrupted,
)
from rovi_client.facing_async import AsyncClient, AsyncRowStream
from rovi_client.facing_sync import Client, RowStream
from rovi_client.records import Battery, Columns, Comparison, Estimator, Forecast, Job, JobEvent, Uploaded

__all__ = [
    "AsyncClient",
    "AsyncRowStream",
    "Battery",
    "Client",
    "Columns",
    "Comparison",
    "Conflict",
    "Estimator",
    "Forecast",
    "Invalid",
    "Job",
    "JobEvent",
    "JobFailed",
    "NotAllowed",
    "NotFound",
    "PreconditionFailed",
    "Refused",
    "RoviError",
    "RowStream",
    "ServerFault",
    "TooMany",
    "Unreachable",
    "UploadInterrupted",
    "Uploaded",
]
