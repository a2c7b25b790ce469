"""Ask for a fit: check what can be checked now, and queue the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.files.base import File

from datahub.models import Battery
from jobs.models import Job
from jobs.queue import enqueue
from twin.errors import FitRefused
from twin.fitting import files
from twin.fitting.files import KIND
from twin.fitting.wishes import fit_request
from twin.states import missing_columns

LONGEST_TITLE = 200


def request_fit(battery: Battery, given: Mapping[str, Any], *, title: str = "", requested_by: Any = None) -> Job:
    """Queues a fit to a battery's rows; raises FitRefused. Its result names the parameter set that it made."""
    asked = fit_request(given)
    missing = missing_columns(battery.columns)
    if missing:
        raise FitRefused(
            f"Battery {battery.name!r} has no column {', '.join(missing)}; a fit needs test_time, current and voltage.",
            hint="Send rows with these columns, or import a file that has them.",
            fields={"battery": [f"It has no {', '.join(missing)}."]},
        )
    return enqueue(
        KIND,
        subject=f"datahub.battery:{battery.pk}",
        title=f"Fit a cell model to {battery.name}"[:250],
        arguments={"battery_id": battery.pk, "title": title[:LONGEST_TITLE], "wishes": asked.as_map()},
        requested_by=requested_by,
    )


def request_fit_of_file(file: File, given: Mapping[str, Any], *, title: str = "", requested_by: Any = None) -> Job:
    """The same for the rows of a data file, which is stored nowhere else; raises FitRefused, FileTooLarge.

    What cannot be read, or has not the columns, its job tells: the file is opened there, in the sandbox.
    """
    asked = fit_request(given)
    name = files.keep(file)
    try:
        return enqueue(
            KIND,
            title=f"Fit a cell model to {files.path_of(name).name}"[:250],
            arguments={"file": name, "title": title[:LONGEST_TITLE], "wishes": asked.as_map()},
            requested_by=requested_by,
        )
    except BaseException:
        files.forget(name)
        raise
