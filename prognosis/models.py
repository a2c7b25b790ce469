"""Forecasters, one row a version, and the forecasts they made."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath

from django.conf import settings
from django.db import models
from django.utils import timezone

from datahub.models import Battery
from jobs.models import Job
from jobs.models import State as JobState
from uploads.models import AnySupportFile
from uploads.storage import keep_names


def folder_of(forecaster: Forecaster) -> PurePosixPath:
    """A version's own, below the media folder."""
    return PurePosixPath("forecasters", str(forecaster.folder))


def path_of_script(forecaster: Forecaster, name: str) -> str:
    return str(folder_of(forecaster) / "script" / "forecaster.py")


def path_of_run_file(run: ForecastRun, name: str) -> str:
    return str(PurePosixPath("forecasts", str(run.folder), name))


class ForecasterState:
    """Plain words, so that a new one costs no migration."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


class Forecaster(models.Model):
    """One version of a script that forecasts. A version never changes: registering the name again makes the next one.

    The current version of a name is the newest that the sandbox could load; one that fails leaves it in place.
    """

    name = models.CharField(
        max_length=255, db_index=True, help_text="Versions share it. The seed path takes the battery's name."
    )
    version = models.PositiveIntegerField(editable=False)
    is_current = models.BooleanField(default=False, editable=False, help_text="Forecasts are made with it.")
    folder = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    script = models.FileField(upload_to=path_of_script, storage=keep_names, max_length=200)
    script_sha256 = models.CharField(max_length=64, editable=False)
    sql_query = models.TextField(
        "SQL template", help_text="Fetches the history: SELECT … FROM $TABLE_NAME$ …, over the health estimates."
    )

    state = models.CharField(max_length=12, default=ForecasterState.WAITING, db_index=True, editable=False)
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
    def state_sentence(self) -> str:
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


class RunState:
    """Plain words, so that a new one costs no migration."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ENDED = (DONE, FAILED)


class ForecastRun(models.Model):
    """One forecast: what was asked, what it was made from, and what came out."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="forecasts")
    forecaster = models.ForeignKey(
        Forecaster, null=True, on_delete=models.SET_NULL, related_name="runs", help_text="The version that made it."
    )
    is_pinned = models.BooleanField(
        default=False, editable=False, help_text="This very version was asked for, not whichever is current."
    )
    folder = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    load = models.JSONField(help_text="ahead_time and resolution in s; current in A or power in W, + charging.")
    profile = models.FileField(
        upload_to=path_of_run_file, blank=True, max_length=200, help_text="The CSV of the load, where one was given."
    )

    # --- kept when it has run, so that a forecast can be explained after its forecaster is gone -----------------------
    forecaster_name = models.CharField(max_length=255, blank=True)
    forecaster_version = models.PositiveIntegerField(null=True)
    script_sha256 = models.CharField(max_length=64, blank=True)
    sql = models.TextField(blank=True, verbose_name="SQL", help_text="The statement that fetched the history.")
    history_rows = models.PositiveIntegerField(null=True)
    newest_estimate = models.FloatField(null=True, help_text="Its test_time, s: where the load begins.")
    history_file = models.FileField(upload_to=path_of_run_file, blank=True, max_length=200)
    load_file = models.FileField(upload_to=path_of_run_file, blank=True, max_length=200)
    result_file = models.FileField(upload_to=path_of_run_file, blank=True, max_length=200)
    result_rows = models.PositiveIntegerField(null=True)
    result_columns = models.JSONField(default=list)

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
    finished = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "forecast"
        ordering = ["-id"]
        indexes = [models.Index(fields=["battery", "-id"], name="forecasts_of_battery")]

    def __str__(self) -> str:
        return f"Forecast {self.pk} for {self.battery}"

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
