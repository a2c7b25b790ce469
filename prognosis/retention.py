"""Files of forecasts that ended long ago go, where the settings say so; what was said in words and numbers stays."""

from __future__ import annotations

import math
import time
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from prognosis.models import ForecastRun
from prognosis.states import RunState
from uploads.storage import remove_once_committed

MADE_FILES = ("history_file", "load_file", "result_file")  # not the CSV that came with it: it is asked for once more
SECONDS_BETWEEN_LOOKS = 60.0
RUNS_A_TRANSACTION = 100

_looked = -math.inf


def delete_old_files() -> bool:
    """Tells whether there may be more to do."""
    global _looked
    if settings.FORECAST_FILES_DAYS is None or time.monotonic() - _looked < SECONDS_BETWEEN_LOOKS:
        return False
    if delete_files_older_than(settings.FORECAST_FILES_DAYS):
        return True
    _looked = time.monotonic()
    return False


def delete_files_older_than(days: float) -> bool:
    """Of some forecasts that ended so many days ago; tells whether there may be more.

    Without its result a forecast is scored no further: the scores that it has stay, whatever estimator comes.
    """
    before = timezone.now() - timedelta(days=days)
    old = ForecastRun.objects.filter(state__in=RunState.ENDED, finished__lt=before).order_by("pk")
    some = list(old.exclude(**dict.fromkeys(MADE_FILES, ""))[:RUNS_A_TRANSACTION])
    gone = dict.fromkeys(MADE_FILES, "") | {"next_score": None, "scored_estimator": None, "scored_series": None}
    with transaction.atomic():
        for run in some:
            for name in MADE_FILES:
                remove_once_committed(getattr(run, name))
        ForecastRun.objects.filter(pk__in=[run.pk for run in some]).update(**gone)
    return len(some) == RUNS_A_TRANSACTION
