"""Shapes of the REST API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from energykit.quarters import QUARTER_SECONDS, labelled
from fleet.forecasting.asking import DAY, LONGEST
from fleet.forecasting.names import SEASONAL
from fleet.models import Asset, EnergyForecast
from fleet.queries import exactly_labelled, shown


class AssetSerializer(serializers.ModelSerializer):
    first_reading = serializers.SerializerMethodField(help_text="Time of its oldest reading.")
    last_reading = serializers.SerializerMethodField(help_text="Time of its newest reading.")

    class Meta:
        model = Asset
        fields = (
            "id", "number", "name", "kind", "price", "currency", "battery_id", "begun_at", "first_reading",
            "last_reading", "last_received", "changes", "created",
        )  # fmt: skip
        read_only_fields = ("battery_id", "last_received", "changes", "created")
        extra_kwargs: dict[str, Any] = {"number": {"validators": []}}  # the verb tells that one is taken

    def get_first_reading(self, asset: Asset) -> str | None:
        return None if asset.first_time is None else exactly_labelled(asset.first_time)

    def get_last_reading(self, asset: Asset) -> str | None:
        return None if asset.last_time is None else exactly_labelled(asset.last_time)


class RowSerializer(serializers.Serializer[Any]):
    datetime = serializers.CharField(help_text="ISO 8601; without a zone UTC.")
    value = serializers.FloatField(
        allow_null=True, help_text="Mean power from then on, or energy until the next one. None: a gap begins."
    )


class PostSerializer(serializers.Serializer[Any]):
    spaceship_id = serializers.IntegerField(min_value=0, help_text="The asset's number.")
    units = serializers.ChoiceField(["kW", "kWh"])
    interval = serializers.FloatField(
        required=False, help_text="How long each reading holds: seconds, or an ISO 8601 duration."
    )
    data = RowSerializer(many=True)  # type: ignore[assignment]  # a field of that name


class SkippedSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    reason = serializers.CharField()


class WarningSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    code = serializers.CharField()


class ReceiptSerializer(serializers.Serializer[Any]):
    spaceship_id = serializers.IntegerField()
    accepted = serializers.IntegerField(help_text="Rows with a number.")
    skipped = SkippedSerializer(many=True)
    warnings = WarningSerializer(many=True)
    quarters = serializers.IntegerField(help_text="Quarters that these rows describe.")
    start = serializers.CharField(allow_null=True, help_text="Beginning of the first of them.")
    end = serializers.CharField(allow_null=True, help_text="End of the last of them.")


class BatchColumnsSerializer(serializers.Serializer[Any]):
    spaceship_id = serializers.ListField(child=serializers.IntegerField(min_value=0))
    datetime = serializers.ListField(child=serializers.CharField())
    value = serializers.ListField(child=serializers.FloatField(allow_null=True))


class BatchSerializer(serializers.Serializer[Any]):
    units = serializers.ChoiceField(["kW", "kWh"])
    interval = serializers.FloatField(
        required=False, help_text="How long each reading holds: seconds, or an ISO 8601 duration."
    )
    data = BatchColumnsSerializer(help_text="Or a list of rows.")  # type: ignore[assignment]  # a field of that name


class BatchReceiptSerializer(serializers.Serializer[Any]):
    assets = serializers.IntegerField()
    accepted = serializers.IntegerField(help_text="Rows with a number.")
    skipped = serializers.IntegerField(help_text="Rows without one: gaps.")
    first_skipped = SkippedSerializer(many=True)
    warnings = serializers.IntegerField()
    first_warnings = WarningSerializer(many=True)
    quarters = serializers.IntegerField(help_text="Quarters that were computed anew.")


class QuarterSerializer(serializers.Serializer[Any]):
    datetime = serializers.CharField(help_text="When the quarter begins.")
    value = serializers.FloatField(allow_null=True, help_text="kWh.")
    covered_seconds = serializers.FloatField(required=False, help_text="How much of it is known.")
    charged = serializers.FloatField(required=False, allow_null=True, help_text="kWh into a battery.")


@extend_schema_serializer(many=False)  # one answer, although the view lists
class QuartersSerializer(serializers.Serializer[Any]):
    spaceship_id = serializers.IntegerField()
    units = serializers.CharField()
    data = QuarterSerializer(many=True)  # type: ignore[assignment]  # a field of that name


class SourceSerializer(serializers.Serializer[Any]):
    datetime = serializers.CharField()
    end = serializers.CharField(help_text="Where its time ends.")
    value = serializers.FloatField(allow_null=True)
    units = serializers.CharField()
    seconds = serializers.FloatField(help_text="Of its time, what lies in the quarter.")
    energy = serializers.FloatField(allow_null=True, help_text="kWh of that.")


class ShipSerializer(serializers.Serializer[Any]):
    spaceship_id = serializers.IntegerField()
    consumption = serializers.FloatField(help_text="kWh.")


@extend_schema_serializer(many=False)  # one answer, although the view lists
class TopSerializer(serializers.Serializer[Any]):
    datetime = serializers.CharField(allow_null=True, help_text="Where the window begins.")
    ships = ShipSerializer(many=True)


@extend_schema_serializer(many=False)  # one answer, although the view lists
class ExpectedSerializer(serializers.Serializer[Any]):
    datetime = serializers.CharField()
    expected_consumption = serializers.FloatField(help_text="kWh.")


class FleetSumSerializer(serializers.Serializer[Any]):
    datetime = serializers.CharField()
    kind = serializers.CharField()
    value = serializers.FloatField(help_text="kWh.")
    charged = serializers.FloatField(help_text="kWh into batteries.")
    covered_seconds = serializers.FloatField(help_text="Known time, of all assets together.")
    assets = serializers.IntegerField()


@extend_schema_serializer(many=False)  # one answer, although the view lists
class FleetSerializer(serializers.Serializer[Any]):
    units = serializers.CharField()
    resolution = serializers.CharField()
    data = FleetSumSerializer(many=True)  # type: ignore[assignment]  # a field of that name


class EnergyForecastRequestSerializer(serializers.Serializer[Any]):
    model = serializers.CharField(
        default=SEASONAL,
        max_length=255,
        help_text="linear, seasonal, week, auto, or the name of a forecaster's script.",
    )
    spaceship_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, help_text="Of one asset alone; all assets when left out."
    )
    start = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="ISO 8601, where the forecast begins; what follows the newest reading when left out.",
    )
    quarters = serializers.IntegerField(
        default=DAY, min_value=1, max_value=LONGEST, help_text="How many quarters of an hour ahead; 31 days at most."
    )


class EnergyForecastSerializer(serializers.ModelSerializer):
    spaceship_id = serializers.IntegerField(source="asset.number", default=None, help_text="Null: all assets together.")
    start = serializers.SerializerMethodField(help_text="Beginning of the first quarter.")
    end = serializers.SerializerMethodField(help_text="End of the last one.")
    total = serializers.FloatField(help_text="kWh of all its quarters.")

    class Meta:
        model = EnergyForecast
        fields: tuple[str, ...] = (
            "id", "spaceship_id", "model", "made", "start", "end", "quarters", "total", "total_low", "total_high",
            "scores", "scored",
        )  # fmt: skip

    def get_start(self, forecast: EnergyForecast) -> str:
        return labelled(forecast.start)

    def get_end(self, forecast: EnergyForecast) -> str:
        return labelled(forecast.start + forecast.quarters * QUARTER_SECONDS)


class ForetoldQuarterSerializer(serializers.Serializer[Any]):
    datetime = serializers.CharField(help_text="When the quarter begins.")
    expected = serializers.FloatField(help_text="kWh.")
    low = serializers.FloatField(allow_null=True, help_text="kWh that is exceeded with 95 %.")
    high = serializers.FloatField(allow_null=True, help_text="kWh that is exceeded with 5 %.")


class WholeEnergyForecastSerializer(EnergyForecastSerializer):
    data = serializers.SerializerMethodField(help_text="Quarter by quarter.")  # type: ignore[assignment]

    class Meta:
        model = EnergyForecast
        fields: tuple[str, ...] = (*EnergyForecastSerializer.Meta.fields, "data")

    @extend_schema_field(ForetoldQuarterSerializer(many=True))
    def get_data(self, forecast: EnergyForecast) -> list[dict[str, Any]]:
        has_band = forecast.low is not None and forecast.high is not None
        columns = [
            forecast.values(name).tolist() for name in (("expected", "low", "high") if has_band else ("expected",))
        ]
        return [
            {
                "datetime": labelled(forecast.start + place * QUARTER_SECONDS),
                "expected": shown(row[0]),
                "low": shown(row[1]) if has_band else None,
                "high": shown(row[2]) if has_band else None,
            }
            for place, row in enumerate(zip(*columns, strict=True))
        ]


class EnergyScoreSerializer(serializers.Serializer[Any]):
    model = serializers.CharField()
    tested = serializers.DateTimeField()
    scores = serializers.DictField(help_text="quarter_error_kwh: mean absolute error of a quarter in the back-test.")
