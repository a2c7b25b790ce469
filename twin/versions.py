"""Which version of a battery's estimator is current, and how one comes to be loaded."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from datahub.models import Battery
from jobs.models import State
from jobs.queue import enqueue
from twin.models import Estimator


def queue_load(estimator: Estimator, requested_by: Any = None) -> Estimator:
    """Lets a worker load the script, the first time or once more."""
    estimator.load_job = enqueue(
        "load_estimator",
        subject=f"twin.estimator:{estimator.pk}",
        title=f"Load estimator {estimator}"[:300],
        arguments={"estimator_id": estimator.pk},
        requested_by=requested_by,
        max_tries=3,
    )
    estimator.save(update_fields=["load_job"])
    return estimator


def queue_start(estimator: Estimator) -> None:
    """Lets a worker run the offline estimation, now that there is data enough; not while a job of it is under way."""
    job = estimator.load_job
    if job is None or job.state == State.DONE:
        queue_load(estimator)


def make_current(estimator: Estimator, *, unless_newer: bool = False) -> bool:
    """Its estimates are the battery's from now on; with `unless_newer`, not where a newer version's are already."""
    with transaction.atomic():
        Battery.objects.select_for_update().get(pk=estimator.battery_id)
        versions = Estimator.objects.filter(battery=estimator.battery_id)
        if unless_newer and versions.filter(is_current=True, version__gte=estimator.version).exists():
            return False
        versions.filter(is_current=True).update(is_current=False)
        versions.filter(pk=estimator.pk).update(is_current=True)
    estimator.is_current = True
    return True
