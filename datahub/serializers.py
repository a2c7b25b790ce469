"""Batteries, truths and imports on the wire."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from datahub.imports.mapping import CONVERSIONS
from datahub.imports.requesting import why_not_undone
from datahub.models import Battery, DataImport, Mark, Truth
from datahub.states import data_state
from datahub.units import unit_of


class DataStateSerializer(serializers.Serializer):
    code = serializers.ChoiceField(
        choices=["never", "live", "late", "silent", "finished"],
        help_text="late: slower than usual; silent: much slower.",
    )
    sentence = serializers.CharField()
    age = serializers.FloatField(allow_null=True, help_text="Time since the newest row came, s.")


class ColumnSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=["integer", "float", "boolean", "text"], help_text="Of its values.")
    unit = serializers.CharField(help_text="Of battery-data-toolkit; empty where it is not known.")


class BatterySerializer(serializers.ModelSerializer):
    """`finished` true ends the test, so that silence is no alarm; false expects rows again."""

    finished = serializers.BooleanField(required=False, source="finished_at")
    state = serializers.SerializerMethodField(help_text="Whether rows arrive.")
    columns = serializers.SerializerMethodField(help_text="What a row holds. Current is positive while charging.")
    page = serializers.SerializerMethodField(help_text="Address of its page.")
    kept_rows = serializers.IntegerField(read_only=True, help_text="Rows that are stored now.")

    class Meta:
        model = Battery
        fields = (
            "id", "name", "description", "metadata", "is_simulated", "finished", "finished_at", "created", "state",
            "rows", "kept_rows", "columns", "late_rows", "repeated_rows", "refused_rows", "non_finite_values",
            "first_test_time", "last_test_time", "first_received", "last_received", "interval_seconds", "most_rows",
            "when_full", "keep_days", "dropped_rows", "dropped_to", "dropped_until", "page",
        )  # fmt: skip
        read_only_fields = (
            "finished_at", "rows", "late_rows", "repeated_rows", "refused_rows", "non_finite_values",
            "first_test_time", "last_test_time", "first_received", "last_received", "interval_seconds", "dropped_rows",
            "dropped_to", "dropped_until",
        )  # fmt: skip
        # Whether a name is taken or may be one, the verb says: one sentence for every door.
        extra_kwargs = {"name": {"validators": [], "required": False}}

    @extend_schema_field(DataStateSerializer)
    def get_state(self, battery: Battery) -> dict[str, Any]:
        state = data_state(battery, timezone.now())
        return {"code": state.code, "sentence": state.sentence, "age": state.age}

    @extend_schema_field(serializers.DictField(child=ColumnSerializer()))
    def get_columns(self, battery: Battery) -> dict[str, Any]:
        return {name: {"kind": kind, "unit": unit_of(name)} for name, kind in battery.columns.items()}

    def get_page(self, battery: Battery) -> str:
        return reverse("dashboard", args=[battery.name])

    def to_representation(self, instance: Battery) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if "finished" in shown:
            shown["finished"] = instance.finished_at is not None
        return shown


class TruthSerializer(serializers.ModelSerializer):
    """For the API's description; datahub.truths checks what is told."""

    class Meta:
        model = Truth
        fields = ("test_time", "true_soc", "true_capacity", "true_r0")


class DataImportSerializer(serializers.ModelSerializer):
    battery = serializers.SlugRelatedField(
        slug_field="name", queryset=Battery.objects.all(), required=False, allow_null=True,
        help_text="Its name; left out: the battery that the file's metadata names, or else the file's own name.",
    )  # fmt: skip
    battery_id = serializers.IntegerField(read_only=True, allow_null=True)
    requested_by: Any = serializers.StringRelatedField(read_only=True, allow_null=True)
    state = serializers.CharField(source="job.state", read_only=True, default=None, help_text="Of its job.")
    progress = serializers.FloatField(source="job.progress", read_only=True, default=None, help_text="0 to 1")
    waits = serializers.BooleanField(
        required=False, default=False, help_text="Look at it first: nothing is stored before `begin`."
    )
    mapping = serializers.JSONField(
        required=False, default=dict, help_text="By the file's own names: `name` here and `conversion`, as for `begin`."
    )
    why_not_undone = serializers.SerializerMethodField(help_text="Why its rows cannot be taken out; empty: they can.")
    file = serializers.FileField(write_only=True, help_text="HDF5 or Parquet of battery-data-toolkit, CSV or BDF.")

    def get_why_not_undone(self, data_import: DataImport) -> str:
        return why_not_undone(data_import)

    class Meta:
        model = DataImport
        fields = (
            "id", "battery", "battery_id", "file", "file_name", "format", "waits", "mapping", "preview",
            "report", "undone", "why_not_undone", "job", "state", "progress", "rows_in_file",
            "rows_read", "rows_stored", "rows_repeated", "rows_rejected", "first_rejections", "columns",
            "skipped_columns", "error", "requested_by", "created",
        )  # fmt: skip
        read_only_fields = (
            "file_name", "format", "job", "rows_in_file", "rows_read", "rows_stored", "rows_repeated", "rows_rejected",
            "first_rejections", "columns", "skipped_columns", "error", "preview", "report", "undone",
        )  # fmt: skip


class MarkSerializer(serializers.ModelSerializer):
    battery: Any = serializers.SlugRelatedField(
        slug_field="name", queryset=Battery.objects.all(), help_text="Its name."
    )
    by: Any = serializers.StringRelatedField(
        read_only=True, allow_null=True, help_text="Account that wrote it; null where that is deleted."
    )

    class Meta:
        model = Mark
        fields = ("id", "battery", "battery_id", "test_time", "text", "by", "at")
        read_only_fields = ("battery_id", "at")


class ChosenColumnSerializer(serializers.Serializer):
    name = serializers.CharField(allow_blank=True, help_text="What it is called here; empty leaves it out.")
    conversion = serializers.ChoiceField(
        choices=list(CONVERSIONS), required=False, default="", help_text="What is done to its numbers; empty: nothing."
    )


class BeginImportSerializer(serializers.Serializer):
    """Columns that are not named stay as the preview tells them."""

    battery = serializers.SlugRelatedField(
        slug_field="name", queryset=Battery.objects.all(), required=False, allow_null=True,
        help_text="Its name; left out: the one that the preview tells.",
    )  # fmt: skip
    columns = serializers.DictField(
        child=ChosenColumnSerializer(), required=False, default=dict, help_text="By the file's own names."
    )
