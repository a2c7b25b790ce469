"""What was measured of a battery, and how far that has come."""

from __future__ import annotations

from django.db import models

from datahub.models import Battery


class MeasuredCycle(models.Model):
    """One whole cycle. Made and replaced by twin.measuring alone; definitions in docs/explanation/measurements.md."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="measured_cycles")
    place = models.PositiveIntegerField(help_text="0 is the battery's first cycle.")
    number = models.BigIntegerField(help_text="cycle_number of its rows; where they have none, place + 1.")
    start_time = models.FloatField(help_text="test_time of its first row, s.")
    end_time = models.FloatField(help_text="test_time of the next cycle's first row, s.")
    charge_ah = models.FloatField(help_text="Charged, Ah.")
    discharge_ah = models.FloatField(help_text="Discharged, Ah.")
    charge_wh = models.FloatField(help_text="Energy taken in, Wh.")
    discharge_wh = models.FloatField(help_text="Energy given, Wh.")
    mean_temperature = models.FloatField(null=True, help_text="Weighted with time, °C.")
    highest_temperature = models.FloatField(null=True, help_text="°C")
    gap_seconds = models.FloatField(help_text="Of its duration, that in gaps, where nothing could be integrated, s.")
    throughput_ah = models.FloatField(help_text="In and out, of all cycles to the end of this one, Ah.")
    throughput_wh = models.FloatField(help_text="The same in Wh.")
    swing_ah = models.FloatField(help_text="Its largest discharge without a gap, net, Ah.")
    swing_start_row = models.BigIntegerField(help_text="Row in which the largest discharge begins.")
    swing_start_voltage = models.FloatField(null=True, help_text="V")
    swing_start_current = models.FloatField(null=True, help_text="A")
    swing_end_row = models.BigIntegerField(help_text="Row in which it ends; 0 where nothing was discharged.")
    swing_end_voltage = models.FloatField(null=True, help_text="V")

    class Meta:
        ordering = ["battery", "place"]
        constraints = [models.UniqueConstraint(fields=["battery", "place"], name="measured_cycle_place")]

    def __str__(self) -> str:
        return f"{self.battery}, cycle {self.number}"


class MeasuredResistance(models.Model):
    """ΔV over ΔI at one step of current."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="measured_resistances")
    row_id = models.BigIntegerField(help_text="The row after the step.")
    test_time = models.FloatField(help_text="Of that row, s.")
    ohm = models.FloatField(help_text="Ω")
    ohm_sd = models.FloatField(help_text="Standard deviation, from noise and drift of the voltage, Ω.")
    delay_s = models.FloatField(help_text="Between the rows before and after the step, s.")
    is_charge = models.BooleanField(help_text="Whether the larger of both currents charges.")
    current_before = models.FloatField(help_text="A, positive while charging.")
    current_after = models.FloatField(help_text="A, positive while charging.")
    temperature = models.FloatField(null=True, help_text="°C")

    class Meta:
        ordering = ["battery", "test_time", "row_id"]
        constraints = [models.UniqueConstraint(fields=["battery", "row_id"], name="one_measured_resistance_a_row")]
        indexes = [models.Index(fields=["battery", "test_time"], name="measured_resistance_time")]

    def __str__(self) -> str:
        return f"{self.battery} at {self.test_time} s"


class MeasuredProgress(models.Model):
    """How far a battery's rows are measured. All of it changes with what it speaks of, in one transaction."""

    battery = models.OneToOneField(Battery, on_delete=models.CASCADE, primary_key=True, related_name="measured")
    cursor = models.BigIntegerField(default=0, help_text="Id of the last row taken, in order of arrival.")
    rows_seen = models.BigIntegerField(default=0, help_text="Rows up to the cursor.")
    latest_time = models.FloatField(null=True, help_text="test_time of the newest row taken, s.")
    stale_from = models.FloatField(
        null=True, help_text="Rows came late from this test_time (s) on; what follows is being measured anew."
    )
    again_rows = models.BigIntegerField(null=True, help_text="Rows measured anew so far; empty: none are.")
    again_of = models.BigIntegerField(null=True, help_text="About so many are to be measured anew.")
    rules = models.JSONField(default=dict, help_text="By which it is measured; others mean measuring anew.")
    checkpoint = models.BinaryField(null=True, help_text="All that is needed to go on after the cursor.")
    checkpoint_rows = models.BigIntegerField(default=0, help_text="Rows taken when a checkpoint was kept last.")

    soc_estimator = models.BigIntegerField(
        default=0, help_text="Id of the estimator whose SOC is counted in bands; 0: none."
    )
    soc_series = models.BigIntegerField(default=0, help_text="Which of its series of estimates.")
    soc_cursor = models.BigIntegerField(default=0, help_text="Where that estimator stood when they were counted last.")
    soc_time = models.FloatField(null=True, help_text="test_time of its last estimate counted, s.")
    soc_row = models.BigIntegerField(default=0, help_text="Id of that estimate's row.")
    soc_checkpoint = models.BinaryField(null=True, help_text="Time in each band of SOC, and what is needed to go on.")

    updated = models.DateTimeField(null=True, db_index=True, help_text="When it was measured last.")
    owner = models.CharField(max_length=200, blank=True, help_text="The process that measures now, or did last.")
    fence = models.BigIntegerField(default=0, help_text="Counts the claims; a commit of an older claim is refused.")

    class Meta:
        verbose_name_plural = "measured progress"

    def __str__(self) -> str:
        return f"{self.battery} measured to row {self.cursor}"


class MeasuredCheckpoint(models.Model):
    """A place from which measuring can be done again when rows come late."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="measured_checkpoints")
    test_time = models.FloatField(help_text="Of the newest row in it, s.")
    row_id = models.BigIntegerField(help_text="Id of that row.")
    state = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["battery", "test_time"], name="measured_checkpoint_time")]

    def __str__(self) -> str:
        return f"{self.battery} at {self.test_time} s"


class MeasuredSoc(models.Model):
    """Time in bands of SOC up to a place, so that replaced estimates after it are all that is counted again."""

    battery = models.ForeignKey(Battery, on_delete=models.CASCADE, related_name="measured_soc")
    estimator = models.BigIntegerField(help_text="Id of the estimator whose SOC it is.")
    test_time = models.FloatField(help_text="Of the newest estimate in it, s.")
    row_id = models.BigIntegerField(help_text="Id of that estimate's row.")
    state = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["battery", "test_time", "row_id"], name="measured_soc_place")]

    def __str__(self) -> str:
        return f"SOC of {self.battery} to {self.test_time} s"
