"""Load a forecaster's script in the sandbox for the first time: does it run, and which function is it?"""

from __future__ import annotations

from django.db import transaction

from access.errors import Refused
from prognosis.errors import ForecastFailed
from prognosis.forecasting.script import call_script, storable
from prognosis.models import Forecaster, ForecasterState

LOAD_SECONDS = 60.0
MOST_LIBRARIES = 100


def load_forecaster(forecaster: Forecaster) -> Forecaster:
    """Loads the script and makes the version current; or keeps it as failed, with the reason, and changes no other.

    Raises what it recorded: ForecastFailed, SandboxUnavailable. Done twice it does no harm.
    """
    try:
        found = call_script(forecaster, "load", {}, LOAD_SECONDS).answer
    except Refused as refused:
        _update(
            forecaster,
            state=ForecasterState.FAILED,
            last_error=refused.message,
            last_traceback=refused.traceback_text if isinstance(refused, ForecastFailed) else "",
            last_error_line=refused.line if isinstance(refused, ForecastFailed) else None,
        )
        raise
    _update(
        forecaster,
        state=ForecasterState.READY,
        last_error="",
        last_traceback="",
        last_error_line=None,
        entry=storable(str(found.get("entry")))[:255],
        library_versions=_versions_checked(found.get("library_versions")),
    )
    _make_current(forecaster)
    return forecaster


def _make_current(forecaster: Forecaster) -> None:
    """Unless a newer version of its name already is: that one was loaded while this one waited."""
    with transaction.atomic():
        versions = list(Forecaster.objects.select_for_update().filter(name=forecaster.name))
        if any(other.is_current and other.version >= forecaster.version for other in versions):
            return
        Forecaster.objects.filter(name=forecaster.name, is_current=True).update(is_current=False)
        _update(forecaster, is_current=True)


def _versions_checked(found: object) -> dict[str, str]:
    """As told by a process that a script has run in: taken for text, and for no more than a page of it."""
    pairs = list(found.items())[:MOST_LIBRARIES] if isinstance(found, dict) else []
    return {storable(str(name))[:100]: storable(str(version))[:100] for name, version in pairs}


def _update(forecaster: Forecaster, **values: object) -> None:
    for name, value in values.items():
        setattr(forecaster, name, value)
    Forecaster.objects.filter(pk=forecaster.pk).update(**values)
