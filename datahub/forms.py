"""Forms of the admin: a battery with its metadata by field or as JSON, and a file to import."""

from __future__ import annotations

from functools import cache
from typing import Any

from django import forms

from access.errors import Refused
from datahub.imports.requesting import check_size
from datahub.metadata import checked_metadata, metadata_schema
from datahub.metadata_fields import JsonField, MetadataField, fields_of, value_at, with_value
from datahub.models import Battery, DataImport

AS_JSON = "metadata_as_json"


class BatteryForm(forms.ModelForm):
    """`document` is the metadata once the form is valid: the JSON, with the fields that were changed put into it."""

    metadata_as_json = JsonField(
        required=False,
        label="All metadata as JSON",
        widget=forms.Textarea(attrs={"rows": 16, "cols": 100, "class": "vLargeTextField"}),
        help_text="The whole BatteryMetadata document. Fields above that you change count more.",
    )
    metadata_fields: tuple[MetadataField, ...] = ()

    class Meta:
        model = Battery
        fields = ("name", "description", "is_simulated", "most_rows", "when_full", "keep_days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.document: dict[str, Any] | None = None
        stored = self.instance.metadata
        self.initial[AS_JSON] = stored
        for field in self.metadata_fields:
            self.initial[field.name] = value_at(stored or {}, field.path)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            self.document = self._assembled(cleaned)
        return cleaned

    def _assembled(self, cleaned: dict[str, Any]) -> dict[str, Any] | None:
        document = cleaned.get(AS_JSON)
        changed = [field for field in self.metadata_fields if field.name in self.changed_data]
        if document is None and not changed:
            return None
        if document is not None and not isinstance(document, dict):
            self.add_error(AS_JSON, "A BatteryMetadata document is a map: {…}.")
            return None
        document = document or {}
        for field in changed:
            document = with_value(document, field.path, cleaned[field.name])
        document["name"] = cleaned.get("name") or self.instance.name
        try:
            return checked_metadata(document)
        except Refused as refused:
            self._show(refused.fields)
            return None

    def _show(self, complaints: dict[str, list[str]]) -> None:
        """Each complaint beside the field it is about; the others at the JSON, with their path."""
        beside = {".".join(field.path): field.name for field in self.metadata_fields}
        for path, sentences in complaints.items():
            where = next((name for start, name in beside.items() if f"{path}.".startswith(f"{start}.")), None)
            for sentence in sentences:
                if where is None:
                    self.add_error(AS_JSON, f"{path}: {sentence}")
                else:
                    self.add_error(where, sentence if beside.get(path) == where else f"{path}: {sentence}")


@cache
def battery_form() -> type[BatteryForm]:
    """BatteryForm with a field for each value that the toolkit's schema knows; made when first opened."""
    found = tuple(fields_of(metadata_schema()))
    made: dict[str, Any] = {field.name: field.form_field() for field in found}
    return type("BatteryFormWithMetadata", (BatteryForm,), {**made, "metadata_fields": found})


class DataImportForm(forms.ModelForm):
    class Meta:
        model = DataImport
        fields = ("battery", "file")

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        try:
            check_size(file)
        except Refused as refused:
            raise forms.ValidationError(refused.message) from None
        return file
