"""What a version has estimated, and its deletion: never by the way, and told before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils import timezone

from access.auditing import note
from datahub.losses import in_words
from twin import tables
from twin.dropping import before_the_first_row
from twin.errors import IsCurrent
from twin.estimation.replacing import give_up_recomputation
from twin.models import Estimator, EstimatorProgress, Track
from twin.states import Stored

Counted = list[tuple[int, str, str]]

# Rooms above tell what they made of a version's estimates, as (count, singular, plural); it goes when the signal comes.
tellers_of_results: list[Callable[[Estimator], Counted]] = []
# Sent with `estimator`, inside the transaction that deletes what it has estimated.
results_deleting = Signal()


def results_of(estimator: Estimator) -> Counted:
    """How much there is to lose."""
    there = bool(estimator.progress.state_names)
    number = tables.count(connection, estimator.pk, None, None) if there else 0
    found: Counted = [(number, "estimate", "estimates")]
    for tell in tellers_of_results:
        found += tell(estimator)
    return found


def loss_of_results(estimator: Estimator) -> str:
    """`110,704 estimates and 3 forecasts`."""
    counted = results_of(estimator)
    return in_words(counted) if any(count for count, *_ in counted) else "nothing"


def delete_results(estimator: Estimator, *, even_if_current: bool = False) -> Counted:
    """Deletes the estimates and what was made of them; returns what went. The version itself stays, and stands still.

    One that is current, which is refused without `even_if_current`, begins at the first row again. Raises IsCurrent.
    """
    with transaction.atomic():
        EstimatorProgress.objects.select_for_update().get(pk=estimator.pk)
        found = Estimator.objects.select_related("progress").get(pk=estimator.pk)
        if found.is_current and not even_if_current:
            raise IsCurrent(str(found))
        lost = results_of(found)
        note("deleted results", found, note=in_words(lost))
        results_deleting.send(sender=Estimator, estimator=found)
        give_up_recomputation(found)
        found.recomputed.all().delete()
        found.checkpoints.exclude(latest_time=None).delete()
        tables.drop(connection, found.pk)
        if found.progress.state_names:
            tables.create(connection, found.pk, found.progress.state_names)
        _begin_again(found)
    estimator.refresh_from_db()
    return lost


def _begin_again(estimator: Estimator) -> None:
    """As it was when it was registered or loaded; a script whose start was not kept is loaded once more.

    It then begins at the first row that is still there.
    """
    blank = {field.name: field.get_default() for field in Track._meta.concrete_fields if field.name != "updated"}
    EstimatorProgress.objects.filter(pk=estimator.pk).update(
        **blank | before_the_first_row(estimator.battery) | _start_of(estimator),
        series=F("series") + 1,
        updated=timezone.now(),
    )
    Estimator.objects.filter(pk=estimator.pk).update(
        state=Stored.WAITING, followed=False, promote_when_caught_up=False, last_error="", traceback="",
        error_line=None, error_row=None,
    )  # fmt: skip


def _start_of(estimator: Estimator) -> dict[str, Any]:
    start = estimator.checkpoints.filter(latest_time=None).first()
    if start is not None:
        return start.stand()
    if estimator.is_script:
        return {}
    from twin.estimation.recomputing import stand_before_the_first_row  # noqa: PLC0415  (numpy)

    return stand_before_the_first_row(estimator)
