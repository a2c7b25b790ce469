"""Load a script in the sandbox: does it run, what does it define, and what does it start from?"""

from __future__ import annotations

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from datahub.models import Battery
from datahub.queries import rows_after
from sandbox.guest import Guest
from twin import tables
from twin.errors import EstimatorFailed, SandboxUnavailable
from twin.estimation.commit import record_failure
from twin.estimation.guests import LOAD_SECONDS, failing_as_estimator, loaded_guest, storable
from twin.estimation.work import as_scripts_know_them
from twin.models import Estimator, EstimatorProgress
from twin.states import Stored, has_enough_data
from twin.versions import make_current

OBJECT = "estimator"  # the entry of a script that defines an object; it needs no data to be made
ROWS_AT_ONCE = 20_000
MOST_DATASET_ROWS = 2_000_000
MOST_LIBRARIES = 100


def load_estimator(estimator: Estimator) -> Estimator:
    """Loads the script and makes the version current; or keeps it as failed, with the reason, and changes no other.

    Raises what it recorded: EstimatorFailed, SandboxUnavailable. Done twice it does no harm.
    """
    try:
        guest, found = loaded_guest(estimator)
        with guest:
            begun = _begun(guest, estimator, str(found.get("entry")))
            output = storable(guest.log)
    except EstimatorFailed as failure:
        record_failure(estimator, failure)
        raise
    except SandboxUnavailable as unavailable:
        record_failure(estimator, EstimatorFailed(unavailable.message))
        raise
    with transaction.atomic():
        Estimator.objects.filter(pk=estimator.pk).update(
            state=Stored.WAITING, last_error="", traceback="", error_line=None, error_row=None, script_output=output,
            entry=storable(str(found.get("entry")))[:255],
            library_versions=_versions_checked(found.get("library_versions")),
        )  # fmt: skip
        if begun is not None:
            _keep_start(estimator, *begun)
        make_current(estimator, unless_newer=True)
    estimator.refresh_from_db()
    return estimator


def _begun(guest: Guest, estimator: Estimator, entry: str) -> tuple[list[str], bytes] | None:
    """Names of the states and the first checkpoint; None where data is needed that is not there yet."""
    battery = Battery.objects.get(pk=estimator.battery_id)
    with_dataset = entry != OBJECT and estimator.required_time > 0
    if with_dataset:
        estimator.battery = battery
        if not has_enough_data(estimator):
            return None
    with failing_as_estimator(guest):
        if with_dataset:
            _hand_over_rows(guest, battery, estimator.required_time)
        answer = guest.call("begin", {"metadata": battery.metadata}, settings.SANDBOX_FORECAST_SECONDS)
    names, checkpoint = answer.get("state_names"), answer.get("checkpoint")
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names) and isinstance(checkpoint, bytes)):
        raise EstimatorFailed("The script's process gave an answer that cannot be used: no names of states.")
    try:
        tables.columns_of(names)
    except tables.BadStateName as wrong:
        raise EstimatorFailed(str(wrong)) from None
    return names, checkpoint


def _hand_over_rows(guest: Guest, battery: Battery, required_time: float) -> None:
    """The rows in order of arrival up to the one that completes the required time.

    Not all that happen to be there when a worker comes by: a run can be repeated, and gives the same numbers.
    """
    cursor, rows, first, last = 0, 0, np.inf, -np.inf
    while rows < MOST_DATASET_ROWS:
        block = rows_after(battery, cursor, ROWS_AT_ONCE)
        if not len(block):
            return
        times = block.columns["test_time"]
        firsts = np.fmin(first, np.fmin.accumulate(times))
        lasts = np.fmax(last, np.fmax.accumulate(times))
        enough = np.flatnonzero(lasts - firsts >= required_time)
        taken = int(enough[0]) + 1 if len(enough) else len(block)
        columns = as_scripts_know_them({name: values[:taken] for name, values in block.columns.items()})
        guest.call("collect", {"columns": columns}, LOAD_SECONDS)
        if len(enough):
            return
        cursor, rows, first, last = int(block.ids[-1]), rows + taken, float(firsts[-1]), float(lasts[-1])


def _keep_start(estimator: Estimator, state_names: list[str], checkpoint: bytes) -> None:
    """Where it begins, unless it has stepped rows already: a retry goes on from where it stopped."""
    begins = EstimatorProgress.objects.filter(pk=estimator.pk, rows_seen=0)
    if begins.update(state_names=state_names, checkpoint=checkpoint):
        tables.drop(connection, estimator.pk)
        tables.create(connection, estimator.pk, state_names)


def _versions_checked(found: object) -> dict[str, str]:
    """As told by a process that a script has run in: taken for text, and for no more than a page of it."""
    pairs = list(found.items())[:MOST_LIBRARIES] if isinstance(found, dict) else []
    return {storable(str(name))[:100]: storable(str(version))[:100] for name, version in pairs}
