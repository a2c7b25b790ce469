"""Fleet forecasts, comparisons and scores on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from prognosis.models import Comparison, FleetForecast
from prognosis.queries import count_of_runs
from prognosis.serializers import ForecastSerializer, HowSerializer, LoadSerializer


class FleetRequestSerializer(HowSerializer, LoadSerializer):
    """One load for many batteries; all of them where neither `batteries` nor `search` is given."""

    title = serializers.CharField(required=False, max_length=200, help_text="To find it again.")
    batteries = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False, max_length=255), required=False, help_text="Their names."
    )
    search = serializers.CharField(required=False, help_text="Those whose name holds this text.")
    as_of = serializers.FloatField(required=False, help_text="test_time, s: made of nothing newer.")


class NamedLoadSerializer(LoadSerializer):
    label = serializers.CharField(  # type: ignore[assignment]  # every serializer has a `label`; fields live elsewhere
        max_length=100, help_text="What it is called on the chart."
    )


class ComparisonRequestSerializer(HowSerializer):
    """Two to eight named loads for one battery. By default the ageing model answers: a trend hardly heeds a load."""

    title = serializers.CharField(required=False, max_length=200, help_text="To find it again.")
    battery = serializers.CharField(trim_whitespace=False, max_length=255, help_text="Its name.")
    loads = NamedLoadSerializer(many=True, help_text="Each with all that a load has.")


class _GroupSerializer(serializers.ModelSerializer):
    counts = serializers.SerializerMethodField(help_text="Forecasts by state: queued, running, done, failed.")
    requested_by: Any = serializers.StringRelatedField(read_only=True, allow_null=True)

    def get_counts(self, group: FleetForecast | Comparison) -> dict[str, int]:
        return count_of_runs(group)


class FleetForecastSerializer(_GroupSerializer):
    class Meta:
        model = FleetForecast
        fields = (
            "id", "title", "kind", "options", "threshold", "load", "chosen", "total", "counts", "job", "requested_by",
            "created",
        )  # fmt: skip
        read_only_fields = fields


class ComparisonSerializer(_GroupSerializer):
    battery = serializers.CharField(source="battery.name", read_only=True)
    runs = ForecastSerializer(source="runs_in_order", many=True, read_only=True)

    class Meta:
        model = Comparison
        fields = (
            "id", "title", "battery", "kind", "options", "threshold", "total", "counts", "runs", "job", "requested_by",
            "created",
        )  # fmt: skip
        read_only_fields = fields


class FleetRowSerializer(serializers.Serializer):
    """A battery of a fleet forecast. Times are battery_time, s; null: not within the horizon, or not known."""

    battery = serializers.CharField(help_text="Its name.")
    forecast = serializers.IntegerField(help_text="Id of its forecast.")
    state = serializers.CharField(help_text="queued, running, done or failed.")
    made_by = serializers.CharField(help_text="The kind that made it.")
    headline = serializers.CharField(help_text="What it says, in a sentence.")
    soh = serializers.FloatField(allow_null=True, help_text="As estimated newest.")
    probability = serializers.FloatField(allow_null=True, help_text="Of crossing the threshold within the horizon.")
    crossing_q05 = serializers.FloatField(allow_null=True, help_text="With 5 % probability it is below by then.")
    crossing_q50 = serializers.FloatField(allow_null=True, help_text="The median.")
    crossing_q95 = serializers.FloatField(allow_null=True, help_text="With 95 % probability it is below by then.")
    date_q05 = serializers.DateTimeField(allow_null=True, help_text="The same in the calendar.")
    date_q50 = serializers.DateTimeField(allow_null=True, help_text="The same in the calendar.")
    date_q95 = serializers.DateTimeField(allow_null=True, help_text="The same in the calendar.")
    error = serializers.CharField(help_text="Why it failed; else empty.")


class ScoreSerializer(serializers.Serializer):
    """How forecasts did against what was estimated later. In shares of SOH; error is truth less forecast."""

    forecaster = serializers.CharField(help_text="A built-in kind, or a script with its version.")
    kind = serializers.CharField(help_text="script, auto, trend or ageing.")
    horizon = serializers.CharField(source="horizon_words", help_text="How far ahead; any: all of them.")
    from_seconds = serializers.FloatField(help_text="Where that range begins, s ahead.")
    to_seconds = serializers.FloatField(allow_null=True, help_text="Where it ends; null: never.")
    forecasts = serializers.IntegerField(help_text="How many have been scored.")
    points = serializers.IntegerField(help_text="At how many times of theirs.")
    bias = serializers.FloatField(allow_null=True, help_text="Mean error.")
    absolute_error = serializers.FloatField(allow_null=True, help_text="Mean size of the error.")
    rms_error = serializers.FloatField(allow_null=True, help_text="Root of the mean squared error.")
    skill = serializers.FloatField(
        allow_null=True, help_text="Against saying that nothing changes: 1 perfect, 0 no better, below 0 worse."
    )
    inside_50 = serializers.FloatField(allow_null=True, help_text="Share of truth between q25 and q75; 0.5 is honest.")
    inside_90 = serializers.FloatField(allow_null=True, help_text="Share of truth between q05 and q95; 0.9 is honest.")
    pinball = serializers.FloatField(allow_null=True, help_text="Mean pinball loss of q05, q25, q50, q75, q95.")
