"""A bulk upload, whichever door it came through: body to frame, frame to rows, rows to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from access.pacing import pace_of
from datahub.bodies import frame_of
from datahub.ingest.storing import StoreResult, store_frame
from datahub.models import Battery


@dataclass(frozen=True)
class Uploaded:
    """`records` is how many the request held; those stored already count too."""

    records: int
    result: StoreResult

    def as_map(self) -> dict[str, Any]:
        return {
            "stored": self.result.stored,
            "repeated": self.result.repeated,
            "rejected": [rejection.as_map() for rejection in self.result.rejected],
        }


def store_body(request: HttpRequest, battery_name: str, partial: bool) -> Uploaded:
    """Raises TooManyRows, BodyTooLarge, BodyUnreadable, RecordsRefused, BadBatteryName, StoreBusy."""
    pace = pace_of(request.user, getattr(request, "auth", None))
    if pace is not None:
        pace.refuse_if_owing()
    kinds = Battery.objects.filter(name=battery_name).values_list("columns", flat=True).first()
    frame = frame_of(request, kinds or {})
    if pace is not None:
        pace.charge(len(frame))
    return Uploaded(len(frame), store_frame(battery_name, frame, partial))
