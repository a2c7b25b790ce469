"""Estimators, one row a version, and how far each has come."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath

from django.conf import settings
from django.db import models

from datahub.models import Battery
from jobs.models import Job
from twin.states import Kind, Stored
from uploads.models import AnySupportFile
from uploads.storage import keep_names

SCRIPT_NAME = "estimator.py"


def folder_of(estimator: Estimator) -> PurePosixPath:
    """A version's own, below the media folder."""
    return PurePosixPath("estimators", str(estimator.folder))


def path_of_script(estimator: Estimator, name: str) -> str:
    return str(folder_of(estimator) / "script" / SCRIPT_NAME)


class Estimator(models.Model):
    """One version of what turns a battery's rows into health. A version never changes: registering anew makes the next.

    The current version is the newest that could be loaded; one that fails to load leaves it in place.
    """

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="estimators")
    version = models.PositiveIntegerField(editable=False)
    kind = models.CharField(max_length=20, help_text="script, or joint_ukf for the built-in filter.")
    is_current = models.BooleanField(default=False, editable=False, help_text="Its estimates are the battery's.")
    state = models.CharField(max_length=12, default=Stored.WAITING, db_index=True, editable=False)

    # --- a script's ------------------------------------------------------------------------------------------------
    folder = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    script = models.FileField(upload_to=path_of_script, storage=keep_names, max_length=200, blank=True)
    script_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    entry = models.CharField(
        max_length=255, blank=True, editable=False, help_text="What the script was found to define."
    )
    required_time = models.FloatField(
        default=0.0, help_text="How much data (s of test_time) there must be before it starts at the first row."
    )
    library_versions = models.JSONField(default=dict, editable=False, help_text="As the script was loaded.")

    # --- the built-in filter's -------------------------------------------------------------------------------------
    parameters = models.JSONField(
        null=True, blank=True, help_text="Of the cell and the filter; its current is positive while charging."
    )

    # --- what went wrong -------------------------------------------------------------------------------------------
    last_error = models.TextField(blank=True, editable=False, help_text="Why it stopped, in a sentence.")
    traceback = models.TextField(blank=True, editable=False)
    error_line = models.PositiveIntegerField(null=True, editable=False, help_text="In the script, from 1.")
    error_row = models.BigIntegerField(null=True, editable=False, help_text="Id of the row it failed at.")
    script_output = models.TextField(blank=True, editable=False, help_text="What the script printed, the newest part.")

    load_job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+", editable=False)
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    registered = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["battery__name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["battery", "version"], name="estimator_version"),
            models.UniqueConstraint(
                fields=["battery"], condition=models.Q(is_current=True), name="one_current_estimator_a_battery"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.battery} v{self.version}"

    @property
    def is_script(self) -> bool:
        return self.kind == Kind.SCRIPT


class SupportFile(AnySupportFile):
    estimator = models.ForeignKey(Estimator, on_delete=models.CASCADE, related_name="files")

    class Meta(AnySupportFile.Meta):
        constraints = [models.UniqueConstraint(fields=["estimator", "name"], name="estimator_file_name")]

    @property
    def folder_of_version(self) -> PurePosixPath:
        return folder_of(self.estimator)


class EstimatorProgress(models.Model):
    """How far an estimator has come. Apart from Estimator, so that saving a form never writes an old cursor back.

    Everything here changes only in the transaction that stores the estimates it speaks of, except the lease.
    """

    estimator = models.OneToOneField(Estimator, on_delete=models.CASCADE, primary_key=True, related_name="progress")
    cursor = models.BigIntegerField(default=0, help_text="Id of the last row it has seen.")
    rows_seen = models.BigIntegerField(default=0, help_text="Rows up to the cursor.")
    rows_stepped = models.BigIntegerField(default=0, help_text="Of those, the ones that gave an estimate.")
    rows_skipped = models.JSONField(default=dict, help_text="Of those, the ones that did not, by reason.")
    late_from = models.FloatField(null=True, help_text="Least test_time (s) of the rows that came too late.")
    latest_time = models.FloatField(null=True, help_text="test_time of the newest row taken, s.")

    state_names = models.JSONField(default=list)
    mean = models.BinaryField(null=True, help_text="float64, in the order of state_names.")
    covariance = models.BinaryField(null=True, help_text="float64, the upper triangle row by row.")
    innovation = models.FloatField(null=True, help_text="Measured less predicted voltage of the newest row, V.")
    mean_nis = models.FloatField(null=True, help_text="Squared innovation over its variance, mean of about 100 rows.")
    reference_capacity = models.FloatField(null=True, help_text="What it started from, Ah.")
    steps_per_second = models.FloatField(null=True)
    checkpoint = models.BinaryField(null=True, help_text="All that is needed to go on after the cursor.")
    updated = models.DateTimeField(auto_now=True, db_index=True)

    owner = models.CharField(max_length=200, blank=True, help_text="The process that steps it now, or did last.")
    lease_until = models.DateTimeField(null=True, help_text="Until then nobody else may.")
    fence = models.BigIntegerField(default=0, help_text="Counts the claims; a commit of an older claim is refused.")

    class Meta:
        verbose_name_plural = "progress"

    def __str__(self) -> str:
        return f"{self.estimator} at row {self.cursor}"
