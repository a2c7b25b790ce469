"""What a forecaster must be before anything is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.base import File

from datahub.validators import why_battery_name_is_refused
from prognosis.errors import NameRefused, OptionRefused
from prognosis.forecasting.chemistry import PRESETS
from prognosis.states import ForecasterKind
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


def check_kind(kind: str) -> str:
    """One of the built-in kinds; raises OptionRefused."""
    if kind not in ForecasterKind.BUILT_IN:
        raise OptionRefused(
            "kind", f"There is no built-in forecaster {kind[:40]!r}; {_listed(ForecasterKind.BUILT_IN)}."
        )
    return kind


def check_options(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a built-in kind takes, with nothing that says nothing; raises OptionRefused."""
    given = {name: value for name, value in options.items() if value not in (None, "")}
    if unknown := sorted(set(given) - {"preset"}):
        raise OptionRefused(f"options.{unknown[0]}", f"There is no option {unknown[0]!r}; there is preset.")
    preset = given.get("preset")
    if preset is not None and preset not in PRESETS:
        raise OptionRefused("preset", f"There is no preset {str(preset)[:40]!r}; {_listed(PRESETS)}.")
    if preset is not None and kind == ForecasterKind.TREND:
        raise OptionRefused("preset", "A trend takes no preset; choose ageing or auto.")
    return given


def check_threshold(value: float) -> float:
    if not 0 < value < 1:
        raise OptionRefused("threshold", f"{value:g} is not between 0 and 1; 0.8 stands for an SOH of 80 %.")
    return value


def check_as_of(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise OptionRefused("as_of", "It is no finite number.")
    return value


def _listed(words: Sequence[str]) -> str:
    return f"there are {', '.join(words)}"
