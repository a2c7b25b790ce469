"""Forecasters and forecasts on the wire."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from prognosis.errors import ResultMissing
from prognosis.forecasting.chemistry import PRESETS
from prognosis.models import Forecaster, ForecastRun, SupportFile
from prognosis.queries import as_lists, crossing_of_run, result_of
from prognosis.states import ForecasterKind
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
            "id", "name", "version", "kind", "options", "is_current", "disabled_at", "batteries", "state", "entry",
            "sql_query", "script_sha256", "files",
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
        return text_of(forecaster.script) if forecaster.script else ""


class OptionsSerializer(serializers.Serializer):
    """Of the built-in kinds ageing and auto."""

    preset = serializers.ChoiceField(
        PRESETS, required=False, help_text="Chemistry of the ageing equations; by default what the metadata tell."
    )


@extend_schema_serializer(component_name="ForecasterRegistration")
class RegistrationSerializer(serializers.Serializer):
    """What a registration takes; JSON, a form, or a multipart form with files."""

    name = serializers.CharField(
        trim_whitespace=False, max_length=255, help_text="Registering it again: a new version."
    )
    kind = serializers.ChoiceField(
        ForecasterKind.ALL, required=False, help_text="A built-in kind takes no script; script by default."
    )
    options = OptionsSerializer(required=False, help_text="Of a built-in kind.")
    definition = serializers.CharField(trim_whitespace=False, required=False, help_text="The script's text.")
    sql_query = serializers.CharField(required=False, help_text="A script's: SELECT … FROM $TABLE_NAME$ …")
    batteries = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False, max_length=255),
        required=False,
        help_text="Names of the batteries that it is for; by default the one of its own name.",
    )
    files = serializers.ListField(child=serializers.FileField(), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_script = attrs.get("kind", ForecasterKind.SCRIPT) == ForecasterKind.SCRIPT
        needed, strange = ("definition", "sql_query"), ("options",)
        if not is_script:
            needed, strange = (), ("definition", "sql_query", "files")  # type: ignore[assignment]
        wrong = {name: ["A script needs it."] for name in needed if name not in attrs}
        wrong |= {
            name: [f"The kind {attrs.get('kind', 'script')!r} takes none."] for name in strange if attrs.get(name)
        }
        if wrong:
            raise serializers.ValidationError(wrong)
        return attrs


class CrossingSerializer(serializers.Serializer):
    """Times by quantile: with this probability SOH is below the threshold by then. Null: not within the horizon."""

    probability = serializers.FloatField(allow_null=True, help_text="Of being below within the horizon; 0.05 to 0.95.")
    horizon_end = serializers.FloatField(help_text="battery_time of the last point, s.")
    battery_time = serializers.DictField(
        child=serializers.FloatField(allow_null=True), help_text="q05 … q95, s on the battery's own clock."
    )
    date = serializers.DictField(
        child=serializers.DateTimeField(allow_null=True),
        help_text="The same in the calendar, counted from the request.",
    )


class ForecastSerializer(serializers.ModelSerializer):
    battery = serializers.CharField(source="battery.name", read_only=True)
    state = serializers.CharField(source="state_now", read_only=True)
    error = serializers.CharField(source="error_now", read_only=True)
    requested_by: Any = serializers.StringRelatedField(read_only=True, allow_null=True)
    has_profile = serializers.SerializerMethodField(help_text="Whether the load came as a CSV.")
    crossing = serializers.SerializerMethodField(
        help_text="When SOH falls below the threshold; null before it is known."
    )

    class Meta:
        model = ForecastRun
        fields: tuple[str, ...] = (
            "id", "battery", "kind", "options", "made_by", "why", "headline", "threshold", "crossing", "as_of",
            "label", "fleet", "comparison", "forecaster", "forecaster_name", "forecaster_version", "script_sha256",
            "load", "has_profile", "state", "seconds", "estimator", "estimator_version", "newest_estimate",
            "reference_capacity", "history_rows", "sql", "result_rows", "result_columns", "error_code", "error",
            "error_line", "job", "requested_by", "created", "finished",
        )  # fmt: skip
        read_only_fields = fields

    def get_has_profile(self, run: ForecastRun) -> bool:
        return bool(run.profile)

    @extend_schema_field(CrossingSerializer(allow_null=True))
    def get_crossing(self, run: ForecastRun) -> dict[str, Any] | None:
        if run.horizon_end is None:
            return None
        return CrossingSerializer(crossing_of_run(run)).data


class ForecastWithResultSerializer(ForecastSerializer):
    load = serializers.JSONField(source="whole_load", read_only=True, help_text="As asked, with the rows of profiles.")
    result = serializers.SerializerMethodField(help_text="Columns of load and forecast; null before it is done.")

    class Meta(ForecastSerializer.Meta):
        fields = (*ForecastSerializer.Meta.fields, "traceback", "script_output", "result")
        read_only_fields = fields

    def get_result(self, run: ForecastRun) -> dict[str, list[Any]] | None:
        try:
            return as_lists(result_of(run)) or None
        except ResultMissing:  # the rest of the record is still worth telling
            return None


class DatasetSerializer(serializers.Serializer):
    battery = serializers.CharField(trim_whitespace=False, max_length=255, help_text="Whose stored rows are meant.")
    start = serializers.FloatField(required=False, help_text="test_time, s; by default its first row.")
    end = serializers.FloatField(required=False, help_text="test_time, s; by default its newest row.")


class PhaseSerializer(serializers.Serializer):
    """What is asked for a while: one of current, power, csv, profile, last_days and dataset, or nothing."""

    current = serializers.FloatField(required=False, help_text="Constant, A, + charging.")
    power = serializers.FloatField(required=False, help_text="Constant, W, + charging.")
    csv = serializers.CharField(
        required=False, trim_whitespace=False, help_text="A profile as text: test_time and current, power, temperature."
    )
    profile = serializers.DictField(
        child=serializers.ListField(child=serializers.FloatField()), required=False, help_text="The same as columns."
    )
    repeat = serializers.JSONField(
        required=False, help_text="day, week, or seconds after which the profile begins anew; by default it does not."
    )
    last_days = serializers.FloatField(required=False, help_text="As this battery did over its newest days, repeated.")
    dataset = DatasetSerializer(required=False, help_text="As a battery did over a stored window, repeated.")
    temperature = serializers.JSONField(
        required=False,
        help_text="°C; or columns test_time and temperature, repeated daily where they end within a day.",
    )
    temperature_offset = serializers.FloatField(required=False, help_text="°C added to what is known otherwise.")
    max_c_rate = serializers.FloatField(
        required=False, help_text="1/h: what is charged faster is charged later instead, as far as there is time."
    )


class LongPhaseSerializer(PhaseSerializer):
    duration = serializers.FloatField(required=False, help_text="s; the last phase may go without.")


class LoadSerializer(PhaseSerializer):
    """A load. Times in s; current in A and power in W are positive while charging."""

    ahead_time = serializers.FloatField(required=False, help_text="s, above 0; may be left out where a profile ends.")
    resolution = serializers.FloatField(
        required=False, help_text="s, above 0; by default 1 for a script, and about 120 steps for a built-in kind."
    )
    phases = LongPhaseSerializer(many=True, required=False, help_text="Several one after another, in place of one.")


class HowSerializer(serializers.Serializer):
    """How a forecast is made."""

    kind = serializers.ChoiceField(
        ForecasterKind.ALL,
        required=False,
        help_text="auto (the better of the two on this battery so far), trend, ageing; or script: its own forecaster.",
    )
    options = OptionsSerializer(required=False, help_text="Of a built-in kind.")
    threshold = serializers.FloatField(
        required=False, help_text="SOH, 0 to 1, whose crossing is told; by default ROVI_END_OF_LIFE_SOH."
    )


class ForecastRequestSerializer(HowSerializer, LoadSerializer):
    """What a forecast is asked for with."""

    battery = serializers.CharField(trim_whitespace=False, max_length=255, help_text="Its name.")
    forecaster = serializers.PrimaryKeyRelatedField(
        queryset=Forecaster.objects.all(), required=False, help_text="One version; by default the battery's own."
    )
    as_of = serializers.FloatField(
        required=False, help_text="test_time, s: made of nothing newer, to see how it would have done."
    )
