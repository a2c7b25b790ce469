"""Batteries: what is known of each, and what is stored of it. The rows themselves lie in one SQL table a battery (tables.py)."""

from __future__ import annotations

from django.db import models


class Battery(models.Model):
    """A cell, module or pack that sends rows. The counters change only in the transaction that stores the rows."""

    name = models.CharField(
        max_length=255, unique=True, help_text="Any text; programs upload to it. It cannot be changed later."
    )
    description = models.TextField(blank=True)
    metadata = models.JSONField(
        null=True, blank=True, help_text="A battery-data-toolkit BatteryMetadata document: chemistry, nominal capacity, layout."
    )
    is_simulated = models.BooleanField(default=False, help_text="Its rows come from a simulation, and their truth is known.")
    created = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(
        null=True, blank=True, help_text="Set when the test has ended, so that silence is no alarm."
    )

    # --- about the stored rows; written by datahub.ingest alone -----------------------------------------------------
    columns = models.JSONField(
        default=dict, editable=False,
        help_text="Column name to kind (integer, float, boolean, text), in the order of the table; empty: no table yet.",
    )
    rows = models.BigIntegerField(default=0, editable=False)
    late_rows = models.BigIntegerField(default=0, editable=False, help_text="Rows older than one stored before them.")
    repeated_rows = models.BigIntegerField(default=0, editable=False, help_text="Rows sent again and stored once.")
    refused_rows = models.BigIntegerField(default=0, editable=False)
    non_finite_values = models.BigIntegerField(default=0, editable=False, help_text="NaN and infinite values, stored as NULL.")
    first_test_time = models.FloatField(null=True, editable=False, help_text="s")
    last_test_time = models.FloatField(null=True, editable=False, help_text="Greatest test_time stored, s.")
    late_from = models.FloatField(null=True, editable=False, help_text="Least test_time of the late rows, s.")
    last_received = models.FloatField(null=True, editable=False, db_index=True, help_text="Unix time, s.")
    interval_seconds = models.FloatField(
        null=True, editable=False, help_text="Typical wall-clock time between arrivals, s; what 'late' and 'silent' are measured by."
    )

    class Meta:
        verbose_name_plural = "batteries"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Truth(models.Model):
    """What a simulation knows and a filter must find: kept beside the rows, never among them."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="truths")
    test_time = models.FloatField(help_text="s")
    true_soc = models.FloatField(help_text="0 to 1")
    true_capacity = models.FloatField(help_text="Ah")
    true_r0 = models.FloatField(help_text="ohm")

    class Meta:
        verbose_name_plural = "truths"
        indexes = [models.Index(fields=["battery", "test_time"], name="truth_by_time")]

    def __str__(self) -> str:
        return f"{self.battery} at {self.test_time} s"
