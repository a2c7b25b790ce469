"""What a forecaster must be before anything is stored."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.files.base import File

from datahub.validators import why_battery_name_is_refused
from prognosis.errors import NameRefused
from uploads import checking

SCRIPT_NAME = "forecaster.py"


def check_name(name: str, field: str = "name") -> str:
    """The name, as it may be a battery's; raises NameRefused."""
    if why := why_battery_name_is_refused(name):
        raise NameRefused(why, field)
    return name


def check_script(definition: str | bytes) -> str:
    """Its text; raises ScriptRefused."""
    return checking.check_script(definition, SCRIPT_NAME, "a function forecast(past_estimates, load)")


def check_support_files(files: Sequence[File]) -> None:
    """Raises SupportFileRefused."""
    checking.check_support_files(files, SCRIPT_NAME)
