"""When a battery's oldest rows are deleted: who has not seen them moves on past them, and never makes them anew.

What was estimated and measured from them stays. From before the newest of their times nothing can be computed anew, so
late rows from before it are passed over.
"""

from __future__ import annotations

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


def _move_on(sender: type, battery: Battery, **_: Any) -> None:
    _give_up_what_misses_rows(battery)
    past = before_the_first_row(battery)
    of_battery = Q(estimator__battery=battery)
    _move(EstimatorProgress, of_battery, past | {"fence": F("fence") + 1})
    _move(Recomputation, of_battery, past)
    _move(MeasuredProgress, Q(battery=battery), past | {"fence": F("fence") + 1})


def _move(records: type[Model], those: Q, past: dict[str, Any]) -> None:
    """The fence keeps who is stepping such rows now from writing where it would have come to."""
    found = records._default_manager.select_for_update(of=("self",)).filter(those, cursor__lt=past["cursor"])
    if behind := list(found.order_by("pk").values_list("pk", flat=True)):
        records._default_manager.filter(pk__in=behind, cursor__lt=past["cursor"]).update(**past)


def _give_up_what_misses_rows(battery: Battery) -> None:
    """Recomputations that had still to read what is gone. They begin anew from a later place, where there is one."""
    if battery.dropped_until is None:
        return
    of_battery = Recomputation.objects.filter(estimator__battery=battery, in_order=True)
    missing = of_battery.filter(Q(read_time=None) | Q(read_time__lte=battery.dropped_until))
    for estimator in Estimator.objects.filter(pk__in=missing.values("pk")).order_by("pk"):
        EstimatorProgress.objects.select_for_update().get(pk=estimator.pk)
        give_up_recomputation(estimator)
