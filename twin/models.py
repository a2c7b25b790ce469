"""Estimators, one row a version, and how far each has come."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.db import models

from datahub.models import Battery
from jobs.models import Job
from twin.fitting.records import ParameterSet as ParameterSet  # Django looks for an app's records here
from twin.measuring import records as records  # as above
from twin.states import Kind, Stored
from uploads.models import AnySupportFile
from uploads.storage import keep_names

SCRIPT_NAME = "estimator.py"
NOT_JUDGED = "Not judged yet."


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
    followed = models.BooleanField(
        default=False, editable=False, help_text="It is stepped although another version is current."
    )
    promote_when_caught_up = models.BooleanField(
        default=True, editable=False, help_text="It becomes current by itself once it has replayed the stored rows."
    )
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
    library_history = models.JSONField(
        default=list,
        editable=False,
        help_text="Those it was stepped with: since (Unix time, s) and versions, in order.",
    )

    # --- the built-in filter's -------------------------------------------------------------------------------------
    parameters = models.JSONField(
        null=True, blank=True, help_text="Of the cell and the filter; its current is positive while charging."
    )
    parameter_set = models.ForeignKey(
        ParameterSet,
        null=True,
        on_delete=models.SET_NULL,
        related_name="estimators",
        editable=False,
        help_text="The fit that its parameters came from.",
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
        indexes = [
            models.Index(fields=["kind"], condition=models.Q(followed=True), name="followed_estimators"),
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


class Stand(models.Model):
    """Where an estimator stands after a row: all that is needed to go on after it, to the bit."""

    latest_time = models.FloatField(null=True, help_text="test_time of the newest row taken, s.")
    latest_row = models.BigIntegerField(default=0, help_text="Id of that row; of equal times the greater is newer.")
    rows_stepped = models.BigIntegerField(default=0, help_text="Of those, the ones that gave an estimate.")
    mean_nis = models.FloatField(null=True, help_text="Squared innovation over its variance, mean of about 100 rows.")
    reference_capacity = models.FloatField(null=True, help_text="What it started from, Ah.")
    checkpoint = models.BinaryField(null=True, help_text="All that is needed to go on after the cursor.")
    evidence = models.BinaryField(null=True, help_text="What was seen of its errors so far; goes with the checkpoint.")
    is_inconsistent = models.BooleanField(default=False, db_index=True, help_text="Its errors are not what it expects.")
    verdict = models.JSONField(null=True, help_text="Whether it is consistent, and if not what is probably wrong.")

    class Meta:
        abstract = True

    def stand(self) -> dict[str, Any]:
        """These fields by name, to be written into another record."""
        return {field.name: getattr(self, field.name) for field in Stand._meta.local_fields}


class Track(Stand):
    """A way through a battery's rows, as far as it has been gone, and the newest estimate on it."""

    cursor = models.BigIntegerField(default=0, help_text="Id of the last row it has seen.")
    rows_seen = models.BigIntegerField(default=0, help_text="Rows up to the cursor.")
    rows_skipped = models.JSONField(default=dict, help_text="Of those, the ones that did not, by reason.")
    late_from = models.FloatField(null=True, help_text="Least test_time (s) of the rows that came too late.")
    mean = models.BinaryField(null=True, help_text="float64, in the order of state_names.")
    covariance = models.BinaryField(null=True, help_text="float64, the upper triangle row by row.")
    innovation = models.FloatField(null=True, help_text="Measured less predicted voltage of the newest row, V.")
    steps_per_second = models.FloatField(null=True)
    kept_stepped = models.BigIntegerField(default=0, help_text="rows_stepped at the newest checkpoint that is kept.")
    updated = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        abstract = True


class EstimatorProgress(Track):
    """How far an estimator has come. Apart from Estimator, so that saving a form never writes an old cursor back.

    Everything here changes only in the transaction that stores the estimates it speaks of, except who steps it.
    """

    estimator = models.OneToOneField(Estimator, on_delete=models.CASCADE, primary_key=True, related_name="progress")
    state_names = models.JSONField(default=list)
    series = models.PositiveIntegerField(default=0, help_text="Counts how often estimates of it were replaced.")
    replaced = models.DateTimeField(null=True, help_text="When that was last.")

    owner = models.CharField(max_length=200, blank=True, help_text="The process that steps it now, or did last.")
    fence = models.BigIntegerField(default=0, help_text="Counts the claims; a commit of an older claim is refused.")

    is_again = False

    class Meta:
        verbose_name_plural = "progress"
        indexes = [
            models.Index(
                fields=["estimator"], condition=models.Q(late_from__isnull=False), name="estimators_with_late_rows"
            )
        ]

    @property
    def consistency(self) -> str:
        """The verdict in words."""
        return str(self.verdict["sentence"]) if self.verdict else NOT_JUDGED

    def __str__(self) -> str:
        return f"{self.estimator} at row {self.cursor}"

    @property
    def position(self) -> tuple[Any, ...]:
        """Tells where this track stands from everywhere else that the estimator has stood."""
        return self.series, self.cursor


class Recomputation(Track):
    """The second track of an estimator after late rows: the same rows once more, in order of time, beside the first.

    Its estimates go into a scratch table. It begins at a kept checkpoint before the late rows and goes in order of
    (test_time, row id) as far as row `up_to`, where the first track stood; then in order of arrival, until it has
    caught up with the first track and replaces it.
    The fence of EstimatorProgress counts for both.
    """

    estimator = models.OneToOneField(
        Estimator, on_delete=models.CASCADE, primary_key=True, related_name="recomputation"
    )
    up_to = models.BigIntegerField(help_text="Id of the last row that is taken in order of time.")
    late_time = models.FloatField(help_text="Least test_time (s) of the late rows that made it needed.")
    from_time = models.FloatField(null=True, help_text="test_time of the checkpoint it began at, s; null: the start.")
    from_row = models.BigIntegerField(default=0, help_text="Id of that checkpoint's newest row.")
    from_stepped = models.BigIntegerField(default=0)
    in_order = models.BooleanField(default=True, help_text="It still goes in order of time.")
    read_time = models.FloatField(null=True, help_text="Where it reads on in order of time, s.")
    read_row = models.BigIntegerField(default=0)
    needs_start = models.BooleanField(default=False, help_text="It waits for a job to load the script once more.")
    start_job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    error = models.TextField(blank=True, help_text="Why it stopped; a retry lets it begin anew.")
    started = models.DateTimeField(auto_now_add=True)

    is_again = True

    def __str__(self) -> str:
        return f"{self.estimator} again from {self.late_time} s"

    @property
    def position(self) -> tuple[Any, ...]:
        return (self.started, self.read_time, self.read_row) if self.in_order else (self.started, self.cursor)


class Checkpoint(Stand):
    """A stand that is kept, so that rows which come late are worked in from there. The first has no latest_time."""

    estimator = models.ForeignKey(Estimator, on_delete=models.CASCADE, related_name="checkpoints")
    is_again = models.BooleanField(default=False, help_text="Of a recomputation that has not ended.")
    unestimated = models.JSONField(default=dict, help_text="Rows taken up to it that gave no estimate, by reason.")
    data_until = models.FloatField(
        null=True, help_text="Of a start: newest test_time (s) of the rows that the script was given to begin with."
    )
    kept = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["estimator", "latest_time", "latest_row"]
        indexes = [models.Index(fields=["estimator", "latest_time", "latest_row"], name="checkpoints_in_order")]

    def __str__(self) -> str:
        return f"{self.estimator} at {self.latest_time} s"


class Recomputed(models.Model):
    """What a recomputation replaced, for those who ask where an estimate comes from."""

    estimator = models.ForeignKey(Estimator, on_delete=models.CASCADE, related_name="recomputed")
    late_time = models.FloatField(help_text="Least test_time of the late rows, s.")
    from_time = models.FloatField(null=True, help_text="test_time of the checkpoint it began at, s; null: the start.")
    from_row = models.BigIntegerField(default=0)
    up_to = models.BigIntegerField(help_text="Id of the last row it had seen.")
    rows = models.BigIntegerField(help_text="Estimates that it gave.")
    started = models.DateTimeField()
    finished = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "recomputed"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.estimator} from {self.from_time} s"


class VersionChange(models.Model):
    """Which version took the place of which, when, by whom and why. Numbers stay when a version is deleted."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="version_changes")
    before = models.ForeignKey(Estimator, null=True, on_delete=models.SET_NULL, related_name="+")
    after = models.ForeignKey(Estimator, null=True, on_delete=models.SET_NULL, related_name="+")
    before_version = models.PositiveIntegerField(null=True)
    after_version = models.PositiveIntegerField()
    reason = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        before = "" if self.before_version is None else f" after v{self.before_version}"
        return f"{self.battery}: v{self.after_version}{before}"
