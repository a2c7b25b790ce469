"""When a battery's oldest rows are deleted: who has not seen them moves on past them, and never makes them anew.

What was estimated and measured from them stays. From before the newest of their times nothing can be computed anew, so
late rows from before it are passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import F, Model, Q

from datahub.models import Battery
from datahub.signals import rows_dropped
from twin.estimation.replacing import give_up_recomputation
from twin.measuring.records import MeasuredProgress
from twin.models import Estimator, EstimatorProgress, Recomputation


def before_the_first_row(battery: Battery) -> dict[str, int]:
    """Where who has seen no row of the battery stands."""
    return {"cursor": battery.dropped_to, "rows_seen": battery.dropped_rows}


def move_past_dropped_rows() -> None:
    rows_dropped.connect(_move_on, dispatch_uid="twin.move_past_dropped_rows")


def _move_on(sender: type, batteries: Sequence[Battery], **_: Any) -> None:
    _lock_progress(batteries)
    for battery in batteries:
        _give_up_what_misses_rows(battery)
        past = before_the_first_row(battery)
        _move(EstimatorProgress, Q(estimator__battery=battery), past | {"fence": F("fence") + 1})
        _move(Recomputation, Q(estimator__battery=battery), past)
        _move(MeasuredProgress, Q(battery=battery), past | {"fence": F("fence") + 1})


def _lock_progress(batteries: Sequence[Battery]) -> None:
    """In the order of commits, which lock what they have stepped of many batteries at once."""
    for records, name in ((EstimatorProgress, "estimator__battery"), (MeasuredProgress, "battery")):
        of_these = records._default_manager.filter(**{f"{name}__in": batteries})
        list(of_these.select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def _move(records: type[Model], those: Q, past: dict[str, Any]) -> None:
    """The fence keeps who is stepping such rows now from writing where it would have come to."""
    records._default_manager.filter(those, cursor__lt=past["cursor"]).update(**past)


def _give_up_what_misses_rows(battery: Battery) -> None:
    """Recomputations that had still to read what is gone. They begin anew from a later place, where there is one.

    In order of time those are all up to `dropped_until`; after that, rows that only the first track has seen.
    """
    missing = Q(cursor__lt=battery.dropped_to, estimator__progress__cursor__gt=F("cursor"))
    if battery.dropped_until is not None:
        missing |= Q(in_order=True) & (Q(read_time=None) | Q(read_time__lte=battery.dropped_until))
    found = Recomputation.objects.filter(missing, estimator__battery=battery)
    for estimator in Estimator.objects.filter(pk__in=found.values("pk")).order_by("pk"):
        give_up_recomputation(estimator)
