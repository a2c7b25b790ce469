"""Forecasters, one row a version, and the forecasts they made."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from datahub.models import Battery
from jobs.models import Job
from jobs.models import State as JobState
from prognosis.groups import Comparison, FleetForecast
from prognosis.states import ForecasterKind, ForecasterState, RunState
from twin.models import Estimator
from uploads.models import AnySupportFile
from uploads.storage import keep_names


def folder_of(forecaster: Forecaster) -> PurePosixPath:
    """A version's own, below the media folder."""
    return PurePosixPath("forecasters", str(forecaster.folder))


def path_of_script(forecaster: Forecaster, name: str) -> str:
    return str(folder_of(forecaster) / "script" / "forecaster.py")


def path_of_run_file(run: ForecastRun, name: str) -> str:
    return str(PurePosixPath("forecasts", str(run.folder), name))


class Forecaster(models.Model):
    """One version of what forecasts: a script, or a built-in kind with its options, as a battery's standing forecaster.

    A version never changes: registering the name again makes the next one. The current version of a name is the newest
    that the sandbox could load; one that fails leaves it in place.
    """

    name = models.CharField(
        max_length=255, db_index=True, help_text="Versions share it. The seed path takes the battery's name."
    )
    version = models.PositiveIntegerField(editable=False)
    is_current = models.BooleanField(default=False, editable=False, help_text="Forecasts are made with it.")
    kind = models.CharField(
        max_length=20, default=ForecasterKind.SCRIPT, help_text="script, or one that is built in: auto, trend, ageing."
    )
    options = models.JSONField(
        default=dict, blank=True, help_text="Of a built-in kind, such as the preset of the cell's chemistry."
    )
    folder = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    script = models.FileField(upload_to=path_of_script, storage=keep_names, max_length=200, blank=True)
    script_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    sql_query = models.TextField(
        "SQL template",
        blank=True,
        help_text="Fetches the history: SELECT … FROM $TABLE_NAME$ …, over the health estimates.",
    )

    state = models.CharField(max_length=12, default=ForecasterState.WAITING, db_index=True, editable=False)
    disabled_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since then it makes no forecast; null: it may be asked."
    )
    last_error = models.TextField(blank=True, editable=False, help_text="Why it could not be loaded.")
    last_traceback = models.TextField(blank=True, editable=False)
    last_error_line = models.PositiveIntegerField(null=True, editable=False)
    entry = models.CharField(max_length=255, blank=True, editable=False, help_text="The function that is called.")
    library_versions = models.JSONField(default=dict, editable=False, help_text="As the script was loaded.")
    load_job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+", editable=False)
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    registered = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="forecaster_version"),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(is_current=True), name="one_current_forecaster_a_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def is_script(self) -> bool:
        return self.kind == ForecasterKind.SCRIPT

    @property
    def state_sentence(self) -> str:
        if self.disabled_at is not None:
            return "Disabled: it makes no forecast until somebody enables it."
        if self.state == ForecasterState.FAILED:
            return f"Failed: {self.last_error}"
        if self.state == ForecasterState.WAITING:
            return "Waiting: a worker loads the script in the sandbox, which takes about a second."
        if not self.is_current:
            return "Ready, and replaced by a newer version."
        known = set(Battery.objects.filter(name__in=self.battery_names).values_list("name", flat=True))
        missing = [name for name in self.battery_names if name not in known]
        return f"Ready. No battery {missing[0]!r} yet." if missing else "Ready."

    @property
    def battery_names(self) -> list[str]:
        return [served.battery_name for served in self.served.all()]


class ServedBattery(models.Model):
    """A battery that a forecaster is for. By name, because it may be registered before the battery has sent a row."""

    forecaster = models.ForeignKey(Forecaster, on_delete=models.CASCADE, related_name="served")
    battery_name = models.CharField(max_length=255, db_index=True)

    class Meta:
        verbose_name_plural = "served batteries"
        ordering = ["battery_name"]
        constraints = [
            models.UniqueConstraint(fields=["forecaster", "battery_name"], name="served_once"),
        ]

    def __str__(self) -> str:
        return self.battery_name


class SupportFile(AnySupportFile):
    forecaster = models.ForeignKey(Forecaster, on_delete=models.CASCADE, related_name="files")

    class Meta(AnySupportFile.Meta):
        constraints = [models.UniqueConstraint(fields=["forecaster", "name"], name="support_file_name")]

    @property
    def folder_of_version(self) -> PurePosixPath:
        return folder_of(self.forecaster)


class ForecastRun(models.Model):
    """One forecast: what was asked, what it was made from, and what came out."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="forecasts")
    forecaster = models.ForeignKey(
        Forecaster, null=True, on_delete=models.SET_NULL, related_name="runs", help_text="The version that made it."
    )
    is_pinned = models.BooleanField(
        default=False, editable=False, help_text="This very version was asked for, not whichever is current."
    )
    kind = models.CharField(
        max_length=20, default=ForecasterKind.SCRIPT, help_text="script, or one that is built in: auto, trend, ageing."
    )
    options = models.JSONField(default=dict, blank=True)
    fleet = models.ForeignKey(FleetForecast, null=True, on_delete=models.CASCADE, related_name="runs")
    comparison = models.ForeignKey(Comparison, null=True, on_delete=models.CASCADE, related_name="runs")
    place = models.PositiveIntegerField(default=0, help_text="Within its comparison.")
    label = models.CharField(max_length=100, blank=True, help_text="What the load is called.")
    threshold = models.FloatField(null=True, help_text="SOH whose crossing is told, 0 to 1.")
    as_of = models.FloatField(
        null=True, help_text="test_time, s: made of nothing newer. Empty: made of all that was known."
    )
    last_test_time = models.FloatField(null=True, help_text="Of the battery's rows when it was asked for, s.")
    folder = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    load = models.JSONField(
        help_text="ahead_time and resolution in s; current in A or power in W, + charging. In a fleet forecast the "
        "rows of profiles stand in its record."
    )
    profile = models.FileField(
        upload_to=path_of_run_file, blank=True, max_length=200, help_text="The CSV of the load, where one was given."
    )

    # --- kept when it has run, so that a forecast can be explained after its forecaster is gone -----------------------
    forecaster_name = models.CharField(max_length=255, blank=True)
    forecaster_version = models.PositiveIntegerField(null=True)
    script_sha256 = models.CharField(max_length=64, blank=True)
    estimator = models.ForeignKey(
        Estimator, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Whose estimates it was made from."
    )
    estimator_version = models.PositiveIntegerField(null=True, help_text="Stays when the estimator is deleted.")
    sql = models.TextField(blank=True, verbose_name="SQL", help_text="The statement that fetched the history.")
    history_rows = models.PositiveIntegerField(null=True)
    newest_estimate = models.FloatField(null=True, help_text="Its test_time, s: where the load begins.")
    history_file = models.FileField(upload_to=path_of_run_file, blank=True, max_length=200)
    load_file = models.FileField(upload_to=path_of_run_file, blank=True, max_length=200)
    result_file = models.FileField(upload_to=path_of_run_file, blank=True, max_length=200)
    result_rows = models.PositiveIntegerField(null=True)
    result_columns = models.JSONField(default=list)

    # --- what it says -------------------------------------------------------------------------------------------------
    made_by = models.CharField(max_length=20, blank=True, help_text="The built-in kind that made it: what auto chose.")
    why = models.TextField(blank=True, help_text="Why that kind, and from what.")
    headline = models.TextField(blank=True, help_text="When the threshold is crossed, and how sure that is.")
    reference_capacity = models.FloatField(null=True, help_text="What 100 % SOH is, Ah.")
    horizon_end = models.FloatField(null=True, help_text="battery_time of the last point, s.")
    crossing_probability = models.FloatField(null=True, help_text="Of crossing the threshold within the horizon.")
    crossing_q05 = models.FloatField(null=True, help_text="battery_time, s; empty: not within the horizon.")
    crossing_q25 = models.FloatField(null=True)
    crossing_q50 = models.FloatField(null=True, db_index=True)
    crossing_q75 = models.FloatField(null=True)
    crossing_q95 = models.FloatField(null=True)

    # --- held to its word; see scoring/ ------------------------------------------------------------------------------
    scored_column = models.CharField(
        max_length=200, blank=True, help_text="What of the result is held against truth; - for nothing."
    )
    next_score = models.FloatField(null=True, db_index=True, help_text="battery_time, s, of the next point to score.")
    scored_estimator = models.BigIntegerField(null=True, help_text="Id of the estimator whose estimates are the truth.")
    scored_series = models.BigIntegerField(null=True, help_text="How often those had been replaced by late rows.")

    state = models.CharField(max_length=12, default=RunState.QUEUED, db_index=True)
    seconds = models.FloatField(null=True, help_text="From the first query to the stored result, s.")
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    traceback = models.TextField(blank=True)
    error_line = models.PositiveIntegerField(null=True, help_text="In the script, from 1.")
    script_output = models.TextField(blank=True, help_text="What the script printed, the newest part.")

    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(default=timezone.now, db_index=True)
    finished = models.DateTimeField(null=True, db_index=True)

    class Meta:
        verbose_name = "forecast"
        ordering = ["-id"]
        indexes = [models.Index(fields=["battery", "-id"], name="forecasts_of_battery")]

    def __str__(self) -> str:
        return f"Forecast {self.pk} for {self.battery}"

    @property
    def whole_load(self) -> dict[str, Any]:
        """With the rows of profiles, which are stored once for all runs of a fleet."""
        whole: dict[str, Any] = self.load if self.fleet is None else self.fleet.load
        return whole

    @property
    def made_with(self) -> str:
        """The version that made it, also after it was deleted; before, the one that will. Or the built-in kind."""
        if self.kind != ForecasterKind.SCRIPT:
            chosen = f" ({self.made_by})" if self.made_by and self.made_by != self.kind else ""
            return f"{self.kind}{chosen}"
        if self.forecaster_name:
            return f"{self.forecaster_name} v{self.forecaster_version}"
        return str(self.forecaster or "")

    @property
    def state_now(self) -> str:
        """The state, also when its worker was killed or its job cancelled before it could write one."""
        return RunState.FAILED if self._was_abandoned else self.state

    @property
    def error_now(self) -> str:
        if not self._was_abandoned:
            return self.error
        return (self.job.error or self.job.message) if self.job else "Its job was removed before it ran."

    @property
    def has_ended(self) -> bool:
        return self.state_now in RunState.ENDED

    @property
    def _was_abandoned(self) -> bool:
        return self.state not in RunState.ENDED and (
            self.job is None or self.job.state in (JobState.FAILED, JobState.CANCELLED)
        )


class ForecastScore(models.Model):
    """How far off a forecast was, at one range of horizons: sums, so that any number of them can be added up.

    Errors are truth less forecast, as shares of SOH.
    """

    run = models.ForeignKey(ForecastRun, on_delete=models.CASCADE, related_name="scores")
    horizon = models.PositiveSmallIntegerField(help_text="Place among the ranges of prognosis.scoring.horizons.")
    points = models.PositiveIntegerField(default=0)
    sum_error = models.FloatField(default=0.0)
    sum_absolute = models.FloatField(default=0.0)
    sum_squared = models.FloatField(default=0.0)
    sum_absolute_of_last_value = models.FloatField(default=0.0, help_text="Had it said that nothing changes.")
    banded = models.PositiveIntegerField(default=0, help_text="Points that have a band.")
    inside_50 = models.PositiveIntegerField(default=0, help_text="Of those, truth between q25 and q75.")
    inside_90 = models.PositiveIntegerField(default=0, help_text="Of those, truth between q05 and q95.")
    sum_pinball = models.FloatField(default=0.0, help_text="Mean pinball loss of the five quantiles, of those.")

    class Meta:
        ordering = ["run", "horizon"]
        constraints = [models.UniqueConstraint(fields=["run", "horizon"], name="one_score_a_horizon")]

    def __str__(self) -> str:
        return f"{self.run} at horizon {self.horizon}"
