"""Many forecasts asked for at once: one load for a fleet, several loads for one battery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone

from datahub.models import Battery
from jobs.models import Job
from prognosis.states import ForecasterKind

if TYPE_CHECKING:
    from prognosis.models import ForecastRun


class ForecastGroup(models.Model):
    """What forecasts of a fleet and a comparison share: one request, one job, many runs."""

    title = models.CharField(max_length=200, blank=True)
    kind = models.CharField(
        max_length=20, default=ForecasterKind.AUTO, help_text="auto, trend or ageing; script: each battery's own."
    )
    options = models.JSONField(default=dict, blank=True)
    threshold = models.FloatField(help_text="SOH below which a battery counts as worn out, 0 to 1.")
    total = models.PositiveIntegerField(default=0, help_text="How many forecasts it is to make.")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        abstract = True

    @property
    def has_ended(self) -> bool:
        return self.job is None or self.job.has_ended


class FleetForecast(ForecastGroup):
    """One load put to many batteries."""

    load = models.JSONField(help_text="As a forecast's.")
    chosen = models.JSONField(default=dict, help_text="Which batteries were asked for: all, a text or a list of names.")

    class Meta:
        verbose_name = "fleet forecast"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.title or f"Fleet forecast {self.pk}"


class Comparison(ForecastGroup):
    """Several named loads put to one battery."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="comparisons")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.title or f"Comparison {self.pk} for {self.battery}"

    @property
    def runs_in_order(self) -> list[ForecastRun]:
        """As the loads were named."""
        return sorted(self.runs.all(), key=lambda run: run.place)
