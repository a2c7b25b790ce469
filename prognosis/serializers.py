"""Forecasters and forecasts on the wire."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from prognosis.models import Forecaster, ForecastRun, SupportFile
from prognosis.queries import as_lists, result_of
from uploads.storage import text_of


@extend_schema_serializer(component_name="ForecasterFile")
class SupportFileSerializer(serializers.ModelSerializer):
    class Meta:
        model = SupportFile
        fields = ("name", "size", "sha256")


class ForecasterSerializer(serializers.ModelSerializer):
    batteries = serializers.ListField(child=serializers.CharField(), source="battery_names", read_only=True)
    files = SupportFileSerializer(many=True, read_only=True)
    registered_by: Any = serializers.StringRelatedField(read_only=True, allow_null=True)

    class Meta:
        model = Forecaster
        fields: tuple[str, ...] = (
            "id", "name", "version", "is_current", "batteries", "state", "entry", "sql_query", "script_sha256", "files",
            "library_versions", "last_error", "last_error_line", "last_traceback", "load_job", "registered_by",
            "registered",
        )  # fmt: skip
        read_only_fields = fields


class ForecasterWithScriptSerializer(ForecasterSerializer):
    definition = serializers.SerializerMethodField(help_text="The script's text.")

    class Meta(ForecasterSerializer.Meta):
        fields = (*ForecasterSerializer.Meta.fields, "definition")
        read_only_fields = fields

    def get_definition(self, forecaster: Forecaster) -> str:
        return text_of(forecaster.script)


@extend_schema_serializer(component_name="ForecasterRegistration")
class RegistrationSerializer(serializers.Serializer):
    """What a registration takes; JSON, a form, or a multipart form with files."""

    name = serializers.CharField(trim_whitespace=False, max_length=255)
    definition = serializers.CharField(trim_whitespace=False, help_text="The script's text.")
    sql_query = serializers.CharField(help_text="SELECT … FROM $TABLE_NAME$ …")
    batteries = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False, max_length=255),
        required=False,
        help_text="Names of the batteries that it is for; by default the one of its own name.",
    )
    files = serializers.ListField(child=serializers.FileField(), required=False)


class ForecastSerializer(serializers.ModelSerializer):
    battery = serializers.CharField(source="battery.name", read_only=True)
    state = serializers.CharField(source="state_now", read_only=True)
    error = serializers.CharField(source="error_now", read_only=True)
    requested_by: Any = serializers.StringRelatedField(read_only=True, allow_null=True)
    has_profile = serializers.SerializerMethodField(help_text="Whether the load came as a CSV.")

    class Meta:
        model = ForecastRun
        fields: tuple[str, ...] = (
            "id", "battery", "forecaster", "forecaster_name", "forecaster_version", "script_sha256", "load",
            "has_profile", "state", "seconds", "newest_estimate", "history_rows", "sql", "result_rows",
            "result_columns", "error_code", "error", "error_line", "job", "requested_by", "created", "finished",
        )  # fmt: skip
        read_only_fields = fields

    def get_has_profile(self, run: ForecastRun) -> bool:
        return bool(run.profile)


class ForecastWithResultSerializer(ForecastSerializer):
    result = serializers.SerializerMethodField(help_text="Columns of load and forecast; null before it is done.")

    class Meta(ForecastSerializer.Meta):
        fields = (*ForecastSerializer.Meta.fields, "traceback", "script_output", "result")
        read_only_fields = fields

    def get_result(self, run: ForecastRun) -> dict[str, list[Any]] | None:
        return as_lists(result_of(run)) or None


class ForecastRequestSerializer(serializers.Serializer):
    """What a forecast is asked for with. Times in s; current in A and power in W are positive while charging."""

    battery = serializers.CharField(trim_whitespace=False, max_length=255, help_text="Its name.")
    forecaster = serializers.PrimaryKeyRelatedField(
        queryset=Forecaster.objects.all(), required=False, help_text="One version; by default the current one."
    )
    ahead_time = serializers.FloatField(required=False, help_text="s, above 0; may be left out where a profile ends.")
    resolution = serializers.FloatField(required=False, help_text="s, above 0; 1 by default.")
    current = serializers.FloatField(required=False, help_text="Constant, A.")
    power = serializers.FloatField(required=False, help_text="Constant, W.")
    csv = serializers.CharField(
        required=False, trim_whitespace=False, help_text="A profile as text: test_time and current, power, temperature."
    )
    profile = serializers.DictField(
        child=serializers.ListField(child=serializers.FloatField()), required=False, help_text="The same as columns."
    )
