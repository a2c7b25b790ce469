"""Parameter sets and the asking for a fit, on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from twin.fitting.records import ParameterSet


class FindingSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="Such as capacity_ah or r0_ohm.")
    title = serializers.CharField()
    value = serializers.FloatField()
    std = serializers.FloatField(help_text="Standard deviation, in the same unit.")
    unit = serializers.CharField(allow_blank=True)
    rows = serializers.IntegerField(help_text="So many rows were used for it; 0 where it was given or assumed.")
    how = serializers.CharField(help_text="Where it is from, in words.")


OVER = "over the rows its noises were found from (see soc_a_day among the findings)"


class ParameterSetSerializer(serializers.ModelSerializer):
    battery = serializers.CharField(source="battery.name", read_only=True, allow_null=True, default=None)
    battery_id = serializers.IntegerField(read_only=True, allow_null=True)
    findings = FindingSerializer(many=True, read_only=True)
    warnings = serializers.ListField(child=serializers.CharField(), read_only=True)
    fitted_by: Any = serializers.StringRelatedField(read_only=True, allow_null=True)

    class Meta:
        model = ParameterSet
        fields: tuple[str, ...] = (
            "id", "title", "battery", "battery_id", "source", "wishes", "findings", "warnings", "rows", "first_time",
            "last_time", "first_row_id", "last_row_id", "mean_nis", "voltage_rmse", "library_versions", "fitted_by",
            "created",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields
        extra_kwargs = {
            "mean_nis": {"help_text": f"Of the filter {OVER}; near 1 when right, less where errors last."},
            "voltage_rmse": {"help_text": f"Of the filter's predictions {OVER}, V."},
        }


class ParameterSetInFullSerializer(ParameterSetSerializer):
    class Meta(ParameterSetSerializer.Meta):
        fields = (*ParameterSetSerializer.Meta.fields, "parameters", "plots")
        read_only_fields = fields


class FitRequestSerializer(serializers.Serializer):
    """Which rows of which battery or file, and what is known of the cell; only `battery` or `file` is needed."""

    battery = serializers.CharField(
        required=False, default="", allow_blank=True, trim_whitespace=False, max_length=255, help_text="Its name."
    )
    file = serializers.FileField(
        required=False,
        default=None,
        write_only=True,
        help_text="Instead of a battery: HDF5 or Parquet of battery-data-toolkit, CSV or BDF. Its rows are not kept.",
    )
    title = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)
    preset = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="For the OCV curve where no whole cycle shows it."
    )
    capacity_ah = serializers.FloatField(
        required=False, allow_null=True, help_text="Ah; used where no whole cycle shows it."
    )
    spans_all = serializers.BooleanField(
        required=False, default=False, help_text="The lowest and highest point of these rows are empty and full."
    )
    start = serializers.FloatField(required=False, allow_null=True, help_text="Least test_time, s.")
    end = serializers.FloatField(required=False, allow_null=True, help_text="test_time before which rows end, s.")
    first_row = serializers.IntegerField(required=False, default=0, help_text="Of the rows in that span, from 0.")
    end_row = serializers.IntegerField(required=False, allow_null=True, help_text="The first row left out again.")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if bool(given["battery"]) == (given["file"] is not None):
            raise serializers.ValidationError({"battery": ["Name a battery, or send a file: one of both."]})
        return given
