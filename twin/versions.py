"""Which version of a battery's estimator is current, which others are stepped beside it, and how one is loaded."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from access.auditing import note
from datahub.models import Battery
from jobs.models import State
from jobs.queue import enqueue
from jobs.shards import in_this_round, shard_of
from twin.errors import CannotBeCurrent, NothingToRollBackTo
from twin.models import Estimator, EstimatorProgress, VersionChange
from twin.states import Stored


def queue_load(estimator: Estimator, requested_by: Any = None) -> Estimator:
    """Lets a worker load the script, the first time or once more."""
    estimator.load_job = enqueue(
        "load_estimator",
        subject=f"twin.estimator:{estimator.pk}",
        title=f"Load estimator {estimator}"[:300],
        arguments={"estimator_id": estimator.pk},
        requested_by=requested_by,
        max_tries=3,
        shard=shard_of(estimator.battery_id),
    )
    estimator.save(update_fields=["load_job"])
    return estimator


def queue_start(estimator: Estimator) -> None:
    """Lets a worker run the offline estimation, now that there is data enough; not while a job of it is under way."""
    job = estimator.load_job
    if job is None or job.state == State.DONE:
        queue_load(estimator)


def arrive(estimator: Estimator) -> None:
    """A version that can be stepped now: it becomes current at once where nothing good would be lost, or replays first.

    The latter it does in the shade, followed by the workers, while the current one stays.
    """
    with transaction.atomic():
        current = lock_versions(estimator).filter(is_current=True).select_related("progress").first()
        if current is None:
            _promote(estimator, None, "the first version", None)
        elif current.pk == estimator.pk or current.version > estimator.version:
            return
        elif current.state == Stored.FAILED:
            _promote(estimator, current, f"v{current.version} had failed", None)
        elif not current.progress.rows_stepped:
            _promote(estimator, current, f"v{current.version} had no estimates", None)
        else:
            Estimator.objects.filter(pk=estimator.pk).update(followed=True)
            estimator.followed = True


def promote(estimator: Estimator, by: Any = None, reason: str = "") -> Estimator:
    """Makes this version's estimates the battery's, in one transaction; the one before stands still from then on.

    Raises CannotBeCurrent for one that was never loaded or has failed.
    """
    with transaction.atomic():
        current = lock_versions(estimator).filter(is_current=True).first()
        found = Estimator.objects.select_related("progress").get(pk=estimator.pk)
        if found.is_script and not found.entry:
            raise CannotBeCurrent(str(found), "has never been loaded")
        if found.state == Stored.FAILED:
            raise CannotBeCurrent(str(found), "has failed")
        if current is None or current.pk != found.pk:
            _promote(found, current, reason or "by hand", by)
    estimator.refresh_from_db(fields=["is_current", "followed", "promote_when_caught_up"])
    return estimator


def roll_back(estimator: Estimator, by: Any = None) -> Estimator:
    """Makes that version current which was so before this one; returns it.

    Raises NothingToRollBackTo, CannotBeCurrent.
    """
    before = version_before(estimator)
    if before is None:
        raise NothingToRollBackTo(str(estimator))
    return promote(before, by, f"rolled back from v{estimator.version}")


def version_before(estimator: Estimator) -> Estimator | None:
    """Which version this one took the place of; only of the current one there is an answer."""
    if not estimator.is_current:
        return None
    change = VersionChange.objects.filter(battery=estimator.battery_id, after=estimator).exclude(before=None).first()
    return change.before if change else None


def follow(estimator: Estimator, promote_when_caught_up: bool = False) -> Estimator:
    """Lets workers step it although another version is current."""
    with transaction.atomic():
        Estimator.objects.filter(pk=estimator.pk).update(followed=True, promote_when_caught_up=promote_when_caught_up)
        note("followed", estimator, note="to be promoted when caught up" if promote_when_caught_up else "")
    touch(estimator)
    estimator.refresh_from_db(fields=["followed", "promote_when_caught_up"])
    return estimator


def stop_following(estimator: Estimator) -> Estimator:
    """It stands still unless it is current; what it has estimated stays."""
    with transaction.atomic():
        Estimator.objects.filter(pk=estimator.pk).update(followed=False, promote_when_caught_up=False)
        note("stopped following", estimator)
    touch(estimator)
    estimator.refresh_from_db(fields=["followed", "promote_when_caught_up"])
    return estimator


def promote_those_caught_up() -> int:
    """Promotes followed versions that are to be and have come as far as the current one; tells how many.

    One that has failed never takes a place, nor does one that is older than the current version.
    """
    current = EstimatorProgress.objects.filter(estimator__battery=OuterRef("battery"), estimator__is_current=True)
    found = (
        Estimator.objects.filter(followed=True, promote_when_caught_up=True, is_current=False, state=Stored.READY)
        .annotate(
            current_seen=Subquery(current.values("rows_seen")[:1]),
            current_version=Subquery(current.values("estimator__version")[:1]),
            current_late=Subquery(current.values("late_from")[:1]),
        )
        .filter(Q(current_version=None) | Q(current_version__lt=F("version")))
        .filter(Q(current_seen=None) | Q(progress__rows_seen__gte=F("current_seen")))
        .filter(Q(progress__late_from=None) | Q(current_late__isnull=False))
        .order_by("version")
    )
    done = 0
    for estimator in in_this_round(found, "battery_id"):
        with suppress(CannotBeCurrent):
            promote(estimator, None, "had replayed the stored rows")
            done += 1
    return done


def touch(estimator: Estimator) -> None:
    """So that pages which watch it look again."""
    EstimatorProgress.objects.filter(estimator=estimator).update(updated=timezone.now())


def lock_versions(estimator: Estimator) -> QuerySet[Estimator]:
    """All versions of the battery, with the battery locked against others who would change which is current.

    Their progress is locked before any of them is changed, as a commit of estimates does: in another order each would
    wait for the other.
    """
    Battery.objects.select_for_update().get(pk=estimator.battery_id)
    progress = EstimatorProgress.objects.select_for_update(of=("self",)).filter(estimator__battery=estimator.battery_id)
    list(progress.order_by("pk").values_list("pk", flat=True))
    return Estimator.objects.filter(battery=estimator.battery_id)


def _promote(estimator: Estimator, before: Estimator | None, reason: str, by: Any) -> None:
    versions = Estimator.objects.filter(battery=estimator.battery_id)
    note("promoted", estimator, changes={"current": [str(before) if before else "", str(estimator)]}, note=reason)
    versions.filter(is_current=True).update(is_current=False)
    versions.filter(pk=estimator.pk).update(is_current=True, followed=False, promote_when_caught_up=False)
    # Older ones that were on their way to become current are overtaken.
    overtaken = versions.filter(version__lt=estimator.version, followed=True, promote_when_caught_up=True)
    overtaken.update(followed=False, promote_when_caught_up=False)
    VersionChange.objects.create(
        battery_id=estimator.battery_id,
        before=before,
        after=estimator,
        before_version=before.version if before else None,
        after_version=estimator.version,
        reason=reason,
        by=by,
    )
    for each in (estimator, before):
        if each is not None:
            touch(each)
    estimator.is_current, estimator.followed = True, False
