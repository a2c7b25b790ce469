"""Forms for people: ask for a forecast, register a forecaster."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.base import File
from django.db import connection

from access.errors import Refused
from datahub.errors import NoSuchBattery
from datahub.models import Battery
from datahub.queries import battery_named
from prognosis.forecasting.load import Load, load_from
from prognosis.forecasting.sql import check_template
from prognosis.models import Forecaster, ForecastRun
from prognosis.requests import uploaded_csv
from prognosis.tables import sql_dialect
from prognosis.validators import check_name, check_script, check_support_files
from uploads.forms import SeveralFiles, with_kept

SECONDS_A_UNIT = {"s": 1.0, "h": 3600.0, "d": 86_400.0, "y": 365.25 * 86_400.0}
UNITS = [("s", "seconds"), ("h", "hours"), ("d", "days"), ("y", "years")]
LOADS = [
    ("none", "Time alone"),
    ("current", "Constant current, A (+ charging)"),
    ("power", "Constant power, W (+ charging)"),
    ("csv", "CSV: test_time in s and current, power or temperature"),
]
FIELD_OF = {"ahead_time": "ahead", "resolution": "step"}  # a load's field to the form's


class ForecastForm(forms.Form):
    """What to forecast; once valid, `load` and `battery_asked` are what `request_run` takes."""

    battery = forms.CharField(max_length=255)
    ahead = forms.FloatField(initial=1, min_value=0, label="Ahead")
    ahead_unit = forms.ChoiceField(choices=UNITS, initial="y", label="Unit")
    step = forms.FloatField(initial=1, min_value=0, label="Step")
    step_unit = forms.ChoiceField(choices=UNITS, initial="d", label="Unit")
    profile = forms.ChoiceField(choices=LOADS, initial="none", widget=forms.RadioSelect, label="Load")
    current = forms.FloatField(required=False, label="Current, A", help_text="Positive while charging.")
    power = forms.FloatField(required=False, label="Power, W", help_text="Positive while charging.")
    csv = forms.FileField(
        required=False, label="CSV", help_text="Each row holds from its test_time (s from now) to the next row."
    )

    load: Load
    battery_asked: Battery

    def clean_battery(self) -> str:
        try:
            self.battery_asked = battery_named(self.cleaned_data["battery"])
        except NoSuchBattery as unknown:
            raise forms.ValidationError(unknown.message) from None
        return self.battery_asked.name

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if {"ahead", "step", "profile"} - set(given):
            return given
        kind = given["profile"]
        values: dict[str, Any] = {
            "ahead_time": given["ahead"] * SECONDS_A_UNIT[given["ahead_unit"]],
            "resolution": given["step"] * SECONDS_A_UNIT[given["step_unit"]],
        }
        if kind in ("current", "power"):
            values[kind] = given.get(kind)
            if values[kind] is None:
                self.add_error(kind, "Give its value.")
        try:
            self.load = load_from(values, self._csv_text() if kind == "csv" else "")
        except Refused as refused:
            for name, complaints in refused.fields.items():
                self.add_error(FIELD_OF.get(name, name), complaints)
        return given

    def _csv_text(self) -> str:
        file = self.cleaned_data.get("csv")
        if file is None:
            self.add_error("csv", "Choose a file.")
            return ""
        try:
            return uploaded_csv(file)
        except Refused as refused:
            self.add_error("csv", refused.message)
            return ""


class ForecastRunForm(ForecastForm, forms.ModelForm):
    """The same in the admin."""

    class Meta:
        model = ForecastRun
        fields = ()

    def _post_clean(self) -> None:
        """Puts nothing into a record: `request_run` makes it, and fields of the same name mean other things there."""


class ForecasterForm(forms.ModelForm):
    """A new forecaster, or a new version of one; every fault stands beside its field."""

    batteries = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Names of the batteries that it is for, one a line. Empty: the battery of the forecaster's own name.",
    )
    definition = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 20, "class": "code", "spellcheck": "false"}),
        label="Script",
        help_text="Defines forecast(past_estimates, load), both pandas DataFrames, and returns one.",
    )
    script_file = forms.FileField(required=False, label="Or a script file", help_text="UTF-8; takes the text's place.")
    files = SeveralFiles(  # type: ignore[assignment]  # the form itself has `files`; fields live elsewhere
        required=False, label="Support files", help_text="They lie beside the script when it runs."
    )
    keep_files_of = forms.ModelChoiceField(
        Forecaster.objects.all(), required=False, widget=forms.HiddenInput, label="Keep the files of"
    )

    class Meta:
        model = Forecaster
        fields = ("name", "sql_query")

    checked_script: str
    checked_files: list[File]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        file = given.get("script_file")
        with _faults_at(self, "script_file" if file else "definition"):
            self.checked_script = check_script(file.read() if file else given.get("definition", ""))
        if given.get("sql_query"):
            with _faults_at(self, "sql_query"):
                check_template(given["sql_query"], sql_dialect(connection.vendor))
        for name in self.battery_names():
            with _faults_at(self, "batteries"):
                check_name(name)
        with _faults_at(self, "files"):
            before = given.get("keep_files_of")
            self.checked_files = with_kept(given.get("files") or [], before.files.all() if before else ())
            check_support_files(self.checked_files)
        return given

    def battery_names(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data.get("batteries", "").splitlines() if line.strip()]


class _faults_at:  # noqa: N801  (reads as a verb where it stands)
    """Puts what is refused inside beside a field of the form."""

    def __init__(self, form: forms.BaseForm, field: str) -> None:
        self.form = form
        self.field = field

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Refused):
            return False
        self.form.add_error(self.field, error.message)
        return True
