"""Make the fit, and keep it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datahub.models import Battery
from energykit.errors import BadRows, CannotFit
from energykit.fitting import CellFit, FitWishes, fit_cell
from energykit.ukf import JointFilterParameters
from twin.errors import FitRefused
from twin.estimation.libraries import own_libraries
from twin.fitting.gathering import Gathered
from twin.fitting.records import ParameterSet
from twin.fitting.wishes import MOST_ROWS, FitRequest

Tell = Callable[[float, str], None]


def fitted(gathered: Gathered, asked: FitRequest, tell: Tell) -> CellFit:
    """Raises FitRefused, in the words of the fit, where these rows tell no cell."""
    columns = gathered.columns
    wishes = FitWishes(preset=asked.preset, capacity_ah=asked.capacity_ah, spans_all=asked.spans_all)
    try:
        return fit_cell(
            columns["test_time"], columns["current"], columns["voltage"], columns.get("temperature"), wishes, tell
        )
    except CannotFit as cannot:
        fields = {cannot.field: [f"{cannot.message} {cannot.hint}"]} if cannot.field else {}
        raise FitRefused(cannot.message, hint=cannot.hint, fields=fields) from None
    except BadRows as few:
        raise FitRefused(str(few), hint="Choose other rows.") from None


def keep(
    fit: CellFit, gathered: Gathered, asked: FitRequest, *, title: str = "", battery: Battery | None, fitted_by: Any
) -> ParameterSet:
    """Stores it; the parameters are checked and completed once more, as an estimator's are."""
    warnings = list(fit.warnings)
    if gathered.left:
        warnings.insert(0, f"Only the first {MOST_ROWS:,} rows were used, the most that a fit takes.")
    return ParameterSet.objects.create(
        title=title or f"{gathered.source}, {fit.rows:,} rows"[:200],
        battery=battery,
        source=gathered.source[:255],
        wishes={name: value for name, value in asked.as_map().items() if value},
        parameters=JointFilterParameters.from_mapping(fit.parameters).to_mapping(),
        findings=[each.to_mapping() for each in fit.findings],
        warnings=warnings,
        rows=fit.rows,
        first_time=fit.first_time,
        last_time=fit.last_time,
        first_row_id=gathered.first_row_id,
        last_row_id=gathered.last_row_id,
        mean_nis=fit.mean_nis,
        voltage_rmse=fit.voltage_rmse,
        plots=dict(fit.plots),
        library_versions=own_libraries(),
        fitted_by=fitted_by,
    )
