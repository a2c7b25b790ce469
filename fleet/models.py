"""Assets that use energy, their readings as they came, and the ledger: energy by quarter, day and month.

Times of readings are whole microseconds, beginnings of quarters, days and months whole seconds, since 1970, UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from energykit.quarters import labelled

if TYPE_CHECKING:
    import numpy as np

GREATEST_NUMBER = 2**63 - 1


class Kind(models.TextChoices):
    SHIP = "ship", "ship"
    METER = "meter", "meter"
    BATTERY = "battery", "battery"
    OTHER = "other", "other"


class Asset(models.Model):
    """Something that uses energy. It is locked while its quarters are computed anew."""

    number = models.BigIntegerField(
        unique=True,
        validators=[MinValueValidator(0), MaxValueValidator(GREATEST_NUMBER)],
        help_text="What clients call it: the spaceship_id of /fleet/data.",
    )
    name = models.CharField(max_length=255, blank=True, help_text="For people; empty: its number.")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SHIP)
    price = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.0)], help_text="Of a kWh; empty: none is known."
    )
    currency = models.CharField(
        max_length=3, blank=True, validators=[RegexValidator("^[A-Z]{3}$", "Three capitals, such as EUR.")]
    )
    created = models.DateTimeField(auto_now_add=True)

    # --- about its readings; written by fleet.accounting alone ------------------------------------------------------
    first_time = models.BigIntegerField(null=True, editable=False, help_text="Time of its oldest reading, µs.")
    last_time = models.BigIntegerField(null=True, editable=False, help_text="Time of its newest reading, µs.")
    last_received = models.FloatField(null=True, editable=False, help_text="When readings last came, Unix time, s.")
    changes = models.BigIntegerField(default=0, editable=False, help_text="How often quarters of it were computed.")

    # --- a battery's -----------------------------------------------------------------------------------------------
    battery_id = models.BigIntegerField(
        null=True, unique=True, editable=False, help_text="Of the battery whose rows it takes its energy from."
    )
    begun_at = models.FloatField(
        null=True, blank=True, help_text="Unix time (s) at which the battery's test_time is 0."
    )
    cursor = models.BigIntegerField(default=0, editable=False, help_text="Id of the last row that was accounted for.")
    rows_seen = models.BigIntegerField(
        default=0, editable=False, help_text="How many rows the battery had when the last one was."
    )

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return self.name or f"{self.kind} {self.number}"


class Reading(models.Model):
    """What was posted, the newest of what was posted for a time. Of a battery the rows themselves are kept instead."""

    pk = models.CompositePrimaryKey("asset_id", "time")
    # The asset is locked by who writes; a constraint would be checked at each of millions of rows.
    asset = models.ForeignKey(
        Asset, on_delete=models.CASCADE, related_name="readings", db_index=False, db_constraint=False
    )
    time = models.BigIntegerField(help_text="µs.")
    value = models.FloatField(null=True, help_text="kW or kWh; empty: a gap begins.")
    is_energy = models.BooleanField(default=False, help_text="It is kWh.")
    interval = models.BigIntegerField(null=True, help_text="Declared length of its time, µs.")
    step = models.BigIntegerField(null=True, help_text="Typical step of the readings that it came with, µs.")


class EnergySum(models.Model):
    """Energy of an asset in some span of time; there is none where nothing is known."""

    pk = models.CompositePrimaryKey("asset_id", "start")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    start = models.BigIntegerField(help_text="Unix time, s.")
    energy = models.FloatField(help_text="kWh used; of a battery what was drawn from it.")
    charged = models.FloatField(default=0.0, help_text="kWh that a battery was charged with.")
    covered = models.BigIntegerField(help_text="How much of the span is known, µs.")

    class Meta:
        abstract = True


class Quarter(EnergySum):
    class Meta(EnergySum.Meta):
        pass


class EnergyDay(EnergySum):
    """Sum of the quarters that begin in a day of UTC."""

    class Meta(EnergySum.Meta):
        pass


class EnergyMonth(EnergySum):
    """Sum of the quarters that begin in a month of UTC."""

    class Meta(EnergySum.Meta):
        pass


class EnergyForecast(models.Model):
    """Energy that was expected of an asset, a value a quarter from `start` on, to be held against what happened."""

    asset = models.ForeignKey(
        Asset, null=True, on_delete=models.CASCADE, related_name="forecasts", help_text="Empty: all of them together."
    )
    model = models.CharField(max_length=40, help_text="Name of what made it.")
    made = models.DateTimeField(auto_now_add=True)
    made_from = models.BigIntegerField(help_text="Quarters that end up to then were known to it, Unix time, s.")
    start = models.BigIntegerField(help_text="Unix time, s.")
    quarters = models.PositiveIntegerField(help_text="How many it foretells.")
    expected = models.BinaryField(help_text="kWh of each, float64.")
    low = models.BinaryField(null=True, help_text="Lower bound of each, 5 %, float64.")
    high = models.BinaryField(null=True, help_text="Upper bound of each, 95 %, float64.")
    total = models.FloatField(default=0.0, help_text="kWh of all its quarters.")
    total_low = models.FloatField(null=True, help_text="Lower bound of that, 5 %.")
    total_high = models.FloatField(null=True, help_text="Upper bound of that, 95 %.")
    scores = models.JSONField(default=dict, help_text="By name, as far as it can be held against what happened.")
    scored = models.DateTimeField(null=True, help_text="When it was.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["asset", "start"], name="forecast_of_asset"),
            models.Index(fields=["id"], condition=models.Q(scored=None), name="forecast_not_scored"),
        ]

    def __str__(self) -> str:
        return f"forecast {self.pk} of {self.asset or 'all assets'}"

    @property
    def begins(self) -> str:
        return labelled(self.start)

    def values(self, field: str) -> np.ndarray:
        """(quarters,) kWh of `expected`, `low` or `high`."""
        import numpy as np  # noqa: PLC0415  (a web process boots without it)

        return np.frombuffer(bytes(getattr(self, field)), dtype=np.float64)


class EnergyScore(models.Model):
    """How well a model did with an asset in a rolling back-test."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="scores")
    model = models.CharField(max_length=40)
    tested = models.DateTimeField(auto_now=True)
    scores = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asset", "model"], name="score_of_asset_and_model")]
