"""Load a script in the sandbox: does it run, what does it define, and what does it start from?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from datahub.models import Battery
from datahub.queries import rows_in_order
from sandbox.errors import ZygoteLost
from sandbox.guest import Guest
from twin import tables
from twin.errors import EstimatorFailed, NotNow, SandboxUnavailable
from twin.estimation.commit import record_failure
from twin.estimation.guests import LOAD_SECONDS, failing_as_estimator, loaded_guest, storable, versions_checked
from twin.estimation.keeping import keep_start
from twin.estimation.recomputing import set_out
from twin.estimation.replacing import stop_recomputation
from twin.estimation.work import as_scripts_know_them
from twin.models import Estimator, EstimatorProgress, Recomputation
from twin.states import Stored, has_enough_data
from twin.versions import arrive, lock_versions

Wait = Callable[[str], None]

OBJECT = "estimator"  # the entry of a script that defines an object; it needs no data to be made
ROWS_AT_ONCE = 20_000
MOST_DATASET_ROWS = 2_000_000
ZYGOTES_TRIED = 3


def load_estimator(estimator: Estimator, wait: Wait | None = None) -> Estimator:
    """Loads the script, after which the version can arrive; or keeps it as failed, and changes no other.

    `wait` is called with a sentence while what it needs cannot be had, as on a full disk, and then it is tried again.
    Raises what it recorded: EstimatorFailed, SandboxUnavailable. Done twice it does no harm.
    """
    try:
        found, begun, output = _loaded(estimator, wait)
    except EstimatorFailed as failure:
        record_failure(estimator, failure)
        raise
    except SandboxUnavailable as unavailable:
        record_failure(estimator, EstimatorFailed(unavailable.message))
        raise
    with transaction.atomic():
        lock_versions(estimator)
        Estimator.objects.filter(pk=estimator.pk).update(
            state=Stored.WAITING, last_error="", traceback="", error_line=None, error_row=None, script_output=output,
            entry=storable(str(found.get("entry")))[:255],
            library_versions=versions_checked(found.get("library_versions")),
        )  # fmt: skip
        if begun is not None:
            _keep_start(estimator, begun)
        arrive(estimator)
    estimator.refresh_from_db()
    return estimator


def restart_estimator(estimator: Estimator, wait: Wait | None = None) -> Estimator:
    """Makes the stand before the first row anew, now that rows have come late, for the recomputation that waits for it.

    Raises what it recorded, as above. Done twice it does no harm.
    """
    waiting = Recomputation.objects.filter(pk=estimator.pk, needs_start=True)
    if not waiting.exists():
        return estimator
    try:
        _, begun, _ = _loaded(estimator, wait)
        if begun is None or begun.state_names != estimator.progress.state_names:
            raise EstimatorFailed("Loaded once more the script begins with other states than before.")
    except (EstimatorFailed, SandboxUnavailable) as wrong:
        failure = wrong if isinstance(wrong, EstimatorFailed) else EstimatorFailed(wrong.message)
        stop_recomputation(estimator, failure)
        raise
    with transaction.atomic():
        again = waiting.select_for_update().first()
        if again is not None:
            set_out(again, keep_start(estimator, {"checkpoint": begun.checkpoint}, begun.data_until))
            again.save()
    return estimator


@dataclass(frozen=True)
class Begun:
    """A script's estimator before the first row."""

    state_names: list[str]
    checkpoint: bytes
    data_until: float | None  # newest test_time, s, of the rows that it was given; None: of none


def _loaded(estimator: Estimator, wait: Wait | None) -> tuple[dict[str, Any], Begun | None, str]:
    """What the script is, where it begins, and what it printed. A zygote that dies meanwhile is no fault of its own."""
    zygotes_lost = 0
    while True:
        try:
            guest, found = loaded_guest(estimator)
            with guest:
                return found, _begun(guest, estimator, str(found.get("entry"))), storable(guest.log)
        except NotNow as wrong:
            if wait is None:
                raise SandboxUnavailable(str(wrong)) from wrong
            wait(str(wrong))
        except ZygoteLost as lost:
            zygotes_lost += 1
            if zygotes_lost == ZYGOTES_TRIED:
                raise SandboxUnavailable(str(lost)) from lost


def _begun(guest: Guest, estimator: Estimator, entry: str) -> Begun | None:
    """None where data is needed that is not there yet."""
    battery = Battery.objects.get(pk=estimator.battery_id)
    with_dataset = entry != OBJECT and estimator.required_time > 0
    if with_dataset:
        estimator.battery = battery
        if not has_enough_data(estimator):
            return None
    until = None
    with failing_as_estimator(guest):
        if with_dataset:
            until = _hand_over_rows(guest, battery, estimator.required_time)
        answer = guest.call("begin", {"metadata": battery.metadata}, settings.SANDBOX_FORECAST_SECONDS)
    names, checkpoint = answer.get("state_names"), answer.get("checkpoint")
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names) and isinstance(checkpoint, bytes)):
        raise EstimatorFailed("The script's process gave an answer that cannot be used: no names of states.")
    try:
        tables.columns_of(names)
    except tables.BadStateName as wrong:
        raise EstimatorFailed(str(wrong)) from None
    return Begun(names, checkpoint, until)


def _hand_over_rows(guest: Guest, battery: Battery, required_time: float) -> float | None:
    """The rows in order of test_time up to the one that completes the required time; returns its test_time.

    Not all that happen to be there when a worker comes by: a run can be repeated, and gives the same numbers.
    """
    place: tuple[float, int] | None = None
    rows, first = 0, np.nan
    while rows < MOST_DATASET_ROWS:
        block = rows_in_order(battery, place, ROWS_AT_ONCE)
        if not len(block):
            break
        times = block.columns["test_time"]
        first = times[0] if np.isnan(first) else first
        enough = np.flatnonzero(times - first >= required_time)
        taken = int(enough[0]) + 1 if len(enough) else len(block)
        columns = as_scripts_know_them({name: values[:taken] for name, values in block.columns.items()})
        guest.call("collect", {"columns": columns}, LOAD_SECONDS)
        place, rows = (float(times[taken - 1]), int(block.ids[taken - 1])), rows + taken
        if len(enough):
            break
    return place[0] if place else None


def _keep_start(estimator: Estimator, begun: Begun) -> None:
    """Where it begins, unless it has taken rows already: a retry goes on from where it stopped."""
    untouched = Q(rows_seen=0) | Q(rows_stepped=0, cursor=F("estimator__battery__dropped_to"))
    begins = EstimatorProgress.objects.filter(untouched, pk=estimator.pk)
    if begins.update(state_names=begun.state_names, checkpoint=begun.checkpoint):
        tables.drop(connection, estimator.pk)
        tables.create(connection, estimator.pk, begun.state_names)
        keep_start(estimator, {"checkpoint": begun.checkpoint}, begun.data_until)
