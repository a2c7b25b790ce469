"""Estimators on the wire."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from twin.models import Estimator, EstimatorProgress, Recomputation, SupportFile, VersionChange
from twin.queries import newest_covariance, newest_mean
from twin.states import Kind, condition_of, rows_behind
from uploads.storage import text_of

CAUSES = (
    "noise_too_small",
    "noise_too_large",
    "wrong_ocv_table",
    "wrong_sign_of_current",
    "wrong_capacity",
    "model_too_simple",
)


@extend_schema_serializer(component_name="EstimatorFile")
class SupportFileSerializer(serializers.ModelSerializer):
    class Meta:
        model = SupportFile
        fields = ("name", "size", "sha256")


@extend_schema_serializer(component_name="ConsistencyVerdict")
class VerdictSerializer(serializers.Serializer):
    """Whether the filter's errors are as large as it expects; null before the first row."""

    consistent = serializers.BooleanField(allow_null=True, help_text="null while there are too few rows.")
    cause = serializers.ChoiceField(choices=CAUSES, allow_null=True, help_text="What is probably wrong.")
    sentence = serializers.CharField(help_text="The verdict in words, with what to change and by how much.")
    mean_nis = serializers.FloatField(allow_null=True, help_text="Over the windows on record, older ones ever less.")
    newest_nis = serializers.FloatField(allow_null=True, help_text="Mean of the newest whole window of 100 rows.")
    low = serializers.FloatField(allow_null=True, help_text="Lower end of the 99 % band of that mean.")
    high = serializers.FloatField(allow_null=True, help_text="Upper end of the 99 % band of that mean.")
    windows_above = serializers.IntegerField(help_text="Of the newest 12 windows.")
    windows_below = serializers.IntegerField(help_text="Of the newest 12 windows.")
    windows = serializers.IntegerField(help_text="Whole windows so far.")


class ProgressSerializer(serializers.ModelSerializer):
    verdict = VerdictSerializer(read_only=True, allow_null=True)

    class Meta:
        model = EstimatorProgress
        fields = (
            "cursor", "series", "replaced", "rows_seen", "rows_stepped", "rows_skipped", "late_from", "latest_time",
            "state_names",
            "innovation", "mean_nis", "is_inconsistent", "verdict", "reference_capacity",
            "steps_per_second", "updated",
        )  # fmt: skip
        read_only_fields = fields


class RecomputationSerializer(serializers.ModelSerializer):
    class Meta:
        model = Recomputation
        fields = ("late_time", "from_time", "rows_stepped", "from_stepped", "needs_start", "error", "started")
        read_only_fields = fields


class EstimatorSerializer(serializers.ModelSerializer):
    battery = serializers.CharField(source="battery.name", read_only=True)
    battery_id = serializers.IntegerField(read_only=True)
    state = serializers.SerializerMethodField(help_text="waiting, ready, running, inconsistent, stale or failed")
    sentence = serializers.SerializerMethodField(help_text="The state in words.")
    rows_behind = serializers.SerializerMethodField()
    progress = ProgressSerializer(read_only=True)
    recomputation = RecomputationSerializer(
        read_only=True, allow_null=True, default=None, help_text="While late rows are worked in; else null."
    )
    files = SupportFileSerializer(many=True, read_only=True)
    registered_by: Any = serializers.StringRelatedField(read_only=True, allow_null=True)

    class Meta:
        model = Estimator
        fields: tuple[str, ...] = (
            "id", "battery", "battery_id", "version", "kind", "is_current", "followed",
            "promote_when_caught_up", "state", "sentence", "rows_behind",
            "required_time", "entry", "script_sha256", "files", "library_versions", "last_error", "error_line",
            "error_row", "progress", "recomputation", "load_job", "registered_by", "registered",
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
            *EstimatorSerializer.Meta.fields, "parameters", "parameter_set", "definition", "traceback", "script_output",
            "mean", "covariance",
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
    """A script (`definition`, `files`, `required_time`) or the built-in filter (`preset`, `parameter_set`,
    `parameters`: the latter count more)."""

    battery = serializers.CharField(trim_whitespace=False, max_length=255, help_text="Its name; it need not exist yet.")
    kind = serializers.ChoiceField(choices=Kind.ALL, default=Kind.SCRIPT, help_text="A script, or the built-in filter.")
    definition = serializers.CharField(
        trim_whitespace=False, required=False, default="", help_text="The script's text."
    )
    files = serializers.ListField(child=serializers.FileField(), required=False)
    required_time = serializers.FloatField(required=False, help_text="Seconds of data before it starts.")
    preset = serializers.CharField(required=False, default="", allow_blank=True, help_text="See /api/v1/presets/.")
    promote_when_caught_up = serializers.BooleanField(
        default=True,
        help_text="Where another version works already: this one takes its place by itself once it has replayed the "
        "stored rows.",
    )
    parameter_set = serializers.IntegerField(
        required=False, allow_null=True, help_text="Id of a fit, see /api/v1/parameter-sets/; it needs no preset."
    )
    parameters = serializers.JSONField(
        required=False, help_text="Of cell and filter; they count more than the preset's and the fit's."
    )

    def validate_parameters(self, parameters: Any) -> dict[str, Any]:
        if not isinstance(parameters, dict):
            raise serializers.ValidationError("Give a map of names to values.")
        return parameters


class FollowSerializer(serializers.Serializer):
    promote_when_caught_up = serializers.BooleanField(
        default=False, help_text="It becomes current by itself once it has replayed the stored rows."
    )


class RecomputeSerializer(serializers.Serializer):
    from_time = serializers.FloatField(help_text="test_time from which on estimates are made anew, s.")


class LostSerializer(serializers.Serializer):
    """How much of each kind hangs on a version."""

    count = serializers.IntegerField()
    what = serializers.CharField(help_text="estimates, forecasts, …")


class VersionChangeSerializer(serializers.ModelSerializer):
    battery = serializers.CharField(source="battery.name", read_only=True)
    battery_id = serializers.IntegerField(read_only=True)
    by: Any = serializers.StringRelatedField(read_only=True, allow_null=True, help_text="null: by itself")

    class Meta:
        model = VersionChange
        fields = (
            "id", "battery", "battery_id", "before_version", "after_version", "before", "after", "reason", "by", "at",
        )  # fmt: skip
        read_only_fields = fields
        extra_kwargs = {
            "before": {"help_text": "Id of the version that was current until then; null where it is deleted."},
            "after": {"help_text": "Id of the version that is current from then on; null where it is deleted."},
        }


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
