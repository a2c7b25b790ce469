"""Estimators on the wire."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from twin.models import Estimator, EstimatorProgress, SupportFile
from twin.queries import newest_covariance, newest_mean
from twin.states import Kind, condition_of, rows_behind
from uploads.storage import text_of


@extend_schema_serializer(component_name="EstimatorFile")
class SupportFileSerializer(serializers.ModelSerializer):
    class Meta:
        model = SupportFile
        fields = ("name", "size", "sha256")


class ProgressSerializer(serializers.ModelSerializer):
    class Meta:
        model = EstimatorProgress
        fields = (
            "cursor", "rows_seen", "rows_stepped", "rows_skipped", "late_from", "latest_time", "state_names",
            "innovation", "mean_nis", "reference_capacity", "steps_per_second", "updated",
        )  # fmt: skip
        read_only_fields = fields


class EstimatorSerializer(serializers.ModelSerializer):
    battery = serializers.CharField(source="battery.name", read_only=True)
    battery_id = serializers.IntegerField(read_only=True)
    state = serializers.SerializerMethodField(help_text="waiting, ready, running, stale or failed")
    sentence = serializers.SerializerMethodField(help_text="The state in words.")
    rows_behind = serializers.SerializerMethodField()
    progress = ProgressSerializer(read_only=True)
    files = SupportFileSerializer(many=True, read_only=True)
    registered_by: Any = serializers.StringRelatedField(read_only=True, allow_null=True)

    class Meta:
        model = Estimator
        fields: tuple[str, ...] = (
            "id", "battery", "battery_id", "version", "kind", "is_current", "state", "sentence", "rows_behind",
            "required_time", "entry", "script_sha256", "files", "library_versions", "last_error", "error_line",
            "error_row", "progress", "load_job", "registered_by", "registered",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields

    def get_state(self, estimator: Estimator) -> str:
        return condition_of(estimator).state

    def get_sentence(self, estimator: Estimator) -> str:
        return condition_of(estimator).sentence

    def get_rows_behind(self, estimator: Estimator) -> int:
        return rows_behind(estimator)


class EstimatorInFullSerializer(EstimatorSerializer):
    definition = serializers.SerializerMethodField(help_text="The script's text; null for a built-in one.")
    mean = serializers.SerializerMethodField(help_text="Newest estimate, in the order of progress.state_names.")
    covariance = serializers.SerializerMethodField(help_text="Its covariance matrix.")

    class Meta(EstimatorSerializer.Meta):
        fields = (
            *EstimatorSerializer.Meta.fields, "parameters", "definition", "traceback", "script_output", "mean",
            "covariance",
        )  # fmt: skip
        read_only_fields = fields

    def get_definition(self, estimator: Estimator) -> str | None:
        return text_of(estimator.script) or None

    def get_mean(self, estimator: Estimator) -> list[float] | None:
        return newest_mean(estimator)

    def get_covariance(self, estimator: Estimator) -> list[list[float]] | None:
        return newest_covariance(estimator)


class SeedRegistrationSerializer(serializers.Serializer):
    """What /online/register takes; JSON, a form, or a multipart form with files."""

    name = serializers.CharField(help_text="Of the battery; it need not exist yet.")
    definition = serializers.CharField(help_text="The script's text.")
    required_time = serializers.FloatField(required=False, help_text="Seconds of data before it starts.")
    files = serializers.ListField(child=serializers.FileField(), required=False)


@extend_schema_serializer(component_name="EstimatorRegistration")
class RegistrationSerializer(serializers.Serializer):
    """A script (`definition`, `files`, `required_time`) or the built-in filter (`preset`, `parameters` or both)."""

    battery = serializers.CharField(trim_whitespace=False, max_length=255, help_text="Its name; it need not exist yet.")
    kind = serializers.ChoiceField(choices=Kind.ALL, default=Kind.SCRIPT)
    definition = serializers.CharField(
        trim_whitespace=False, required=False, default="", help_text="The script's text."
    )
    files = serializers.ListField(child=serializers.FileField(), required=False)
    required_time = serializers.FloatField(required=False, help_text="Seconds of data before it starts.")
    preset = serializers.CharField(required=False, default="", allow_blank=True, help_text="See /api/v1/presets/.")
    parameters = serializers.JSONField(
        required=False, help_text="Of cell and filter; they count more than the preset's."
    )

    def validate_parameters(self, parameters: Any) -> dict[str, Any]:
        if not isinstance(parameters, dict):
            raise serializers.ValidationError("Give a map of names to values.")
        return parameters


class PresetSerializer(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    lowest_voltage = serializers.FloatField(help_text="V")
    highest_voltage = serializers.FloatField(help_text="V")
    parameters = serializers.SerializerMethodField(help_text="For a cell of 2.5 Ah.")

    def get_parameters(self, preset: Any) -> dict[str, Any]:
        parameters: dict[str, Any] = preset.parameters()
        return parameters
