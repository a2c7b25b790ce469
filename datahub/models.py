"""Batteries: what is known of each, and what is stored of it.

The rows themselves lie in one SQL table a battery (tables.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import connection, models
from django.db.models.signals import post_delete
from django.dispatch import receiver

from datahub import tables
from datahub.charting import tables as charting_tables
from datahub.validators import MARK_LENGTH, check_battery_name, check_days, check_tags
from jobs.models import Job

REFUSE, DROP = "refuse", "drop"
WHEN_FULL = ((REFUSE, "refuse new rows"), (DROP, "delete the oldest rows"))


class Battery(models.Model):
    """A cell, module or pack that sends rows. The counters change only in the transaction that stores the rows."""

    name = models.CharField(
        max_length=255,
        unique=True,
        validators=[check_battery_name],
        help_text="Any text; programs upload to it. It cannot be changed later.",
    )
    description = models.TextField(blank=True)
    metadata = models.JSONField(
        null=True,
        blank=True,
        help_text="A battery-data-toolkit BatteryMetadata document: chemistry, nominal capacity, layout.",
    )
    is_simulated = models.BooleanField(
        default=False, help_text="Its rows come from a simulation, and their truth is known."
    )
    created = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(
        null=True, blank=True, help_text="Set when the test has ended, so that silence is no alarm."
    )
    tags = models.JSONField(
        default=list,
        blank=True,
        validators=[check_tags],
        help_text="Words to find it by, such as a site or a campaign.",
    )
    archived_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Since then it is out of the fleet's lists; nothing is deleted.",
    )

    # --- how much is kept; see datahub.keeping ----------------------------------------------------------------------
    most_rows = models.BigIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Most rows that are kept. 0: no limit; empty: as the settings say.",
    )
    when_full = models.CharField(
        max_length=10,
        blank=True,
        choices=WHEN_FULL,
        help_text="What happens when it has that many. Empty: as the settings say.",
    )
    keep_days = models.FloatField(
        null=True,
        blank=True,
        validators=[check_days],
        help_text="Days after which its rows are deleted, counted from when they were received. 0: they are kept; "
        "empty: as the settings say.",
    )

    # --- about the stored rows; written by datahub.ingest and datahub.retention alone --------------------------------
    columns = models.JSONField(
        default=dict,
        editable=False,
        help_text="Column name to kind (integer, float, boolean, text); empty: no table yet.",
    )
    rows = models.BigIntegerField(default=0, editable=False, help_text="Rows ever stored.")
    dropped_rows = models.BigIntegerField(
        default=0, editable=False, help_text="Of those, the oldest ones that were deleted since."
    )
    dropped_to = models.BigIntegerField(default=0, editable=False, help_text="Id of the last deleted row.")
    dropped_until = models.FloatField(
        null=True, editable=False, help_text="Greatest test_time of the deleted rows, s: nothing is made anew up to it."
    )
    late_rows = models.BigIntegerField(default=0, editable=False, help_text="Rows older than one stored before them.")
    repeated_rows = models.BigIntegerField(default=0, editable=False, help_text="Rows sent again and stored once.")
    refused_rows = models.BigIntegerField(default=0, editable=False)
    non_finite_values = models.BigIntegerField(
        default=0, editable=False, help_text="NaN and infinite values received; NULL is stored."
    )
    first_test_time = models.FloatField(null=True, editable=False, help_text="Least test_time of the rows kept, s.")
    last_test_time = models.FloatField(null=True, editable=False, help_text="Greatest test_time stored, s.")
    late_from = models.FloatField(null=True, editable=False, help_text="Least test_time of the late rows, s.")
    first_received = models.FloatField(
        null=True, editable=False, help_text="When the oldest row kept was received, Unix time, s."
    )
    last_received = models.FloatField(null=True, editable=False, db_index=True, help_text="Unix time, s.")
    interval_seconds = models.FloatField(
        null=True,
        editable=False,
        help_text="Typical wall-clock time between arrivals, s; what 'late' and 'silent' are measured by.",
    )

    class Meta:
        verbose_name_plural = "batteries"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def kept_rows(self) -> int:
        """Rows that are stored now."""
        return self.rows - self.dropped_rows

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Writes what describes the battery. The counters of a record that was read a while ago are old by now."""
        if update_fields is None and not self._state.adding:
            update_fields = DESCRIBED_BY
        super().save(*args, update_fields=update_fields, **kwargs)


DESCRIBED_BY = (
    "name", "description", "metadata", "is_simulated", "finished_at", "most_rows", "when_full", "keep_days",
)  # fmt: skip


@receiver(post_delete, sender=Battery)
def drop_rows(instance: Battery, **_: Any) -> None:
    """A signal, because the admin deletes through querysets, which call no method of the record."""
    tables.drop(connection, instance.pk)
    charting_tables.drop(connection, instance.pk)


class Truth(models.Model):
    """What a simulation knows and a filter must find: kept beside the rows, never among them."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="truths")
    test_time = models.FloatField(help_text="s")
    true_soc = models.FloatField(help_text="0 to 1")
    true_capacity = models.FloatField(help_text="Ah")
    true_r0 = models.FloatField(help_text="ohm")

    class Meta:
        verbose_name_plural = "truths"
        constraints = [models.UniqueConstraint(fields=["battery", "test_time"], name="one_truth_a_moment")]

    def __str__(self) -> str:
        return f"{self.battery} at {self.test_time} s"


class Mark(models.Model):
    """What somebody wrote at a time of a battery's record."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="marks")
    test_time = models.FloatField(help_text="Where it stands in the record, s.")
    text = models.CharField(max_length=MARK_LENGTH, help_text="What happened, in people's own words.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["battery", "test_time", "id"]
        indexes = [models.Index(fields=["battery", "test_time"], name="marks_of_battery")]

    def __str__(self) -> str:
        return f"{self.text!r} at {self.test_time:.15g} s of {self.battery}"


def path_of_import(data_import: DataImport, name: str) -> str:
    """A name of our own: the one it came with may be anything, and is kept in `file_name`."""
    return str(PurePosixPath("imports", uuid4().hex))


class DataImport(models.Model):
    """A data file whose rows were, or will be, stored by a job."""

    battery = models.ForeignKey(
        Battery,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="imports",
        help_text="Empty: the battery that the file's metadata names, or else the file's own name.",
    )
    file = models.FileField(upload_to=path_of_import, help_text="HDF5 or Parquet of battery-data-toolkit, CSV or BDF.")
    file_name = models.CharField(max_length=255, editable=False, help_text="As it was uploaded.")
    format = models.CharField(
        max_length=10, blank=True, editable=False, help_text="hdf5, parquet or csv; told by content."
    )
    job = models.ForeignKey(
        Job, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="imports"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="imports",
    )
    created = models.DateTimeField(auto_now_add=True)

    rows_in_file = models.BigIntegerField(null=True, editable=False)
    rows_read = models.BigIntegerField(default=0, editable=False)
    rows_stored = models.BigIntegerField(default=0, editable=False)
    rows_repeated = models.BigIntegerField(default=0, editable=False, help_text="Were stored already.")
    rows_rejected = models.BigIntegerField(default=0, editable=False)
    first_rejections = models.JSONField(
        default=list, editable=False, help_text="The first rows that were refused, and why."
    )
    columns = models.JSONField(default=dict, editable=False, help_text="Name in the file to name in the table.")
    skipped_columns = models.JSONField(default=dict, editable=False, help_text="Columns left out, and why.")
    error = models.TextField(blank=True, editable=False)

    mapping = models.JSONField(
        default=dict, editable=False, help_text="Column of the file to the name and conversion that somebody chose."
    )
    preview = models.JSONField(null=True, editable=False, help_text="The first rows, before anything is stored.")
    report = models.JSONField(null=True, editable=False, help_text="What is odd about its rows.")
    waits = models.BooleanField(
        default=False, editable=False, help_text="Nothing is stored before somebody has looked at the preview."
    )
    made_battery = models.BooleanField(default=False, editable=False, help_text="There was no such battery before.")
    undone = models.DateTimeField(null=True, editable=False, help_text="When its rows were taken out again.")

    class Meta:
        verbose_name = "data import"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.file_name} into {self.battery or 'a battery it names'}"


class ColumnMapping(models.Model):
    """What a person chose for the columns of a file, for the next file with the same ones."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    header = models.CharField(max_length=64, help_text="SHA-256 of the file's column names.")
    columns = models.JSONField(default=dict)
    chosen = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "header"], name="one_mapping_a_header")]

    def __str__(self) -> str:
        return ", ".join(self.columns)
