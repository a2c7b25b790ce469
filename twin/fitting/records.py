"""Parameters of a cell that were found from data, and what is known of how."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from datahub.models import Battery


class ParameterSet(models.Model):
    """What a fit found. It never changes: fitting again makes another."""

    title = models.CharField(max_length=200)
    battery = models.ForeignKey(
        Battery, null=True, blank=True, on_delete=models.SET_NULL, related_name="parameter_sets", editable=False
    )
    source = models.CharField(max_length=255, editable=False, help_text="The battery or file whose rows were fitted.")
    wishes = models.JSONField(default=dict, editable=False, help_text="What the fit was asked for.")
    parameters = models.JSONField(editable=False, help_text="Of the cell and the filter, complete.")
    findings = models.JSONField(
        default=list, editable=False, help_text="Each number with its standard deviation, rows used and origin."
    )
    warnings = models.JSONField(default=list, editable=False, help_text="What the data could not tell.")
    rows = models.BigIntegerField(editable=False, help_text="So many were used.")
    first_time = models.FloatField(editable=False, help_text="test_time of the first row used, s.")
    last_time = models.FloatField(editable=False, help_text="test_time of the last row used, s.")
    first_row_id = models.BigIntegerField(null=True, editable=False, help_text="Of the battery's rows.")
    last_row_id = models.BigIntegerField(null=True, editable=False, help_text="Of the battery's rows.")
    mean_nis = models.FloatField(
        editable=False, help_text="Of the filter over the rows that it was fitted to; near 1 when it is right."
    )
    voltage_rmse = models.FloatField(
        editable=False, help_text="Of the filter's predictions over the rows that it was fitted to, V."
    )
    plots = models.JSONField(default=dict, editable=False, help_text="Columns of numbers for the plots of the fit.")
    library_versions = models.JSONField(default=dict, editable=False, help_text="With which it was fitted.")
    fitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.title

    def finding(self, name: str) -> dict[str, Any] | None:
        return next((each for each in self.findings if each["name"] == name), None)
